"""A few cells of each column of a file, and its first lines, shown beside the choices for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from imports.read import columns, secrets
from imports.read.columns import CHOICES, PASSWORD, SECRET, Header
from partners.names import clean_text

CELLS = 3
LONGEST = 60
# First lines that can be named as the header.
LINES = 15


@dataclass(frozen=True)
class Shown:
    """A column: its header, the field that it is read as, and a few of its cells."""

    header: str
    field: str
    cells: tuple[str, ...] = ()
    # The header of the column that is read before it for the same field.
    behind: str = ""


def show_columns(header: Header, lines: Sequence[Sequence[str]]) -> tuple[Shown, ...]:
    """The columns of a file in their order, with a few different cells of these lines."""
    firsts = columns.find_firsts(header.columns)
    shown = []
    for column in header.columns:
        first = firsts.get(column.field, column)
        place, kept = column.position, {}
        # Passwords are neither read nor shown.
        if column.field not in (PASSWORD, SECRET):
            texts = (_shorten(line[place]) for line in lines if place < len(line))
            is_read = column.field in CHOICES
            kept = dict.fromkeys(text if is_read else secrets.mask(text) for text in texts if text)
        cells = tuple(list(kept)[:CELLS])
        behind = first.header if first is not column else ""
        shown.append(Shown(column.header, column.field, cells, behind))
    return tuple(shown)


def show_lines(lines: Sequence[tuple[int, list[str]]], header_line: int = 0) -> list[list]:
    """The first lines of a file, and its header, with what looks like a password hidden."""
    secret = _find_secret(lines, header_line)
    shown = []
    for number, cells in lines:
        if (len(shown) < LINES or number == header_line) and any(map(str.strip, cells)):
            texts = [
                secrets.MASK
                if place in secret and number != header_line and cell.strip()
                else secrets.mask_header(clean_text(cell[: LONGEST * 2]))
                for place, cell in enumerate(cells)
            ]
            shown.append([number, texts])
    return shown


def _find_secret(lines: Sequence[tuple[int, list[str]]], header_line: int) -> set[int]:
    """The positions of columns with passwords, if one of the lines is their header."""
    secret = set()
    for number, cells in lines:
        below = [line for other, line in lines if other > number]
        header = columns.make_header(cells)
        # Only names of passwords count, or the cells below the header.
        settled = columns.resolve(header.columns, below) if number == header_line else ()
        secret |= {
            column.position
            for column in (*header.columns, *settled)
            if column.field in (PASSWORD, SECRET)
        }
    return secret


def looks_like_person(cells: Sequence[str]) -> bool:
    """Whether a line is rather a person than the names of columns."""
    return any("@" in cell or cell.strip().isdecimal() for cell in cells)


def _shorten(cell: str) -> str:
    text = clean_text(cell[: LONGEST * 2])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
