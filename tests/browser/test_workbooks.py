"""A workbook with several worksheets and hidden rows: one click reads the others."""

import io

import pytest
import xlsxwriter
from playwright.sync_api import expect

from tests.browser import steps

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = ["User name", "Display name", "Department", "Phone"]


def workbook():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        for name in ("Sales", "Leavers"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, HEADER)
            for line in (1, 2, 3):
                sheet.write_row(line, 0, [f"{name}{line}", f"{name} {line}", name])
            sheet.set_row(2, None, None, {"hidden": True})
        sheet.write_row(4, 0, ["sales1", "Other"])
        sheet.write_formula(4, 3, "=VLOOKUP(1,X,1)", None, "#N/A")
    return file.getvalue()


@pytest.fixture
def plan(site, northwind, alice, contoso, office, worker):
    """The plan of a workbook, opened by alice."""
    site.sign_in(alice)
    site.open("/customers/contoso/users/import/")
    steps.upload(site.page, "people.xlsx", workbook())
    expect(site.page.get_by_role("button", name="Import 2 users")).to_be_visible()
    return site


def test_hidden_rows_and_other_worksheets_are_one_click_away(plan, shoot):
    page = plan.page
    plan.check()
    shoot("workbook-1-plan")
    page.get_by_role("button", name="Read 1 hidden row").click()
    expect(page.get_by_role("button", name="Import 3 users")).to_be_visible()
    expect(page.get_by_role("button", name="Skip 1 hidden row")).to_be_visible()

    page.get_by_role("button", name="Read all worksheets").click()
    expect(plan.main.get_by_text("The rows of 2 worksheets are put together.")).to_be_visible()
    lines = page.get_by_role("table", name="Lines")
    expect(lines).to_contain_text("4 (Leavers)")
    expect(lines).to_contain_text("Line 2 (Sales) has the same user name")
    expect(lines).to_contain_text("This cell shows the error #N/A")
    plan.check()
    shoot("workbook-2-all")

    page.get_by_role("button", name="Read only “Leavers”").click()
    expect(plan.main.get_by_text("Only the worksheet “Leavers” is read.")).to_be_visible()


def test_repairs_are_not_lost_by_one_click(plan):
    page = plan.page
    page.get_by_role("button", name="Skip line 2").click()
    expect(page.get_by_role("button", name="Import 1 user")).to_be_visible()
    page.get_by_role("button", name="Read only “Leavers”").click()

    expect(page.locator("#notices")).to_contain_text("discards that change")
    expect(page.locator("[name=sheet]")).to_have_value("Leavers")
    plan.check()
    page.get_by_role("button", name="Check again").click()
    page.get_by_role("button", name="Discard 1 repair and check again").click()
    expect(plan.main.get_by_text("Only the worksheet “Leavers” is read.")).to_be_visible()
