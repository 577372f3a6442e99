"""Users are deleted and come back, are blocked and let in again, and one is purged for good."""

import re

import pytest
from playwright.sync_api import expect

from batches.models import Line
from licensing.models import Subscription
from licensing.operations.seats import Wanted, assign
from licensing.operations.subscriptions import change_subscription
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from users import passwords
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/customers/contoso/users/"
PRODUCTS = ("Drawing", "Mail", "Telephone")
NAMES = ("Ann", "Bo", "Cy")


ENGLISH = pytest.param("en", marks=pytest.mark.browser_context_args(locale="en-US"))
CHINESE = pytest.param("zh-Hans", marks=pytest.mark.browser_context_args(locale="zh-CN"))


@pytest.fixture(params=[ENGLISH, CHINESE])
def words(request):
    """The language of the page."""
    return request.param


@pytest.fixture
def bought(contoso):
    """Three seats of each product."""
    return {name: factories.subscription(contoso, name, seats=3) for name in PRODUCTS}


@pytest.fixture
def users(site, northwind, alice, contoso, bought, words):
    """Alice looks at the list of Ann, Bo and Cy, who have a license of everything, and of Dee."""
    chosen = passwords.hash_chosen(steps.OWN_PASSWORD)
    with inside_of(northwind):
        people = [
            factories.user(
                contoso,
                name,
                user_name=f"{name.lower()}@contoso.example",
                password=chosen,
                password_state="chosen",
                location="US",
            )
            for name in (*NAMES, "Dee")
        ]
        wanted = [Wanted(user.pk, one.pk) for user in people[:3] for one in bought.values()]
        assign(customer=contoso, wanted=wanted, cause=None)
    site.sign_in(alice)
    expect(site.page.locator("html")).to_have_attribute("lang", words)
    site.open(LIST)
    return {user.display_name: user for user in people}


@pytest.fixture
def theirs(site, users):
    """Another browser, in which Ann is signed in."""
    with site.another_browser() as page:
        sign_in(page, site, "ann")
        expect(page.locator("#licenses-title")).to_be_visible()
        yield page


def sign_in(page, site, local):
    steps.sign_in_at_my(page, site.url, f"{local}@contoso.example", steps.OWN_PASSWORD)


def choose(page, *users):
    """Choose these users of the list."""
    for user in users:
        page.locator(f"[data-select-row][value='{user.pk}']").check()
    expect(page.locator(".bulkbar")).to_be_visible()


def do(page, verb):
    """Push a button of the bar below the list, behind "More" where it is there."""
    button = page.locator(f"#bulk [formaction$='/users/{verb}/']")
    if not button.is_visible():
        page.locator("#bulk [popovertarget=bulk-more]").click()
    button.click()
    expect(page).to_have_url(re.compile("/batches/[0-9a-f-]+/$"))


def start(page):
    """Start the plan, and see its result."""
    page.locator(".actionbar button[form=start]").click()
    expect(page.locator(".actionbar")).to_have_count(0)


def count_seats(subscription):
    return subscription.assignments.count()


