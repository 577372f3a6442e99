"""
Whom a member chose in a list is whom the act is on, and nobody else.

NetBox's issues #15852, #19082, #6433 and #7445 tell what people fear of "select all matching": that
it means all that there are, or only what is seen. Each is a test here.
"""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from batches.models import Batch, Line
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = pytest.mark.browser_context_args(
    viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
)
USERS = "/customers/contoso/users/"


@pytest.fixture
def school(site, northwind, alice, contoso):
    """Sixty Anns and thirty Bens of Contoso, every third of them blocked, and four deleted Zoes."""
    with inside_of(northwind):
        for number in range(60):
            factories.user(contoso, f"Ann {number:02}", is_blocked=number % 3 == 0)
        for number in range(30):
            factories.user(contoso, f"Ben {number:02}", is_blocked=number % 3 == 0)
        for number in range(4):
            factories.user(contoso, f"Zoe {number}")
        delete("Zoe")
    site.sign_in(alice)
    site.open(USERS)
    return site


def delete(name) -> None:
    """Delete everybody of this name, as somebody else would meanwhile."""
    now = timezone.now()
    CustomerUser.objects.filter(display_name__startswith=name).update(
        deleted_at=now, purge_at=now + timedelta(days=30)
    )


def rows(site):
    return site.page.locator("#users tbody tr")


def bar(site):
    return site.page.locator(".bulkbar .n")


def search(site, text, number):
    """Search, and wait until the list says how many it has found."""
    site.page.locator("#q").fill(text)
    expect(site.page.locator("#users > .row strong")).to_have_text(number)


def select_page(site):
    site.page.get_by_label("Select all users on this page").check()


def select_all(site, number):
    """Select the page, then all that match."""
    select_page(site)
    site.page.get_by_role("button", name=f"Select all {number} matching").click()
    expect(bar(site)).to_have_text(f"{number} selected")


def act(site, name):
    """Press a button of the bar."""
    site.page.locator(".bulkbar").get_by_role("button", name=name).click()


def heading(site):
    return site.page.get_by_role("heading", level=1)


def planned(partner) -> list[str]:
    """The names in the lines of the only batch."""
    with inside_of(partner):
        lines = Line.objects.filter(batch=Batch.objects.get()).order_by("number")
        return [line.input["display_name"] for line in lines]


ANNS = [f"Ann {number:02}" for number in range(60)]


def test_all_that_a_search_found_are_deleted_not_all_that_there_are(school, northwind):
    """netbox#15852: after a quick search the offer was still for the whole list, and so was the act."""
    select_page(school)
    expect(school.page.get_by_role("button", name="Select all 90 matching")).to_be_visible()
    search(school, "ann", "60 users")
    expect(school.page.get_by_role("button", name="matching")).to_be_hidden()
    select_all(school, 60)

    act(school, "Delete")

    expect(heading(school)).to_have_text("Delete 60 user accounts?")
    assert planned(northwind) == ANNS


def test_all_that_match_are_changed_not_only_the_page_that_is_seen(school, northwind):
    """netbox#19082: the page said how many match, and only the rows that were seen were edited."""
    search(school, "ann", "60 users")
    select_all(school, 60)
    act(school, "More")
    school.page.get_by_role("button", name="Change location").click()
    expect(heading(school)).to_have_text("Edit 60 users")
    steps.choose_location(school.page, "CN")
    school.page.get_by_role("button", name="Continue").click()

    expect(school.page).to_have_url(re.compile("/batches/"))
    assert planned(northwind) == ANNS


def test_all_that_match_mean_every_filter_of_the_address(school, northwind, contoso):
    """netbox#6433: of a list narrowed by where it is shown, all of all such lists were selected."""
    with inside_of(northwind):
        office = factories.customer("office", "Office", domains=("office.example",))
        for number in range(60):
            factories.user(office, f"Ann {number:02}", user_name=f"ann{number}@office.example")
        for number in range(60, 120):
            factories.user(contoso, f"Ann {number}", is_blocked=True)
    # Sorted, searched, filtered, and on its second page: all of that stands in the address.
    school.open(f"{USERS}?q=ann&status=blocked&sort=-name")
    school.page.get_by_role("link", name="Next").click()
    expect(rows(school)).to_have_count(30)
    select_all(school, 80)

    act(school, "Reset password")

    expect(school.page).to_have_url(re.compile("/batches/"))
    blocked = [f"Ann {number:02}" for number in range(0, 60, 3)]
    assert sorted(planned(northwind)) == sorted(
        [*blocked, *(f"Ann {number}" for number in range(60, 120))]
    )


def test_a_page_of_a_search_is_its_rows(school, northwind):
    """netbox#7445: text narrowed the table, its box was ticked, and everything was edited."""
    search(school, "ben 0", "10 users")
    select_page(school)
    expect(bar(school)).to_have_text("10 selected")
    expect(school.page.get_by_role("button", name="matching")).to_be_hidden()

    act(school, "Delete")

    expect(heading(school)).to_have_text("Delete 10 user accounts?")
    assert planned(northwind) == [f"Ben {number:02}" for number in range(10)]


