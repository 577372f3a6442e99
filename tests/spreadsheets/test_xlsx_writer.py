import io
import tracemalloc
import zipfile

import pytest
import python_calamine
from hypothesis import given
from hypothesis import strategies as st

from imports.read.table import parse_file
from spreadsheets import xlsx_writer

HEADER = ["User name", "Display name", "Phone"]


def written(*rows, **more):
    return b"".join(xlsx_writer.write_xlsx([HEADER, *rows], **more))


def part(data, name="xl/worksheets/sheet1.xml"):
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return package.read(name).decode()


def cells(data):
    """Every worksheet as rows of texts, read by another library."""
    workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    return [workbook.get_sheet_by_name(name).to_python() for name in workbook.sheet_names]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "=cmd|'/c calc'!A1", "+49 30 1", "-1", "@SUM(A1)", "0049301", "1e5", "TRUE",
        "2026-11-22", "9" * 20, "<b>&amp;", '"', "_x0041_", "王建国", "a\nb", "O'Brien",
    ],
)  # fmt: skip
def test_every_cell_is_unchanged_text(text):
    data = written(["amy@contoso.com", "Amy", text])

    assert cells(data) == [[HEADER, ["amy@contoso.com", "Amy", text]]]
    assert "<f>" not in part(data)
    assert part(data).count('t="inlineStr"') == 6


@given(st.text(max_size=20).filter(str.strip))
def test_names_survive_export_and_import(name):
    clean = "".join(one for one in name if one.isprintable()).strip() or "x"

    parsed = parse_file(written(["amy@contoso.com", clean, ""]), "users.xlsx")

    assert parsed.rows[0].values["display_name"] == clean


@pytest.mark.parametrize("text", ["'=1", "''=1", "a;'=1"])
def test_typed_apostrophe_survives_export_and_import(text):
    parsed = parse_file(written(["amy@contoso.com", text, ""]), "users.xlsx")

    assert parsed.rows[0].values["display_name"] == text


def test_what_no_file_may_hold_is_left_out():
    assert cells(written(["a\0b", "a\x0bb\x1f", "\ud800c\uffff"]))[0][1] == ["ab", "ab", "c"]


def test_header_is_frozen_and_columns_fit():
    xml = part(written(["amy@contoso.example", "王建国王建国", None]))

    assert '<pane ySplit="1" topLeftCell="A2"' in xml
    widths = [part.split('"')[0] for part in xml.split(' width="')[1:]]
    assert widths == ["21", "14", "10"]
    assert '<autoFilter ref="A1:C2"/>' in xml


def test_surplus_lines_go_to_next_worksheet(monkeypatch):
    monkeypatch.setattr(xlsx_writer, "MAX_LINES", 3)
    rows = [[f"user{n}", "", ""] for n in range(5)]

    data = written(*rows, title="Us/ers")

    assert cells(data) == [[HEADER, *rows[:2]], [HEADER, *rows[2:4]], [HEADER, rows[4]]]
    assert 'name="Us ers 2"' in part(data, "xl/workbook.xml")


def test_export_without_rows_has_header():
    assert cells(written()) == [[HEADER]]


def test_it_begins_at_once_and_keeps_nothing():
    asked = 0

    def rows():
        nonlocal asked
        yield HEADER
        for asked in range(1, 20_001):
            yield [f"user{asked}@contoso.com", f"Somebody {asked}", f"0049 30 {asked}"]

    tracemalloc.start()
    parts = xlsx_writer.write_xlsx(rows())
    next(parts)
    assert asked < 1000
    size = sum(map(len, parts))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert asked == 20_000
    assert size > 400_000
    assert peak < 1_500_000
