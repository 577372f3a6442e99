"""How the cells of a line become the texts of a row, below one header."""

import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from imports.read import dialects, names
from imports.read.columns import (
    ACCOUNT_NAME,
    CUSTOMER,
    EMAIL,
    IDENTITY,
    MIDDLE_NAME,
    NAME,
    SECOND_LAST_NAME,
    Choices,
    Header,
    Meanings,
    read_header,
)
from imports.read.dialects import plain_header
from spreadsheets import csv_writer
from users.rules.fields import LABELS

# Rows that are looked at before the first one is read.
LINES_AHEAD = 200
# Fields in which many rows have the same text: it is kept once.
_REPETITIVE = frozenset(
    {"domain", "location", "products", "permissions", "job_title", "department", "language"}
    | {"last_name", "first_name", "status", "sign_in_blocked", "sign_in_allowed"}
)
_PUT_TOGETHER = {
    NAME,
    MIDDLE_NAME,
    SECOND_LAST_NAME,
    "latin_first_name",
    "latin_last_name",
    "latin_name",
}
_ONLY_PARTS = {NAME, MIDDLE_NAME, SECOND_LAST_NAME}
_OF_PEOPLE = LABELS.keys() | {CUSTOMER} | _PUT_TOGETHER
_ONCE = IDENTITY - {"email"}
_ADDRESSES = {"user_name", EMAIL, ACCOUNT_NAME}
_NAMES = {"first_name", "last_name", "display_name", NAME}

Line = tuple[int, list[str]]


class Row:
    """
    A row of a file: the line number and the texts of the cells by field.

    All rows of a file share the names of the fields: one dictionary for each would take more memory
    than the texts.
    """

    __slots__ = ("_fields", "_others", "_texts", "extra", "line")

    def __init__(self, line: int, values: Mapping[str, str], extra: bool = False):
        self.line = line
        self._fields, self._texts = tuple(values), tuple(values.values())
        self._others: tuple[tuple[str, str], ...] = ()
        # The line has more cells than the header, so they may be in the wrong columns.
        self.extra = extra

    @classmethod
    def of(
        cls,
        line: int,
        fields: tuple[str, ...],
        texts: tuple[str, ...],
        extra: bool,
        others: tuple[tuple[str, str], ...] = (),
    ) -> "Row":
        """Make the row of a file with columns of these fields, and other texts for some."""
        row = cls.__new__(cls)
        row.line, row._fields, row._texts, row.extra = line, fields, texts, extra
        row._others = others
        return row

    @property
    def values(self) -> dict[str, str]:
        """The texts by field, including empty ones; a new dictionary each time."""
        return dict(zip(self._fields, self._texts, strict=True))

    @property
    def filled(self) -> list[str]:
        """The fields with a text."""
        return [field for field, text in zip(self._fields, self._texts, strict=True) if text]

    @property
    def fields(self) -> tuple[str, ...]:
        return self._fields

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts in the order of the fields."""
        return self._texts

    def put(self, place: int, text: str) -> None:
        """Replace the text of the field at this place."""
        self._texts = (*self._texts[:place], text, *self._texts[place + 1 :])

    def add(self, field: str, text: str) -> None:
        """Add a text of another field, or a further one of a field."""
        if field in self._fields:
            self._others = (*self._others, (field, text))
        else:
            self._fields, self._texts = (*self._fields, field), (*self._texts, text)

    @property
    def has_others(self) -> bool:
        return bool(self._others)

    def others(self, field: str) -> list[str]:
        """The texts of further columns of a field, to be tried where the first one is bad."""
        return [text for name, text in self._others if name == field]

    def change_others(self, change: Callable[[str, str], str]) -> None:
        """Replace the texts of further columns by what is made of the field and the text."""
        self._others = tuple((name, change(name, text)) for name, text in self._others)

    def contains(self, text: str) -> bool:
        """Whether the text is in any cell of the row."""
        return text in "\0".join(self._texts)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Row) and (self.line, self.extra) == (other.line, other.extra)
        return same and self.values == other.values and self._others == other._others

    __hash__ = None

    def __repr__(self) -> str:
        return f"Row({self.line}, {self.values}, {self.extra})"


class Ahead:
    """Lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterable[Line]):
        self._rest = iter(lines)
        self._kept: Iterator[Line] = iter(())

    def __iter__(self) -> Iterator[Line]:
        return itertools.chain(self._kept, self._rest)

    def peek(self, number: int = LINES_AHEAD) -> list[Line]:
        """Up to that many of the next lines; what iterates over them must begin anew."""
        kept = list(self._kept)
        kept += itertools.islice(self._rest, max(number - len(kept), 0))
        self._kept = iter(kept)
        return kept


