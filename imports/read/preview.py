"""A few cells of each column of a file, shown beside the choice of its field."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imports.read.columns import PASSWORD, Header
from partners.names import clean_text

LINES = 200
CELLS = 3
LONGEST = 60


@dataclass(frozen=True)
class Shown:
    """A column: its header, the field that it is read as, and a few of its cells."""

    header: str
    field: str
    cells: tuple[str, ...] = ()


class Samples:
    """Collects a few different cells of each column while the rows are read."""

    def __init__(self, header: Header):
        self.header = header
        self._cells: list[dict[str, None]] = [{} for _column in header.columns]

    def watch(self, lines: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
        """The lines unchanged; cells of the first ones are collected."""
        for number, line in enumerate(lines):
            if number < LINES:
                self._look_at(line[1])
            yield line

    def _look_at(self, cells: Sequence[str]) -> None:
        for kept, column, cell in zip(self._cells, self.header.columns, cells, strict=False):
            # Passwords are neither read nor shown.
            if len(kept) < CELLS and column.field != PASSWORD and (text := _shorten(cell)):
                kept[text] = None

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The columns of the file in their order."""
        return tuple(
            Shown(column.header, column.field, tuple(kept))
            for column, kept in zip(self.header.columns, self._cells, strict=True)
        )


def show_top(lines: Sequence[tuple[int, list[str]]]) -> tuple[Shown, ...]:
    """The columns of a file without a known header, as if the first line were it."""
    if not lines:
        return ()
    cells = [clean_text(cell) for cell in lines[0][1]]
    kept: list[dict[str, None]] = [{} for _cell in cells]
    for _number, line in lines[1:]:
        for found, cell in zip(kept, line, strict=False):
            if len(found) < CELLS and (text := _shorten(cell)):
                found[text] = None
    return tuple(Shown(cell, "", tuple(found)) for cell, found in zip(cells, kept, strict=True))


def _shorten(cell: str) -> str:
    text = clean_text(cell[: LONGEST * 2])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
