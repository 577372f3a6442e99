"""A delete and a change of licenses are undone, by keyboard, and the list shows what is back."""

import re

import pytest
from playwright.sync_api import expect

from batches.models import Line
from batches.operations.control import start_batch
from licensing.operations.seats import Wanted, assign
from tests import factories
from tests.browser.conftest import inside_of
from users.acts.delete import plan_deletes
from users.acts.licenses import Changes, plan_licenses

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/customers/contoso/users/"

ENGLISH = pytest.param("en", marks=pytest.mark.browser_context_args(locale="en-US"))
CHINESE = pytest.param("zh-Hans", marks=pytest.mark.browser_context_args(locale="zh-CN"))


@pytest.fixture(params=[ENGLISH, CHINESE])
def words(request):
    """The language of the page."""
    return request.param


@pytest.fixture
def bought(contoso):
    """Two products, of which the first has a service plan."""
    return [
        factories.subscription(contoso, "Drawing", seats=3, plans=("Mail",)),
        factories.subscription(contoso, "Telephone", seats=3),
    ]


@pytest.fixture
def users(site, northwind, alice, contoso, bought, words):
    """Alice looks at the list of Ann and Bo, who have a license without its service plan."""
    with inside_of(northwind):
        plan = bought[0].product.plans.get()
        people = [
            factories.user(
                contoso, name, user_name=f"{name.lower()}@contoso.example", location="US"
            )
            for name in ("Ann", "Bo")
        ]
        wanted = [Wanted(user.pk, bought[0].pk, (plan.pk,)) for user in people]
        assign(customer=contoso, wanted=wanted, cause=None)
    site.sign_in(alice)
    expect(site.page.locator("html")).to_have_attribute("lang", words)
    site.open(LIST)
    return people


def choose_all(page):
    """Choose everybody on the page with the keyboard."""
    page.locator("thead [data-select-page]").focus()
    page.keyboard.press("Space")
    expect(page.locator(".bulkbar")).to_be_visible()


def press(page, button):
    """Push a button as one does without a mouse."""
    button.focus()
    page.keyboard.press("Enter")


def start(page):
    """Start the plan, and see its result."""
    press(page, page.locator(".actionbar button[form=start]"))
    expect(page.locator(".actionbar")).to_have_count(0)


def undo(site):
    """Undo from the page of a batch that has run: look at the plan, and start it."""
    page = site.page
    address = page.url
    site.check()
    press(page, page.locator("#undo form button"))
    expect(page.locator(".actionbar button[form=start]")).to_be_visible()
    expect(page).not_to_have_url(address)
    expect(page.locator("#lines tbody tr")).to_have_count(2)
    expect(page.locator(".callout a")).to_have_attribute("href", re.compile("/batches/"))
    site.check()
    start(page)
    expect(page.locator("#lines .status[data-tone=ok]")).to_have_count(2)
    # From the undo to what it has undone, which says so and offers it no more.
    press(page, page.locator(".callout a"))
    expect(page).to_have_url(address)
    expect(page.locator("#undo")).to_have_count(0)
    expect(page.locator(".callout a")).to_be_visible()
    site.check()


def test_a_delete_is_undone(site, users, bought, northwind):
    page = site.page
    choose_all(page)
    delete = page.locator("#bulk [formaction$='/users/delete/']")
    if not delete.is_visible():
        press(page, page.locator("#bulk [popovertarget=bulk-more]"))
    press(page, delete)
    expect(page).to_have_url(re.compile("/batches/[0-9a-f-]+/$"))
    start(page)
    site.open(LIST)
    expect(page.locator("#users tbody tr")).to_have_count(0)

    page.go_back()
    undo(site)

    site.open(LIST)
    rows = page.locator("#users tbody tr")
    expect(rows).to_have_count(2)
    for row in rows.all():
        expect(row).to_contain_text("Drawing")
    with inside_of(northwind):
        plans = list(bought[0].assignments.values_list("disabled_plans", flat=True))
        assert plans == [[bought[0].product.plans.get().pk]] * 2


def test_a_change_of_licenses_is_undone(site, users, bought, northwind, contoso, alice):
    page = site.page
    first, second = (str(one.pk) for one in bought)
    with inside_of(northwind):
        batch = plan_licenses(
            customer=contoso,
            users=[user.pk for user in users],
            changes=Changes(add=frozenset([second]), remove=frozenset([first])),
            by=alice,
        )
        start_batch(batch=batch, by=alice)
    site.open(LIST)
    expect(page.locator("#users tbody tr").first).to_contain_text("Telephone")
    site.open(f"/customers/contoso/batches/{batch.pk}/")

    undo(site)

    site.open(LIST)
    rows = page.locator("#users tbody tr")
    expect(rows).to_have_count(2)
    for row in rows.all():
        expect(row).to_contain_text("Drawing")
        expect(row).not_to_contain_text("Telephone")
    with inside_of(northwind):
        assert Line.objects.filter(batch__kind="undo", state="done").count() == 2
        plans = list(bought[0].assignments.values_list("disabled_plans", flat=True))
        assert plans == [[bought[0].product.plans.get().pk]] * 2


def test_an_undo_fits_on_a_phone_and_says_what_stays(site, users, northwind, contoso, alice):
    page = site.page
    with inside_of(northwind):
        batch = plan_deletes(customer=contoso, users=[user.pk for user in users], by=alice)
        start_batch(batch=batch, by=alice)
        factories.user(contoso, "New Bo", user_name="bo@contoso.example")
    page.set_viewport_size({"width": 360, "height": 740})
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    site.check()

    page.locator("#undo form button").click()

    expect(page.locator("#lines tr[data-tone=bad]")).to_contain_text("bo@contoso.example")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    site.check()


def test_who_comes_back_gets_a_new_name_on_the_page_of_the_undo(
    site, users, northwind, contoso, alice
):
    page = site.page
    with inside_of(northwind):
        batch = plan_deletes(customer=contoso, users=[user.pk for user in users], by=alice)
        start_batch(batch=batch, by=alice)
        for name in ("ann", "bo"):
            factories.user(contoso, f"New {name}", user_name=f"{name}@contoso.example")
    page.set_viewport_size({"width": 320, "height": 740})
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    press(page, page.locator("#undo form button"))
    names = page.locator("[name=local_part]")
    expect(names).to_have_count(2)
    expect(page.locator("button[form=start]")).to_have_count(0)
    site.check()

    # One is typed, wrong at first; the other is taken as it is proposed.
    names.first.fill("bo")
    page.keyboard.press("Enter")
    expect(page.locator("[name=local_part][aria-invalid]")).to_have_value("bo")
    site.check()
    page.locator("[name=local_part][aria-invalid]").fill("ann.old")
    page.keyboard.press("Enter")
    expect(names).to_have_count(1)
    expect(page.locator("#lines")).to_contain_text("ann.old@contoso.example")
    press(page, page.locator("[name=suggestion]").first)
    expect(names).to_have_count(0)
    site.check()
    start(page)

    expect(page.locator("#lines .status[data-tone=ok]")).to_have_count(2)
    with inside_of(northwind):
        found = contoso.users.filter(deleted_at=None, pk__in=[user.pk for user in users])
        assert sorted(found.values_list("user_name", flat=True)) == [
            "ann.old@contoso.example",
            "bo2@contoso.example",
        ]
