"Not enough seats: users without one wait, and get theirs when it is free."

import os
import re

import pytest
from playwright.sync_api import expect

from batches.models import Batch
from licensing.models import Assignment, WaitingSeat
from licensing.operations.seats import Wanted, assign
from licensing.operations.subscriptions import change_subscription
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from tests.browser.test_licenses import box, choose_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def school(site, northwind, alice, contoso):
    """Sixty users of Contoso: all have Old, and of New 40 seats are free."""
    with inside_of(northwind):
        old = factories.subscription(contoso, "Old", seats=60)
        factories.subscription(contoso, "New", seats=40)
        users = [factories.user(contoso, f"Ann {n:02}", location="US") for n in range(60)]
        wanted = [Wanted(user.pk, old.pk, ()) for user in users]
        assign(customer=contoso, wanted=wanted, cause=None)
    site.sign_in(alice)
    site.open("/customers/contoso/users/")
    return site


def press(page, target, key="Enter"):
    target.focus()
    page.keyboard.press(key)


def shoot(page, name):
    """Keep a picture where somebody wants to look at it."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def holders(product) -> set[str]:
    held = Assignment.objects.filter(subscription__product__name=product)
    return set(held.values_list("user__display_name", flat=True))


def noticed(school, text):
    """Look at the dashboard until it says so; gives the place."""
    notice = school.page.locator("#attention").get_by_text(text)

    def is_there():
        school.open("/")
        return notice.count()

    steps.wait_until(is_there)
    return notice


def swap_all(school):
    """Give New to all and take Old from all, by keyboard, with a queue for who finds none."""
    page = school.page
    choose_all(page)
    press(page, box(page, "New"), "Space")
    press(page, box(page, "Old"), "Space")
    expect(page.locator("#live")).to_have_text("Remove from all: 60 seats become free")
    press(page, page.get_by_label(re.compile("The other users wait")), "Space")
    shoot(page, "form")
    school.check()
    press(page, page.get_by_role("button", name="Continue"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Change licenses of 60 users?")


def test_a_swap_of_all_with_too_few_seats_and_the_queue_filling(school, northwind, worker):
    page = school.page
    swap_all(school)
    expect(page.locator("main")).to_contain_text("20 users will wait")
    expect(page.locator("main")).to_contain_text("keep their current licenses until then")
    shoot(page, "plan")
    school.check()
    press(page, page.get_by_role("button", name="Change licenses of 60 users"))

    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Licenses of 40 users changed, 20 users waiting"
    )
    expect(page.locator("#lines")).to_contain_text("Ann 00")
    shoot(page, "result")
    school.check()
    with inside_of(northwind):
        assert holders("New") == {f"Ann {n:02}" for n in range(40)}
        assert holders("Old") == {f"Ann {n:02}" for n in range(40, 60)}
        assert WaitingSeat.objects.count() == 20

    # Ten more seats are bought.
    school.open("/customers/contoso/subscriptions/")
    expect(page.locator("main")).to_contain_text("20 users wait")
    shoot(page, "subscriptions")
    school.check()
    school.open("/customers/contoso/")
    expect(page.locator("main")).to_contain_text("20 users are waiting")
    shoot(page, "overview")
    school.check()
    school.open("/customers/contoso/subscriptions/")
    press(page, page.get_by_role("link", name="New", exact=True).first)
    seats = page.get_by_label("Seats")
    seats.focus()
    seats.press("Control+a")
    page.keyboard.type("50")
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("New is saved.")

    # The worker is told after the commit; the dashboard says so to who had queued them.
    notice = noticed(school, "10 waiting users got licenses")
    shoot(page, "dashboard")
    school.check()
    with inside_of(northwind):
        assert holders("New") == {f"Ann {n:02}" for n in range(50)}
        assert holders("Old") == {f"Ann {n:02}" for n in range(50, 60)}
        assert Batch.objects.get(kind="queue").total == 10

    press(page, page.get_by_role("link", name=re.compile("Open: 10 waiting users got licenses")))
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Licenses assigned to 10 waiting users"
    )
    expect(page.locator("#lines")).to_contain_text("+ New")
    expect(page.locator("#lines")).to_contain_text("− Old")
    shoot(page, "batch")
    school.check()
    press(page, page.get_by_role("button", name="Dismiss"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    expect(notice).to_have_count(0)


def test_one_who_waits_leaves_the_line_on_a_phone(school, northwind, worker):
    page = school.page
    swap_all(school)
    press(page, page.get_by_role("button", name="Change licenses of 60 users"))
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Licenses of 40 users changed, 20 users waiting"
    )
    page.set_viewport_size({"width": 390, "height": 844})
    with inside_of(northwind):
        waits = WaitingSeat.objects.get(user__display_name="Ann 42")
    school.open(f"/customers/contoso/users/?waits={waits.subscription_id}")
    expect(page.locator("#users tbody tr")).to_have_count(20)
    shoot(page, "list-phone")
    school.check()

    page.get_by_role("link", name="Ann 42").click()
    expect(page.locator("main")).to_contain_text("Waiting for New: place 3 of 20")
    expect(page.locator("main")).to_contain_text("Replaces: Old")
    shoot(page, "user-phone")
    school.check()
    press(page, page.get_by_role("button", name=re.compile("^Stop waiting")))

    expect(page.locator("#notices")).to_contain_text("is no longer waiting for New")
    expect(page.locator("main")).not_to_contain_text("Waiting for New")
    with inside_of(northwind):
        assert WaitingSeat.objects.count() == 19
        assert "Ann 42" in holders("Old")


def test_free_seat_serves_two_who_wait_for_each_other(school, northwind, alice, contoso, worker):
    page = school.page
    with inside_of(northwind):
        users = [factories.user(contoso, f"Zoe {n}", location="US") for n in range(2)]
        bought = [factories.subscription(contoso, name, seats=1) for name in ("Left", "Right")]
        for user, one in zip(users, bought, strict=True):
            wanted = [Wanted(user.pk, one.pk, ())]
            assign(customer=contoso, wanted=wanted, cause=None)
    for user, gives, wants in ((0, "Left", "Right"), (1, "Right", "Left")):
        school.open(f"/customers/contoso/users/?q=Zoe+{user}")
        page.locator("[data-select-row]").check()
        page.locator("#bulk [formaction$='/licenses/']").click()
        for product in (wants, gives):
            press(
                page,
                page.locator("#dialog label.choice", has_text=product).locator("input"),
                "Space",
            )
        press(page, page.get_by_label("Put the user on the waitlist"), "Space")
        press(page, page.locator("#dialog footer button").last)
        expect(page.locator("#notices")).to_contain_text(f"Waiting for {wants}, place 1.")
    shoot(page, "put-in-line")
    school.check()
    with inside_of(northwind):
        assert (holders("Left"), holders("Right")) == ({"Zoe 0"}, {"Zoe 1"})
        change_subscription(
            subscription=bought[0], seats=2, state="active", renews_on=None, by=alice
        )

    noticed(school, "2 waiting users got licenses")
    with inside_of(northwind):
        assert (holders("Left"), holders("Right")) == ({"Zoe 1"}, {"Zoe 0"})
        assert not WaitingSeat.objects.exists()