def test_three_are_deleted_and_come_back_with_two_of_three_licenses(
    site, users, theirs, bought, northwind, contoso, alice
):
    page = site.page
    gone = [users[name] for name in NAMES]
    choose(page, *gone)
    do(page, "delete")
    seats = page.locator("section[aria-labelledby=held-t] li")
    expect(seats).to_have_count(3)
    for seat, product in zip(seats.all(), PRODUCTS, strict=True):
        expect(seat).to_contain_text(product)
        expect(seat).to_contain_text("3")
    expect(page.locator("#lines tbody tr")).to_have_count(3)
    steps.open_note(page)
    steps.fill_in(page, reason="The branch office was closed")
    site.check()
    with inside_of(northwind):
        assert [count_seats(one) for one in bought.values()] == [3, 3, 3]
    start(page)
    site.check()
    with inside_of(northwind):
        assert [count_seats(one) for one in bought.values()] == [0, 0, 0]

    # Whoever is signed in is out with the next click, and comes in no more.
    theirs.locator("a[href='/my/password/']").click()
    expect(theirs).to_have_url(re.compile("/my/sign-in/"))
    sign_in(theirs, site, "ann")
    expect(theirs.locator("#errors")).to_be_focused()

    site.open(LIST)
    tab = page.locator("nav.tabs a[href$='tab=deleted']")
    expect(tab.locator(".count")).to_have_text("3")
    tab.click()
    rows = page.locator("#users tbody tr")
    expect(rows).to_have_count(3)
    for row in rows.all():
        for text in (*PRODUCTS, "30", "The branch office was closed"):
            expect(row).to_contain_text(text)
    site.check()

    # Meanwhile nothing is left of one product, and somebody else is called ann.
    with inside_of(northwind):
        change_subscription(
            subscription=bought["Telephone"], seats=0, state="active", renews_on=None, by=alice
        )
        factories.user(contoso, "New Ann", user_name="ann@contoso.example")

    choose(page, *gone)
    do(page, "restore")
    short = page.locator("section[aria-labelledby=held-t] li").filter(has_text="Telephone")
    expect(short.locator(".badge[data-tone=warn]")).to_be_visible()
    expect(page.locator("#lines tr[data-tone=bad]")).to_contain_text("ann@contoso.example")
    site.check()
    page.locator("[name=local_part]").fill("ann.lee")
    page.locator("form[action$='/rename/'] button.primary").click()
    expect(page.locator("form[action$='/rename/']")).to_have_count(0)
    expect(short).to_contain_text("3")
    start(page)

    result = page.locator("#lines tbody tr")
    expect(result).to_have_count(3)
    for row, name in zip(result.all(), ("ann.lee", "bo", "cy"), strict=True):
        expect(row).to_contain_text(f"{name}@contoso.example")
        expect(row.locator("td.wrap .status")).to_have_attribute("data-tone", "warn")
        expect(row.locator(".msg")).to_contain_text("Telephone")
        for product in PRODUCTS[:2]:
            expect(row.locator(".msg").first).not_to_contain_text(product)
    site.check()
    with inside_of(northwind):
        assert [count_seats(bought[name]) for name in PRODUCTS] == [3, 3, 0]
        states = Line.objects.filter(batch__kind="restore").values_list("state", flat=True)
        assert set(states) == {"partly"}
    site.open(LIST)
    expect(tab.locator(".count")).to_have_text("0")

    sign_in(theirs, site, "ann.lee")
    held = theirs.locator("section[aria-labelledby=licenses-title] li")
    expect(held).to_have_text([re.compile(name) for name in PRODUCTS[:2]])


def test_a_blocked_user_is_thrown_out_until_let_in_again(site, users, theirs, northwind):
    page = site.page
    choose(page, users["Ann"], users["Bo"])
    do(page, "block")
    steps.open_note(page)
    steps.fill_in(page, reason="On leave")
    site.check()
    start(page)

    theirs.locator("a[href='/my/password/']").click()
    expect(theirs).to_have_url(re.compile("/my/sign-in/"))
    sign_in(theirs, site, "ann")
    expect(theirs.locator("#errors")).to_be_focused()
    expect(theirs).to_have_url(re.compile("/my/sign-in/$"))
    sign_in(theirs, site, "cy")
    expect(theirs.locator("#licenses-title")).to_be_visible()
    steps.sign_out_of_my(theirs)

    site.open(LIST)
    blocked = page.locator("#users .status[data-tone=bad]")
    expect(blocked).to_have_count(2)
    choose(page, users["Ann"], users["Bo"])
    do(page, "unblock")
    start(page)
    site.open(LIST)
    expect(blocked).to_have_count(0)
    sign_in(theirs, site, "ann")
    # What was held stays through a block.
    expect(theirs.locator("section[aria-labelledby=licenses-title] li")).to_have_count(3)


# Tried in English by test_acts.py.
@pytest.mark.parametrize("words", [CHINESE], indirect=True)
def test_an_owner_purges_one_before_the_day(site, users, northwind):
    page = site.page
    dee = users["Dee"]
    choose(page, users["Cy"], dee)
    do(page, "delete")
    start(page)
    site.open(f"{LIST}?tab=deleted")
    choose(page, dee)
    page.locator("#bulk [formaction$='/users/purge/']").click()
    expect(page.locator("#dialog .danger-solid")).to_be_visible()
    site.check()
    with inside_of(northwind):
        assert CustomerUser.objects.filter(pk=dee.pk).exists()
    page.locator("#dialog .danger-solid").click()
    expect(page.locator("#users tbody tr")).to_have_count(1)

    site.open(f"{LIST}?tab=deleted")
    expect(page.locator("#users tbody tr")).to_have_count(1)
    expect(page.locator("#users")).not_to_contain_text("Dee")
    with inside_of(northwind):
        assert not CustomerUser.objects.filter(pk=dee.pk).exists()
        assert Subscription.objects.count() == 3
    assert page.goto(f"{site.url}{LIST}{dee.pk}/").status == 404