class Layout:
    """
    Reads lines below a header.

    :param kept: the meanings of columns that are read.
    :param seen: texts that are kept once for all rows.
    """

    def __init__(
        self, header: Header, kept: Container[str], apostrophes: bool, seen: dict[str, str]
    ):
        self.header = header
        self.width = len(header.columns)
        self._names = frozenset(column.header for column in header.columns)
        # A line that begins with it may be the header again.
        self.first = header.columns[0].header or None if header.columns else None
        self._padding = [""] * self.width
        self._apostrophes = apostrophes
        self._seen = seen
        places = _places(header, kept)
        self._raw = tuple(places)
        self._is_put_together = not places.keys().isdisjoint(_PUT_TOGETHER)
        self._kind = next((c.field for c in header.columns if c.meaning == NAME), "display_name")
        # Names that are put together may fill any of these.
        more = ("first_name", "last_name", "display_name") if self._is_put_together else ()
        self.fields = tuple(dict.fromkeys([*(f for f in places if f not in _ONLY_PARTS), *more]))
        # A getter for one place gives no tuple, so the first place is taken twice.
        self._pick = itemgetter(*(found[0] for found in places.values()), 0)
        self._spares = [
            (place, field, index)
            for index, (field, found) in enumerate(places.items())
            for place in found[1:]
        ]
        self._repetitive = [i for i, field in enumerate(self.fields) if field in _REPETITIVE]
        self._more = not places.keys() <= _OF_PEOPLE
        people = [i for i, field in enumerate(self._raw) if field in _OF_PEOPLE]
        self._of_person = itemgetter(*people, people[0]) if people else itemgetter(slice(0))
        self._words = [
            (i, header.words[field]) for i, field in enumerate(self._raw) if field in header.words
        ]
        self._is_plain = not (apostrophes or self._words or self._is_put_together)

    def may_be_header(self, cells: Sequence[str]) -> bool:
        """Whether most cells of a line are spelled as names of columns; quick."""
        filled = [cell.strip() for cell in cells if cell]
        known = sum(spell(cell) in SPELLINGS or cell in self._names for cell in filled)
        return known * 2 > len(filled)

    def make_reader(self) -> Callable[[int, list[str]], Row | None]:
        """Make the function that reads a line: its row, or None where no cell is about a user."""
        # Names of attributes are slower to find, and a file can have 100,000 lines.
        width, padding, pick, fields = self.width, self._padding, self._pick, self.fields
        repetitive, once, of = self._repetitive, self._seen.setdefault, Row.of
        spares, more, is_plain = self._spares, self._more, self._is_plain

        def read(line: int, cells: list[str]) -> Row | None:
            found = len(cells)
            extra = found > width and any(map(str.strip, cells[width:]))
            if found < width:
                cells = cells + padding[found:]
            texts = list(map(str.strip, pick(cells)))
            texts.pop()
            others = self._fill(texts, cells) if spares else ()
            # Other columns do not make a user of it.
            if not any(texts) or (more and not any(self._of_person(texts))):
                return None
            if not is_plain:
                texts = self._change(texts)
            for place in repetitive:
                text = texts[place]
                texts[place] = once(text, text)
            return of(line, fields, tuple(texts), extra, others)

        return read

    def _change(self, texts: list[str]) -> list[str]:
        if self._apostrophes:
            texts = [csv_writer.restore(text) if "'" in text else text for text in texts]
        for place, words in self._words:
            texts[place] = words.get(texts[place], texts[place])
        if self._is_put_together:
            person = dict.fromkeys(self.fields, "") | dict(zip(self._raw, texts, strict=True))
            names.put_together(person, self._kind)
            texts = [person[field] for field in self.fields]
        return texts

    def _fill(self, texts: list[str], cells: list[str]) -> tuple[tuple[str, str], ...]:
        """Fill gaps from further columns; returns the texts that are left."""
        others = []
        for place, field, index in self._spares:
            text = cells[place].strip()
            if text and not texts[index]:
                texts[index] = text
            elif text and text != texts[index]:
                if self._apostrophes and "'" in text:
                    text = csv_writer.restore(text)
                others.append((field, text))
        return tuple(others)


def _places(header: Header, kept: Container[str]) -> dict[str, list[int]]:
    """The positions of the columns of each field, the best first."""
    meanings = {column.meaning for column in header.columns}
    has_parts = not meanings.isdisjoint({"first_name", "last_name"})
    places: dict[str, list[int]] = {}
    for column in sorted(header.columns, key=lambda column: (column.rank, column.position)):
        # What such a name is may differ from row to row.
        field = NAME if column.meaning == NAME and has_parts else column.field
        if field in kept or field == NAME:
            places.setdefault(field, []).append(column.position)
    return places


def _spellings() -> Iterator[str]:
    for languages in dialects.NAMES.values():
        for name in itertools.chain.from_iterable(languages.values()):
            text = spell(name)
            yield from (text, text.replace(" ", ""), text.replace(" ", "_"))
            yield from (text.replace(" ", "-"), text.replace("-", ""))
    for system in dialects.SYSTEMS.values():
        for group in system.marks:
            yield from group
    yield from dialects.PROPERTIES


def spell(cell: str) -> str:
    """A cell in the form of SPELLINGS: without case, and without signs at its end."""
    return cell.casefold().rstrip("*: ")


# As headers are mostly written.
SPELLINGS = frozenset(_spellings())


def plain_names(header: Header) -> list[str]:
    """What the columns are called, in their order, without empty ones."""
    return [*filter(None, (plain_header(column.header) for column in header.columns))]


def find_header_again(
    cells: Sequence[str], header: Header, meanings: Meanings, chosen: Choices
) -> Header | None:
    """The header that a line below another header is, in any order and language; or None."""
    plain = [*filter(None, map(plain_header, cells))]
    if plain and plain == plain_names(header):
        return header
    found = read_header(cells, meanings, chosen)
    # No header has the same name twice, unlike a person that is called "Name Name".
    if found is None or len(set(plain)) < len(plain):
        return None
    meant = [column.meaning for column in found.columns if column.meaning]
    is_twice = any(meant.count(field) > 1 for field in _ONCE)
    is_whole = len(meant) == len(plain)
    is_known = is_whole or (len(meant) > 2 and len(meant) > len(plain) * 0.6)
    if is_twice or not is_known or len(set(meant)) < 2:
        return None
    return found if _names_people(set(meant), header, is_whole) else None


def _names_people(meant: set[str], header: Header, is_whole: bool) -> bool:
    """Whether columns with these meanings can be a list of people below that of a header."""
    # A person can be called "Page Title"; columns of a title alone make no list of people.
    if meant >= {"first_name", "last_name"} or (meant & _ADDRESSES and meant & _NAMES):
        return True
    return is_whole and meant <= {column.meaning for column in header.columns}
