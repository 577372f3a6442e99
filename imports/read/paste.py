"""Rows that were pasted from a spreadsheet, as the content of a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imports.read import columns
from spreadsheets.csv_reader import Table
from spreadsheets.errors import UnreadableFile

# The choice for a column that is not read; '' leaves it to the first row.
SKIP = "-"
TAB = "\t"


@dataclass(frozen=True)
class Pasted:
    """The content of a file, its delimiter or '' to detect it, and the line of the first row."""

    content: bytes
    delimiter: str
    first: int


def make_file(text: str, fields: Sequence[str], meanings: Mapping[str, str]) -> Pasted:
    """
    Make a file of pasted rows.

    `fields` are the choices for the columns: a field, SKIP, or '' to read it as the first row
    names it. A header is put above the rows where they have none.
    """
    delimiter = TAB if TAB in text or any(fields) else ""
    if not any(fields):
        return Pasted(text.encode("utf-8", "replace"), delimiter, 1)
    first, rest = _split_first(text)
    header = columns.read_header(first, meanings)
    names = _names_of_fields(meanings)
    cells = list(first) if header else [""] * len(first)
    cells += [""] * (len(fields) - len(cells))
    for position, field in enumerate(fields):
        if field:
            cells[position] = names.get(field, "")
    # The first column of a field is the one that is read first; a choice comes before a name.
    chosen = {names[field] for field in fields if field in names}
    for position, cell in enumerate(cells):
        is_chosen = position < len(fields) and fields[position]
        if not is_chosen and cell in chosen:
            cells[position] = ""
    line = TAB.join(_quote(cell) for cell in cells)
    if header:
        # The rows keep their lines, though names of columns went over several.
        above = "\r\n" * (_count_lines(first) - _count_lines(cells) + 1)
        text = f"{line}{above}{rest}"
    else:
        text = f"{line}\r\n{text}"
    return Pasted(text.encode("utf-8", "replace"), delimiter, 1 if header else 2)


def _names_of_fields(meanings: Mapping[str, str]) -> dict[str, str]:
    """A name for the column of each field, to which no member has given another meaning."""
    english, chinese = (columns.template_names(language) for language in ("en", "zh-hans"))
    return {
        field: name if columns.plain_header(name) not in meanings else chinese[field]
        for field, name in english.items()
    }


def _split_first(text: str) -> tuple[list[str], str]:
    """The cells of the first row, and the text below it."""
    table = Table(text, TAB)
    try:
        _number, cells = next(iter(table), (1, []))
    except UnreadableFile:
        # Refused when the file is read.
        return [], text
    rest = re.compile(rf"(?:[^\r\n]*(?:\r\n?|\n|\Z)){{{_count_lines(cells)}}}").match(text)
    return cells, text[rest.end() :] if rest else ""


def _count_lines(cells: Sequence[str]) -> int:
    return 1 + sum(len(re.findall(r"\r\n?|\n", cell)) for cell in cells)


def _quote(cell: str) -> str:
    return '"{}"'.format(cell.replace('"', '""')) if re.search(r'["\t\r\n]', cell) else cell
