"""What the columns of a file mean: those of a header, and of each among the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext_lazy as _

from customers import letters
from imports.read import dialects, guess, secrets, words
from imports.read.dialects import Meaning, System, plain_header
from imports.read.names import find_part
from partners.names import clean_text
from users.rules.fields import LABELS

# Never read and never shown; a notice explains it.
PASSWORD = "password"
# A column of an unknown name with cells that look like passwords; neither read nor shown.
SECRET = "secret"
# Columns of other systems without a place here.
NOT_KEPT = "not_kept"
# What a result file has about each row; needs no notice.
RESULT = "result"
# Read only from a file for several customers.
CUSTOMER = "customer"
# The user name, or the contact address where another column is the user name.
EMAIL = "email"
# The user name where no better column is there.
ACCOUNT_NAME = "account_name"
# A full, a first or a last name.
NAME = "name"
MIDDLE_NAME = "middle_name"
# Spanish names have two.
SECOND_LAST_NAME = "second_last_name"

# Read besides the fields of a user, for the checks of rows. The first ones can be chosen by hand.
SIGN_IN = {
    "status": _("Status (a word such as active or suspended)"),
    "sign_in_blocked": _("Sign-in blocked (yes or no)"),
    "sign_in_allowed": _("Sign-in allowed (yes or no)"),
    "left_on": _("Leaving date"),
}
MORE = SIGN_IN | {
    "employee_number": _("Employee or student number"),
    MIDDLE_NAME: _("Middle name"),
    SECOND_LAST_NAME: _("Second last name"),
    "latin_last_name": _("Last name in Latin letters"),
    "latin_first_name": _("First name in Latin letters"),
    "latin_name": _("Name in Latin letters"),
}
# What a column of a file can be read as.
CHOICES = LABELS | MORE
KEPT = frozenset(CHOICES)
IDENTITY = frozenset(
    {"user_name", "display_name", "first_name", "last_name", EMAIL, ACCOUNT_NAME, NAME}
)
_LATIN = {
    "last_name": "latin_last_name",
    "first_name": "latin_first_name",
    "display_name": "latin_name",
}
# The share of the cells of a column that look like passwords, from which all are hidden.
_SECRET_SHARE = 1 / 4
# Below the ranks of data, and far above them.
_CHOSEN, _LOWER, _LOWEST = -1, 20, 40


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column of a file: its position from 0 and its header.

    `field` is what it is read as among the other columns, '' if it is unknown; `meaning` is what its
    header alone means. Of several columns of a field the one with the lowest rank is read first.
    """

    position: int
    header: str
    field: str
    meaning: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Header:
    """A header: its columns, its language and the system that certainly made it, or ''."""

    columns: tuple[Column, ...]
    language: str
    source: str

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(column.field for column in self.columns) & LABELS.keys()

    @property
    def known(self) -> int:
        return sum(1 for column in self.columns if column.field)

    @property
    def words(self) -> Mapping[str, Mapping[str, str]]:
        """Words for codes in cells, by field and code."""
        return dialects.SYSTEMS[self.source].words if self.source else {}


# The fields that members chose: by plain header for all files of a customer, by position for this
# one, with the plain header that stood there; '' to skip a column.
Meanings = Mapping[str, str]
Choices = Mapping[int, tuple[str, str]]


def template_names(language: str) -> dict[str, str]:
    """The names of the fields in the template of a language."""
    return dialects.template_names(list(LABELS), language)


def read_header(
    cells: Sequence[str], meanings: Meanings | None = None, chosen: Choices | None = None
) -> Header | None:
    """Read a line as the header of a file of users; None where it is not one."""
    header = make_header(cells, meanings, chosen)
    if not {column.meaning for column in header.columns} & IDENTITY:
        return None
    filled = sum(1 for cell in cells if cell.strip())
    # One known word among many is a title or a person, not a header.
    if header.known < 2 and filled > 1 and not any(c.rank == _CHOSEN for c in header.columns):
        return None
    return header


def make_header(
    cells: Sequence[str], meanings: Meanings | None = None, chosen: Choices | None = None
) -> Header:
    """Read a line as the header, whatever its cells mean."""
    system = dialects.find_system(cells)
    columns, found = [], []
    # In a line with an address even names of columns are rather passwords.
    mask = secrets.mask if any("@" in cell for cell in cells) else secrets.mask_header
    for position, cell in enumerate(cells):
        meaning = _meaning(position, cell, system, meanings or {}, chosen or {})
        found.append(meaning)
        header = clean_text(cell)
        if not meaning.field:
            header = mask(header)
        columns.append(Column(position, header, "", meaning.field, meaning.rank))
    return resolve(Header(tuple(columns), _language(found), system.code if system else ""))


def _meaning(
    position: int, cell: str, system: System | None, meanings: Meanings, chosen: Choices
) -> Meaning:
    known = dialects.find_meaning(cell, system) if cell else dialects.UNKNOWN
    # Not even a member can have passwords shown.
    if known.field == PASSWORD:
        return known
    field = None
    if position in chosen:
        plain, choice = chosen[position]
        # A header that was hidden has no plain form.
        field = choice if plain in ("", plain_header(cell)) else None
    if field is None and meanings and cell:
        field = meanings.get(plain_header(cell))
    # Skipped on purpose, like a result, which needs no notice.
    return known if field is None else Meaning(field or RESULT, _CHOSEN)


