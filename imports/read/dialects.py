"""The names of columns in the files of other systems and languages, as `headers.toml` has them."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from imports.read import broken_letters

with (Path(__file__).parent.parent / "headers.toml").open("rb") as file:
    _DATA = tomllib.load(file)

# By code, in their own language.
LANGUAGES: Mapping[str, str] = _DATA["languages"]

_IN_BRACKETS = re.compile(r"\[\s*([A-Za-z]+)\s*\]\s*\S*\s*$")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_NOTES = re.compile(
    "|".join(rf"[\[(]{re.escape(word)}[\])]" for word in _DATA["notes"]["words"])
)  # fmt: skip
_ACCENTS = re.compile("[\u0300-\u036f]")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a header means: '' where it is unknown. Of several columns, the lowest rank wins."""

    field: str = ""
    rank: int = 0
    # The languages that have this name for it.
    languages: frozenset[str] = frozenset()


UNKNOWN = Meaning()


@dataclass(frozen=True, eq=False)
class System:
    """A system whose files are known."""

    code: str
    name: str
    # Groups of headers that only this system writes together.
    marks: Sequence[Sequence[str]]
    columns: Mapping[str, Meaning]
    # Words for codes in cells, by field and code.
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def wrote(self, cells: Sequence[str]) -> bool:
        """Whether a line is certainly a header of this system."""
        return any(all(_is_there(mark, cells) for mark in marks) for marks in self.marks)


def _is_there(mark: str, cells: Sequence[str]) -> bool:
    # Properties of Entra stand behind a name in any language.
    return mark in cells or (mark[0] == "[" and any(mark in cell for cell in cells))


@lru_cache(20_000)
def plain_header(header: str) -> str:
    """The form in which headers are compared: without case, width, accents and "(required)"."""
    text = unicodedata.normalize("NFKC", header).casefold()
    return _plain(_NOTES.sub("", text))


def _plain(text: str) -> str:
    if not text.isascii():
        # Marks of kana and hangul are no accents.
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))
    return re.sub(r"[\W_]+", "", text)


def _read_fields() -> tuple[dict[str, dict[str, list[str]]], dict[str, Meaning]]:
    names: dict[str, dict[str, list[str]]] = {}
    index: dict[str, Meaning] = {}
    for name, ranks in _DATA["fields"].items():
        for rank, languages in enumerate(ranks):
            for language, headers in languages.items():
                names.setdefault(name, {}).setdefault(language, []).extend(headers)
                for header in headers:
                    known = index.get(plain_header(header), Meaning(name, rank))
                    of = known.languages | {language}
                    index[plain_header(header)] = Meaning(known.field, known.rank, of)
    for name in names:
        index.setdefault(plain_header(name), Meaning(name, 0, frozenset({"en"})))
    return names, index


NAMES, _INDEX = _read_fields()


def _read_systems() -> Iterator[System]:
    for code, data in _DATA["systems"].items():
        ranks: dict[str, int] = {}
        columns = {}
        for header, name in data.get("columns", {}).items():
            # The first column of a meaning wins.
            ranks[name] = rank = ranks.get(name, -1) + 1
            columns[plain_header(header)] = Meaning(name, rank)
        marks = [[mark.casefold() for mark in group] for group in data["marks"]]
        yield System(code, data["name"], marks, columns, data.get("words", {}))


SYSTEMS: Mapping[str, System] = {system.code: system for system in _read_systems()}
# Names that only one system has. Those of one or two letters are also words in cells.
_OF_SYSTEMS: dict[str, Meaning] = {}
for system in SYSTEMS.values():
    for name, meaning in system.columns.items():
        if len(name) > 2 or not name.isascii():
            _OF_SYSTEMS.setdefault(name, meaning)

_SECRET = re.compile("|".join(_plain(word.casefold()) for word in _DATA["secrets"]["words"]))
_SECRET_NAMES = frozenset(_plain(word.casefold()) for word in _DATA["secrets"]["whole"])
_SECRET_WORDS = frozenset(_DATA["secrets"]["single"])
_OTHERS = re.compile("|".join(map(re.escape, _DATA["notes"]["others"])))
STEMS: Mapping[str, Sequence[str]] = _DATA["stems"]
PROPERTIES: Mapping[str, str] = _DATA["properties"]


