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
    # A password can be in the wrong column.
    has_secret = any(column.field in (PASSWORD, SECRET) for column in header.columns)
    for column in header.columns:
        first = firsts.get(column.field, column)
        place, kept = column.position, {}
        is_read = column.field in CHOICES
        # Passwords are neither read nor shown.
        if column.field not in (PASSWORD, SECRET) and (is_read or not _may_be_secret(place, lines)):
            texts = (_shorten(line[place]) for line in lines if place < len(line))
            is_plain = is_read and not has_secret
            kept = dict.fromkeys(text if is_plain else secrets.mask(text) for text in texts if text)
        cells = tuple(list(kept)[:CELLS])
        behind = first.header if first is not column else ""
        shown.append(Shown(column.header, column.field, cells, behind))
    return tuple(shown)


def show_lines(
    lines: Sequence[tuple[int, list[str]]], header_line: int | None
) -> list[tuple[int, list[str]]]:
    """The first lines of a file, and its header, with what looks like a password hidden."""
    secret = _find_secret(lines, header_line)
    shown = []
    for number, cells in lines:
        if (len(shown) < LINES or number == header_line) and any(map(str.strip, cells)):
            mask = secrets.mask_header if number == header_line else secrets.mask
            texts = [
                secrets.MASK
                if place in secret and number != header_line and cell.strip()
                else mask(clean_text(cell[: LONGEST * 2]))
                for place, cell in enumerate(cells)
            ]
            shown.append((number, texts))
    return shown


def find_secrets(lines: Sequence[tuple[int, list[str]]]) -> set[str]:
    """The cells of the first lines, which have no header, that are hidden."""
    secret = _find_secret(lines, None)
    return {cells[place] for _number, cells in lines for place in secret if place < len(cells)}


def _find_secret(lines: Sequence[tuple[int, list[str]]], header_line: int | None) -> set[int]:
    """The positions of columns with passwords, if one of the lines is their header."""
    secret = set()
    for number, cells in lines:
        below = [line for other, line in lines if other > number]
        header = columns.make_header(cells)
        # Only names of passwords count, or the cells below the header.
        settled = columns.resolve(header, below) if number == header_line else header
        secret |= {
            column.position
            for column in (*header.columns, *settled.columns)
            if column.field in (PASSWORD, SECRET)
        }
    rows = [line for number, line in lines if header_line is None or number > header_line]
    width = max(map(len, rows), default=0)
    known = set()
    for number, cells in lines:
        if number == header_line:
            settled = columns.resolve(columns.make_header(cells), rows)
            known = {column.position for column in settled.columns if column.field in CHOICES}
    return secret | {
        place for place in range(width) if place not in known and _may_be_secret(place, rows)
    }


def _may_be_secret(place: int, lines: Sequence[Sequence[str]]) -> bool:
    cells = [line[place].strip() if place < len(line) else "" for line in lines]
    return secrets.may_be_secrets(cells, lines)


def looks_like_person(cells: Sequence[str]) -> bool:
    """Whether a line is rather a person than the names of columns."""
    return any("@" in cell or cell.strip().isdecimal() for cell in cells)


def _shorten(cell: str) -> str:
    text = clean_text(cell[: LONGEST * 2])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
