import re

import pytest
from playwright.sync_api import expect

from batches.models import Batch, Line
from tests import factories
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def users(site, northwind, alice, contoso):
    """The list of Contoso's sixty users, opened by alice; every second one is blocked."""
    with inside_of(northwind):
        for number in range(60):
            factories.user(contoso, f"Ann {number:02}", is_blocked=number % 2 == 1)
    site.sign_in(alice)
    site.open("/customers/contoso/users/")
    return site


def rows(site):
    return site.page.locator("#users tbody tr")


def test_a_search_narrows_the_list_keeps_the_focus_and_goes_back(users):
    page = users.page
    users.check()

    page.keyboard.press("/")
    # At once: each pause in typing may become a step of the history.
    page.keyboard.insert_text("ann 07")
    expect(rows(users)).to_have_count(1)

    expect(page.locator("#q")).to_be_focused()
    expect(page).to_have_url(re.compile(r"/users/\?q=ann(\+|%20)07$"))
    expect(page.locator("#live")).to_have_text("1 user found")
    page.go_back()
    expect(rows(users)).to_have_count(50)


def test_filters_add_up_and_can_be_taken_away(users):
    page = users.page
    page.get_by_label("Sign-in").select_option("blocked")
    expect(page.locator("#users")).to_contain_text("30 users")
    page.set_viewport_size({"width": 1366, "height": 768})
    page.get_by_role("button", name="Add filter").click()
    expect(page.locator("#more-filters")).to_be_in_viewport(ratio=1)
    page.get_by_label("Permissions").select_option("administrators")
    expect(page.locator("#users")).to_contain_text("No users match")
    users.check()

    page.keyboard.press("Escape")
    page.get_by_role("link", name="Remove the filter Permissions: Administrators").click()

    expect(page.locator("#users")).to_contain_text("30 users")
    expect(page).to_have_url(re.compile(r"/users/\?status=blocked$"))
    expect(page.get_by_label("Sign-in")).to_have_value("blocked")


def test_pages_turn_and_the_selection_stays(users):
    page = users.page
    page.get_by_label("Select Ann 00").check()
    page.get_by_role("link", name="Next").click()
    expect(rows(users)).to_have_count(10)
    page.get_by_label("Select Ann 59").check()

    expect(page.locator(".bulkbar .n")).to_have_text("2 selected")
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_label("Select Ann 00")).to_be_checked()


def test_all_that_match_are_reset_and_nobody_else(users, northwind):
    page = users.page
    page.get_by_label("Sign-in").select_option("blocked")
    expect(page.locator("#users")).to_contain_text("30 users")
    page.get_by_label("Select Ann 01").check()
    page.get_by_label("Sign-in").select_option("")
    # A filter that changes drops what was chosen before.
    expect(page.locator(".bulkbar")).to_be_hidden()
    page.get_by_label("Select all users on this page").check()
    page.get_by_role("button", name="Select all 60 matching").click()
    expect(page.locator(".bulkbar .n")).to_have_text("60 selected")

    page.locator(".bulkbar").get_by_role("button", name="Reset password").click()

    expect(page).to_have_url(re.compile(r"/batches/"))
    with inside_of(northwind):
        batch = Batch.objects.get()
        everybody = set(CustomerUser.objects.values_list("pk", flat=True))
        assert set(Line.objects.filter(batch=batch).values_list("user_id", flat=True)) == everybody


def test_one_user_is_opened_and_reset_from_the_menu_of_the_row(users, northwind):
    page = users.page
    page.get_by_role("button", name="Actions for Ann 03").click()
    page.get_by_role("link", name="Open").locator("visible=true").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ann 03")
    users.check()
    page.go_back()
    page.get_by_role("button", name="Actions for Ann 04").click()
    page.locator(".menu").get_by_role("link", name="Reset password").locator("visible=true").click()
    page.locator("#dialog footer .primary").click()

    expect(page.locator("#dialog [data-secret]")).to_be_visible()
    with inside_of(northwind):
        assert Line.objects.get().input["display_name"] == "Ann 04"


def test_the_list_is_cards_on_a_phone(users):
    users.page.set_viewport_size({"width": 390, "height": 844})

    users.check()
    expect(users.page.get_by_role("link", name="Ann 00")).to_be_visible()
