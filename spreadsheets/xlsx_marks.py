"""
Reads what stands in a workbook beside the values of its cells: number formats, hidden rows, errors,
and formulas without a result.
"""

import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from xml.parsers import expat

from spreadsheets.csv_reader import COLUMN_LIMIT
from spreadsheets.errors import UnreadableFile
from spreadsheets.number_format import read_format

# Excel's own limit of formats of cells.
MAX_STYLES = 65_536
_CHUNK = 1 << 18
# One of them is in a worksheet if anything but the values matters.
_SIGNS = (b"hidden", b't="e"', b"t='e'", b"<f")
_LETTERS = re.compile(r"[A-Za-z]{1,3}")

# A formula that was saved without its result has no text of its own.
NO_RESULT = "#FORMULA!"
# What spreadsheets show instead of a value, also in files that they write.
ERRORS = frozenset(
    {
        "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
        "#FIELD!", "#BLOCKED!", "#CONNECT!", "#BUSY!", "#UNKNOWN!", "#GETTING_DATA", NO_RESULT,
    }
)  # fmt: skip


class Format(Protocol):
    def show(self, value: object) -> str | None: ...


@dataclass(slots=True)
class RowMarks:
    """What stands beside the values of one row; columns count from 0."""

    number: int
    is_hidden: bool
    formats: dict[int, Format] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    formulas: list[int] = field(default_factory=list)
    # Whether each filled cell is merged with those right of it, like a title above a table.
    is_title: bool = False

    def __bool__(self) -> bool:
        return bool(self.is_hidden or self.formats or self.errors or self.formulas)


@dataclass(frozen=True)
class Parts:
    """Where the worksheets are in the package, and the formats of cells that matter by style."""

    by_name: Mapping[str, str]
    formats: Mapping[str, Format]


def has_signs(xml: bytes, *, is_prefixed: bool) -> bool:
    """
    Whether a piece of a worksheet may have hidden rows, errors or formulas.

    :param is_prefixed: whether its elements have a prefix, as few programs write them.
    """
    return any(sign in xml for sign in _SIGNS) or (is_prefixed and b":f" in xml)


def read_parts(package: zipfile.ZipFile) -> Parts:
    """Read the directory of a workbook and its formats."""
    sheets, facts, targets = {}, {}, {}

    def see_workbook(name: str, attributes: dict) -> None:
        if name == "sheet":
            # The id has one of two namespaces, and any prefix.
            ids = (text for key, text in attributes.items() if key.endswith(":id"))
            sheets.setdefault(attributes.get("name", ""), next(ids, ""))
        elif name == "workbookPr":
            facts["date1904"] = attributes.get("date1904", "")

    def see_relation(name: str, attributes: dict) -> None:
        if name == "Relationship":
            target = attributes.get("Target", "")
            kind = attributes.get("Type", "").rpartition("/")[2]
            # A path from the top, or beside the workbook.
            path = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
            targets[attributes.get("Id", "")] = path
            targets.setdefault(kind, path)

    _look_at(package, "xl/workbook.xml", see_workbook)
    _look_at(package, "xl/_rels/workbook.xml.rels", see_relation)
    by_name = {name: targets[id] for name, id in sheets.items() if id in targets}
    is_1904 = facts.get("date1904") in ("1", "true", "on")
    styles = targets.get("styles", "xl/styles.xml")
    return Parts(by_name, _read_formats(package, styles, is_1904=is_1904))


def _read_formats(package: zipfile.ZipFile, part: str, *, is_1904: bool) -> dict[str, Format]:
    codes: dict[str, str] = {}
    numbers: list[str] = []
    place = [""]

    def see(name: str, attributes: dict) -> None:
        if name in {"cellXfs", "cellStyleXfs", "dxfs", "cellStyles"}:
            place[0] = name
        elif name == "numFmt" and place[0] != "dxfs" and len(codes) < MAX_STYLES:
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "xf" and place[0] == "cellXfs" and len(numbers) < MAX_STYLES:
            numbers.append(attributes.get("numFmtId", "0"))

    _look_at(package, part, see)
    known = {
        number: read_format(int(number), codes.get(number, ""), is_1904=is_1904)
        for number in {*numbers}
        if number.isdecimal()
    }
    found = ((str(style), known.get(number)) for style, number in enumerate(numbers))
    return {style: format for style, format in found if format}


