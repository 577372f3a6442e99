"""How the cells of a line become the texts of a row, below one header."""

import itertools
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from imports.read import dialects, names
from imports.read.columns import (
    CUSTOMER,
    IDENTITY,
    MIDDLE_NAME,
    NAME,
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
_OF_PEOPLE = LABELS.keys() | {CUSTOMER, NAME, MIDDLE_NAME}
_ONCE = IDENTITY - {"email"}

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

    @property
    def has_others(self) -> bool:
        return bool(self._others)

    def others(self, field: str) -> list[str]:
        """The texts of further columns of a field, to be tried where the first one is bad."""
        return [text for name, text in self._others if name == field]

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Row) and (self.line, self.extra) == (other.line, other.extra)
        return same and self.values == other.values and self._others == other._others

    __hash__ = None

    def __repr__(self) -> str:
        return f"Row({self.line}, {self.values}, {self.extra})"


class Ahead:
    """Lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterable[Line]):
        self._lines = iter(lines)
        self._kept: deque[Line] = deque()

    def __iter__(self) -> Iterator[Line]:
        kept = self._kept
        while kept:
            yield kept.popleft()
        for line in self._lines:
            yield line
            while kept:
                yield kept.popleft()

    def peek(self, number: int = LINES_AHEAD) -> list[Line]:
        """Up to that many of the next lines."""
        while len(self._kept) < number and (line := next(self._lines, None)):
            self._kept.append(line)
        return list(self._kept)


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
        # Lines that begin like this may be headers.
        self.spellings = SPELLINGS | {column.header for column in header.columns[:2]} - {""}
        self._padding = [""] * self.width
        self._apostrophes = apostrophes
        self._seen = seen
        places = _places(header, kept)
        self._raw = tuple(places)
        self._is_put_together = not places.keys().isdisjoint(_PUT_TOGETHER)
        self._kind = next((c.field for c in header.columns if c.meaning == NAME), "display_name")
        # Names that are put together may fill any of these.
        more = ("first_name", "last_name", "display_name") if self._is_put_together else ()
        self.fields = tuple(
            dict.fromkeys([*(f for f in places if f not in (NAME, MIDDLE_NAME)), *more])
        )
        # A getter for one place gives no tuple, so the first place is taken twice.
        self._pick = itemgetter(*(found[0] for found in places.values()), 0)
        self._spares = [
            (place, field, index)
            for index, (field, found) in enumerate(places.items())
            for place in found[1:]
        ]
        self._repetitive = [i for i, field in enumerate(self._raw) if field in _REPETITIVE]
        self._more = not places.keys() <= _OF_PEOPLE
        people = [i for i, field in enumerate(self._raw) if field in _OF_PEOPLE]
        self._of_person = itemgetter(*people, people[0]) if people else itemgetter(slice(0))
        self._words = [
            (i, header.words[field]) for i, field in enumerate(self._raw) if field in header.words
        ]

    def read(self, line: int, cells: list[str]) -> Row | None:
        """The row of a line; None where no cell is about a user."""
        width = self.width
        extra = len(cells) > width and any(map(str.strip, cells[width:]))
        if len(cells) < width:
            cells = cells + self._padding[len(cells) :]
        texts = list(map(str.strip, self._pick(cells)))
        texts.pop()
        others = self._fill(texts, cells) if self._spares else ()
        # Other columns do not make a user of it.
        if not any(texts) or (self._more and not any(self._of_person(texts))):
            return None
        if self._apostrophes:
            texts = [csv_writer.restore(text) if "'" in text else text for text in texts]
        if self._words:
            for place, words in self._words:
                texts[place] = words.get(texts[place], texts[place])
        once = self._seen.setdefault
        for place in self._repetitive:
            text = texts[place]
            texts[place] = once(text, text)
        if self._is_put_together:
            person = dict.fromkeys(self.fields, "") | dict(zip(self._raw, texts, strict=True))
            names.put_together(person, self._kind)
            texts = [person[field] for field in self.fields]
        return Row.of(line, self.fields, tuple(texts), extra, others)

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


_PUT_TOGETHER = {NAME, MIDDLE_NAME, "latin_first_name", "latin_last_name", "latin_name"}


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
            for text in (name, name.lower(), name.upper(), name.title(), name.capitalize()):
                yield from (text, text.replace(" ", ""), text.replace(" ", "_"))
                yield from (text.replace(" ", "-"), text.replace("-", ""))
    for system in dialects.SYSTEMS.values():
        for group in system.marks:
            yield from group


# As headers are mostly written.
SPELLINGS = frozenset(_spellings())


def find_header_again(
    cells: Sequence[str], header: Header, meanings: Meanings, chosen: Choices
) -> Header | None:
    """The header that a line below another header is, in any order and language; or None."""
    plain = [plain_header(cell) for cell in cells]
    before = [plain_header(column.header) for column in header.columns]
    if any(before) and [*filter(None, plain)] == [*filter(None, before)]:
        return header
    found = read_header(cells, meanings, chosen)
    if found is None:
        return None
    meant = [column.meaning for column in found.columns if column.meaning]
    filled = sum(map(bool, plain))
    # A person can be called "Name"; no header has the same name of a person twice.
    is_twice = any(meant.count(field) > 1 for field in _ONCE)
    is_known = len(meant) == filled or (len(meant) > 2 and len(meant) > filled * 0.6)
    return found if len(set(meant)) > 1 and is_known and not is_twice else None
