"""Reads cells of .xlsx files, and checks each file before it is unpacked."""

import io
import itertools
import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import python_calamine

from spreadsheets.csv_reader import (
    COLUMN_LIMIT,
    HEADER_LINES,
    ROW_LIMIT,
    Cells,
    Header,
    ReadHeader,
    check_length,
    find_header,
)
from spreadsheets.errors import UnreadableFile, quote

# A workbook of 100,000 people unpacks to about 60 MB, ten to one.
UNPACKED_LIMIT = 200 * 1024 * 1024
RATIO_LIMIT = 100
ENTRIES_LIMIT = 200
WORKSHEETS_LIMIT = 20

CELLS_LIMIT = 3_000_000

# A text that stands once in the file may stand in every cell, and unpacks into each of them.
TEXTS_LIMIT = 128 * 1024 * 1024

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


@dataclass(frozen=True)
class Worksheet:
    """The first worksheet that lists people, with its header and the filled rows below it."""

    name: str
    # Its first filled line: the header, or a title above it.
    first: Cells
    number: int
    header: Header
    lines: Iterator[Cells]
    top: list[Cells]
    # Names of the other worksheets that are not empty.
    others: list[str]


def read_workbook(data: bytes, read_header: ReadHeader, line: int | None = None) -> Worksheet:
    """
    Find the worksheet that lists people; its rows are read lazily.

    `line` is that of the header where it is known, 0 for a worksheet without one.

    :raises UnreadableFile: if it is no workbook, is too big, or no worksheet has a header; while
        the rows are read, if a cell is too long.
    """
    check_package(data)
    found, filled, first = None, {}, []
    with _refusing_what_is_damaged():
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        for name in _titles(workbook):
            sheet = workbook.get_sheet_by_name(name)
            lines = _lines(sheet)
            top = list(itertools.islice(lines, 1 if found else HEADER_LINES))
            if not top:
                continue
            filled[name] = top[0]
            first = first or top
            number, header = (0, None) if found else find_header(top, read_header, line)
            if header:
                rest = [line for line in top if line[0] > number]
                found = name, top[0], number, header, itertools.chain(rest, lines), top
            # Only the one that is read stays in memory.
            del sheet, lines
        # So do its cells alone, without the texts that all worksheets share.
        workbook.close()
    if not filled:
        raise UnreadableFile("empty")
    if found is None:
        number, cells = next(iter(filled.values()))
        shown = next((cell for cell in cells if cell), "")
        error = UnreadableFile("no_header", line=number, found=quote(shown))
        error.top = first
        raise error
    return Worksheet(*found, others=[name for name in filled if name != found[0]])


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


def _titles(workbook: python_calamine.CalamineWorkbook) -> list[str]:
    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.visible == python_calamine.SheetVisibleEnum.Visible
        and sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
    ][:WORKSHEETS_LIMIT]


def _lines(sheet: python_calamine.CalamineSheet) -> Iterator[Cells]:
    """The rows that are not empty, with their numbers, converted to text one by one."""
    before = [""] * sheet.start[1] if sheet.start else []
    rows = sheet.iter_rows()
    for number in itertools.count(1):
        with _refusing_what_is_damaged():
            row = next(rows, None)
        if row is None:
            return
        cells = before + [cell if type(cell) is str else _as_text(cell) for cell in row]
        if any(cells):
            check_length(number, cells)
            yield number, cells


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
    Check how much a workbook unpacks to, as declared and in fact.

    :raises UnreadableFile: before a hostile file takes much memory.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            entries = package.infolist()
            _check_entries(entries)
            counts = {entry: _check_content(package, entry) for entry in entries}
            _check_texts(package, counts)
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


def _check_content(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, int]:
    """How many cells and how many shared texts are in a part, at most."""
    # Reading stops at the declared size and fails there if it was a lie. Every part is looked
    # at, since any of them may be named as the worksheet.
    cells = strings = 0
    for buffer, new, until in _read(package, entry):
        cells += buffer.count(b"<c", new) + buffer.count(b":c", new)
        strings += buffer.count(b"<si", new) + buffer.count(b":si", new)
        _check_places(buffer, until)
    if max(cells, strings) > CELLS_LIMIT:
        raise UnreadableFile("unpacks_too_big")
    return cells, strings


