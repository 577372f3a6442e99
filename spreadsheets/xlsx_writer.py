"""Writes .xlsx files as a stream, without keeping them in memory or on disk."""

import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from xml.sax.saxutils import escape

from spreadsheets import csv_writer

# Excel's limits of a worksheet and of a cell; further rows go to the next worksheet.
MAX_LINES = 1_048_576
MAX_CHARACTERS = 32_767
# The rows from which the widths of the columns are computed.
SAMPLE_SIZE = 200
MIN_WIDTH, MAX_WIDTH = 10, 60

_PART = 64 * 1024
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

# Style 1 is a text that stays one when it is changed (number format 49, and the apostrophe that a
# spreadsheet keeps out of sight); style 2 is the header.
_STYLES = f"""{_XML}<styleSheet xmlns="{_MAIN}">
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill>
<fill><patternFill patternType="gray125"/></fill></fills>
<borders count="2"><border><left/><right/><top/><bottom/><diagonal/></border>
<border><left/><right/><top/><bottom style="thin"/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>
<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1" applyNumberFormat="1"/>
<xf numFmtId="49" fontId="1" fillId="0" borderId="1" xfId="0" applyNumberFormat="1" applyFont="1"/>
</cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


class _Sink:
    """A file object from which the written bytes are taken piece by piece."""

    def __init__(self):
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        """The bytes written since the last call."""
        taken = b"".join(self.parts)
        self.parts.clear()
        return taken


def write_xlsx(rows: Iterable[Sequence[object]], title: str = "") -> Iterator[bytes]:
    """
    Write rows as a workbook of text cells; the first row is the header, which is frozen.

    :param title: the name of the worksheet.
    """
    rows = iter(rows)
    header = next(rows)
    sink = _Sink()
    names: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        first = next(rows, None)
        while first is not None or not names:
            names.append(_title(title, len(names) + 1))
            lines = chain([] if first is None else [first], islice(rows, MAX_LINES - 2))
            with package.open(f"xl/worksheets/sheet{len(names)}.xml", "w") as file:
                for xml in _worksheet(header, lines):
                    file.write(xml)
                    yield sink.take()
            first = next(rows, None)
        for name, content in _frame(names):
            package.writestr(name, content)
    yield sink.take()


def _title(title: str, number: int) -> str:
    title = re.sub(r"[\[\]:*?/\\']", " ", title).strip()[:25] or "Sheet"
    return title if number == 1 else f"{title} {number}"


def _worksheet(header: Sequence[object], rows: Iterator[Sequence[object]]) -> Iterator[bytes]:
    sample = list(islice(rows, SAMPLE_SIZE))
    letters = [name_column(place) for place in range(len(header))]
    block = [
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        '</sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>',
        *(
            f'<col min="{place}" max="{place}" width="{width}" style="1" customWidth="1"/>'
            for place, width in enumerate(_widths([header, *sample]), 1)
        ),
        "</cols><sheetData>",
        _row(1, header, letters, 2),
    ]
    size = 0
    number = 1
    for number, row in enumerate(chain(sample, rows), 2):
        xml = _row(number, row, letters, 1)
        block.append(xml)
        size += len(xml)
        if size > _PART:
            yield "".join(block).encode()
            block.clear()
            size = 0
    area = f"A1:{letters[-1]}{number}"
    block.append(
        f'</sheetData><autoFilter ref="{area}"/><ignoredErrors>'
        # No green corner at every telephone number that is kept as a text.
        f'<ignoredError sqref="{area}" numberStoredAsText="1"/></ignoredErrors></worksheet>'
    )
    yield "".join(block).encode()


def _row(number: int, row: Sequence[object], letters: Sequence[str], style: int) -> str:
    cells = [
        f'<c r="{letter}{number}" s="{style}" t="inlineStr"><is><t xml:space="preserve">'
        f"{_text(cell)}</t></is></c>"
        for letter, cell in zip(letters, row, strict=True)
        # An empty cell takes the style of its column.
        if cell not in ("", None)
    ]
    return f'<row r="{number}">{"".join(cells)}</row>'


def _text(cell: object) -> str:
    text = str(cell)
    # The import removes an apostrophe before a formula, even one that was typed.
    if "'" in text and csv_writer.restore(text) != text:
        text = csv_writer.neutralize(text)
    if not text.isprintable():
        text = _NOT_IN_XML.sub("", text)
    if "_x" in text:
        text = _LOOKS_ESCAPED.sub("_x005F_", text)
    return escape(text[:MAX_CHARACTERS])


def _widths(rows: Iterable[Sequence[object]]) -> list[int]:
    widths = [max(_width(str(cell or "")) for cell in column) for column in zip(*rows, strict=True)]
    return [min(max(width + 2, MIN_WIDTH), MAX_WIDTH) for width in widths]


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    # A Han character is as wide as two Latin ones.
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def name_column(place: int) -> str:
    """The letters of a column that counts from 0: 27 is AB."""
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def _frame(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The parts of the package around its worksheets."""
    numbers = range(1, len(names) + 1)
    yield "xl/styles.xml", _STYLES
    yield (
        "xl/workbook.xml",
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(
            f'<sheet name="{escape(name, {chr(34): "&quot;"})}" sheetId="{n}" r:id="rId{n}"/>'
            for n, name in zip(numbers, names, strict=True)
        )
        + "</sheets></workbook>",
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet"'
            f' Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        + f'<Relationship Id="rId0" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    )
    yield (
        "_rels/.rels",
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    )
    yield (
        "[Content_Types].xml",
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml"'
            f' ContentType="{_TYPE}.worksheet+xml"/>'
            for n in numbers
        )
        + "</Types>",
    )
