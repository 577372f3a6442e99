"""What the columns of a file mean: the names that other systems and people use for a field."""

import csv
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from partners.names import clean_text
from users.rules.fields import LABELS

# Never read; a notice explains it.
PASSWORD = "password"
# Columns of other systems without a place here.
NOT_KEPT = "not_kept"
# What a result file has about each row; needs no notice.
RESULT = "result"
# Read only from a file for several customers.
CUSTOMER = "customer"
# The user name, or the contact address where another column is the user name.
EMAIL = "email"

IDENTITY = frozenset({"user_name", "display_name", "first_name", "last_name", EMAIL})

# By field and language; the first name of each language is the one that the template uses.
NAMES: dict[str, dict[str, list[str]]] = {}
with Path(__file__).with_name("header_names.csv").open(encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        NAMES.setdefault(row["field"], {})[row["language"]] = row["names"].split("|")
# Entra puts the property's name in brackets, whatever language stands before it.
_ENTRA = {name: field for field, names in NAMES.items() for name in names.pop("entra", ())}

_IN_BRACKETS = re.compile(r"\[\s*([A-Za-z]+)\s*\]\s*\S*\s*$")


@dataclass(frozen=True)
class Column:
    """A column of a file: its position from 0, its header, and its field, or '' if unknown."""

    position: int
    header: str
    field: str


@dataclass(frozen=True)
class Header:
    """A header: its columns, its language and the system that made it."""

    columns: tuple[Column, ...]
    language: str
    source: str

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(column.field for column in self.columns) & LABELS.keys()

    @property
    def known(self) -> int:
        return sum(1 for column in self.columns if column.field)


def template_names(language: str) -> dict[str, str]:
    """The names of the fields in the template of a language."""
    return {field: NAMES[field][language][0] for field in LABELS}


def plain_header(header: str) -> str:
    """The form in which headers are compared: without case, width, blanks and "(required)"."""
    text = unicodedata.normalize("NFKC", header).casefold()
    text = re.sub(
        r"\[(required|upload only|read only|必需|必填)\]|\((required|optional|必填|选填|可选)\)",
        "",
        text,
    )
    return re.sub(r"[\W_]+", "", text)


def _index() -> dict[str, tuple[str, frozenset[str]]]:
    index: dict[str, tuple[str, frozenset[str]]] = {}
    for field, languages in NAMES.items():
        for language, headers in languages.items():
            for header in [field, *headers] if language == "en" else headers:
                known = index.get(plain_header(header))
                of = known[1] if known else frozenset()
                index[plain_header(header)] = (known[0] if known else field, of | {language})
    return index


_INDEX = _index()


def has_meaning(plain: str) -> bool:
    """Whether a plain header is the name of a field."""
    return plain in _INDEX


def read_header(cells: Sequence[str], meanings: Mapping[str, str] | None = None) -> Header | None:
    """
    Read a line as the header of a file of users; None where it is not one.

    `meanings` have precedence over the names of columns: the field by plain header, '' to skip it.
    """
    meanings = meanings or {}
    found = [_meaning(cell, meanings) for cell in cells]
    fields = {field for field, _ in found}
    if not fields & IDENTITY:
        return None
    filled = sum(1 for cell in cells if cell.strip())
    known = sum(1 for field, _ in found if field)
    # One known word among many is a title or a person, not a header.
    if known < 2 and filled > 1 and not any(plain_header(cell) in meanings for cell in cells):
        return None
    email = "contact_email" if "user_name" in fields else "user_name"
    columns = tuple(
        Column(position, clean_text(cell), email if field == EMAIL else field)
        for position, (cell, (field, _)) in enumerate(zip(cells, found, strict=True))
    )
    return Header(columns, _language(found), _source(cells, columns))


def _meaning(cell: str, meanings: Mapping[str, str]) -> tuple[str, frozenset[str]]:
    if meanings and (plain := plain_header(cell)) in meanings:
        # Skipped on purpose, like a result, which needs no notice.
        return meanings[plain] or RESULT, frozenset()
    bracketed = _IN_BRACKETS.search(cell)
    if bracketed and bracketed[1].lower() in _ENTRA:
        before = _INDEX.get(plain_header(cell[: bracketed.start()]))
        return _ENTRA[bracketed[1].lower()], before[1] if before else frozenset()
    return _INDEX.get(plain_header(cell), ("", frozenset()))


def _language(found: list[tuple[str, frozenset[str]]]) -> str:
    # A name that only one language has counts more than one that several have.
    votes = dict.fromkeys(("en", "zh-hans", "zh-hant", "ja"), 0.0)
    for _field, languages in found:
        for language in languages:
            votes[language] += 1 / len(languages)
    return max(votes, key=votes.__getitem__)


def _source(cells: Sequence[str], columns: Sequence[Column]) -> str:
    lower = [cell.casefold() for cell in cells]
    plain = {plain_header(cell) for cell in cells}
    if any((match := _IN_BRACKETS.search(cell)) and match[1].lower() in _ENTRA for cell in cells):
        return "entra"
    if any("[required]" in cell for cell in lower) or "orgunitpath" in plain:
        return "google"
    if "statusupdate" in plain:
        return "partner_center"
    address = {plain_header(name) for names in NAMES[NOT_KEPT].values() for name in names}
    fields = {column.field for column in columns}
    if "user_name" in fields and len(plain & address) >= 3:
        return "microsoft_365"
    return "portal"
