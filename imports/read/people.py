"""Reads lists of users: pasted texts, and files with or without a header."""

import re
from collections.abc import Iterator
from itertools import chain, islice

from imports.read import table
from imports.read.columns import Column, Header, read_header
from spreadsheets import decode, xlsx_reader
from spreadsheets.errors import UnreadableFile
from users.rules.named import ENTRY_LIMIT, Entry, read_lines, read_row

_FIRST_LINE = re.compile(r"\s*([^\r\n]*)")


def read_text(text: str) -> list[Entry]:
    """
    Read the users that a pasted text names: one a line, or a table with a header.

    :raises UnreadableFile: where there are too many.
    """
    first = _FIRST_LINE.match(text)
    header = read_header(re.split(r"[\t;,|]", first[1][: table.csv_reader.CELL_LIMIT]))
    if header is None:
        return _limited(read_lines(text))
    if len(header.columns) == 1:
        return _limited(_below(text, text.count("\n", 0, first.start(1)) + 1))
    try:
        return read_file(text.encode("utf-8", "ignore"), "")
    except UnreadableFile:
        # A line of words that look like names of columns.
        return _limited(read_lines(text))


def read_file(data: bytes, name: str) -> list[Entry]:
    """
    Read the users that a file names.

    :raises UnreadableFile: where it cannot be read, or names too many.
    """
    try:
        parsed = table.parse_file(data, name)
    except UnreadableFile as error:
        if error.code != "no_header":
            raise
        return _limited(_read_without_header(data))
    found = parsed.detected
    if found.format == "csv" and len(found.columns) == 1:
        # A comma belongs to a name here.
        text = decode.decode(data, found.encoding, len)[0]
        return _limited(_below(text, found.header_line))
    return [read_row(row.line, row.values) for row in parsed.rows]


def _read_without_header(data: bytes) -> Iterator[Entry]:
    if not data.startswith(b"PK\x03\x04"):
        return read_lines(decode.decode(data, None, lambda _text: 0)[0])
    sheet = next(xlsx_reader.read_workbook(data, _accept_any))
    first = (sheet.number, [column.header for column in sheet.header.columns])
    return chain.from_iterable(_read_cells(*line) for line in chain([first], sheet.lines))


def _accept_any(cells: list[str]) -> Header | None:
    columns = tuple(Column(position, cell, "") for position, cell in enumerate(cells))
    return Header(columns, "", "") if any(cells) else None


def _read_cells(line: int, cells: list[str]) -> Iterator[Entry]:
    text = "\t".join(" ".join(cell.split()) for cell in cells)
    return (entry.at(line) for entry in read_lines(text))


def _below(text: str, header_line: int) -> Iterator[Entry]:
    return (entry for entry in read_lines(text) if entry.line > header_line)


def _limited(entries: Iterator[Entry]) -> list[Entry]:
    found = list(islice(entries, ENTRY_LIMIT + 1))
    if len(found) > ENTRY_LIMIT:
        raise UnreadableFile("too_many_rows", limit=ENTRY_LIMIT)
    return found
