import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imports.check.rows import validate
from imports.read.table import Row, parse_file
from imports.write import rows as export
from spreadsheets import csv_writer
from tests.imports.samples import FACTS
from users.rules.facts import Defaults

TRIGGERS = tuple("=+-@\t\r\n\0＝＋－＠")


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+86", "'+86"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        (" =1", "'=1"),
        (" \r", ""),
        ("\t=1", "'=1"),
        ("\r\n+1", "'+1"),
        ("a;=1", "a;'=1"),
        ("a\n=1", "a\n'=1"),
        ("'=1", "''=1"),
        ("a=1", "a=1"),
        ("O'Brien", "O'Brien"),
        ("", ""),
    ],
)
def test_a_formula_is_made_a_text(cell, safe):
    assert csv_writer.neutralize(cell) == safe


@given(st.text(st.sampled_from("=+-@＝'; \t\r\n\0ab,\"|"), max_size=20))
def test_exported_cells_are_neutralized_and_read_back(cell):
    safe = csv_writer.neutralize(cell)

    assert not safe.lstrip(" ").startswith(TRIGGERS)
    assert all(not part.lstrip(" ").startswith(tuple("=+-@＝")) for part in safe.split(";"))
    assert csv_writer.neutralize(csv_writer.restore(safe)) == safe


def test_a_file_is_quoted_and_marked():
    data = b"".join(csv_writer.write_csv([["Name", "n"], ['A "B", C', 5], ["=x", None]]))

    assert data == '\ufeff"Name","n"\r\n"A ""B"", C","5"\r\n"\'=x",""\r\n'.encode()


def test_a_long_file_comes_in_parts():
    parts = list(csv_writer.write_csv([str(n)] for n in range(2500)))

    assert len(parts) == 4
    assert len(list(csv.reader(io.StringIO(b"".join(parts).decode("utf-8-sig"))))) == 2500


def test_a_lone_surrogate_does_not_stop_an_export():
    assert b'"a?b"' in b"".join(csv_writer.write_csv([["a\ud800b"]]))


def failed_file(language, *rows):
    people, problems = validate(
        [Row(2 + n, row) for n, row in enumerate(rows)], FACTS, Defaults(location="CN")
    )
    lines = [
        (person.input, [one for one in problems if one.line == person.line]) for person in people
    ]
    names = {one.id: one.name for one in FACTS.subscriptions}
    return b"".join(csv_writer.write_csv(export.failed_rows(lines, names, language)))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_failed_rows_are_exported_with_errors(language):
    row = {
        "user_name": "amy p@contoso.com", "display_name": "Amy", "location": "Atlantis",
        "products": "O365-E3; Toaster", "permissions": "User administrator; Helpdesk admistrator",
        "language": "English", "phone": "+1 555",
    }  # fmt: skip

    data = failed_file(language, row)
    parsed = parse_file(data, "failed.csv")

    assert parsed.notices == ()
    (again,) = parsed.rows
    assert again.values["user_name"] == "amy p@contoso.com"
    assert again.values["location"] == "Atlantis"
    assert again.values["products"] == "Office 365 E3; Toaster"
    assert again.values["permissions"] == "user_administrator; Helpdesk admistrator"
    assert again.values["phone"] == "+1 555"
    assert "Toaster" in data.decode().splitlines()[1].split('"')[-2]

    repaired = again.values | {"user_name": "amy.p@contoso.com", "location": "China",
                               "products": "Office 365 E3", "permissions": "user_administrator"}  # fmt: skip
    assert validate([Row(2, repaired)], FACTS, Defaults())[1] == []


def test_the_same_file_again_finds_the_same_problems():
    rows = [
        {"user_name": "a b", "display_name": "x"},
        {"user_name": "amy.parker", "display_name": "Amy Parker"},
    ]

    first = failed_file("en", *rows)
    parsed = parse_file(first, "failed.csv")

    assert failed_file("en", *(row.values for row in parsed.rows)) == first