def test_a_number_that_has_moved_is_said_before_anything_happens(school, northwind, contoso):
    search(school, "ann", "60 users")
    select_all(school, 60)
    with inside_of(northwind):
        delete("Ann 0")
        factories.user(contoso, "Ann Late")

    act(school, "Delete")

    expect(heading(school)).to_have_text("Delete 51 user accounts?")
    expect(school.page.locator("main")).to_contain_text("from 60 to 51")
    school.check()
    # Who comes after the plan is not in it.
    with inside_of(northwind):
        factories.user(contoso, "Ann Later")
    school.page.reload()
    expect(heading(school)).to_have_text("Delete 51 user accounts?")
    assert planned(northwind) == [*ANNS[10:], "Ann Late"]


def test_a_filter_that_is_not_known_finds_nobody_to_choose(school):
    school.open(f"{USERS}?statsu=blocked")

    expect(school.page.locator("#users")).to_contain_text("A filter in the address is unknown.")
    expect(rows(school)).to_have_count(0)
    expect(school.page.locator("[data-select-page]")).to_have_count(0)


def test_the_selection_outlives_paging_and_sorting(school, northwind):
    page = school.page
    page.get_by_label("Select Ann 00").check()
    page.get_by_role("link", name="Next").click()
    expect(rows(school)).to_have_count(40)
    page.get_by_label("Select Ben 29").check()
    page.get_by_label("Sort by").select_option("-name")
    expect(page.get_by_label("Select Ben 29")).to_be_checked()

    expect(bar(school)).to_have_text("2 selected")
    act(school, "Delete")

    expect(heading(school)).to_have_text("Delete 2 user accounts?")
    assert planned(northwind) == ["Ann 00", "Ben 29"]


def test_who_is_chosen_before_the_page_is_all_there_is_chosen_besides(school):
    page = school.page
    page.get_by_label("Select Ann 00").check()
    held = []
    page.route("**/htmx.min.js", lambda route: held.append(route))
    page.reload(wait_until="commit")

    page.get_by_label("Select Ann 01").check()

    expect(bar(school)).to_have_text("2 selected")
    held.pop().continue_()
    page.wait_for_load_state()
    expect(bar(school)).to_have_text("2 selected")
    for name in ANNS[:2]:
        expect(page.get_by_label(f"Select {name}")).to_be_checked()


