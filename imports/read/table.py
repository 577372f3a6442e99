"""Reads a file of users: from bytes to rows with the texts by field."""

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from functools import partial
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
from imports.read.layout import Ahead, Layout, Row, find_header_again
from spreadsheets import csv_reader, csv_writer, decode, xlsx_reader
from spreadsheets.csv_reader import COLUMN_LIMIT, ROW_LIMIT
from spreadsheets.decode import ENCODINGS
from spreadsheets.errors import UnreadableFile, quote
from users.rules.problems import NOTICE, Problem

SIZE_LIMIT = 50 * 1024 * 1024
# Repeated headers that are named, and notices about them.
_MAX_LINES, _MAX_NOTICES = 20, 40

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
class Parsed:
    """A file that was read."""

    detected: Detected
    rows: list[Row]
    notices: tuple[Problem, ...]
    # A few cells of each column.
    samples: tuple[preview.Shown, ...] = ()
    # What was cleaned in the cells, as `cells.Cleaned`.
    cleaned: tuple = ()
    # The first lines, with their numbers.
    top: tuple[tuple[int, list[str]], ...] = ()


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
) -> Parsed:
    """
    Read a .csv or .xlsx file of users; its content decides which of them it is.

    The column of the customer is read only `with_customer`. `meanings` and `chosen` are the fields
    that members chose for columns, by plain header and by position in this file. The header is
    looked for unless its line is given, which is 0 for a file without one.

    :raises UnreadableFile: if it cannot be read, with a sentence about the reason and the place.
    """
    try:
        return _parse(data, encoding, delimiter, with_customer, meanings, chosen, header_line)
    except UnreadableFile as error:
        # The beginning of a file without a known header.
        if "found" in error.params:
            error.params = {
                key: secrets.mask(text) if isinstance(text, str) else text
                for key, text in error.params.items()
            }
        raise


def _parse(data, encoding, delimiter, with_customer, meanings, chosen, header_line) -> Parsed:
    data = _take(data)
    read = columns.read_header if header_line is None else columns.make_header
    read_header = partial(read, meanings=meanings, chosen=chosen)
    notices = []
    if data.startswith(b"PK\x03\x04"):
        sheet = xlsx_reader.read_workbook(data, read_header, header_line)
        number, header, after, top = sheet.number, sheet.header, sheet.lines, sheet.top
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
        table, number, header, top = csv_reader.find_table(
            text, delimiter, read_header, header_line
        )
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
    reader = _Reader(header, KEPT | {CUSTOMER} if with_customer else KEPT, after, apostrophes)
    header = reader.layout.header
    if not header.fields & columns.IDENTITY:
        raise _without_header(top)
    samples = preview.show_columns(header, [cells for _number, cells in reader.lines.peek()])
    notices += _about_columns(header, number, reader.kept)
    rows = reader.read(meanings or {}, chosen or {})
    notices += reader.notices
    if not rows:
        raise UnreadableFile("no_rows")
    detected = Detected(
        kind, encoding, delimiter, header.language, header.source, number, header.columns
    )
    return Parsed(detected, rows, tuple(notices), samples, tuple(top))


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

    def __init__(self, header: Header, kept: Container[str], lines, apostrophes: bool):
        self.kept = kept
        self.lines = Ahead(lines)
        self.apostrophes = apostrophes
        self.seen: dict[str, str] = {}
        self.layout = self._lay_out(header)
        self.notices: list[Problem] = []

    def _lay_out(self, header: Header) -> Layout:
        cells = [cells for _number, cells in self.lines.peek()]
        header = replace(header, columns=columns.resolve(header.columns, cells))
        return Layout(header, self.kept, self.apostrophes, self.seen)

    def read(self, meanings: Meanings, chosen: Choices) -> list[Row]:
        layout = self.layout
        rows: list[Row] = []
        repeated: list[int] = []
        empty = 0
        spellings = layout.spellings
        for line, cells in self.lines:
            if not cells:
                continue
            if len(rows) + empty > ROW_LIMIT:
                raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
            # To look each line up in detail would take too long.
            if cells[0] in spellings or (len(cells) > 1 and cells[1] in spellings):
                header = find_header_again(cells, layout.header, meanings, chosen)
                if header:
                    repeated.append(line)
                    if header is not layout.header:
                        layout = self._begin_anew(header, line)
                        spellings = layout.spellings
                    continue
            row = layout.read(line, cells)
            if row is None:
                empty += any(cells)
            elif not rows and _EXAMPLE.match(cells[0]):
                self.notices.append(_notice(line, "", "example_skipped"))
            else:
                rows.append(row)
        if len(rows) > ROW_LIMIT:
            raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
        if repeated:
            shown = ", ".join(map(str, repeated[:_MAX_LINES]))
            more = ", …" if len(repeated) > _MAX_LINES else ""
            self.notices.append(_notice(repeated[0], "", "header_repeated", lines=shown + more))
        return rows

    def _begin_anew(self, header: Header, line: int) -> Layout:
        """Read the following lines below another header."""
        _check_width(header, line)
        layout = self._lay_out(header)
        if len(self.notices) < _MAX_NOTICES:
            self.notices.append(_notice(line, "", "header_changed"))
            self.notices += _about_columns(layout.header, line, self.kept)
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
    for column in header.columns:
        code = _OF_COLUMNS.get(column.field)
        params = {}
        if column.field == CUSTOMER and CUSTOMER not in kept:
            code = "column_not_kept"
        if not column.field and column.header:
            code = "column_unknown"
        elif (first := firsts.get(column.field, column)) is not column:
            code, params = "column_repeated", {"first": first.header[:120]}
        if code:
            value = column.header[:120]
            notices.append(_notice(number, value, code, field=column.field, **params))
    return notices


def _notice(line: int, value: str, code: str, *, field: str = "", **params) -> Problem:
    return Problem(line, field, value, code, params | {"line": line}, severity=NOTICE)
