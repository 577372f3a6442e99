import re

import pytest
from playwright.sync_api import expect

from licensing.operations.seats import Wanted, assign
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def users(site, northwind, alice, contoso):
    """The list of Contoso's three users, opened by alice; two hold a seat, one administers."""
    with inside_of(northwind):
        office = factories.subscription(contoso, "Office E3", seats=2)
        people = [
            factories.user(
                contoso, name, user_name=f"{name.lower()}@contoso.example", location="US"
            )
            for name in ("Ann", "Bo")
        ]
        factories.user(contoso, "Boss", permissions=["global_administrator"], location="US")
        wanted = [Wanted(user.pk, office.pk) for user in people]
        assign(customer=contoso, wanted=wanted, cause=None)
    # What is still fading in has not its colors yet.
    site.page.emulate_media(reduced_motion="reduce")
    site.sign_in(alice)
    site.open("/customers/contoso/users/")
    return site


def look(site, place="document.body.scrollHeight"):
    """Check the page as wide as a screen and as narrow as a phone."""
    # A page that has only begun has no end to scroll to.
    site.page.wait_for_load_state()
    for size in (WIDE, PHONE):
        site.page.set_viewport_size(size)
        # The bar lies over the rows; at the end of the page it leaves all of them free.
        site.page.evaluate(f"scrollTo(0, {place})")
        site.check()
    site.page.set_viewport_size(WIDE)


def choose_all(page):
    page.get_by_label("Select all users on this page").check()


def test_all_are_deleted_and_come_back_with_a_name_that_was_taken(users, northwind, contoso):
    page = users.page
    choose_all(page)
    look(users)
    page.locator(".bulkbar").get_by_role("button", name="Delete").click()
    expect(page.locator("h1")).to_have_text("Delete 3 user accounts?")
    look(users)
    steps.open_note(page)
    page.get_by_label("Reason").fill("Left the company")
    page.get_by_role("button", name="Delete 3 user accounts").click()
    expect(page.locator("#errors")).to_contain_text("would have no global administrator")
    expect(page.get_by_label("Reason")).to_have_value("Left the company")
    look(users)
    page.get_by_label(re.compile("^Leave this customer")).check()
    page.get_by_role("button", name="Delete 3 user accounts").click()
    expect(page.locator("h1")).to_have_text("3 user accounts deleted")
    look(users)

    with inside_of(northwind):
        factories.user(contoso, "New Ann", user_name="ann@contoso.example")
    users.open("/customers/contoso/users/?tab=deleted")
    choose_all(page)
    look(users)
    page.locator(".bulkbar").get_by_role("button", name="Restore").click()
    look(users)
    page.get_by_label("New user name of Ann").fill("a b")
    page.get_by_role("button", name="Use this name").click()
    expect(page.get_by_label("New user name of Ann")).to_have_value("a b")
    look(users)
    page.get_by_role("button", name="Use ann2").click()
    page.get_by_role("button", name="Restore 3 users").click()

    expect(page.locator("h1")).to_have_text("3 users restored")
    look(users)
    with inside_of(northwind):
        assert CustomerUser.objects.filter(user_name="ann2@contoso.example").exists()


def test_blocking_and_moving_by_the_menu_of_the_bar(users, northwind):
    page = users.page
    choose_all(page)
    page.locator(".bulkbar").get_by_role("button", name="More").click()
    users.check()
    page.set_viewport_size(PHONE)
    page.set_viewport_size(WIDE)
    page.locator("#bulk-more").get_by_role("button", name="Change location").click()
    expect(page.locator("h1")).to_have_text("Edit 3 users")
    look(users)
    steps.choose_location(page, "DE")
    page.get_by_role("button", name="Continue").click()
    look(users)
    page.get_by_role("button", name="Change location of 3 users").click()
    expect(page.locator("h1")).to_have_text("Location of 3 users changed")

    users.open("/customers/contoso/users/")
    page.get_by_label("Actions for Ann").click()
    page.get_by_role("link", name="Block sign-in").click()
    dialog = page.get_by_role("dialog", name="Block sign-in of Ann?")
    look(users)
    dialog.get_by_role("button", name="Block sign-in").click()
    expect(page.locator("#notices")).to_contain_text("Sign-in of Ann blocked")
    with inside_of(northwind):
        assert CustomerUser.objects.get(display_name="Ann").is_blocked


def test_the_second_of_two_who_edit_is_told(users, northwind):
    page = users.page
    page.get_by_role("link", name="Ann", exact=True).click()
    look(users)
    page.get_by_role("link", name="Edit user").click()
    expect(page.get_by_role("dialog", name="Edit user")).to_be_visible()
    look(users)
    page.get_by_label("Department").fill("Legal")
    with inside_of(northwind):
        CustomerUser.objects.filter(display_name="Ann").update(version=2, job_title="Lead")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#errors")).to_contain_text("Someone else changed this user")
    look(users)
    page.get_by_role("button", name="Save").click()

    expect(page.locator("#notices")).to_contain_text("Ann was changed.")
    with inside_of(northwind):
        ann = CustomerUser.objects.get(display_name="Ann")
        assert (ann.department, ann.job_title) == ("Legal", "Lead")