def test_another_filter_clears_the_selection_and_says_so(school):
    page = school.page
    page.get_by_label("Select Ann 00").check()
    search(school, "ben", "30 users")

    expect(page.locator(".bulkbar")).to_be_hidden()
    expect(page.locator("[data-selection-note=dropped]")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("the selection was cleared")
    expect(page.locator("#live")).to_contain_text("30 users found")
    page.go_back()
    expect(page.get_by_label("Select Ann 00")).not_to_be_checked()
    expect(page.locator("#bulk [name=ids]")).to_have_value("")


def test_one_taken_out_of_all_stays_out_on_every_page(school, northwind):
    page = school.page
    select_all(school, 90)
    page.get_by_label("Select Ann 07").uncheck()
    expect(bar(school)).to_have_text("89 selected")
    page.get_by_role("link", name="Next").click()
    expect(rows(school)).to_have_count(40)
    expect(page.get_by_label("Select Ben 29")).to_be_checked()
    page.get_by_label("Select Ben 29").uncheck()
    expect(bar(school)).to_have_text("88 selected")
    # The bar lies over the rows; on a high screen it leaves all of them free.
    page.set_viewport_size({"width": 1280, "height": 4000})
    school.check()

    act(school, "Delete")

    expect(heading(school)).to_have_text("Delete 88 user accounts?")
    assert not {"Ann 07", "Ben 29"} & set(planned(northwind))
    expect(page.locator("main")).not_to_contain_text("How many users you chose has changed")


def test_a_page_taken_out_of_all_leaves_the_others(school):
    page = school.page
    select_all(school, 90)
    page.get_by_role("link", name="Next").click()
    expect(rows(school)).to_have_count(40)
    page.get_by_label("Select all users on this page").uncheck()
    expect(bar(school)).to_have_text("50 selected")
    page.get_by_role("link", name="Previous").click()
    expect(rows(school)).to_have_count(50)
    expect(page.get_by_label("Select all users on this page")).to_be_checked()

    page.get_by_label("Select all users on this page").uncheck()

    expect(page.locator(".bulkbar")).to_be_hidden()


def test_after_back_nobody_is_chosen_who_was_acted_upon(school):
    page = school.page
    select_all(school, 90)
    act(school, "Reset password")
    expect(page).to_have_url(re.compile("/batches/"))

    page.go_back()

    expect(rows(school)).to_have_count(50)
    expect(page.locator(".bulkbar")).to_be_hidden()
    expect(page.get_by_label("Select Ann 00")).not_to_be_checked()
    expect(page.locator("#bulk [name=all]")).to_have_value("")


@pytest.mark.parametrize("number", [3, 55, "all"])
def test_manage_licenses_can_be_gone_back_to(school, northwind, contoso, number):
    """Three stand in the address, fifty-five are kept for it, and all are what the address asks for."""
    page = school.page
    with inside_of(northwind):
        visio = factories.subscription(contoso, "Visio", seats=100)
        CustomerUser.objects.update(location="US")
    if number == "all":
        select_all(school, 90)
    elif number == 3:
        for name in ANNS[:3]:
            page.get_by_label(f"Select {name}").check()
    else:
        select_page(school)
        page.get_by_role("link", name="Next").click()
        expect(rows(school)).to_have_count(40)
        for name in ANNS[50:55]:
            page.get_by_label(f"Select {name}").check()
    count = 90 if number == "all" else number
    act(school, "Manage licenses")
    expect(page.locator(".page-head")).to_contain_text(f"{count} users selected")
    page.get_by_role("checkbox", name="Visio", exact=True).check()
    page.get_by_role("button", name="Continue").click()
    expect(heading(school)).to_have_text(f"Change licenses of {count} users?")

    page.go_back()

    expect(heading(school)).to_have_text("Manage licenses")
    page.reload()
    expect(page.locator(".page-head")).to_contain_text(f"{count} users selected")
    with inside_of(northwind):
        assert Batch.objects.get().total == count
        assert visio.assigned == 0


def test_two_tabs_have_a_selection_each(school, northwind):
    page = school.page
    page.get_by_label("Select Ann 00").check()
    other = school.watch(page.context.new_page())
    other.goto(school.url + USERS)
    expect(other.locator(".bulkbar")).to_be_hidden()
    for name in ANNS[1:3]:
        other.get_by_label(f"Select {name}").check()
    other.locator(".bulkbar").get_by_role("button", name="Delete").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Delete 2 user accounts?")

    page.reload()

    expect(bar(school)).to_have_text("1 selected")
    expect(page.get_by_label("Select Ann 00")).to_be_checked()
    expect(page.get_by_label("Select Ann 01")).not_to_be_checked()


def test_who_was_deleted_in_another_tab_is_not_acted_upon(school, northwind):
    page = school.page
    for name in ANNS[:3]:
        page.get_by_label(f"Select {name}").check()
    with inside_of(northwind):
        delete("Ann 01")

    act(school, "Reset password")

    expect(page.locator("main")).to_contain_text("from 3 to 2")
    assert planned(northwind) == ["Ann 00", "Ann 02"]


def test_exactly_one_page_of_rows_is_all_that_there_is(school, northwind):
    with inside_of(northwind):
        delete("Ann 5")
    search(school, "ann", "50 users")
    expect(rows(school)).to_have_count(50)
    select_page(school)

    expect(bar(school)).to_have_text("50 selected")
    expect(school.page.locator("[data-selection-note=page]")).to_be_hidden()
    act(school, "Delete")
    expect(heading(school)).to_have_text("Delete 50 user accounts?")
    assert planned(northwind) == ANNS[:50]


def test_the_two_tabs_of_the_list_share_no_selection(school, northwind):
    page = school.page
    select_all(school, 90)
    page.get_by_role("link", name="Deleted users").click()
    expect(rows(school)).to_have_count(4)
    expect(page.locator(".bulkbar")).to_be_hidden()
    expect(page.locator("[data-selection-note=dropped]")).to_be_visible()
    select_page(school)
    expect(bar(school)).to_have_text("4 selected")

    act(school, "Restore")

    expect(heading(school)).to_have_text("Restore 4 users?")
    assert planned(northwind) == [f"Zoe {number}" for number in range(4)]


@PHONE
def test_on_a_phone_the_page_and_all_that_match_are_chosen_by_touch(school, northwind):
    page = school.page
    box = page.get_by_label("Select all on this page")
    expect(box).to_be_visible()
    box.tap()
    expect(bar(school)).to_have_text("50 selected")
    page.get_by_role("button", name="Select all 90 matching").tap()
    expect(bar(school)).to_have_text("90 selected")
    school.check()
    page.get_by_role("button", name="Clear selection").tap()
    expect(page.locator(".bulkbar")).to_be_hidden()
    expect(box).to_be_focused()

    # The same with keys, of which a phone may have some as well.
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Select all 90 matching")).to_be_focused()
    page.keyboard.press("Enter")
    act(school, "Delete")

    expect(heading(school)).to_have_text("Delete 90 user accounts?")
    assert len(planned(northwind)) == 90


def test_a_wide_screen_names_the_box_of_the_page_once(school):
    boxes = school.page.get_by_role("checkbox", name=re.compile("on this page"))

    expect(boxes).to_have_count(1)
    school.page.set_viewport_size({"width": 390, "height": 844})
    expect(boxes).to_have_count(1)
