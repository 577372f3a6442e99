"""What Excel shows is what is read."""

import io
from datetime import date

import pytest
import xlsxwriter

from imports.check.rows import validate
from imports.read.table import name_line, parse_file
from spreadsheets.xlsx_marks import ERRORS
from spreadsheets.xlsx_reader import ALL_WORKSHEETS
from tests.imports.samples import FACTS, refusal, repack, workbook
from users.rules.facts import Defaults

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
HEADER = ["Display name", "Email", "Phone"]
AMY = ["Amy", "amy@contoso.com", "555"]
BOB = ["Bob", "bob@contoso.com", "556"]


def cell(place, text):
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


HEAD = '<row r="1">' + "".join(map(cell, ("A1", "B1", "C1"), HEADER)) + "</row>"
NAMES = cell("A2", "Amy") + cell("B2", "amy@contoso.com")


def book(rows, *, after="", styles=None, shared=None, namespace=MAIN, prefix="", **parts):
    """A workbook with this XML of rows, and other parts by name."""
    xml = (
        f'<?xml version="1.0"?><worksheet xmlns="{namespace}"><sheetData>{HEAD}{rows}</sheetData>'
        f"{after}</worksheet>"
    )
    changed = {"xl/worksheets/sheet1.xml": xml}
    if styles:
        formats = "".join(
            f'<numFmt numFmtId="{200 + n}" formatCode="{code}"/>' for n, code in enumerate(styles)
        )
        xfs = "".join(f'<xf numFmtId="{200 + n}"/>' for n in range(len(styles)))
        changed["xl/styles.xml"] = (
            f'<styleSheet xmlns="{namespace}"><numFmts>{formats}</numFmts>'
            f'<cellXfs><xf numFmtId="0"/>{xfs}</cellXfs></styleSheet>'
        )
    if shared:
        changed["xl/sharedStrings.xml"] = f'<sst xmlns="{namespace}">{shared}</sst>'
    return repack(
        workbook([HEADER, AMY]),
        lambda name, old: changed[name].encode() if name in changed else old,
    )


def phones(data, **options):
    return [row.values["phone"] for row in parse_file(data, "x.xlsx", **options).rows]


def notices(parsed):
    return {notice.code: notice for notice in parsed.notices}


def written(fill, **options):
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, **options}) as made:
        sheet = made.add_worksheet("People")
        sheet.write_row(0, 0, HEADER)
        fill(made, sheet)
    return file.getvalue()


def test_numbers_are_read_by_their_formats():
    def fill(made, sheet):
        for line, code in enumerate(["0000000000", '"+"0', "General"], 1):
            sheet.write_row(line, 0, [f"P{line}", f"p{line}@contoso.com"])
            sheet.write_number(line, 2, 555010001, made.add_format({"num_format": code}))

    assert phones(written(fill)) == ["0555010001", "+555010001", "555010001"]


def test_a_format_of_texts_is_read():
    rows = (
        f'<row r="2">{cell("A2", "Amy")}<c r="B2" s="1" t="inlineStr"><is><t>amy</t></is></c></row>'
    )
    parsed = parse_file(book(rows, styles=["@&quot;@contoso.com&quot;"]), "x.xlsx")

    assert parsed.rows[0].values["user_name"] == "amy@contoso.com"


