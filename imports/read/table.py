"""Reads a file of users: from bytes to rows with the texts by field."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import BinaryIO

from imports.read import columns, preview
from imports.read.columns import CUSTOMER, NOT_KEPT, PASSWORD, Column, Header
from spreadsheets import csv_reader, csv_writer, decode, xlsx_reader
from spreadsheets.csv_reader import COLUMN_LIMIT, ROW_LIMIT
from spreadsheets.decode import ENCODINGS
from spreadsheets.errors import UnreadableFile
from users.rules.fields import LABELS
from users.rules.problems import NOTICE, Problem

SIZE_LIMIT = 50 * 1024 * 1024

_EXAMPLE = re.compile(r"\s*(example|示例|例|範例|例子)\s*[:：]", re.IGNORECASE)
_TEXT = re.compile("[^\ufeff\0 \t\r\n,;|]")
_HINT = re.compile(r"\s*\"?(version\s*:|sep=)", re.IGNORECASE)
# Fields in which many rows have the same text: it is kept once.
_REPETITIVE = frozenset(
    {"domain", "location", "products", "permissions", "job_title", "department", "language"}
    | {"last_name", "first_name"}
)


class Row:
    """
    A row of a file: the line number and the texts of the cells by field.

    All rows of a file share the names of the fields: one dictionary for each would take more memory
    than the texts.
    """

    __slots__ = ("_fields", "_texts", "extra", "line")

    def __init__(self, line: int, values: Mapping[str, str], extra: bool = False):
        self.line = line
        self._fields, self._texts = tuple(values), tuple(values.values())
        # The line has more cells than the header, so they may be in the wrong columns.
        self.extra = extra

    @classmethod
    def of(cls, line: int, fields: tuple[str, ...], texts: tuple[str, ...], extra: bool) -> "Row":
        """Make the row of a file with columns of these fields."""
        row = cls.__new__(cls)
        row.line, row._fields, row._texts, row.extra = line, fields, texts, extra
        return row

    @property
    def values(self) -> dict[str, str]:
        """The texts by field, including empty ones; a new dictionary each time."""
        return dict(zip(self._fields, self._texts, strict=True))

    @property
    def filled(self) -> list[str]:
        """The fields with a text."""
        return [field for field, text in zip(self._fields, self._texts, strict=True) if text]

    def put(self, field: str, text: str) -> None:
        """Replace the text of a field."""
        place = self._fields.index(field)
        self._texts = (*self._texts[:place], text, *self._texts[place + 1 :])

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Row) and (self.line, self.extra) == (other.line, other.extra)
        return same and self.values == other.values

    __hash__ = None

    def __repr__(self) -> str:
        return f"Row({self.line}, {self.values}, {self.extra})"


def texts_of(rows: Sequence[Row], field: str) -> list[str]:
    """The texts of a field in all rows of a file."""
    place = rows[0]._fields.index(field)
    return [row._texts[place] for row in rows]


@dataclass(frozen=True)
class Detected:
    """The format of a file."""

    format: str
    encoding: str
    delimiter: str
    language: str
    source: str
    header_line: int
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Parsed:
    """A file that was read."""

    detected: Detected
    rows: list[Row]
    notices: tuple[Problem, ...]
    # A few cells of each column.
    samples: tuple[preview.Shown, ...] = ()
    # What was cleaned in the cells, as `cells.Cleaned`.
    cleaned: tuple = ()


def parse_file(
    data: bytes | BinaryIO,
    name: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    *,
    with_customer: bool = False,
    meanings: Mapping[str, str] | None = None,
) -> Parsed:
    """
    Read a .csv or .xlsx file of users; its content decides which of them it is.

    The column of the customer is read only `with_customer`. `meanings` are the fields that members
    chose for columns, by plain header.

    :raises UnreadableFile: if it cannot be read, with a sentence about the reason and the place.
    """
    data = _take(data)
    read_header = partial(columns.read_header, meanings=meanings)
    notices = []
    if data.startswith(b"PK\x03\x04"):
        sheet = xlsx_reader.read_workbook(data, read_header)
        number, header, after = sheet.number, sheet.header, sheet.lines
        kind, encoding, delimiter = "xlsx", "", ""
        if sheet.others:
            others = ", ".join(sheet.others)
            notices.append(_notice(number, sheet.name, "worksheets_skipped", others=others))
        apostrophes = True
        skipped = sheet.first[0] < number and not _HINT.match(sheet.first[1][0])
        # The rows replace the bytes and the text in memory.
        del data, sheet
    else:
        _refuse_other_kinds(data)
        csv_reader.check_lines(data)
        count_known = partial(csv_reader.count_known_columns, read_header=read_header)
        text, encoding, guessed = decode.decode(data, encoding, count_known)
        if not _TEXT.search(text):
            raise UnreadableFile("empty")
        table, number, header = csv_reader.find_table(text, delimiter, read_header)
        kind, delimiter = "csv", table.delimiter
        after = (line for line in table if line[0] > number)
        if guessed:
            label = str(dict(ENCODINGS)[encoding])
            notices.append(_notice(number, "", "encoding_guessed", encoding=label))
        apostrophes = csv_writer.has_neutralized(text)
        skipped = table.has_text_before(number) and not _HINT.match(text)
        # The rows replace the bytes and the text in memory.
        del data, text
    if skipped:
        notices.append(_notice(number, "", "lines_before_header"))
    _check_width(header, number)
    kept = {*LABELS, CUSTOMER} if with_customer else {*LABELS}
    samples = preview.Samples(header)
    rows, skipped_examples = _read_rows(samples.watch(after), header, apostrophes, kept)
    notices += [_notice(line, "", "example_skipped") for line in skipped_examples]
    notices += _about_columns(header, number, kept)
    if not rows:
        raise UnreadableFile("no_rows")
    detected = Detected(
        kind, encoding, delimiter, header.language, header.source, number, header.columns
    )
    return Parsed(detected, rows, tuple(notices), samples.shown)


def _take(data: bytes | BinaryIO) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        # One more than allowed is enough to know.
        data = data.read(SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise UnreadableFile("too_big", limit=SIZE_LIMIT // 1024 // 1024)
    if not data:
        raise UnreadableFile("empty")
    return bytes(data)


def _refuse_other_kinds(data: bytes) -> None:
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        is_locked = "EncryptedPackage".encode("utf-16-le") in data
        raise UnreadableFile("encrypted" if is_locked else "old_excel")
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kinds = {
        b"%pdf": "PDF", b"{\\rtf": "RTF", b"<!doctype html": "HTML", b"<html": "HTML",
        b"<table": "HTML", b"<?xml": "XML", b"\x1f\x8b": "GZIP", b"7z\xbc\xaf": "7-Zip",
        b"rar!": "RAR", b"\x89png": "PNG", b"\xff\xd8\xff": "JPEG", b"pk": "ZIP",
    }  # fmt: skip
    for mark, kind in kinds.items():
        # A header can begin with these two letters; a ZIP archive has no text after them.
        if start.startswith(mark) and (mark != b"pk" or start[2:4] in (b"\5\6", b"\7\x08")):
            raise UnreadableFile("not_a_table", kind=kind)


def _check_width(header: Header, number: int) -> None:
    width = len(header.columns)
    if width > COLUMN_LIMIT:
        raise UnreadableFile("too_many_columns", line=number, found=width, limit=COLUMN_LIMIT)


def _read_rows(
    lines, header: Header, apostrophes: bool, kept: Container[str]
) -> tuple[list[Row], list[int]]:
    firsts, spares = _places(header, kept)
    fields = tuple(firsts)
    # A getter for one place gives no tuple, so the first place is taken twice.
    pick = itemgetter(*firsts.values(), 0)
    width = len(header.columns)
    padding = [""] * width
    repetitive = [place for place, field in enumerate(fields) if field in _REPETITIVE]
    gaps = [(place, fields.index(field)) for place, field in spares]
    seen: dict[str, str] = {}
    rows: list[Row] = []
    examples: list[int] = []
    empty = 0
    for line, cells in lines:
        if not cells:
            continue
        if len(rows) + empty > ROW_LIMIT:
            raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
        extra = len(cells) > width and any(map(str.strip, cells[width:]))
        if len(cells) < width:
            cells = cells + padding[len(cells) :]
        texts = list(map(str.strip, pick(cells)))
        texts.pop()
        for place, gap in gaps:
            if not texts[gap]:
                texts[gap] = cells[place].strip()
        if not any(texts):
            # Other columns do not make a user of it.
            empty += any(cells)
            continue
        if apostrophes:
            texts = [csv_writer.restore(text) if "'" in text else text for text in texts]
        if not rows and _EXAMPLE.match(cells[0]):
            examples.append(line)
            continue
        for place in repetitive:
            texts[place] = seen.setdefault(texts[place], texts[place])
        rows.append(Row.of(line, fields, tuple(texts), extra))
    if len(rows) > ROW_LIMIT:
        raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
    return rows, examples


def _places(header: Header, kept: Container[str]) -> tuple[dict[str, int], list[tuple[int, str]]]:
    """The first column of each field, and further columns that fill its gaps."""
    firsts: dict[str, int] = {}
    spares = []
    for column in header.columns:
        if column.field in firsts:
            spares.append((column.position, column.field))
        elif column.field in kept:
            firsts[column.field] = column.position
    return firsts, spares


def _about_columns(header: Header, number: int, kept: Container[str]) -> list[Problem]:
    notices, seen = [], set()
    for column in header.columns:
        code = {PASSWORD: "password_ignored", NOT_KEPT: "column_not_kept"}.get(column.field)
        if column.field == CUSTOMER and CUSTOMER not in kept:
            code = "column_not_kept"
        if not column.field and column.header:
            code = "column_unknown"
        elif column.field in LABELS and column.field in seen:
            code = "column_repeated"
        seen.add(column.field)
        if code:
            notices.append(_notice(number, column.header[:120], code, field=column.field))
    return notices


def _notice(line: int, value: str, code: str, *, field: str = "", **params) -> Problem:
    return Problem(line, field, value, code, params | {"line": line}, severity=NOTICE)
