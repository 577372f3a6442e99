"""How rows are read that were pasted from a spreadsheet."""

from collections.abc import Sequence

from imports.read import columns
from imports.read.columns import Meanings
from spreadsheets.csv_reader import Table
from spreadsheets.errors import UnreadableFile

# The choice for a column that is not read; '' leaves it to the first row.
SKIP = "-"
TAB = "\t"


def read_options(text: str, fields: Sequence[str], meanings: Meanings) -> dict:
    """
    How to read pasted rows, in the form of a batch's options.

    `fields` are the choices for the columns: a field, SKIP, or '' to read it as the first row
    names it.
    """
    if not any(fields):
        return {"encoding": "utf-8", "delimiter": TAB if TAB in text else ""}
    try:
        _number, cells = next(iter(Table(text, TAB)), (1, []))
    except UnreadableFile:
        # Refused when the rows are read.
        cells = []
    return {
        "encoding": "utf-8",
        "delimiter": TAB,
        "columns": {
            str(position): {"header": "", "field": "" if field == SKIP else field}
            for position, field in enumerate(fields)
            if field
        },
        "header_line": 1 if columns.read_header(cells, meanings) else 0,
    }
