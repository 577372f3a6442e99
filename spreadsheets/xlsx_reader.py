"""Reads the rows of .xlsx files as texts, as a spreadsheet shows them."""

import io
import itertools
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import python_calamine

from spreadsheets.csv_reader import (
    COLUMN_LIMIT,
    HEADER_LINES,
    Cells,
    Header,
    ReadHeader,
    check_length,
    find_header,
)
from spreadsheets.errors import UnreadableFile, quote
from spreadsheets.number_format import plain_text
from spreadsheets.xlsx_marks import NO_RESULT, RowMarks, read_marks, read_parts
from spreadsheets.xlsx_package import check_package
from spreadsheets.xlsx_writer import name_column

WORKSHEETS_LIMIT = 20

# Choice of a worksheet: all that list people.
ALL_WORKSHEETS = "*"

# A row with its number, its texts, and what stands beside them.
_Line = tuple[int, list[str], RowMarks | None]


@dataclass
class Report:
    """What was found in a worksheet while its rows were read."""

    # Filled rows below the header that are hidden.
    hidden: int = 0
    # Errors and formulas without a result in rows that were read: how many, and where the first is.
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, marks: RowMarks) -> None:
        for column, text in sorted(marks.errors.items()):
            count, first = self.faults.get(text, (0, f"{name_column(column)}{marks.number}"))
            self.faults[text] = count + 1, first


@dataclass(frozen=True)
class Worksheet:
    """A worksheet that lists people, with its header and the filled rows below it."""

    name: str
    # Its first filled line: the header, or a title above it.
    first: Cells
    number: int
    header: Header
    lines: Iterator[Cells]
    top: list[Cells]
    report: Report
    # Whether there is no row below the header.
    is_bare: bool


@dataclass
class Choice:
    """Which rows of a workbook are read, and what there was to choose from."""

    # The name of a worksheet, ALL_WORKSHEETS, or '' for the first that lists people.
    sheet: str = ""
    with_hidden: bool = False
    # The line of the header where it is known, 0 for a worksheet without one.
    line: int | None = None
    # Reads the headers of further worksheets, where several are read.
    read_further: ReadHeader | None = None
    # The worksheets that are not empty, once the workbook was read.
    names: list[str] = field(default_factory=list)


def read_workbook(
    data: bytes, read_header: ReadHeader, choice: Choice | None = None
) -> Iterator[Worksheet]:
    """
    Yield the chosen worksheets that list people, one by one; the rows of each are read lazily.

    :raises UnreadableFile: if it is no workbook, is too big, or no worksheet has a header; while
        the rows are read, if a cell is too long.
    """
    choice = choice or Choice()
    marked = check_package(data)
    with _refusing_what_is_damaged():
        workbook = _Workbook(data, marked)
    # The rows replace the bytes in memory.
    del data
    if choice.sheet not in ("", ALL_WORKSHEETS, *workbook.titles):
        raise UnreadableFile("worksheet_gone", name=quote(choice.sheet))
    found, is_found, first = None, False, []
    for name in workbook.titles:
        is_wanted = choice.sheet in (name, ALL_WORKSHEETS)
        if not choice.sheet:
            is_wanted = found is None or found.is_bare
        lines = workbook.lines(name)
        top = list(itertools.islice(lines, HEADER_LINES if is_wanted else 1))
        if not top:
            continue
        choice.names.append(name)
        candidate = None
        if is_wanted:
            first = first or [(number, cells) for number, cells, _marks in top]
            candidate = _find_table(name, top, lines, read_header, choice)
        # Only the one that is read stays in memory.
        del lines, top
        if candidate is None:
            continue
        is_found = True
        if choice.sheet == ALL_WORKSHEETS:
            yield candidate
            # What is known of the header is of the first one.
            choice.line, read_header = None, choice.read_further or read_header
        elif found is None or not candidate.is_bare:
            found = candidate
    # So do its cells alone, without the texts that all worksheets share.
    workbook.close()
    if not choice.names:
        raise UnreadableFile("empty")
    if not is_found:
        raise _no_header(first)
    if found is not None:
        yield found


def _no_header(top: list[Cells]) -> UnreadableFile:
    number, cells = top[0] if top else (1, [])
    shown = next((cell for cell in cells if cell), "")
    error = UnreadableFile("no_header", line=number, found=quote(shown))
    error.top = top
    return error


def _find_table(
    name: str,
    top: list[_Line],
    lines: Iterator[_Line],
    read_header: ReadHeader,
    choice: Choice,
) -> Worksheet | None:
    visible = [
        (number, cells)
        for number, cells, marks in top
        if marks is None or not (marks.is_hidden or marks.is_title)
    ]
    shown = [(number, cells) for number, cells, _marks in top]
    number, header = find_header(visible, read_header, choice.line)
    if header is None:
        number, header = find_header(shown, read_header, choice.line)
    if header is None:
        return None
    # Where cells of the header are merged with those below, the names stand in both lines.
    cells, below = dict(shown).get(number, []), dict(shown).get(number + 1, [])
    if choice.line is None and any(
        cell and cell == lower for cell, lower in zip(cells, below, strict=False)
    ):
        lower = read_header(below)
        if lower is not None and lower.known > header.known:
            number, header = number + 1, lower
    report = Report()
    rest = itertools.chain([line for line in top if line[0] > number], lines)
    rows = _read_rows(rest, report, with_hidden=choice.with_hidden)
    following = list(itertools.islice(rows, 1))
    lines = itertools.chain(following, rows)
    return Worksheet(name, shown[0], number, header, lines, shown, report, is_bare=not following)


