"""Workbook to cells: an .xlsx file, looked at before it is unpacked."""

import io
import itertools
import re
import zipfile
import zlib
from datetime import date, datetime, time, timedelta

import python_calamine

from users import names
from users.importing.columns import Header
from users.importing.delimited import (
    COLUMN_LIMIT,
    HEADER_LINES,
    ROW_LIMIT,
    Cells,
    check_length,
    find_header,
)
from users.importing.problems import UnreadableFile

# A workbook of 100,000 people unpacks to about 60 MB, ten to one.
UNPACKED_LIMIT = 200 * 1024 * 1024
RATIO_LIMIT = 100
ENTRIES_LIMIT = 200
WORKSHEETS_LIMIT = 20

CELLS_LIMIT = 3_000_000

# Where a cell stands decides how much memory the grid takes: one in XFD1048576 is enough to
# take all there is. Far is right of BL, the 64th column, or below line 100,999. Two patterns
# that begin with plain letters are three times as fast as one that does not.
_PLACE_FAR = (
    rb"""\s*["']((?=[A-Za-z]{2}|[A-Za-z]?[0-9]{6})(?:[A-Za-z]{3,9}[0-9]*|[Bb][M-Zm-z][0-9]*"""
    rb"""|[C-Zc-z][A-Za-z][0-9]*|[A-Za-z]{0,2}"""
    rb"""(?:[1-9][0-9]{6,}|[2-9][0-9]{5}|1[1-9][0-9]{4}|10[1-9][0-9]{3})))["']"""
)
_FAR = (re.compile(rb"r=" + _PLACE_FAR), re.compile(rb"r\s+=" + _PLACE_FAR))
_PLACE = re.compile(rb"([A-Za-z]*)([0-9]*)")
_END_OF_CELL = re.compile(rb"</(?:\w+:)?(?:row|c)\s*>")
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|is|f|t)\b")
_LOOK_AHEAD = 4096
_CHUNK = 1 << 20


def read_workbook(data: bytes) -> tuple[list[Cells], int, Header, str, list[str]]:
    """
    Read the first worksheet that lists people.

    Returns its cells with their row numbers, the number of the header's row, the header, the
    worksheet's name, and the names of the other worksheets that hold something.

    :raises UnreadableFile: if it is no workbook, is too big, or no worksheet has a header.
    """
    check_package(data)
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        titles = [
            sheet.name
            for sheet in workbook.sheets_metadata
            if sheet.visible == python_calamine.SheetVisibleEnum.Visible
            and sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        ][:WORKSHEETS_LIMIT]
        sheets = {name: _grid(workbook, name) for name in titles}
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise UnreadableFile("damaged") from error
    except BaseException as error:
        # The reader is written in Rust; where it panics, that is no ordinary exception.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFile("damaged") from error
    filled = {name: cells for name, cells in sheets.items() if cells}
    if not filled:
        raise UnreadableFile("empty")
    for name, cells in filled.items():
        number, header = find_header(cells[:HEADER_LINES])
        if header:
            return cells, number, header, name, [other for other in filled if other != name]
    number, first = next(iter(filled.values()))[0]
    found = next((cell for cell in first if cell), "")
    raise UnreadableFile("no_header", line=number, found=names.clean_text(found[:60]))


def _grid(workbook, name: str) -> list[Cells]:
    rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    grid = []
    for number, row in enumerate(rows, 1):
        cells = [cell if type(cell) is str else _as_text(cell) for cell in row]
        if any(cells):
            check_length(number, cells)
            grid.append((number, cells))
    return grid


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        # A telephone number in a cell of numbers: 13800138000.0
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds") if value.time() != time() else str(value.date())
    if isinstance(value, (date, time, timedelta)):
        return str(value)
    return str(value)


def check_package(data: bytes) -> None:
    """
    Look at what a workbook says that it unpacks to, and hold it to that.

    :raises UnreadableFile: before anything big is made of a file that is meant to do harm.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            entries = package.infolist()
            _check_entries(entries)
            for entry in entries:
                _check_content(package, entry)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
        OverflowError,
    ) as error:
        # RuntimeError: a password. ValueError: a name or a date that cannot be.
        raise UnreadableFile("damaged") from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    parts = {entry.filename for entry in entries}
    if "xl/workbook.xml" not in parts or "[Content_Types].xml" not in parts:
        if "xl/workbook.bin" in parts:
            raise UnreadableFile("binary_excel")
        raise UnreadableFile("not_a_table", kind="ZIP")
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnreadableFile("encrypted")
    if len(entries) > ENTRIES_LIMIT or len(parts) < len(entries):
        raise UnreadableFile("unpacks_too_big")
    if sum(entry.file_size for entry in entries) > UNPACKED_LIMIT:
        raise UnreadableFile("unpacks_too_big")
    for entry in entries:
        # Small parts may be packed as tightly as they like.
        if entry.file_size > max(RATIO_LIMIT * entry.compress_size, _CHUNK):
            raise UnreadableFile("unpacks_too_big")


def _check_content(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    # Reading stops at the declared size and fails there if it was a lie. Every part is looked
    # at, since any of them may be named as the worksheet.
    cells = strings = 0
    with package.open(entry) as file:
        rest, chunk = b"", file.read(_CHUNK)
        while chunk:
            following = file.read(_CHUNK)
            cells += chunk.count(b"<c") + chunk.count(b":c")
            strings += chunk.count(b"<si") + chunk.count(b":si")
            buffer = rest + chunk
            _check_places(buffer, len(buffer) if not following else len(buffer) - _LOOK_AHEAD)
            rest, chunk = buffer[-_LOOK_AHEAD - 1 :], following
    if max(cells, strings) > CELLS_LIMIT:
        raise UnreadableFile("unpacks_too_big")


def _check_places(xml: bytes, until: int) -> None:
    for place in itertools.chain.from_iterable(far.finditer(xml) for far in _FAR):
        start, end = place.span()
        # A blank stands before an attribute; lastClr is another one.
        if start >= until or not xml[start - 1 : start].isspace() or not _is_filled(xml, end):
            continue
        column, row = _PLACE.fullmatch(place[1]).groups()
        if len(row) > 5:
            raise UnreadableFile("too_many_rows", limit=ROW_LIMIT)
        found, line = _column_number(column), int(row or 0)
        raise UnreadableFile("too_many_columns", line=line, found=found, limit=COLUMN_LIMIT)


def _is_filled(xml: bytes, start: int) -> bool:
    # Formatted but empty cells stand far out in many an honest workbook; they cost nothing.
    ahead = xml[start : start + _LOOK_AHEAD]
    if ahead[: ahead.find(b">") + 1].endswith(b"/>"):
        return False
    end = _END_OF_CELL.search(ahead)
    return end is None or _VALUE.search(ahead, 0, end.start()) is not None


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
