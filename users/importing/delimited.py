"""Text to cells: the lines of a .csv file, each with its number in the file."""

import csv
import io
import itertools
import re
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from users import names
from users.importing.columns import Header, read_header
from users.importing.problems import UnreadableFile

# What may be chosen by hand, in the order of the select box.
DELIMITERS = [
    (",", _("Comma")),
    (";", _("Semicolon")),
    ("\t", _("Tab")),
    ("|", _("Vertical bar")),
]

ROW_LIMIT = 100_000
COLUMN_LIMIT = 64
CELL_LIMIT = 4096
# More lines than a list of 100,000 people can have, even with line ends in cells.
LINE_LIMIT = 1_000_000

# A header stands in one of the first lines, below titles and the like.
HEADER_LINES = 20

_EXCEL_HINT = re.compile(r"\s*\"?sep=(.)\"?\s*\Z", re.IGNORECASE)

Cells = tuple[int, list[str]]


class Table:
    """The cells of a text, line by line, once its delimiter is known."""

    def __init__(self, text: str, delimiter: str):
        # Ends of lines of every kind, kept, as the reader wants to see them.
        self.lines = io.StringIO(text, newline="").readlines()
        self.delimiter = delimiter
        # Where no line is too long, no cell of one line needs to be measured.
        self.has_long_lines = max(map(len, self.lines), default=0) > CELL_LIMIT

    def __iter__(self) -> Iterator[Cells]:
        """
        Each line's number and cells; a quoted cell may go over several lines.

        :raises UnreadableFile: where a quotation mark is not closed.
        """
        reader = csv.reader(
            itertools.chain(self.lines, (_END,)),
            delimiter=self.delimiter,
            skipinitialspace=self.delimiter != "\t",
        )
        before = 0
        try:
            for cells in reader:
                line, before = before + 1, reader.line_num
                if before > line:
                    self._check_quotes(line, before)
                if before > line or self.has_long_lines:
                    check_length(line, cells)
                if before > len(self.lines):
                    # The last "line" is our own, and stands alone if all quotes are closed.
                    if line <= len(self.lines):
                        raise UnreadableFile("unclosed_quote", line=line)
                    return
                yield line, cells
        except csv.Error as error:
            # The only one left: a cell longer than the reader takes.
            if len(self.lines[before]) > csv.field_size_limit():
                raise UnreadableFile("cell_too_long", line=before + 1, limit=CELL_LIMIT) from error
            raise UnreadableFile("unclosed_quote", line=before + 1) from error

    def _check_quotes(self, first: int, last: int) -> None:
        # A quote that nobody closed ends at the next cell's opening quote. What follows it
        # then is text, which no well-formed cell of several lines has.
        whole = "".join(self.lines[first - 1 : last])
        try:
            list(
                csv.reader(
                    io.StringIO(whole, newline=""),
                    delimiter=self.delimiter,
                    skipinitialspace=self.delimiter != "\t",
                    strict=True,
                )
            )
        except csv.Error as error:
            raise UnreadableFile("unclosed_quote", line=first) from error


_END = "end of the file"


def check_length(line: int, cells: list[str]) -> None:
    """
    Look for a cell that is longer than anything in a list of people.

    :raises UnreadableFile: if there is one.
    """
    if max(map(len, cells), default=0) > CELL_LIMIT:
        raise UnreadableFile("cell_too_long", line=line, limit=CELL_LIMIT)


def find_table(text: str, delimiter: str | None) -> tuple[Table, int, Header]:
    """
    Cut a text into cells: the table, the number of its header's line, and the header.

    The delimiter is the one with which the header means most.

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
    found = []
    for candidate in [delimiter] if delimiter else list(dict(DELIMITERS)):
        number, header = find_header(_peek(beginning, candidate))
        if header:
            found.append((header.known, -number, candidate, header))
    if not found:
        line, first = next(
            ((number, line) for number, line in enumerate(beginning, 1) if line.strip()), (1, "")
        )
        raise UnreadableFile("no_header", line=line, found=names.clean_text(first[:60]))
    _known, number, delimiter, header = max(found, key=lambda one: one[:2])
    return Table(text, delimiter), -number, header


def find_header(lines: list[Cells]) -> tuple[int, Header | None]:
    """The number of the first line that is a header, and what it means."""
    for number, cells in lines:
        header = read_header(cells)
        if header:
            return number, header
    return 0, None


def count_known_columns(text: str) -> int:
    """How many columns are known with the best delimiter; tells encodings apart."""
    beginning = _beginning(text)
    headers = (find_header(_peek(beginning, delimiter))[1] for delimiter in dict(DELIMITERS))
    return max((header.known for header in headers if header), default=0)


def _beginning(text: str) -> list[str]:
    return io.StringIO(text[:65536], newline="").readlines()[:HEADER_LINES]


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