def _read_rows(lines: Iterator[_Line], report: Report, *, with_hidden: bool) -> Iterator[Cells]:
    for number, cells, marks in lines:
        if marks:
            report.hidden += marks.is_hidden
            if marks.is_hidden and not with_hidden:
                continue
            if marks.errors:
                report.add(marks)
        yield number, cells


class _Workbook:
    """An open workbook: the values of its cells, with what stands beside them."""

    def __init__(self, data: bytes, marked: Mapping[str, bool]):
        self.book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        package = zipfile.ZipFile(io.BytesIO(data))
        self.parts = read_parts(package)
        # The worksheets with anything beside their values.
        self.marked = {
            name: part
            for name, part in self.parts.by_name.items()
            if part in marked and (marked[part] or self.parts.formats)
        }
        # Without it, the bytes of the file need not stay in memory.
        self.package = package if self.marked else None

    @property
    def titles(self) -> list[str]:
        return [
            sheet.name
            for sheet in self.book.sheets_metadata
            if sheet.visible == python_calamine.SheetVisibleEnum.Visible
            and sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        ][:WORKSHEETS_LIMIT]

    def lines(self, name: str) -> Iterator[_Line]:
        """The rows of a worksheet that are not empty, converted to text one by one."""
        with _refusing_what_is_damaged():
            sheet = self.book.get_sheet_by_name(name)
            merged = _Merged(sheet)
        marks = iter(())
        if name in self.marked:
            marks = read_marks(self.package, self.marked[name], self.parts.formats)
        return _lines(sheet, marks, merged)

    def close(self) -> None:
        self.book.close()


@contextmanager
def _refusing_what_is_damaged() -> Iterator[None]:
    try:
        yield
    except (python_calamine.CalamineError, ValueError, OverflowError, OSError) as error:
        raise UnreadableFile("damaged") from error
    except BaseException as error:
        # The reader is written in Rust; where it panics, that is no ordinary exception.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFile("damaged") from error


class _Merged:
    """The merged cells of a worksheet, whose rows are passed through it in order."""

    def __init__(self, sheet: python_calamine.CalamineSheet):
        # Cells merged with those below: column and last line, by first line.
        self.down: dict[int, list[tuple[int, int]]] = {}
        # Columns of cells merged with those right of them, by line.
        self.right: dict[int, set[int]] = {}
        for (top, column), (bottom, last) in sheet.merged_cell_ranges or ():
            if top < bottom and column < COLUMN_LIMIT:
                self.down.setdefault(top + 1, []).append((column, bottom + 1))
            if column < last:
                self.right.setdefault(top + 1, set()).add(column)
        # Those that go on in the next line: the last line and the text, by column.
        self.going: dict[int, tuple[int, str]] = {}

    def is_title(self, number: int, cells: Sequence[str]) -> bool:
        """Whether each filled cell of the line is merged with those right of it."""
        right = self.right.pop(number, ())
        return bool(right) and all(column in right for column, cell in enumerate(cells) if cell)

    def fill(self, number: int, cells: list[str]) -> None:
        """Put the texts of cells above, which are merged with cells of this line, into these."""
        # A row with nothing of its own is the rest of the row above, not one more person.
        is_row = any(cells)
        for column, (last, text) in list(self.going.items()):
            if last < number:
                del self.going[column]
            elif is_row and text:
                cells += [""] * (column + 1 - len(cells))
                cells[column] = cells[column] or text
        for column, last in self.down.pop(number, ()):
            self.going[column] = last, cells[column] if column < len(cells) else ""


def _lines(
    sheet: python_calamine.CalamineSheet, marks: Iterator[RowMarks], merged: _Merged
) -> Iterator[_Line]:
    before = [""] * sheet.start[1] if sheet.start else []
    rows = sheet.iter_rows()
    following = next(marks, None)
    for line in itertools.count(1):
        with _refusing_what_is_damaged():
            row = next(rows, None)
        number = line
        if row is None:
            if following is None:
                return
            # Formulas without results may stand below all values.
            row, number = [], max(line, following.number)
        cells = before + [cell if type(cell) is str else plain_text(cell) for cell in row]
        found = None
        if following is not None and following.number <= number:
            found, following = following, next(marks, None)
            _apply(found, row, cells, len(before))
        if merged.right and merged.is_title(number, cells):
            found = found or RowMarks(number, is_hidden=False)
            found.is_title = True
        if merged.down or merged.going:
            merged.fill(number, cells)
        if any(cells):
            check_length(number, cells)
            yield number, cells, found


def _apply(marks: RowMarks, row: Sequence[object], cells: list[str], start: int) -> None:
    for column, format in marks.formats.items():
        if start <= column < start + len(row):
            text = format.show(row[column - start])
            if text is not None:
                cells[column] = text
    for column in marks.formulas:
        # One with a result shows it.
        if column < COLUMN_LIMIT and not (column < len(cells) and cells[column]):
            marks.errors[column] = NO_RESULT
    for column, text in marks.errors.items():
        cells += [""] * (column + 1 - len(cells))
        cells[column] = text