def read_marks(
    package: zipfile.ZipFile, part: str, formats: Mapping[str, Format]
) -> Iterator[RowMarks]:
    """
    The rows of a worksheet with anything beside their values, in order.

    :raises UnreadableFile: where the XML is damaged, or rows with marks are not in order.
    """
    reader = _Marks(formats)
    try:
        with package.open(part) as file:
            while chunk := file.read(_CHUNK):
                reader.parser.Parse(chunk, False)
                yield from reader.take()
        reader.parser.Parse(b"", True)
    except (KeyError, expat.ExpatError) as error:
        raise UnreadableFile("damaged") from error
    reader.end_row()
    yield from reader.take()


class _Marks:
    """Collects the marks of rows while the XML of a worksheet is parsed."""

    def __init__(self, formats: Mapping[str, Format]):
        self.formats = formats
        self.parser = _make_parser()
        self.parser.StartElementHandler = self._start
        self.row: RowMarks | None = None
        self.found: list[RowMarks] = []
        # The row and the column of the cell, and the row that was collected last.
        self.number, self.column, self.last = 0, -1, 0
        self.kind = ""
        self.prefix: str | None = None
        self.columns: dict[str, int] = {}
        self.texts: list[str] = []

    def take(self) -> list[RowMarks]:
        """The finished rows since the last call."""
        found, self.found = self.found, []
        return found

    def end_row(self) -> None:
        # Rows far out may be hidden or formatted in any order, as long as they are empty.
        if self.row and self.column >= 0:
            if self.row.number <= self.last:
                raise UnreadableFile("damaged")
            self.last = self.row.number
            self.found.append(self.row)
        self.row = None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self.prefix is None:
            # The first element has the prefix of all of them.
            self.prefix = name[: name.find(":") + 1]
        if self.prefix:
            name = name.removeprefix(self.prefix)
        if name == "c":
            self._start_cell(attributes)
        elif name == "row":
            self._start_row(attributes)
        elif name == "f":
            if self.row is not None and self.kind not in ("str", "e") and self.column >= 0:
                self.row.formulas.append(self.column)
        elif name == "v" and self.kind == "e" and self.row is not None:
            self.texts.clear()
            self.parser.CharacterDataHandler = self.texts.append
            self.parser.EndElementHandler = self._end_error

    def _start_row(self, attributes: dict[str, str]) -> None:
        self.end_row()
        self.number = _number(attributes.get("r"), self.number + 1)
        self.column, self.kind = -1, ""
        self.row = RowMarks(self.number, attributes.get("hidden") in ("1", "true", "on"))

    def _start_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        column = self.column + 1
        if place:
            column = self.columns.get(place[:-1] if len(place) < 3 else place.rstrip("0123456789"))
            if column is None:
                column = self._read_column(place)
        self.column = column
        self.kind = attributes.get("t", "")
        if "s" in attributes and self.row is not None and column < COLUMN_LIMIT:
            format = self.formats.get(attributes["s"])
            if format:
                self.row.formats[column] = format

    def _read_column(self, place: str) -> int:
        letters = _LETTERS.match(place)
        if not letters:
            return COLUMN_LIMIT
        number = 0
        for letter in letters[0].upper():
            number = number * 26 + ord(letter) - 64
        if number > 3 * COLUMN_LIMIT:
            return COLUMN_LIMIT
        self.columns[letters[0]] = number - 1
        return number - 1

    def _end_error(self, _name: str) -> None:
        self.parser.CharacterDataHandler = self.parser.EndElementHandler = None
        if self.row is not None and self.column < COLUMN_LIMIT:
            self.row.errors[self.column] = "".join(self.texts).strip()[:20] or "#N/A"


def _look_at(package: zipfile.ZipFile, part: str, see: Callable[[str, dict], None]) -> None:
    """Call `see` with the name, without a prefix, and the attributes of each element of a part."""
    parser = _make_parser()
    parser.StartElementHandler = lambda name, attributes: see(name.rpartition(":")[2], attributes)
    try:
        with package.open(part) as file:
            while chunk := file.read(_CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except (KeyError, expat.ExpatError):
        # The reader of values refuses what is damaged; what is missing matters to nothing here.
        return


def _make_parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_declared: object) -> None:
        raise UnreadableFile("damaged")

    # Workbooks declare no entities; bombs do.
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else default
