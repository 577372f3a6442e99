"""Reads a file of users: from bytes to rows with the texts by field."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import BinaryIO

from imports.read import columns, preview, secrets
from imports.read.columns import (
    CUSTOMER,
    KEPT,
    MIDDLE_NAME,
    NOT_KEPT,
    PASSWORD,
    SECRET,
    Choices,
    Column,
    Header,
    Meanings,
)
from imports.read.layout import (
    LINES_AHEAD,
    SPELLINGS,
    Ahead,
    Layout,
    Row,
    find_header_again,
    plain_names,
    spell,
)
from spreadsheets import csv_reader, csv_writer, decode, xlsx_reader
from spreadsheets.csv_reader import COLUMN_LIMIT, ROW_LIMIT, Cells
from spreadsheets.decode import ENCODINGS
from spreadsheets.errors import UnreadableFile, quote
from spreadsheets.xlsx_marks import NO_RESULT
from spreadsheets.xlsx_reader import ALL_WORKSHEETS, Choice, Worksheet
from users.rules.problems import NOTICE, Problem

SIZE_LIMIT = 50 * 1024 * 1024
# The lines of one worksheet; those of the next one are counted on from there.
SHEET_LINES = 1 << 20
# Repeated headers that are named, notices about them, and different ones that are known.
_MAX_LINES, _MAX_NOTICES, _MAX_HEADERS = 20, 40, 1_000

_EXAMPLE = re.compile(r"\s*(example|示例|例|範例|例子)\s*[:：]", re.IGNORECASE)
_TEXT = re.compile("[^\ufeff\0 \t\r\n,;|]")
_HINT = re.compile(r"\s*\"?(version\s*:|sep=)", re.IGNORECASE)


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
    # What was cleaned in the cells, as `cells.Cleaned`.
    cleaned: tuple = ()
    # The first lines, as they can be shown.
    top: Sequence[tuple[int, list[str]]] = ()
    # The worksheets of a workbook.
    book: Book | None = None


def parse_file(
    data: bytes | BinaryIO,
    name: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    *,
    with_customer: bool = False,
    meanings: Meanings | None = None,
    chosen: Choices | None = None,
    header_line: int | None = None,
    sheet: str = "",
    with_hidden: bool = False,
) -> Parsed:
    """
    Read a .csv or .xlsx file of users; its content decides which of them it is.

    The column of the customer is read only `with_customer`. `meanings` and `chosen` are the fields
    that members chose for columns, by plain header and by position in this file. The header is
    looked for unless its line is given, which is 0 for a file without one. `sheet` is the worksheet
    to read, or ALL_WORKSHEETS; rows that are hidden in it are read only `with_hidden`.

    :raises UnreadableFile: if it cannot be read, with a sentence about the reason and the place.
    """
    try:
        choice = Choice(sheet, with_hidden, header_line)
        reading = _Reading(
            KEPT | {CUSTOMER} if with_customer else KEPT, meanings or {}, chosen or {}
        )
        return _parse(data, encoding, delimiter, reading, choice)
    except UnreadableFile as error:
        hidden = preview.find_secrets(error.top)
        error.top = preview.show_lines(error.top, None)
        # The beginning of a file without a known header.
        if "found" in error.params:
            error.params = {
                key: secrets.mask(secrets.hide(text, hidden)) if isinstance(text, str) else text
                for key, text in error.params.items()
            }
        raise


@dataclass(frozen=True)
class _Reading:
    """What is read of a table: the fields, and what columns mean by header or position."""

    kept: Container[str]
    meanings: Meanings
    chosen: Choices


def _parse(data, encoding, delimiter, reading: _Reading, choice: Choice) -> Parsed:
    data = _take(data)
    read = columns.read_header if choice.line is None else columns.make_header
    read_header = partial(read, meanings=reading.meanings, chosen=reading.chosen)
    if data.startswith(b"PK\x03\x04"):
        choice.read_further = partial(columns.read_header, meanings=reading.meanings)
        book = xlsx_reader.read_workbook(data, read_header, choice)
        # The rows replace the bytes and the text in memory.
        del data
        return _read_book(book, choice, reading)
    notices = []
    _refuse_other_kinds(data)
    csv_reader.check_lines(data)
    count_known = partial(csv_reader.count_known_columns, read_header=read_header)
    text, encoding, guessed = decode.decode(data, encoding, count_known)
    if not _TEXT.search(text):
        raise UnreadableFile("empty")
    table, number, header, top = csv_reader.find_table(text, delimiter, read_header, choice.line)
    after = (line for line in table if line[0] > number)
    if guessed:
        label = str(dict(ENCODINGS)[encoding])
        notices.append(_notice(number, "", "encoding_guessed", encoding=label))
    apostrophes = csv_writer.has_neutralized(text)
    if table.has_text_before(number) and not _HINT.match(text):
        notices.append(_notice(number, "", "lines_before_header"))
    detected = Detected("csv", encoding, table.delimiter, "", "", number, ())
    # The rows replace the bytes and the text in memory.
    del data, text
    return _read_table(detected, header, after, top, notices, reading, apostrophes)


def _read_table(
    detected: Detected,
    header: Header,
    after: Iterator[Cells],
    top: Sequence[Cells],
    notices: list[Problem],
    reading: _Reading,
    apostrophes: bool,
) -> Parsed:
    number = detected.header_line
    _check_width(header, number)
    reader = _Reader(header, reading, after, apostrophes, is_bare=number == 0)
    header = reader.layout.header
    if not header.fields & columns.IDENTITY:
        raise _without_header(top)
    samples = preview.show_columns(header, reader.peek())
    notices += _about_columns(header, number, reading.kept)
    rows = reader.read()
    notices += reader.notices
    if not rows:
        raise UnreadableFile("no_rows")
    detected = replace(
        detected, language=header.language, source=header.source, columns=header.columns
    )
    shown = preview.show_lines(top, number)
    return Parsed(detected, rows, tuple(notices), samples, top=shown)


def _read_book(book: Iterator[Worksheet], choice: Choice, reading: _Reading) -> Parsed:
    parsed: list[Parsed] = []
    read, hidden = [], 0
    faults: dict[str, tuple[int, str]] = {}
    is_bare = None
    try:
        for sheet in book:
            # Lines of further worksheets have numbers of their own, see `name_line`.
            above = len(read) * SHEET_LINES
            lines = ((above + line, cells) for line, cells in sheet.lines) if above else sheet.lines
            number = above + sheet.number
            detected = Detected("xlsx", "", "", "", "", number, ())
            notices = []
            if sheet.first[0] < sheet.number and not _HINT.match(sheet.first[1][0]):
                notices.append(_notice(number, "", "lines_before_header"))
            own = reading if not above else replace(reading, chosen={})
            try:
                table = _read_table(detected, sheet.header, lines, sheet.top, notices, own, True)
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
    first = parsed[0]
    about = (*_about_book(found, first.detected.header_line), *_about_faults(faults))
    if len(parsed) == 1:
        return replace(first, notices=(*about, *first.notices), book=found)
    known = {(notice.code, notice.value): notice for table in parsed for notice in table.notices}
    return replace(
        first,
        rows=[row for table in parsed for row in table.rows],
        notices=(*about, *(name_lines(notice, read) for notice in known.values())),
        book=found,
    )


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


def _without_header(top) -> UnreadableFile:
    """The refusal of a file in whose header no column names a person."""
    line, cells = next(iter(top), (1, []))
    first = next((cell for cell in cells if cell.strip()), "")
    error = UnreadableFile("no_header", line=line, found=quote(first))
    error.top = top
    return error


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


class _Reader:
    """Reads the rows below a header, and below further headers among them."""

    def __init__(self, header: Header, reading: _Reading, lines, apostrophes: bool, is_bare: bool):
        self.reading = reading
        self.lines = Ahead(lines)
        self.apostrophes = apostrophes
        # Without a header, the first line is a row even if it looks like one.
        self.is_bare = is_bare
        self.seen: dict[str, str] = {}
        self.layout = self._lay_out(header)
        self.notices: list[Problem] = []
        self.rows: list[Row] = []
        self.empty = 0
        # The lines of further headers, and of titles above them.
        self.repeated: list[int] = []
        self.titles: list[int] = []
        # Further headers by their cells.
        self.known: dict[tuple[str, ...], Header] = {}

    def _lay_out(self, header: Header, ahead: int = LINES_AHEAD) -> Layout:
        if ahead:
            cells = [cells for _number, cells in self.lines.peek(ahead)]
            header = columns.resolve(header, cells)
        return Layout(header, self.reading.kept, self.apostrophes, self.seen)

    def peek(self) -> list[list[str]]:
        """The cells of the first lines below the header, up to the next header."""
        lines = [cells for _number, cells in self.lines.peek()]
        return [*takewhile(lambda cells: self._find_header(cells, self.layout) is None, lines)]

    def read(self) -> list[Row]:
        layout: Layout | None = self.layout
        while layout:
            layout = self._read_below(layout)
        if len(self.rows) > ROW_LIMIT:
            raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
        for lines, code in ((self.titles, "titles_skipped"), (self.repeated, "header_repeated")):
            if lines:
                shown = ", ".join(map(str, lines[:_MAX_LINES]))
                more = ", …" if len(lines) > _MAX_LINES else ""
                self.notices.append(_notice(lines[0], "", code, lines=shown + more))
        return self.rows

    def _read_below(self, layout: Layout) -> Layout | None:
        """Read rows up to the next header that is another one; returns the layout below it."""
        first, read, rows = layout.first, layout.make_reader(), self.rows
        is_bare, self.is_bare = self.is_bare, False
        for line, cells in self.lines:
            if not cells:
                continue
            if len(rows) + self.empty + len(self.repeated) > ROW_LIMIT:
                raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
            # To look each line up in detail would take too long.
            begins_like_header = (
                spell(cells[0]) in SPELLINGS
                or cells[0] == first
                or (len(cells) > 1 and spell(cells[1]) in SPELLINGS)
            )
            if begins_like_header and not is_bare:
                header = self._find_header(cells, layout)
                if header:
                    self._note_header(line, header)
                    if plain_names(header) != plain_names(layout.header):
                        return self._begin_anew(cells, header, line)
                    continue
            is_bare = False
            row = read(line, cells)
            if row is None:
                self.empty += any(cells)
            elif not rows and _EXAMPLE.match(cells[0]):
                self.notices.append(_notice(line, "", "example_skipped"))
            else:
                rows.append(row)
        return None

    def _find_header(self, cells: list[str], layout: Layout) -> Header | None:
        if not cells or not layout.may_be_header(cells):
            return None
        if header := self.known.get(tuple(cells)):
            return header
        # Each line of a file may be another header.
        if len(self.known) > _MAX_HEADERS:
            return None
        reading = self.reading
        return find_header_again(cells, layout.header, reading.meanings, reading.chosen)

    def _note_header(self, line: int, header: Header) -> None:
        self.repeated.append(line)
        # One filled cell below full rows, and a header below it.
        above = self.rows[-2:]
        if (
            len(above) == 2
            and above[1].line == line - 1
            and [len(row.filled) > 1 for row in above] == [True, False]
            and len(header.columns) > 1
            and not above[1].contains("@")
        ):
            self.titles.append(self.rows.pop().line)

    def _begin_anew(self, cells: list[str], header: Header, line: int) -> Layout:
        """Read the following lines below another header."""
        _check_width(header, line)
        key = tuple(cells)
        is_new = key not in self.known
        # Only the first ones are looked at in detail.
        ahead = LINES_AHEAD if is_new and len(self.known) < _MAX_NOTICES else 0
        layout = self._lay_out(header, ahead)
        if not is_new:
            return layout
        self.known[key] = layout.header
        if len(self.notices) < _MAX_NOTICES:
            self.notices.append(_notice(line, "", "header_changed"))
            self.notices += _about_columns(layout.header, line, self.reading.kept)
        return layout


_OF_COLUMNS = {
    PASSWORD: "password_ignored",
    SECRET: "column_secret",
    NOT_KEPT: "column_not_kept",
    MIDDLE_NAME: "column_middle_name",
}


def _about_columns(header: Header, number: int, kept: Container[str]) -> list[Problem]:
    notices = []
    firsts = columns.find_firsts(header.columns)
    names = [column for column in header.columns if column.meaning == columns.NAME]
    guessed = {*columns.SIGN_IN, *(("first_name", "last_name") if len(names) == 2 else ())}
    for column in header.columns:
        code = _OF_COLUMNS.get(column.field)
        params = {}
        if column.field == CUSTOMER and CUSTOMER not in kept:
            code = "column_not_kept"
        if not column.field and column.header:
            code = "column_unknown"
        elif column.field in guessed and (column in names or not column.meaning):
            code = "column_guessed"
        elif (first := firsts.get(column.field, column)) is not column:
            code, params = "column_repeated", {"first": first.header[:120]}
        if code:
            value = column.header[:120]
            notices.append(_notice(number, value, code, field=column.field, **params))
    return notices


def _notice(line: int, value: str, code: str, *, field: str = "", **params) -> Problem:
    return Problem(line, field, value, code, params | {"line": line}, severity=NOTICE)