def template_names(fields: Sequence[str], language: str) -> dict[str, str]:
    """The names of these fields in the template of a language."""
    return {field: NAMES[field][language][0] for field in fields}


def has_meaning(plain: str) -> bool:
    """Whether a plain header is the name of a field."""
    return plain in _INDEX


def find_system(cells: Sequence[str]) -> System | None:
    """The system that certainly made a file with this header."""
    lower = [" ".join(cell.casefold().split()) for cell in cells]
    return next((system for system in SYSTEMS.values() if system.wrote(lower)), None)


@lru_cache(20_000)
def find_meaning(header: str, system: System | None = None) -> Meaning:
    """What a header means, in a file of a system or of any."""
    bracketed = _IN_BRACKETS.search(header)
    if bracketed and (name := PROPERTIES.get(bracketed[1].lower())):
        before = _INDEX.get(plain_header(header[: bracketed.start()]), UNKNOWN)
        # In its template the property "accountEnabled" asks whether to block.
        if before.field == "sign_in_allowed" and name == "sign_in_blocked":
            return before
        return Meaning(name, before.rank if before.field == name else 0, before.languages)
    plain = plain_header(header)
    if system and plain in system.columns:
        return system.columns[plain]
    known = _INDEX.get(plain) or _OF_SYSTEMS.get(plain)
    if known:
        return known
    if _SECRET.search(plain) or plain in _SECRET_NAMES or _SECRET_WORDS & {*_words(header)}:
        return Meaning("password")
    ways = (_without_brackets, _without_number, _of_languages, _without_owner, _with_its_letters)
    return next((found for way in ways if (found := way(header)).field), UNKNOWN)


def _without_brackets(header: str) -> Meaning:
    text = unicodedata.normalize("NFKC", header).casefold()
    rest = _BRACKETS.sub("", text)
    if rest == text or any(_OTHERS.search(part) for part in _BRACKETS.findall(text)):
        return UNKNOWN
    return _less_exact(_INDEX.get(_plain(rest), UNKNOWN))


def _less_exact(known: Meaning) -> Meaning:
    # One that is only called so is read first.
    return Meaning(known.field, known.rank + 5, known.languages) if known.field else UNKNOWN


_NUMBER = re.compile(r"\s*\d{1,3}\s*[.):、]\s*(?=\D)")
# Between the names of a column in two languages.
_BETWEEN = re.compile(
    r"\s*[/|·\n]\s*|\s+[-–—]\s+"
    r"|(?<=[A-Za-z])[\s:：]*(?=[\u3040-\u9fff\uac00-\ud7af])|(?<=[\u3040-\u9fff\uac00-\ud7af])\s*(?=[A-Za-z])"
)
_OWNERS = sorted(_DATA["notes"]["owners"], key=len, reverse=True)
_OWNER = re.compile(
    "|".join(
        rf"\b{re.escape(word)}\b" if word.isascii() or word[0] < "\u3040" else re.escape(word)
        for word in _OWNERS
    )
)


def _without_number(header: str) -> Meaning:
    match = _NUMBER.match(header)
    return _less_exact(find_meaning(header[match.end() :])) if match else UNKNOWN


def _of_languages(header: str) -> Meaning:
    """The meaning of a header in two languages, where both mean the same."""
    parts = [_INDEX.get(plain_header(part), UNKNOWN) for part in _BETWEEN.split(header)]
    fields = {part.field for part in parts}
    if fields == {"name", "display_name"}:
        fields.discard("name")
    if len(parts) < 2 or len(fields) > 1:
        return UNKNOWN
    return _less_exact(next(part for part in parts if part.field in fields))


def _without_owner(header: str) -> Meaning:
    """The meaning of "Nom de l'élève" or "Work email of employee"."""
    text = unicodedata.normalize("NFKC", header).casefold().replace("’", "'")
    spaced = re.sub(r"[_-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)).casefold()
    rests = [rest for one in (text, spaced) if (rest := _OWNER.sub(" ", one)) != one]
    found = (_INDEX.get(_plain(rest), UNKNOWN) for rest in rests)
    return _less_exact(next((one for one in found if one.field), UNKNOWN))


def _with_its_letters(header: str) -> Meaning:
    made = broken_letters.repair(header) if header else header
    return find_meaning(made) if made != header else UNKNOWN


def _words(header: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    return re.split(r"[\W_]+", unicodedata.normalize("NFKC", spaced).casefold())
