"""The choices of a workbook: which worksheets, and whether hidden rows are read."""

import io

import pytest
import xlsxwriter
from django.urls import reverse

from imports.queries import count_repaired_rows
from tests.imports.samples import workbook
from tests.imports.test_import import plan, show
from tests.workers import check_upload

HEADER = ["User name", "Display name", "Phone"]


def hidden():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet("People")
        for line, row in enumerate([HEADER, ["amy", "Amy"], ["bob", "Bob"]]):
            sheet.write_row(line, 0, row)
        sheet.set_row(2, None, None, {"hidden": True})
    return file.getvalue()


def several():
    return workbook([HEADER, ["amy", "Amy", "1"]], "Staff", Others=[HEADER, ["bob", "Bob", "2"]])


def choose(client, batch, **choice):
    answer = client.post(reverse("imports:read_rows", args=["contoso", batch.pk]), choice)
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    return answer


def names(batch):
    return [line.input["display_name"] for line in batch.lines.order_by("number")]


@pytest.mark.parametrize(
    ("purpose", "found"),
    [("create", ["Amy"]), ("both", ["Amy"]), ("full_list", ["Amy", "Bob"])],
)
def test_hidden_rows_count_only_where_others_would_be_deleted(as_alice, contoso, purpose, found):
    batch = plan(as_alice, hidden(), "x.xlsx", purpose=purpose)

    assert names(batch) == found


def test_hidden_rows_are_read_and_skipped_by_a_click(as_alice, contoso):
    batch = plan(as_alice, hidden(), "x.xlsx")
    assert "1 row is hidden in the file" in show(as_alice, batch)
    choose(as_alice, batch, hidden="read")
    assert names(batch) == ["Amy", "Bob"]

    choose(as_alice, batch, hidden="skip")
    assert names(batch) == ["Amy"]


@pytest.mark.parametrize(
    ("sheet", "found"), [("Others", ["Bob"]), ("*", ["Amy", "Bob"]), ("", ["Amy"])]
)
def test_worksheets_are_chosen_by_a_click(as_alice, contoso, sheet, found):
    batch = plan(as_alice, several(), "x.xlsx")
    choose(as_alice, batch, sheet=sheet)

    assert names(batch) == found


def test_lines_name_their_worksheet(as_alice, contoso):
    data = workbook([HEADER, ["amy", "Amy", "1"]], "Staff", Others=[HEADER, ["amy", "Bob", "2"]])
    batch = plan(as_alice, data, "x.xlsx")
    choose(as_alice, batch, sheet="*")
    page = show(as_alice, batch)

    assert "2 (Others)" in page
    assert "Line 2 (Staff) has the same user name" in page
    answer = as_alice.post(reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"]))
    assert "Line 2 (Staff) has the same" in b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize("choice", [{}, {"sheet": "No such"}, {"hidden": "x"}, {"other": "1"}])
def test_a_choice_that_is_not_offered_changes_nothing(as_alice, contoso, choice):
    batch = plan(as_alice, several(), "x.xlsx")
    choose(as_alice, batch, **choice)

    assert (batch.state, names(batch)) == ("planned", ["Amy"])


def test_another_worksheet_is_offered_for_a_refused_file(as_alice, contoso):
    batch = plan(as_alice, workbook([HEADER], "Bare", Notes=[["x"]], Bare2=[HEADER]), "x.xlsx")

    assert batch.state == "refused"
    page = show(as_alice, batch)
    assert "Read only “Notes”" in page
    choose(as_alice, batch, sheet="Notes")
    assert batch.plan["refused"]["code"] == "no_header"


def test_repairs_ask_before_other_rows_are_read(as_alice, contoso):
    batch = plan(as_alice, several(), "x.xlsx")
    as_alice.post(reverse("imports:skip_line", args=["contoso", batch.pk, 1]))
    answer = choose(as_alice, batch, sheet="Others")

    assert answer.url.endswith("/settings/?sheet=Others")
    assert count_repaired_rows(batch) == 1
    page = as_alice.get(answer.url).content.decode()
    assert '<option value="Others" selected>Others</option>' in page


def test_choices_stay_where_the_file_is_read_differently(as_alice, contoso):
    batch = plan(as_alice, several(), "x.xlsx")
    choose(as_alice, batch, sheet="*")
    as_alice.post(
        reverse("imports:settings", args=["contoso", batch.pk]),
        {"mode": "good", "purpose": "create", "location": "US", "sheet": "*"},
    )
    check_upload(batch_id=batch.pk)

    assert names(batch) == ["Amy", "Bob"]


def test_cells_with_errors_are_repaired_together(as_alice, contoso):
    rows = [[f"u{n}", f"U {n}", "#N/A"] for n in range(3)]
    batch = plan(as_alice, workbook([HEADER, *rows, ["#REF!", "Amy", ""]]), "x.xlsx")
    assert {line.state for line in batch.lines.all()} == {"invalid"}
    as_alice.post(
        reverse("imports:repair_all", args=["contoso", batch.pk]),
        {"code": "cell_error", "column": "phone", "key": "", "choice": "without"},
    )

    states = [line.state for line in batch.lines.order_by("number")]
    assert states == ["planned", "planned", "planned", "invalid"]
