import io
import random
import re
import resource
import zipfile
from datetime import date, datetime

import pytest
import xlsxwriter

from imports.read.table import parse_file
from tests.imports.samples import refusal, repack, workbook

XML_START = (
    b'<?xml version="1.0"?><worksheet'
    b' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
)
HEADER = ["Display name", "Email", "Phone"]
AMY = ["Amy", "amy@contoso.com", "555"]


def read(data):
    return parse_file(data, "people.xlsx")


def worksheet(xml):
    """A workbook with this XML as its worksheet."""
    whole = XML_START + xml + b"</sheetData></worksheet>"
    return repack(
        workbook([HEADER, AMY]),
        lambda name, content: whole if name == "xl/worksheets/sheet1.xml" else content,
    )


def inline(place, text):
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'.encode()


HEAD = b'<row r="1">' + inline("A1", "Display name") + inline("B1", "Email") + b"</row>"


def test_a_workbook_is_read_with_its_row_numbers():
    parsed = read(workbook([[], HEADER, [], AMY]))

    assert (parsed.detected.format, parsed.detected.encoding, parsed.detected.header_line) == (
        "xlsx",
        "",
        2,
    )
    assert [(row.line, row.values) for row in parsed.rows] == [
        (4, {"display_name": "Amy", "user_name": "amy@contoso.com", "phone": "555"})
    ]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (13800138000, "13800138000"),
        (8613800138000.0, "8613800138000"),
        (1.5, "1.5"),
        (True, "TRUE"),
        ("=1+1", "=1+1"),
        ("'=1+1", "=1+1"),
        (" 王 ", "王"),
    ],
)
def test_cells_of_every_kind_become_texts(cell, text):
    assert (
        read(workbook([HEADER, ["Amy", "amy@contoso.com", cell]])).rows[0].values["phone"] == text
    )


def test_a_date_becomes_a_text():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Name", "Email", "Phone"])
        sheet.write_row(1, 0, ["Amy", "a@contoso.com"])
        sheet.write_datetime(
            1, 2, datetime(2026, 11, 22), book.add_format({"num_format": "yyyy-mm-dd"})
        )

    assert read(file.getvalue()).rows[0].values["phone"] == str(date(2026, 11, 22))


def test_worksheet_with_people_is_found():
    data = workbook([["Nothing here"]], name="Notes", People=[HEADER, AMY], Empty=[])

    parsed = read(data)

    assert len(parsed.rows) == 1
    assert [(one.code, one.value, one.params["others"]) for one in parsed.notices] == [
        ("worksheets_skipped", "People", "Notes")
    ]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "empty"),
        ([HEADER], "no_rows"),
        ([["Shoe", "Size"], [1, 2]], "no_header"),
        ([[*HEADER, *["x"] * 62], AMY], "too_many_columns"),
        ([HEADER, ["x" * 4097]], "cell_too_long"),
    ],
)
def test_a_workbook_without_people_is_refused(rows, code):
    assert refusal(workbook(rows))[0] == code


def test_zip_bomb_is_refused_unopened():
    data = worksheet(HEAD + b" " * 80_000_000)
    assert len(data) < 200_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert refusal(data) == ("unpacks_too_big", {})

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_lie_about_the_unpacked_size_is_found():
    data = worksheet(HEAD + b"<!--" + b"x" * 5_000_000 + b"-->")
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        entry = package.getinfo("xl/worksheets/sheet1.xml")
    size = entry.file_size.to_bytes(4, "little")
    assert data.count(size) >= 1

    assert refusal(data.replace(size, (5000).to_bytes(4, "little"))) == ("damaged", {})


def test_more_parts_than_a_list_has_are_refused():
    data = workbook([HEADER, AMY])
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as package:
        for number in range(200):
            package.writestr(f"xl/media/{number}", b"")

    assert refusal(file.getvalue()) == ("unpacks_too_big", {})


@pytest.mark.parametrize(
    ("far", "code"),
    [
        (b'<row r="1048576">' + inline("XFD1048576", "x") + b"</row>", "too_many_rows"),
        (b"<row r='1048576' >" + b"<c t='inlineStr'><is><t>x</t></is></c></row>", "too_many_rows"),
        (b'<row r = "2">' + b'<c r = "XFD2" t="inlineStr"><is><t>x</t></is></c></row>', "too_many_columns"),
        (b'<row r="2">' + inline("BM2", "x") + b"</row>", "too_many_columns"),
        (b'<row r="2">' + inline("zz2", "x") + b"</row>", "too_many_columns"),
        (b'<row r="101000">' + inline("A101000", "x") + b"</row>", "too_many_rows"),
        # Hidden behind more than is looked at.
        (b'<row r="1048576">' + b" " * 9000 + inline("A1048576", "x") + b"</row>", "too_many_rows"),
        # Across the edge of what is read at once.
        (b" " * ((1 << 20) - 400) + b'<row r="1048576">' + inline("A1048576", "x") + b"</row>", "too_many_rows"),
    ],
)  # fmt: skip
def test_far_cell_does_not_take_all_memory(far, code):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert refusal(worksheet(HEAD + far))[0] == code

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_far_cell_is_refused_with_line():
    far = b'<row r="2">' + inline("BM2", "x") + b"</row>"

    assert refusal(worksheet(HEAD + far)) == (
        "too_many_columns",
        {"line": 2, "found": 65, "limit": 64},
    )