def _read(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[tuple[bytes, int, int]]:
    """
    A part piece by piece: the bytes, where those begin that were not in the piece before, and
    up to where something may begin that is to be seen in this piece.
    """
    with package.open(entry) as file:
        rest, chunk = b"", file.read(_CHUNK)
        while chunk:
            following = file.read(_CHUNK)
            buffer = rest + chunk
            yield buffer, len(rest), len(buffer) - _LOOK_AHEAD if following else len(buffer)
            rest, chunk = buffer[-_LOOK_AHEAD - 1 :], following


def _check_texts(package: zipfile.ZipFile, counts: dict[zipfile.ZipInfo, tuple[int, int]]) -> None:
    # A text that stands once in the file is copied into each cell that shows it.
    shared = [entry for entry, (_cells, strings) in counts.items() if strings]
    most = max((cells for cells, _strings in counts.values()), default=0)
    if most * sum(entry.file_size for entry in shared) <= TEXTS_LIMIT:
        return
    lengths = _lengths(package, shared[0]) if len(shared) == 1 else None
    longest = max(lengths) if lengths else sum(entry.file_size for entry in shared)
    for entry, (cells, _strings) in counts.items():
        if cells * longest <= TEXTS_LIMIT:
            continue
        if lengths is None or _shown(package, entry, cells, lengths, longest) > TEXTS_LIMIT:
            raise UnreadableFile("unpacks_too_big")


def _lengths(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> array | None:
    """The length of each shared text, marks included; None where the part is in disguise."""
    lengths, length = array("I"), 0
    for number, (buffer, new, until) in enumerate(_read(package, entry)):
        disguise = _DISGUISE.search(buffer, 5 if number == 0 else 0)
        if disguise and disguise.start() < until:
            return None
        # A mark that is cut in two makes one long text of two: too much, never too little.
        pieces = _SHARED_TEXT.split(buffer[new:])
        for piece in pieces[:-1]:
            lengths.append(length + len(piece))
            length = 0
        length += len(pieces[-1])
    lengths.append(length)
    # What stands above the first text is none.
    return lengths[1:]


def _shown(
    package: zipfile.ZipFile, entry: zipfile.ZipInfo, cells: int, lengths: array, longest: int
) -> int:
    """How long the texts in the cells of a worksheet are together, at most."""
    shown, rest = 0, b""
    for buffer, new, _until in _read(package, entry):
        chunk = rest + buffer[new:]
        # A cell that is cut in two belongs to the next piece.
        cut = chunk.rfind(b"<c", -_LOOK_AHEAD)
        chunk, rest = (chunk[:cut], chunk[cut:]) if cut > 0 else (chunk, b"")
        plain = _PLAIN_CELL.findall(chunk)
        cells -= len(plain)
        shown += sum(lengths[int(index)] for index in plain if index and int(index) < len(lengths))
    # Whatever is written in another way may be the longest text.
    return shown + max(cells, 0) * longest


_SHARED_TEXT = re.compile(rb"<(?:\w+:)?si\b")
# Where a mark of a text may stand that is none: in comments and the like, and in attributes.
_DISGUISE = re.compile(rb"""<[!?]|=\s{0,50}(?:"(?![^"<]{0,2000}")|'(?![^'<]{0,2000}'))|=\s{51}""")
# As spreadsheets write a cell: with the number of a shared text, or with nothing. One that is put
# into a comment makes no cell fewer that is counted.
_PLAIN_CELL = re.compile(
    rb"""<c(?:\s[\w:]+="[^"<>]*")*(?:>(?:<f[^<>]*>[^<]*</f>|<f[^<>]*/>)?<v>([0-9]{1,9})(?:\.[0-9]*)?</v></c>|\s?/>)"""
)


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
