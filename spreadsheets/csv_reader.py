"""Reads cells of .csv text, each line with its number in the file."""

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from django.utils.translation import gettext_lazy as _

from spreadsheets.errors import UnreadableFile, quote

# What can be selected, in the order of the select box.
DELIMITERS = [
    (",", _("Comma")),
    (";", _("Semicolon")),
    ("\t", _("Tab")),
    ("|", _("Vertical bar")),
]

ROW_LIMIT = 100_000
COLUMN_LIMIT = 64
CELL_LIMIT = 4096
# No line of permitted cells holds more of them, though every cell be full of them.
DELIMITERS_LIMIT = COLUMN_LIMIT * CELL_LIMIT
# Nor has it more bytes: a letter takes up to four, and a quotation mark stands twice.
LINE_BYTES = 8 * DELIMITERS_LIMIT
# More lines than a list of 100,000 people can have, even with line ends in cells.
LINE_LIMIT = 1_000_000

# A header stands in one of the first lines, below titles and the like.
HEADER_LINES = 40

_FILLED = re.compile(rb"[^\xef\xbb\xbf\xff\xfe\0 \t\r\n,;|]")
_EXCEL_HINT = re.compile(r"\s*\"?sep=(.)\"?\s*\Z", re.IGNORECASE)

Cells = tuple[int, list[str]]


class Header(Protocol):
    """What a line means as the header of a table."""

    @property
    def known(self) -> int:
        """How many of its columns mean something."""


H = TypeVar("H", bound=Header)
# Reads a line as the header, or returns None if it is not one.
ReadHeader = Callable[[list[str]], H | None]


class Table:
    """The cells of a text, line by line, once its delimiter is known."""

    def __init__(self, text: str, delimiter: str):
        self.text = text
        self.delimiter = delimiter
        # The lines of the record that is being read; a file's lines are not all kept.
        self._recent: list[str] = []

    def __iter__(self) -> Iterator[Cells]:
        """
        Each line's number and cells; a quoted cell may go over several lines.

        :raises UnreadableFile: where a quotation mark is not closed, or a cell has no end.
        """
        reader = csv.reader(
            self._lines(), delimiter=self.delimiter, skipinitialspace=self.delimiter != "\t"
        )
        recent, before = self._recent, 0
        try:
            for cells in reader:
                line, before = before + 1, reader.line_num
                if before > line:
                    self._check_quotes(line)
                    check_length(line, cells)
                elif recent[0] is _END:
                    return
                elif len(recent[0]) > CELL_LIMIT:
                    check_length(line, cells)
                recent.clear()
                yield line, cells
        except csv.Error as error:
            # The only one left: a cell longer than the reader takes.
            if len(recent) == 1:
                raise UnreadableFile("cell_too_long", line=before + 1, limit=CELL_LIMIT) from error
            raise UnreadableFile("unclosed_quote", line=before + 1) from error

    def has_text_before(self, line: int) -> bool:
        """Whether anything but white space stands above a line."""
        above = itertools.islice(_LINE.finditer(self.text), line - 1)
        return any(match[0].strip() for match in above)

    def _lines(self) -> Iterator[str]:
        blank = f"{self.delimiter} \r\n"
        for number, match in enumerate(_LINE.finditer(self.text), 1):
            start, end = match.span()
            # Before it is cut: fifty megabytes of commas would become a gigabyte of cells.
            if end - start > DELIMITERS_LIMIT:
                self._check_line(number, start, end)
            line = match[0]
            # Spreadsheets write a million empty lines of separators; they need not be cut.
            if line[0] in blank and not self._recent and not line.strip(blank):
                line = "\n"
            self._recent.append(line)
            yield line
        # Stands alone if all quotes are closed.
        self._recent.append(_END)
        yield _END

    def _check_line(self, number: int, start: int, end: int) -> None:
        found = self.text.count(self.delimiter, start, end)
        if found > DELIMITERS_LIMIT:
            raise UnreadableFile(
                "too_many_columns", line=number, found=found + 1, limit=COLUMN_LIMIT
            )
        if end - start > LINE_BYTES:
            raise UnreadableFile("cell_too_long", line=number, limit=CELL_LIMIT)

    def _check_quotes(self, first: int) -> None:
        # An unclosed quote ends at the opening quote of the next cell. What follows it is then
        # text, which no well-formed cell of several lines has; or it swallows the end of the file.
        try:
            list(
                csv.reader(
                    (line for line in self._recent if line is not _END),
                    delimiter=self.delimiter,
                    skipinitialspace=self.delimiter != "\t",
                    strict=True,
                )
            )
        except csv.Error as error:
            raise UnreadableFile("unclosed_quote", line=first) from error


_END = "end of the file"
# Lines of every kind with their ends, as the reader wants to see them.
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