def test_a_purge_asks_for_the_number(users):
    page = users.page
    page.get_by_label("Select Ann").check()
    page.get_by_label("Select Bo", exact=True).check()
    page.locator(".bulkbar").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete 2 user accounts").click()
    expect(page.locator("h1")).to_have_text("2 user accounts deleted")
    users.open("/customers/contoso/users/?tab=deleted")
    choose_all(page)
    page.locator(".bulkbar").get_by_role("button", name="Purge now").click()
    expect(page.locator("h1")).to_have_text("Purge 2 users?")
    look(users, place="0")
    page.get_by_label(re.compile("^Type 2")).fill("2")
    page.get_by_role("button", name="Purge 2 users").click()

    expect(page.locator("h1")).to_have_text("2 users purged")


def test_one_is_purged_without_a_number(users):
    page = users.page
    page.get_by_label("Select Ann").check()
    page.locator(".bulkbar").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete user account").click()
    expect(page.locator("#notices")).to_contain_text("User account of Ann deleted")
    users.open("/customers/contoso/users/?tab=deleted")
    page.get_by_label("Actions for Ann").click()
    page.locator("td.act .menu").get_by_role("link", name="Purge now").click()
    look(users)
    page.get_by_role("dialog").get_by_role("button", name="Purge now").click()

    expect(page.locator("#notices")).to_contain_text("Ann purged")


def test_fields_of_many_are_edited_and_shown_before_and_after(users, northwind):
    page = users.page
    choose_all(page)
    page.locator(".bulkbar").get_by_role("button", name="Edit").click()
    expect(page.locator("h1")).to_have_text("Edit 3 users")
    expect(page.get_by_label("New department")).to_be_hidden()
    look(users)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#errors")).to_contain_text("Select at least one field")
    look(users, place="0")
    page.get_by_label("Department", exact=True).press("Space")
    page.get_by_label("New department").fill("Legal")
    page.get_by_label("Language", exact=True).check()
    page.get_by_label("New language").select_option("zh-hans")
    look(users, place="0")
    page.get_by_role("button", name="Continue").click()

    expect(page.locator("h1")).to_have_text("Change 3 users?")
    expect(page.locator("#lines")).to_contain_text("Department: empty → Legal")
    look(users)
    steps.open_note(page)
    page.get_by_label("Reason").fill("New office")
    page.get_by_role("button", name="Change 3 users").click()
    expect(page.locator("h1")).to_have_text("3 users changed")
    look(users)
    with inside_of(northwind):
        found = CustomerUser.objects.values_list("department", "language")
        assert set(found) == {("Legal", "zh-hans")}

    page.get_by_role("button", name="Undo").click()
    look(users)
    page.get_by_role("button", name="Undo for 3 users").click()
    expect(page.locator("h1")).to_have_text("Undone for 3 users")
    with inside_of(northwind):
        assert set(CustomerUser.objects.values_list("department", "language")) == {("", "")}


def test_a_purge_is_held_put_off_and_released(users, northwind):
    page = users.page
    page.get_by_label("Select Ann").check()
    page.get_by_label("Select Bo", exact=True).check()
    page.locator(".bulkbar").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete 2 user accounts").click()
    users.open("/customers/contoso/users/?tab=deleted")
    choose_all(page)
    look(users)
    page.locator(".bulkbar").get_by_role("button", name="Hold purge").click()
    users.check()
    page.locator("#bulk-hold").get_by_role("button", name="Hold purge").click()
    expect(page.locator("h1")).to_have_text("Hold purge of 2 users?")
    expect(page.locator("#lines")).to_contain_text("Purge on hold: No → Yes")
    look(users)
    page.get_by_role("button", name="Hold purge of 2 users").click()
    expect(page.locator("h1")).to_have_text("Purge of 2 users held")
    look(users)

    users.open("/customers/contoso/users/?tab=deleted")
    expect(page.locator("#users .badge", has_text="Held")).to_have_count(2)
    page.get_by_label("Actions for Ann").click()
    look(users, place="0")
    page.locator("td.act .menu").get_by_role("link", name="Put off purge").click()
    dialog = page.get_by_role("dialog", name="Put off the purge of Ann?")
    dialog.get_by_label("Days").fill("400")
    dialog.get_by_role("button", name="Put off purge").click()
    expect(page.locator("#errors")).to_contain_text("Days")
    look(users, place="0")
    dialog.get_by_label("Days").fill("11")
    dialog.get_by_role("button", name="Put off purge").click()
    expect(page.locator("#notices")).to_contain_text("Purge of Ann put off")

    users.open("/customers/contoso/users/?tab=deleted")
    page.get_by_role("link", name="Ann").click()
    look(users)
    page.get_by_role("link", name="Release purge").click()
    page.get_by_role("dialog").get_by_role("button", name="Release purge").click()
    expect(page.locator("#notices")).to_contain_text("Purge of Ann released")
    look(users)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#notices")).to_contain_text("Undone for Ann")
    with inside_of(northwind):
        assert CustomerUser.objects.filter(is_held=True).count() == 2