@pytest.mark.parametrize(("is_1904", "shown"), [(False, "2026-11-22"), (True, "2026-11-22")])
def test_dates_count_from_either_year(is_1904, shown):
    def fill(made, sheet):
        sheet.write_row(1, 0, AMY[:2])
        sheet.write_datetime(1, 2, date(2026, 11, 22), made.add_format({"num_format": "d/m/yy"}))

    assert phones(written(fill, date_1904=is_1904)) == [shown]


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ('<c r="C2" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="C2" t="d"><v>2026-11-22T00:00:00</v></c>', "2026-11-22"),
        ('<c r="C2" t="str"><f>A2</f><v>shown</v></c>', "shown"),
        ('<c r="C2"><f t="shared" si="0"/><v>7</v></c>', "7"),
        ('<c r="C2" t="str"><f>IF(1,"")</f><v></v></c>', ""),
        ('<c r="C2" t="inlineStr"><is><r><t>Ri</t></r><r><t>ch</t></r></is></c>', "Rich"),
        ('<c r="C2" t="inlineStr"><is><t>山田</t><rPh sb="0" eb="2"><t>ヤマダ</t></rPh></is></c>', "山田"),
        ('<c r="C2" t="s"><v>0</v></c>', "山田"),
        ('<c r="C2" t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c r="C2" t="e"><f>VLOOKUP(1,X,1)</f><v>#REF!</v></c>', "#REF!"),
        ("<c t='e' r='C2'><v>#VALUE!</v></c>", "#VALUE!"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c r="C2"><f>1+1</f></c>', "#FORMULA!"),
        ('<c r="C2"><f>1+1</f><v></v></c>', "#FORMULA!"),
        ('<c r="C2"><f t="shared" si="0"/></c>', "#FORMULA!"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("namespace", [MAIN, STRICT])
def test_a_cell_of_each_kind_is_read_as_shown(xml, text, namespace):
    shared = '<si><t>山田</t><rPh sb="0" eb="2"><t>ヤマダ</t></rPh></si>'
    data = book(f'<row r="2">{NAMES}{xml}</row>', shared=shared, namespace=namespace)

    assert phones(data) == [text]


def test_prefixed_elements_are_read():
    rows = f'<row r="2" hidden="1">{NAMES}<c r="C2" t="e"><v>#N/A</v></c></row>'
    data = repack(
        book(rows),
        lambda name, old: (
            old.replace(b"<", b"<x:").replace(b"<x:/", b"</x:").replace(b"<x:?", b"<?")
            .replace(b"xmlns=", b"xmlns:x=")
            if name == "xl/worksheets/sheet1.xml" else old
        ),
    )  # fmt: skip

    assert phones(data, with_hidden=True) == ["#N/A"]
    assert refusal(data)[0] == "no_rows"


def test_errors_are_counted_with_the_first_cell():
    rows = "".join(
        f'<row r="{n}">{cell(f"A{n}", f"P{n}")}{cell(f"B{n}", f"p{n}@contoso.com")}'
        f'<c r="C{n}" t="e"><v>#N/A</v></c><c r="D{n}"><f>A{n}</f></c></row>'
        for n in range(4, 8)
    )
    found = notices(parse_file(book(rows), "x.xlsx"))

    assert found["cells_with_error"].params | {"line": 0} == {"count": 4, "cell": "C4", "line": 0}
    assert found["formulas_without_result"].params["cell"] == "D4"


def test_rows_of_formulas_alone_are_not_lost():
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><f>X!A{n}</f></c><c r="B{n}"><f>X!B{n}</f></c></row>'
        for n in (2, 3, 9)
    )

    assert [row.line for row in parse_file(book(rows), "x.xlsx").rows] == [2, 3, 9]


@pytest.mark.parametrize("error", sorted(ERRORS))
def test_an_error_is_a_problem_and_no_value(error):
    data = workbook([HEADER, ["Amy", "amy.b@contoso.com", error]])
    rows = parse_file(data, "x.xlsx").rows
    people, problems = validate(rows, FACTS, Defaults(location="US"))

    assert people[0].input["phone"] == ""
    code = "formula_without_result" if error == "#FORMULA!" else "cell_error"
    assert [(one.line, one.column, one.value, one.code, one.severity) for one in problems] == [
        (2, "phone", error, code, "error")
    ]


def test_text_like_an_error_is_a_value():
    data = workbook([HEADER, ["Amy #N/A", "amy.b@contoso.com", "#1"]])
    people, problems = validate(parse_file(data, "x.xlsx").rows, FACTS, Defaults(location="US"))

    assert (people[0].input["display_name"], people[0].input["phone"]) == ("Amy #N/A", "#1")
    assert problems == []


def merged(rows, *areas):
    def fill(made, sheet):
        for line, row in enumerate(rows, 1):
            sheet.write_row(line, 0, row)
        for area, text in areas:
            sheet.merge_range(area, text)

    return written(fill)


def test_a_merged_value_counts_for_each_row():
    data = merged([AMY[:2], BOB[:2], ["Cay", "cay@contoso.com"]], ("C2:C3", "555"))

    assert phones(data) == ["555", "555", ""]


def test_merged_rows_are_one_person():
    data = merged([[], [], BOB], ("A2:A3", "Amy"), ("B2:B3", "amy@contoso.com"), ("C2:C3", "555"))

    assert [row.line for row in parse_file(data, "x.xlsx").rows] == [2, 4]


def test_titles_merged_above_the_header_do_not_disturb():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        sheet.merge_range("A1:F2", "Staff of Contoso")
        sheet.merge_range("A3:B3", "Person")
        sheet.write_row(3, 0, HEADER)
        sheet.write_row(4, 0, AMY)
    parsed = parse_file(file.getvalue(), "x.xlsx")

    assert parsed.detected.header_line == 4
    assert [row.values["phone"] for row in parsed.rows] == ["555"]


def test_header_of_two_merged_lines_is_read_whole():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        sheet.merge_range("A1:A2", "User name")
        sheet.merge_range("B1:C1", "Name")
        sheet.merge_range("D1:D2", "Department")
        sheet.write_row(1, 1, ["First name", "Last name"])
        sheet.write_row(2, 0, ["amy", "Amy", "Parker", "Sales"])
    parsed = parse_file(file.getvalue(), "x.xlsx")

    assert parsed.detected.header_line == 2
    assert [row.values for row in parsed.rows] == [
        {"user_name": "amy", "first_name": "Amy", "last_name": "Parker", "department": "Sales"}
    ]


def test_a_great_many_merged_cells_are_refused():
    areas = "".join(f'<mergeCell ref="A{n}:A{n + 1}"/>' for n in range(1, 210_000, 2)) * 2
    data = book(f'<row r="2">{NAMES}</row>', after=f"<mergeCells>{areas}</mergeCells>")

    assert refusal(data)[0] == "unpacks_too_big"


def hidden():
    def fill(made, sheet):
        for line, row in enumerate([AMY, BOB, AMY, BOB], 1):
            sheet.write_row(line, 0, row)
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.set_row(4, None, None, {"hidden": True})
        sheet.set_row(900, None, None, {"hidden": True})
        sheet.set_column(2, 2, None, None, {"hidden": True})
        sheet.autofilter("A1:C5")

    return written(fill)


def test_hidden_rows_are_counted_and_not_read():
    parsed = parse_file(hidden(), "x.xlsx")

    assert [(row.line, row.values["phone"]) for row in parsed.rows] == [(2, "555"), (4, "555")]
    assert (parsed.book.hidden, parsed.book.with_hidden) == (2, False)
    assert notices(parsed)["hidden_rows_skipped"].params["count"] == 2


def test_hidden_rows_are_read_where_chosen():
    parsed = parse_file(hidden(), "x.xlsx", with_hidden=True)

    assert [row.line for row in parsed.rows] == [2, 3, 4, 5]
    assert notices(parsed)["hidden_rows_read"].params["count"] == 2


def test_a_hidden_header_is_found():
    def fill(made, sheet):
        sheet.set_row(0, None, None, {"hidden": True})
        sheet.write_row(1, 0, AMY)

    assert phones(written(fill)) == ["555"]


def sheets():
    return workbook(
        [HEADER, AMY], "Staff",
        Notes=[["Read me"]], Sales=[["Phone", "User name"], [], ["556", "bob@contoso.com"]],
        Bare=[HEADER], Empty=[],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sheet", "read", "phones_read"),
    [
        ("", ["Staff"], ["555"]),
        ("Sales", ["Sales"], ["556"]),
        (ALL_WORKSHEETS, ["Staff", "Sales"], ["555", "556"]),
    ],
)
def test_worksheets_are_chosen(sheet, read, phones_read):
    parsed = parse_file(sheets(), "x.xlsx", sheet=sheet)

    assert parsed.book.sheets == ["Staff", "Notes", "Sales", "Bare"]
    assert parsed.book.read == read
    assert [row.values["phone"] for row in parsed.rows] == phones_read


def test_lines_of_several_worksheets_have_different_numbers_and_names():
    parsed = parse_file(sheets(), "x.xlsx", sheet=ALL_WORKSHEETS)
    lines = [row.line for row in parsed.rows]

    assert len(set(lines)) == 2
    assert [name_line(line, parsed.book.read) for line in lines] == ["2 (Staff)", "3 (Sales)"]
    assert notices(parsed)["worksheets_joined"].value == "Staff, Sales"
    assert notices(parsed)["worksheets_without_users"].params["others"] == "Notes, Bare"
    assert [column.header for column in parsed.samples] == HEADER


def test_first_worksheet_with_rows_is_preferred():
    parsed = parse_file(workbook([HEADER], "Bare", People=[HEADER, AMY]), "x.xlsx")

    assert parsed.book.read == ["People"]


@pytest.mark.parametrize(
    ("sheet", "code"), [("Notes", "no_header"), ("Bare", "no_rows"), ("Gone", "worksheet_gone")]
)
def test_a_worksheet_without_users_is_refused(sheet, code):
    assert refusal(sheets(), sheet=sheet)[0] == code


def test_rows_out_of_order_with_marks_are_refused():
    rows = f'<row r="3" hidden="1">{cell("A3", "x")}</row><row r="2" hidden="1">{NAMES}</row>'

    assert refusal(book(rows), with_hidden=True)[0] == "damaged"


def test_part_with_entities_is_refused():
    data = repack(
        book(f'<row r="2" hidden="1">{NAMES}</row>'),
        lambda name, old: (
            old.replace(b"?>", b'?><!DOCTYPE w [<!ENTITY a "x">]>', 1)
            if name == "xl/worksheets/sheet1.xml"
            else old
        ),
    )

    assert refusal(data)[0] == "damaged"