def check_length(line: int, cells: list[str]) -> None:
    """
    Refuse a cell that is longer than CELL_LIMIT.

    :raises UnreadableFile: with the line.
    """
    if max(map(len, cells), default=0) > CELL_LIMIT:
        raise UnreadableFile("cell_too_long", line=line, limit=CELL_LIMIT)


def check_lines(data: bytes) -> None:
    """
    Refuse too many or too long lines before the bytes are decoded, which saves that memory.

    :raises UnreadableFile: with what is too much.
    """
    if not _FILLED.search(data):
        raise UnreadableFile("empty")
    if b"\0" in data[:4096]:
        # Written with two or four bytes a letter, line ends included: seen when decoded.
        return
    if data.count(b"\n") + data.count(b"\r") > 2 * LINE_LIMIT:
        raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
    start = 0
    while len(data) - start > LINE_BYTES:
        end = start + LINE_BYTES
        start = 1 + max(data.rfind(b"\n", start, end), data.rfind(b"\r", start, end))
        if start == 0:
            _refuse_line(data, end - LINE_BYTES)


def _refuse_line(data: bytes, start: int) -> None:
    end = data.find(b"\n", start)
    line = data.count(b"\n", 0, start) + 1
    found = max(
        data.count(delimiter.encode(), start, end if end > 0 else len(data))
        for delimiter, _label in DELIMITERS
    )
    if found > DELIMITERS_LIMIT:
        raise UnreadableFile("too_many_columns", line=line, found=found + 1, limit=COLUMN_LIMIT)
    raise UnreadableFile("cell_too_long", line=line, limit=CELL_LIMIT)


def find_table(
    text: str, delimiter: str | None, read_header: ReadHeader[H], line: int | None = None
) -> tuple[Table, int, H, list[Cells]]:
    """
    Split a text into cells: the table, the line number of its header, the header, the first lines.

    Without a delimiter, the one with which the header has most known columns is used. `line` is
    that of the header where it is known, 0 for a table without one.

    :raises UnreadableFile: if no delimiter makes a header of one of the first lines.
    """
    if delimiter is not None and delimiter not in dict(DELIMITERS):
        raise UnreadableFile("delimiter_not_offered")
    hint = _EXCEL_HINT.match(text[: text.find("\n") + 1 or 20].rstrip("\r\n"))
    if delimiter is None and hint and hint[1] in dict(DELIMITERS):
        delimiter = hint[1]
    if text.count("\n") + text.count("\r") > 2 * LINE_LIMIT:
        raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
    # Enough for the header; a file of 50 MB is not cut into cells once for each delimiter.
    beginning = _beginning(text)
    candidates = [delimiter] if delimiter else list(dict(DELIMITERS))
    found = []
    for candidate in candidates:
        top = _peek(beginning, candidate)
        number, header = find_header(top, read_header, line)
        if header:
            width = 0 if line is None else max(len(cells) for _number, cells in top)
            found.append((header.known, width, -number, candidate, header, top))
    if not found:
        line, first = next(
            ((number, line) for number, line in enumerate(beginning, 1) if line.strip()), (1, "")
        )
        error = UnreadableFile("no_header", line=line, found=quote(first))
        filled = [
            [line for line in _peek(beginning, candidate) if any(map(str.strip, line[1]))]
            for candidate in candidates
        ]
        error.top = max(filled, key=lambda lines: len(lines[0][1]) if lines else 0)
        raise error
    *_best, number, delimiter, header, top = max(found, key=lambda candidate: candidate[:3])
    return Table(text, delimiter), -number, header, top


def find_header(
    lines: list[Cells], read_header: ReadHeader[H], line: int | None = None
) -> tuple[int, H | None]:
    """
    The number of the first line that is a header, and what it means.

    `line` is the only one that may be it; 0 for a table whose columns have no names.
    """
    if line == 0:
        width = max((len(cells) for _number, cells in lines), default=0)
        return 0, read_header([""] * width) if width else None
    for number, cells in lines:
        if line not in (None, number):
            continue
        header = read_header(cells)
        if header:
            return number, header
    return 0, None


def count_known_columns(text: str, read_header: ReadHeader) -> int:
    """How many columns are known with the best delimiter: how well an encoding fits."""
    beginning = _beginning(text)
    headers = (
        find_header(_peek(beginning, delimiter), read_header)[1] for delimiter in dict(DELIMITERS)
    )
    return max((header.known for header in headers if header), default=0)


def _beginning(text: str) -> list[str]:
    return [match[0] for match in itertools.islice(_LINE.finditer(text, 0, 65536), HEADER_LINES)]


def _peek(lines: list[str], delimiter: str) -> list[Cells]:
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")
    peeked, before = [], 0
    try:
        for cells in reader:
            peeked.append((before + 1, cells))
            before = reader.line_num
    except csv.Error:
        pass
    return peeked
