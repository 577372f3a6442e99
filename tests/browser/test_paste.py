"""Rows are pasted and typed into a grid with the keys of a spreadsheet, and become a plan."""

import pytest
from playwright.sync_api import expect

from batches.models import Batch
from tests import factories
from tests.browser.conftest import inside_of

pytestmark = pytest.mark.django_db(transaction=True)

PASTE = "/customers/contoso/users/import/paste/"
HEADER = "User name\tDisplay name\tDepartment"
BOTH = pytest.mark.parametrize("language", ["en", "zh-hans"])


@pytest.fixture
def start(site, northwind, alice, contoso, office):
    """The page to paste on, opened by alice."""
    with inside_of(northwind):
        factories.user(contoso, "Frank Old", user_name="frank@contoso.example")
    site.sign_in(alice)
    site.open(PASTE)
    return site


def cell(page, row, column):
    """A cell of the grid; both count from 0."""
    return page.locator("[data-grid] tbody tr").nth(row).locator("td").nth(column)


def paste(page, text):
    """Paste as a spreadsheet fills the clipboard, into what has the focus."""
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            const options = { clipboardData: data, bubbles: true, cancelable: true };
            document.activeElement.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        text,
    )


def state(page):
    return page.locator("[data-grid-state]")


def text_of(page):
    return page.locator("[name=rows]").input_value()


def test_pasted_rows_are_checked_corrected_and_planned(start, worker, shoot, northwind):
    page = start.page
    start.check()
    cell(page, 0, 0).click()
    paste(page, f"{HEADER}\r\namy\tAmy Parker\tSales\r\nb o\tBob Stone\t\r\nfrank\tFrank\t\r\n")

    expect(state(page)).to_have_text("1 row ready. 2 rows with errors.")
    expect(cell(page, 2, 0)).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[data-grid] tbody tr").first).to_have_attribute("data-header", "")
    start.check()
    shoot("paste-1-checked")
    page.get_by_role("button", name="Next problem").click()
    expect(cell(page, 2, 0)).to_be_focused()
    expect(page.locator("[data-grid-problem]")).to_contain_text("isn’t allowed")

    page.keyboard.type("bo")
    page.keyboard.press("Enter")
    expect(cell(page, 3, 0)).to_be_focused()
    expect(state(page)).to_have_text("2 rows ready. 1 row with an error.")
    page.keyboard.press("Delete")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Delete")
    expect(state(page)).to_have_text("2 rows ready.")

    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Check", exact=True)).to_be_focused()
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("heading", name="How the file was read")).to_be_visible()
    expect(page.get_by_role("button", name="Import 2 users")).to_be_visible()
    shoot("paste-2-plan")


def test_the_keys_are_those_of_a_spreadsheet(start):
    page = start.page
    cell(page, 0, 0).click()
    page.keyboard.type("amy")
    page.keyboard.press("Tab")
    expect(cell(page, 0, 1)).to_be_focused()
    page.keyboard.type("Amy")
    page.keyboard.press("Enter")
    expect(cell(page, 1, 1)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("bob")
    page.keyboard.press("Escape")
    expect(cell(page, 1, 0)).to_have_text("")
    page.keyboard.press("ArrowUp")
    expect(cell(page, 0, 0)).to_have_text("amy")
    page.keyboard.press("F2")
    page.keyboard.type(".p")
    page.keyboard.press("Alt+Enter")
    page.keyboard.type("x")
    page.keyboard.press("Tab")
    expect(cell(page, 0, 0)).to_have_text("amy.p\nx")
    page.keyboard.press("Control+z")
    expect(cell(page, 0, 0)).to_have_text("amy")
    page.keyboard.press("End")
    expect(cell(page, 0, 8)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Backspace")
    expect(cell(page, 0, 0)).to_have_text("")
    page.keyboard.press("Control+z")
    page.keyboard.press("Shift+Tab")

    # Tab leaves the grid at its ends.
    expect(page.locator("[data-grid] tbody td:focus")).to_have_count(0)
    assert text_of(page) == "amy\tAmy"


def test_typed_rows_need_no_header(start, worker):
    page = start.page
    cell(page, 0, 0).click()
    for text, key in (("amy", "Tab"), ("Amy", "Tab"), ("Parker", "Enter")):
        page.keyboard.type(text)
        page.keyboard.press(key)

    expect(state(page)).to_have_text("1 row ready.")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("button", name="Import 1 user")).to_be_visible()


def test_columns_without_a_header_are_chosen(start):
    page = start.page
    cell(page, 0, 0).click()
    paste(page, 'Parker, Amy\tamy\r\n"Stone,\nBob"\tbob\r\n')
    expect(state(page)).to_contain_text("No header found")

    columns = page.locator("[data-grid] thead select")
    columns.nth(0).select_option("display_name")
    columns.nth(1).select_option("user_name")
    expect(state(page)).to_contain_text("2 rows")
    expect(cell(page, 1, 0)).to_have_text("Stone,\nBob")


def test_five_hundred_rows_are_pasted_and_planned(start, worker, shoot):
    page = start.page
    cell(page, 0, 0).click()
    rows = [f"u{n}\tUser {n}\tSales" for n in range(499)] + ["b b\tBad\t"]
    paste(page, "\r\n".join([HEADER, *rows]))

    expect(state(page)).to_have_text("499 rows ready. 1 row with an error.")
    assert page.locator("[data-grid] tbody tr").count() == 500
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("button", name="Import 499 users")).to_be_visible()


