"""Reads a file of users: from bytes to rows with the texts by field."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import BinaryIO

from imports.read import columns, preview
from imports.read.columns import CUSTOMER, NOT_KEPT, PASSWORD, Column, Header
from spreadsheets import csv_reader, csv_writer, decode, xlsx_reader
from spreadsheets.csv_reader import COLUMN_LIMIT, ROW_LIMIT, Cells
from spreadsheets.decode import ENCODINGS
from spreadsheets.errors import UnreadableFile
from spreadsheets.xlsx_marks import NO_RESULT
from spreadsheets.xlsx_reader import ALL_WORKSHEETS, Choice, Worksheet
from users.rules.fields import LABELS
from users.rules.problems import NOTICE, Problem

SIZE_LIMIT = 50 * 1024 * 1024
# The lines of one worksheet; those of the next one are counted on from there.
SHEET_LINES = 1 << 20

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

    def contains(self, text: str) -> bool:
        """Whether the text is in any cell of the row."""
        return text in "\0".join(self._texts)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Row) and (self.line, self.extra) == (other.line, other.extra)
        return same and self.values == other.values

    __hash__ = None

    def __repr__(self) -> str:
        return f"Row({self.line}, {self.values}, {self.extra})"


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
class Book:
    """What there was to choose from in a workbook, and what was read."""

    # Names of the worksheets that are not empty, and of those that were read.
    sheets: list[str]
    read: list[str]
    # Hidden rows below the headers, and whether they were read.
    hidden: int = 0
    with_hidden: bool = False


@dataclass(frozen=True)
class Parsed:
    """A file that was read."""

    detected: Detected
    rows: list[Row]
    notices: tuple[Problem, ...]
    # A few cells of each column.
    samples: tuple[preview.Shown, ...] = ()
    # The worksheets of a workbook.
    book: Book | None = None


def parse_file(
    data: bytes | BinaryIO,
    name: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    *,
    with_customer: bool = False,
    meanings: Mapping[str, str] | None = None,
    sheet: str = "",
    with_hidden: bool = False,
) -> Parsed:
    """
    Read a .csv or .xlsx file of users; its content decides which of them it is.

    The column of the customer is read only `with_customer`. `meanings` are the fields that members
    chose for columns, by plain header. `sheet` is the worksheet to read, or ALL_WORKSHEETS;
    rows that are hidden in it are read only `with_hidden`.

    :raises UnreadableFile: if it cannot be read, with a sentence about the reason and the place.
    """
    data = _take(data)
    read_header = partial(columns.read_header, meanings=meanings)
    kept = {*LABELS, CUSTOMER} if with_customer else {*LABELS}
    if data.startswith(b"PK\x03\x04"):
        choice = Choice(sheet, with_hidden)
        book = xlsx_reader.read_workbook(data, read_header, choice)
        # The rows replace the bytes and the text in memory.
        del data
        return _read_book(book, choice, kept)
    notices = []
    _refuse_other_kinds(data)
    csv_reader.check_lines(data)
    count_known = partial(csv_reader.count_known_columns, read_header=read_header)
    text, encoding, guessed = decode.decode(data, encoding, count_known)
    if not _TEXT.search(text):
        raise UnreadableFile("empty")
    table, number, header = csv_reader.find_table(text, delimiter, read_header)
    delimiter = table.delimiter
    after = (line for line in table if line[0] > number)
    if guessed:
        label = str(dict(ENCODINGS)[encoding])
        notices.append(_notice(number, "", "encoding_guessed", encoding=label))
    apostrophes = csv_writer.has_neutralized(text)
    skipped = table.has_text_before(number) and not _HINT.match(text)
    # The rows replace the bytes and the text in memory.
    del data, text
    detected = Detected("csv", encoding, delimiter, "", "", number, ())
    return _read_table(detected, header, after, notices, kept, apostrophes, skipped)


def _read_book(book: Iterator[Worksheet], choice: Choice, kept: Container[str]) -> Parsed:
    parsed: list[Parsed] = []
    read, hidden = [], 0
    faults: dict[str, tuple[int, str]] = {}
    is_bare = None
    try:
        for sheet in book:
            # Lines of further worksheets have numbers of their own, see `name_line`.
            above = len(read) * SHEET_LINES
            lines = ((above + line, cells) for line, cells in sheet.lines) if above else sheet.lines
            detected = Detected("xlsx", "", "", "", "", above + sheet.number, ())
            first, cells = sheet.first
            skipped = first < sheet.number and not _HINT.match(cells[0])
            try:
                table = _read_table(detected, sheet.header, lines, [], kept, True, skipped)
            except UnreadableFile as error:
                # One of several may have a header and no rows.
                if error.code != "no_rows" or choice.sheet != ALL_WORKSHEETS:
                    raise
                is_bare = error
                continue
            finally:
                hidden += sheet.report.hidden
            parsed.append(table)
            read.append(sheet.name)
            for text, (count, cell) in sheet.report.faults.items():
                place = cell if choice.sheet != ALL_WORKSHEETS else f"{sheet.name}!{cell}"
                before, first_place = faults.get(text, (0, place))
                faults[text] = before + count, first_place
            if sum(len(table.rows) for table in parsed) > ROW_LIMIT:
                raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
        if not parsed and is_bare:
            raise is_bare
    except UnreadableFile as error:
        error.book = Book(choice.names, read, hidden, choice.with_hidden)
        raise
    found = Book(choice.names, read, hidden, choice.with_hidden)
    notices = [*_about_book(found, parsed[0].detected.header_line), *_about_faults(faults)]
    known = {(notice.code, notice.value): notice for table in parsed for notice in table.notices}
    columns = {shown.header: shown for table in reversed(parsed) for shown in table.samples}
    return Parsed(
        parsed[0].detected,
        parsed[0].rows if len(parsed) == 1 else [row for table in parsed for row in table.rows],
        (*notices, *(name_lines(notice, read) for notice in known.values())),
        parsed[0].samples
        if len(parsed) == 1
        else (*parsed[0].samples, *_further(columns, parsed[0].samples)),
        found,
    )


def _further(
    columns: Mapping[str, preview.Shown], first: Sequence[preview.Shown]
) -> Iterator[preview.Shown]:
    known = {shown.header for shown in first}
    return (shown for header, shown in columns.items() if header not in known)


def _about_book(book: Book, line: int) -> Iterator[Problem]:
    others = ", ".join(name for name in book.sheets if name not in book.read)
    if len(book.read) > 1:
        yield _notice(line, ", ".join(book.read), "worksheets_joined")
        if others:
            yield _notice(line, "", "worksheets_without_users", others=others)
    elif others:
        yield _notice(line, book.read[0], "worksheets_skipped", others=others)
    if book.hidden:
        code = "hidden_rows_read" if book.with_hidden else "hidden_rows_skipped"
        yield _notice(line, "", code, count=book.hidden)


def _about_faults(faults: Mapping[str, tuple[int, str]]) -> Iterator[Problem]:
    for text, (count, cell) in faults.items():
        code = "formulas_without_result" if text == NO_RESULT else "cells_with_error"
        yield _notice(0, text, code, count=count, cell=cell)


def name_line(line: int, sheets: Sequence[str]) -> int | str:
    """
    The number of a line, with the name of its worksheet where several were read.

    `sheets` are the worksheets that were read.
    """
    if len(sheets) < 2:
        return line
    sheet, number = divmod(line, SHEET_LINES)
    return f"{number} ({sheets[sheet]})" if sheet < len(sheets) else number


def name_lines(problem: Problem, sheets: Sequence[str]) -> Problem:
    """The problem with the names of the lines that its sentence mentions."""
    lines = {name: problem.params[name] for name in ("line", "first") if name in problem.params}
    if len(sheets) < 2 or not lines:
        return problem
    named = {
        name: name_line(line, sheets) if isinstance(line, int) else line
        for name, line in lines.items()
    }
    return replace(problem, params=problem.params | named)


def _read_table(
    detected: Detected,
    header: Header,
    after: Iterator[Cells],
    notices: list[Problem],
    kept: Container[str],
    apostrophes: bool,
    skipped: bool,
) -> Parsed:
    number = detected.header_line
    if skipped:
        notices.append(_notice(number, "", "lines_before_header"))
    _check_width(header, number)
    samples = preview.Samples(header)
    rows, skipped_examples = _read_rows(samples.watch(after), header, apostrophes, kept)
    notices += [_notice(line, "", "example_skipped") for line in skipped_examples]
    notices += _about_columns(header, number, kept)
    if not rows:
        raise UnreadableFile("no_rows")
    detected = replace(
        detected, language=header.language, source=header.source, columns=header.columns
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