@pytest.mark.parametrize("edge", [1 << 20, (1 << 20) - 4096])
@pytest.mark.parametrize("shift", [-15, -2, -1, 0, 1, 2])
def test_far_cell_is_found_at_every_offset(edge, shift):
    far = b'<row r="1048576">' + inline("A1048576", "x") + b"</row>"
    before = XML_START + HEAD + b"<!---->"
    length = edge + shift - len(before) - 5
    # Not so regular that it would be taken for a bomb.
    filler = b"<!--" + bytes(random.Random(1).choices(b"abcdefgh", k=length)) + b"-->"
    assert (XML_START + HEAD + filler + far).index(b'r="1048576"') == edge + shift

    assert refusal(worksheet(HEAD + filler + far)) == ("too_many_rows", {"limit": 100_000})


def test_formatted_empty_cells_may_be_far():
    far = b'<row r="1048576" hidden="1"/><row r="1048575"><c r="XFD1048575" s="1"/></row>'
    row = b'<row r="2">' + inline("A2", "Amy") + inline("B2", "amy@contoso.com") + b"</row>"

    assert len(read(worksheet(HEAD + row + far)).rows) == 1


def test_an_entity_bomb_does_not_unfold():
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(8)
    )
    bomb += b']><worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&i;</t></is></c></row></sheetData></worksheet>'
    data = repack(
        workbook([HEADER, AMY]),
        lambda name, content: bomb if name == "xl/worksheets/sheet1.xml" else content,
    )

    assert refusal(data)[0] in {"damaged", "empty", "no_header"}


def test_utf_16_worksheet_takes_no_memory():
    xml = HEAD + b'<row r="1048576">' + inline("XFD1048576", "x") + b"</row>"
    data = repack(
        worksheet(xml),
        lambda name, content: (
            content.decode().replace('"1.0"', '"1.0" encoding="UTF-16"').encode("utf-16")
            if name == "xl/worksheets/sheet1.xml"
            else content
        ),
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert refusal(data) is not None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_other_packages_are_no_workbooks():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("people.csv", "Name,Email")

    assert refusal(file.getvalue()) == ("not_a_table", {"kind": "ZIP"})


def test_a_binary_workbook_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("[Content_Types].xml", "")
        package.writestr("xl/workbook.bin", "")

    assert refusal(file.getvalue()) == ("binary_excel", {})


def test_a_part_with_a_password_is_refused():
    data = bytearray(workbook([HEADER, AMY]))
    for place in [match.start() for match in re.finditer(b"PK\x01\x02", data)]:
        data[place + 8] |= 1

    assert refusal(bytes(data)) == ("encrypted", {})


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"]
)
@pytest.mark.parametrize("content", [b"", b"<", b"\0\xff", b"<worksheet/>", b"<a><b></a>"])
def test_a_damaged_part_is_no_error_of_ours(part, content):
    data = repack(workbook([HEADER, AMY]), lambda name, old: content if name == part else old)

    assert refusal(data) is None or refusal(data)[0] in {"damaged", "empty", "no_header", "no_rows"}


@pytest.mark.parametrize(
    "part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"]
)
def test_a_missing_part_is_no_error_of_ours(part):
    data = repack(workbook([HEADER, AMY]), lambda name, old: None if name == part else old)

    assert refusal(data) is None or refusal(data)[0] in {"damaged", "empty", "no_header", "no_rows"}


def test_a_workbook_cut_short_is_refused():
    data = workbook([HEADER, AMY])

    codes = {refusal(data[:length])[0] for length in range(100, len(data), 97)}

    assert codes <= {"damaged", "not_a_table"}


@pytest.mark.parametrize("place", range(50, 6000, 61))
def test_a_flipped_byte_is_no_error_of_ours(place):
    data = bytearray(workbook([HEADER, AMY]))
    data[place % len(data)] ^= 0x55

    refusal(bytes(data))
