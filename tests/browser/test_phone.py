"""The main job on a phone: by touch, and nothing sticks out of the page."""

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser_context_args(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ),
]


@pytest.fixture
def phone(site, northwind, alice, contoso, office):
    """The portal on alice's phone, with 30 users, every third of them blocked."""
    with inside_of(northwind):
        for number in range(30):
            factories.user(
                contoso, f"Ann {number:02} von Hohenlohe-Schillingsfürst", is_blocked=not number % 3
            )
        factories.user(contoso, "欧阳修远", user_name=f"{'a' * 60}@contoso.example")
    site.sign_in(alice)
    return site


def fits(page) -> None:
    """Nothing makes the page wider than the phone, the visible part of it included."""
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") == 390, page.url
    assert page.evaluate("visualViewport.scale") == 1, page.url


def test_a_user_is_added_and_the_password_shown(phone, northwind, office):
    page = phone.page
    fits(page)
    steps.go_to_users(page, "contoso")
    fits(page)
    page.locator(".page-head a[href$='/users/add/']").tap()
    expect(page.locator("[name=user_name]")).to_be_visible()
    page.wait_for_load_state()
    steps.fill_in(page, first_name="Amara", last_name="Okafor", location="GB")
    steps.fill_in(page, user_name="amara.okafor")
    steps.make_administrator(page, "user_administrator")
    with inside_of(northwind):
        plan = office.product.plans.get(name="Meetings")
    steps.give_license(page, office, disabled_plans=(plan,))
    fits(page)
    page.locator("[name=do][value=more]").tap()
    expect(page.locator("#added")).to_contain_text("Amara Okafor")
    fits(page)
    page.locator("#added footer button").tap()
    expect(page.locator("#handover")).to_be_visible()
    fits(page)
    phone.check()

    secrets = steps.show_passwords(page)
    fits(page)
    phone.check()
    assert list(secrets) == ["amara.okafor@contoso.example"]
    with inside_of(northwind):
        assert CustomerUser.objects.filter(display_name="Amara Okafor").exists()


def test_the_list_is_filtered_in_its_drawer_and_a_few_are_reset(phone):
    page = phone.page
    steps.go_to_users(page, "contoso")
    page.locator("[popovertarget=more-filters]").tap()
    drawer = page.locator("#more-filters")
    expect(drawer).to_be_in_viewport(ratio=0.99)
    fits(page)
    phone.check()
    drawer.locator("[name=permissions]").select_option("administrators")
    expect(page.locator("#users .empty")).to_be_visible()
    page.keyboard.press("Escape")
    fits(page)

    page.locator("#users a[href='/customers/contoso/users/'].btn").first.tap()
    rows = page.locator("#users tbody tr")
    expect(rows).to_have_count(31)
    page.wait_for_load_state()
    page.locator("form.filters [name=status]").select_option("blocked")
    expect(rows).to_have_count(10)
    for number in range(3):
        rows.nth(number).locator("[data-select-row]").tap()
    expect(page.locator(".bulkbar")).to_be_in_viewport(ratio=0.99)
    fits(page)
    # The bar lies over the rows; at the end of the page it leaves all of them free.
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    phone.check()
    page.locator(".bulkbar [formaction$='/users/reset/']").tap()
    page.wait_for_url("**/batches/*/")
    fits(page)
    page.locator("button[form=start]").tap()

    assert len(steps.show_passwords(page)) == 3
    fits(page)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_name_of_the_portal_is_seen_in_full_on_the_smallest_phone(
    phone, northwind, alice, language
):
    page = phone.page
    with inside_of(northwind):
        type(alice).objects.filter(pk=alice.pk).update(language=language)
    page.set_viewport_size({"width": 320, "height": 640})
    phone.open("/customers/contoso/users/")

    name = page.locator(".topbar .brand span")
    expect(name).to_be_visible()
    assert name.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    phone.check()