def _language(found: Iterable[Meaning]) -> str:
    # A name that only one language has counts more than one that several have.
    votes = dict.fromkeys(dialects.LANGUAGES, 0.0)
    for meaning in found:
        for language in meaning.languages:
            votes[language] += 1 / len(meaning.languages)
    return max(votes, key=votes.__getitem__)


def resolve(header: Header, lines: Sequence[Sequence[str]] = ()) -> Header:
    """
    Decide what columns are read as, where that depends on the other columns and on their cells.

    `lines` are cells of the first rows.
    """
    columns = header.columns
    meanings = {column.meaning for column in columns}
    has_user_name = "user_name" in meanings
    settled = []
    for column in columns:
        field, rank = column.meaning, column.rank
        if field == EMAIL:
            field = "contact_email" if has_user_name else "user_name"
            rank += 1 if has_user_name else _LOWER
        elif field == ACCOUNT_NAME:
            field, rank = "user_name", rank + _LOWEST
        elif field == NAME:
            field, rank = _kind_of_name(column, columns, lines), rank + 1
        elif field == MIDDLE_NAME and meanings.isdisjoint({"last_name", "display_name", NAME}):
            # "Second name" beside a first name alone.
            field = "last_name"
        elif not field and _holds_secrets(column, lines):
            field = SECRET
        elif not field and column.header:
            field = guess.guess_field(column.header, _filled(column, lines))
        elif field == "job_title" and _holds_honorifics(column, lines):
            field = NOT_KEPT
        settled.append(replace(column, field=field, rank=rank))
    settled = _tell_names_apart(settled, lines)
    return replace(header, columns=tuple(_find_latin(settled, lines)))


def _tell_names_apart(columns: list[Column], lines: Sequence[Sequence[str]]) -> list[Column]:
    """Read two columns "Name" as first and last name, where each has single words."""
    same = [column for column in columns if column.meaning == NAME]
    has_others = any(column.meaning in _LATIN for column in columns)
    if len(same) != 2 or has_others:
        return columns
    cells = [_filled(column, lines) for column in same]
    if not all(cells) or any(" " in cell for some in cells for cell in some):
        return columns
    fields = dict(zip(same, ("first_name", "last_name"), strict=True))
    return [replace(column, field=fields.get(column, column.field)) for column in columns]


def find_firsts(columns: Iterable[Column]) -> dict[str, Column]:
    """Of each field with a place here, the column that is read first."""
    firsts: dict[str, Column] = {}
    for column in columns:
        if column.field in CHOICES:
            best = firsts.setdefault(column.field, column)
            if (column.rank, column.position) < (best.rank, best.position):
                firsts[column.field] = column
    return firsts


def _kind_of_name(column: Column, columns: Sequence[Column], lines: Sequence[Sequence[str]]) -> str:
    """Whether a column "Name" holds full names, or the first or last names that are missing."""
    first, last = (
        next((other.position for other in columns if other.meaning == field), None)
        for field in ("first_name", "last_name")
    )
    if (first is None) == (last is None):
        return "display_name"
    other, missing = (last, "first_name") if first is None else (first, "last_name")
    whole = part = 0
    for name, known in _cells(lines, column.position, other):
        if find_part(known, name):
            whole += 1
        elif known and name and known.casefold() != name.casefold():
            part += 1
    return "display_name" if whole > part else missing


def _cells(lines: Sequence[Sequence[str]], *positions: int) -> Iterable[list[str]]:
    for line in lines:
        yield [line[place].strip() if place < len(line) else "" for place in positions]


def _filled(column: Column, lines: Sequence[Sequence[str]]) -> list[str]:
    return [cell for (cell,) in _cells(lines, column.position) if cell]


def _holds_honorifics(column: Column, lines: Sequence[Sequence[str]]) -> bool:
    """Whether a column "Title" has "Dr." and "Mrs"."""
    cells = _filled(column, lines)
    found = sum(words.find_meaning(cell, ["honorific"]) != "" for cell in cells)
    return column.rank > 0 and found > len(cells) / 2


def _holds_secrets(column: Column, lines: Sequence[Sequence[str]]) -> bool:
    cells = _filled(column, lines)
    return sum(map(secrets.looks_secret, cells)) > len(cells) * _SECRET_SHARE


def _find_latin(columns: list[Column], lines: Sequence[Sequence[str]]) -> list[Column]:
    """Tell names in Latin letters from the same names in another script."""
    for field, latin in _LATIN.items():
        same = [column for column in columns if column.field == field and column.rank != _CHOSEN]
        if len(same) < 2:
            continue
        scripts = {column.position: _script(column, lines) for column in same}
        if set(scripts.values()) >= {"cjk", "latin"}:
            columns = [
                replace(column, field=latin) if scripts.get(column.position) == "latin" else column
                for column in columns
            ]
    return columns


def _script(column: Column, lines: Sequence[Sequence[str]]) -> str:
    cells = _filled(column, lines)
    cjk = sum(any(map(letters.is_cjk, cell)) for cell in cells)
    latin = sum(cell[0].isascii() for cell in cells)
    if not cells or max(cjk, latin) < len(cells) / 2:
        return ""
    return "cjk" if cjk > latin else "latin"