def test_more_rows_than_are_shown_are_kept(start):
    page = start.page
    cell(page, 0, 0).click()
    paste(page, "\n".join([HEADER, *(f"u{n}\tUser {n}\t" for n in range(600))]))

    expect(state(page)).to_contain_text("Only the first 500 rows are checked here.")
    assert len(text_of(page).split("\n")) == 601


def test_what_was_pasted_is_not_lost_without_a_question(start):
    page = start.page
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    cell(page, 0, 0).click()
    paste(page, f"{HEADER}\namy\tAmy\t")
    expect(cell(page, 1, 0)).to_have_text("amy")
    with page.expect_event("dialog"):
        page.locator(".actionbar a").click(no_wait_after=True)

    assert asked == ["beforeunload"]
    expect(cell(page, 1, 0)).to_have_text("amy")


def test_grid_can_be_left_for_the_text(start):
    page = start.page
    cell(page, 0, 0).click()
    paste(page, f"{HEADER}\namy\tAmy\t")
    page.get_by_role("button", name="Edit as text").click()

    expect(page.locator("[name=rows]")).to_be_visible()
    expect(page.locator("[name=rows]")).to_have_value(f"{HEADER}\namy\tAmy\t")
    start.check()


def test_a_phone_has_a_textarea(start, worker, shoot):
    page = start.page
    page.set_viewport_size({"width": 390, "height": 844})
    start.open(PASTE)
    expect(page.locator("[data-grid] table")).to_be_hidden()
    start.check()
    shoot("paste-3-phone")
    page.locator("[name=rows]").fill(f"{HEADER}\namy\tAmy\tSales")
    page.get_by_role("button", name="Check", exact=True).click()

    expect(page.get_by_role("button", name="Import 1 user")).to_be_visible()


def test_rows_are_pasted_without_scripts(start, worker, northwind, contoso):
    with start.without_scripts() as plain:
        plain.goto(start.url + PASTE)
        plain.locator("[name=rows]").fill(f"{HEADER}\namy\tAmy\tSales")
        plain.locator(".actionbar button.primary").click()
        expect(plain.locator("main h1")).to_be_visible()
    with inside_of(northwind):
        assert Batch.objects.get(customer=contoso, kind="import").source_name == "Pasted rows"


@BOTH
def test_the_page_is_clean_in_each_language(
    site, northwind, alice, contoso, office, language, shoot
):
    with inside_of(northwind):
        type(alice).objects.filter(pk=alice.pk).update(language=language)
    site.sign_in(alice)
    site.open("/customers/contoso/users/add/")
    site.page.locator(f"a[href='{PASTE}']").click()
    site.check(at=PASTE)
    shoot(f"paste-4-{language}")
