"""The main job without a mouse: every step by keys, and always seeing where one is."""

import re

import pytest
from playwright.sync_api import Page, expect

from batches.models import Line
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of

pytestmark = pytest.mark.django_db(transaction=True)

# Where the focus is, and whether one can see it there.
FOCUS = """(wanted) => {
    const at = document.activeElement;
    const box = at.getBoundingClientRect();
    const style = getComputedStyle(at);
    const shown = [at, at.closest("label")].some((one) => {
        const its = one && getComputedStyle(one);
        return its && (its.outlineStyle !== "none" || its.boxShadow !== "none");
    });
    return {
        is_there: at.matches(wanted),
        is_lost: at === document.body,
        is_seen: shown && box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0
            && box.top < innerHeight && box.left < innerWidth && style.visibility === "visible",
        what: at.outerHTML.slice(0, 160),
    };
}"""


def tab_to(page: Page, wanted: str, most: int = 80) -> None:
    """Go on with Tab until the wanted thing has the focus; all that had it on the way was seen."""
    page.wait_for_load_state()
    for _try in range(most):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS, wanted)
        assert focus["is_seen"] or focus["is_lost"], focus["what"]
        if focus["is_there"]:
            return
    raise AssertionError(f"{wanted} is not reached by Tab on {page.url}")


def skip_to_content(page: Page) -> None:
    """Pass the head and the navigation by."""
    tab_to(page, ".skip", most=1)
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def has_focus(page: Page, wanted: str) -> None:
    """The swap left the focus where it was."""
    expect(page.locator(wanted)).to_be_focused()
    assert page.evaluate(FOCUS, wanted)["is_seen"], wanted


def test_passwords_are_reset_and_shown_by_keys_alone(site, northwind, alice, contoso):
    page, press = site.page, site.page.keyboard.press
    with inside_of(northwind):
        factories.customer("fabrikam", "Fabrikam")
        for number in range(20):
            factories.user(contoso, f"Ann {number:02}", is_blocked=number % 2 == 0)

    site.open("/accounts/login/")
    tab_to(page, "[name=login]")
    page.keyboard.type(alice.email)
    tab_to(page, "[name=password]")
    page.keyboard.type(factories.PASSWORD)
    press("Enter")
    expect(page.locator("nav#side")).to_be_attached()
    page.wait_for_load_state()

    tab_to(page, "nav#side a[href='/customers/']")
    press("Enter")
    expect(page.locator("#customers tbody tr")).to_have_count(2)
    page.wait_for_load_state()
    press("/")
    page.keyboard.type("contoso")
    # One row is left long before the last letter; the list of the whole word must be there.
    expect(page).to_have_url(re.compile("q=contoso"))
    expect(page.locator("#customers tbody tr")).to_have_count(1)
    has_focus(page, "#q")
    tab_to(page, "#customers td.main a")
    press("Enter")
    expect(page.locator("nav#side a[href='/customers/contoso/users/']")).to_be_visible()
    tab_to(page, "nav#side a[href='/customers/contoso/users/']")
    press("Enter")

    rows = page.locator("#users tbody tr")
    expect(rows).to_have_count(20)
    skip_to_content(page)
    tab_to(page, "form.filters [name=status]")
    while page.locator("form.filters [name=status]").input_value() != "blocked":
        press("ArrowDown")
    expect(rows).to_have_count(10)
    has_focus(page, "form.filters [name=status]")

    # Single keys are for lists, not for fields.
    tab_to(page, "[popovertarget=more-filters]")
    for key in ("x", "Space", "x"):
        press("j")
        assert page.evaluate(FOCUS, "[data-select-row]")["is_seen"]
        press(key)
    expect(page.locator(".bulkbar .n")).to_have_text("3 selected")
    tab_to(page, ".bulkbar [formaction$='/users/reset/']")
    press("Enter")
    expect(page.locator("button[form=start]")).to_be_visible()
    skip_to_content(page)
    tab_to(page, "button[form=start]")
    press("Enter")

    expect(page.locator("#handover")).to_be_visible()
    skip_to_content(page)
    tab_to(page, "#handover > footer button.primary")
    press("Enter")
    secrets = steps.passwords_on(page)
    assert len(secrets) == 3
    with inside_of(northwind):
        assert {line.input["display_name"] for line in Line.objects.all()} == {
            "Ann 00",
            "Ann 02",
            "Ann 04",
        }
    second = page.locator("#sheet tbody tr").nth(1)
    covered = second.locator("code").text_content()
    skip_to_content(page)
    tab_to(page, "#sheet tbody tr:nth-child(2) [data-reveal]")
    press("Space")
    expect(second.locator("code")).not_to_have_text(covered)
    has_focus(page, "#sheet tbody tr:nth-child(2) [data-reveal]")


def test_the_palette_finds_the_actions_of_a_customer(site, alice, contoso):
    page, press = site.page, site.page.keyboard.press
    site.sign_in(alice)
    site.open("/customers/contoso/")
    press("Control+k")
    has_focus(page, "#palette input")
    page.keyboard.type("add us")
    expect(page.locator("#palette li a").locator("visible=true")).to_have_count(1)
    # Without a way down: Enter opens the first that is there.
    press("Enter")
    page.wait_for_url("**/customers/contoso/users/add/")


def test_enter_in_the_palette_opens_the_first_that_was_found(site, alice, contoso):
    page, press = site.page, site.page.keyboard.press
    site.sign_in(alice)
    press("Control+k")
    has_focus(page, "#palette input")
    page.keyboard.type("conto")
    expect(page.locator("#results[data-query=conto] a").first).to_be_visible()
    press("Enter")
    page.wait_for_url("**/customers/contoso/")

    # What an earlier word has found is not opened by the next: the page of the search answers.
    press("Control+k")
    page.keyboard.type("conto")
    expect(page.locator("#results[data-query=conto] a").first).to_be_visible()
    page.keyboard.type("xyz")
    press("Enter")
    page.wait_for_url("**/search/?q=contoxyz")


def test_the_palette_and_its_results_are_walked_with_arrows(site, alice, contoso):
    page, press = site.page, site.page.keyboard.press
    site.sign_in(alice)
    press("Control+k")
    has_focus(page, "#palette input")
    page.keyboard.type("contoso")
    expect(page.locator("#results[data-query=contoso] a").first).to_be_visible()
    has_focus(page, "#palette input")
    press("ArrowDown")
    assert page.evaluate(FOCUS, "#palette li a")["is_there"]
    press("Enter")
    page.wait_for_url("**/customers/contoso/")

    press("?")
    expect(page.locator("#keys")).to_be_visible()
    press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
