"""A list of people from a mail becomes a selection, and is acted on."""

import re

import pytest
from playwright.sync_api import expect

from batches.models import Batch, Line
from tests import factories
from tests.browser.conftest import inside_of

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = pytest.mark.browser_context_args(
    viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
)
WITHOUT_SCRIPTS = pytest.mark.browser_context_args(java_script_enabled=False)
USERS = "/customers/contoso/users/"
# Every second of them.
LEAVERS = [f"Ann {number:02}" for number in range(0, 120, 2)]


@pytest.fixture
def school(site, northwind, alice, contoso):
    with inside_of(northwind):
        for number in range(120):
            factories.user(
                contoso, f"Ann {number:02}", user_name=f"ann{number}@contoso.example", location="US"
            )
    site.sign_in(alice)
    site.open(USERS)
    return site


def bar(site):
    return site.page.locator(".bulkbar .n")


def heading(site):
    return site.page.get_by_role("heading", level=1)


def planned(partner) -> list[str]:
    with inside_of(partner):
        lines = Line.objects.filter(batch=Batch.objects.get()).order_by("number")
        return sorted(line.input["display_name"] for line in lines)


def paste(page, selector, text):
    """Paste as the browser does: a field of one line would lose the breaks."""
    page.locator(selector).evaluate(
        """(field, text) => {
            field.focus();
            const data = new DataTransfer();
            data.setData("text/plain", text);
            const options = { clipboardData: data, bubbles: true, cancelable: true };
            field.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        text,
    )


def fill_list(site, text):
    site.page.get_by_role("link", name="Select from a list").click()
    site.page.get_by_label("User names, email addresses or names").fill(text)
    site.page.get_by_role("button", name="Find users").click()


def test_pasted_list_is_selected_and_blocked(school, northwind):
    page = school.page
    paste(page, "#q", "\r\n".join(f"<ann{number}@Contoso.example>" for number in range(0, 120, 2)))
    button = page.get_by_role("button", name="Select these 60 users")
    expect(button).to_be_focused()
    school.check()

    page.keyboard.press("Enter")

    expect(bar(school)).to_have_text("60 selected")
    expect(page.locator("#users > .row strong")).to_have_text("60 users")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#users tbody tr")).to_have_count(10)
    expect(bar(school)).to_have_text("60 selected")
    page.get_by_label("Select Ann 98").uncheck()
    expect(bar(school)).to_have_text("59 selected")
    # The bar lies over the rows; on a high screen it leaves all of them free.
    page.set_viewport_size({"width": 1280, "height": 4000})
    school.check()
    page.locator(".bulkbar").get_by_role("button", name="More").click()
    page.get_by_role("button", name="Block sign-in", exact=True).click()

    expect(heading(school)).to_have_text("Block sign-in of 59 users?")
    assert planned(northwind) == sorted(set(LEAVERS) - {"Ann 98"})


def test_paste_of_one_name_is_a_search(school):
    paste(school.page, "#q", "Ann 07")

    expect(school.page.locator("#pasted")).to_be_hidden()


def test_pasted_list_can_be_dropped(school):
    page = school.page
    paste(page, "#q", "Ann 07\nAnn 08")
    page.locator("#pasted").get_by_role("button", name="Cancel").click()

    expect(page.locator("#pasted")).to_be_hidden()
    expect(page.locator("#q")).to_be_focused()


def test_typed_list_is_offered(school):
    page = school.page
    page.locator("#q").fill("ann1@contoso.example; ann2@contoso.example")

    page.get_by_role("button", name="Select these 2 users").click()

    expect(bar(school)).to_have_text("2 selected")


def test_cleared_selection_stays_cleared(school):
    page = school.page
    fill_list(school, "Ann 07\nAnn 08\nAnn 09")
    expect(bar(school)).to_have_text("3 selected")
    page.locator(".bulkbar").get_by_role("button", name="Clear").click()
    expect(page.locator(".bulkbar")).to_be_hidden()

    page.reload()

    expect(page.locator("#users tbody tr")).to_have_count(3)
    expect(page.locator(".bulkbar")).to_be_hidden()
    expect(page.get_by_label("Select Ann 07")).not_to_be_checked()


def test_other_filter_drops_the_selection_as_ever(school):
    page = school.page
    fill_list(school, "Ann 07\nAnn 08\nAnn 09")
    expect(bar(school)).to_have_text("3 selected")
    page.get_by_label("Select Ann 08").uncheck()

    page.get_by_label("Sign-in").select_option("allowed")

    expect(page.locator("[data-selection-note=dropped]")).to_be_visible()
    expect(page.locator("#users tbody tr")).to_have_count(3)
    expect(page.locator(".bulkbar")).to_be_hidden()
    page.get_by_label("Sign-in").select_option("")
    expect(page).not_to_have_url(re.compile("status=allowed"))
    expect(page.get_by_label("Select Ann 08")).not_to_be_checked()


def test_selection_replaces_an_older_one(school):
    page = school.page
    page.get_by_label("Select Ann 00").check()
    fill_list(school, "Ann 07\nAnn 08")

    expect(bar(school)).to_have_text("2 selected")
    expect(page.locator("[data-selection-note=dropped]")).to_be_hidden()


def test_entries_left_open_are_decided(school, northwind, contoso):
    with inside_of(northwind):
        factories.user(contoso, "Ann 07", user_name="other@contoso.example")
    page = school.page
    fill_list(school, "Ann 07\nAn 08\nAnn 09")
    expect(heading(school)).to_have_text("1 user found")
    school.check()
    page.get_by_role("checkbox", name="other@contoso.example").check()
    page.get_by_label("Not found").fill("Ann 08")
    page.get_by_role("button", name="Look up again").click()

    expect(bar(school)).to_have_text("3 selected")
    expect(page.locator("#users tbody")).to_contain_text("other@contoso.example")


@PHONE
def test_list_is_selected_on_a_phone(school, northwind):
    page = school.page
    page.get_by_role("link", name="Select from a list").tap()
    page.get_by_label("User names, email addresses or names").fill("Ann 07\nAnn 08\nnobody")
    school.check()
    page.get_by_role("button", name="Find users").tap()
    expect(heading(school)).to_have_text("2 users found")
    school.check()
    page.get_by_role("button", name="Select 2 users").tap()
    expect(bar(school)).to_have_text("2 selected")
    school.check()
    page.locator(".bulkbar").get_by_role("button", name="Delete").tap()

    expect(heading(school)).to_have_text("Delete 2 user accounts?")
    assert planned(northwind) == ["Ann 07", "Ann 08"]


@WITHOUT_SCRIPTS
def test_list_is_selected_without_scripts(school, northwind):
    page = school.page
    fill_list(school, "Ann 07\nAnn 08\nAnn 09")
    expect(bar(school)).to_have_text("3 selected")
    expect(page.locator("[data-select-row]").first).to_be_hidden()

    page.locator(".bulkbar").get_by_role("button", name="Delete").click()

    expect(heading(school)).to_have_text("Delete 3 user accounts?")
    assert planned(northwind) == ["Ann 07", "Ann 08", "Ann 09"]
