import re

import pytest
from playwright.sync_api import expect

from batches.models import Batch, Line
from licensing.models import Subscription
from licensing.operations.seats import Wanted, assign
from tests import factories
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def school(site, northwind, alice, contoso):
    """Sixty users of Contoso: all have Mail, twelve have Word, and of Visio 45 seats are free."""
    with inside_of(northwind):
        mail = factories.subscription(contoso, "Mail", seats=60)
        word = factories.subscription(contoso, "Word", seats=60, plans=("Editor", "Viewer"))
        factories.subscription(contoso, "Visio", seats=45, state="grace")
        factories.subscription(contoso, "Closed", state="suspended")
        users = [factories.user(contoso, f"Ann {n:02}", location="US") for n in range(60)]
        for bought, some in ((mail, users), (word, users[:12])):
            wanted = [Wanted(user.pk, bought.pk, ()) for user in some]
            assign(customer=contoso, wanted=wanted, cause=None)
    site.sign_in(alice)
    site.open("/customers/contoso/users/")
    return site


def choose_all(page):
    """Choose all sixty with the keyboard and go to their licenses."""
    page.get_by_label("Select all users on this page").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Select all 60 matching").focus()
    page.keyboard.press("Enter")
    page.locator(".bulkbar").get_by_role("button", name="Manage licenses").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Manage licenses")


def box(page, product):
    return page.get_by_role("checkbox", name=product, exact=True)


def test_sixty_users_and_too_few_seats_by_keyboard(school, northwind, worker):
    page = school.page
    choose_all(page)
    expect(page.locator(".page-head")).to_contain_text("60 users selected")
    school.check()

    expect(box(page, "Mail")).to_be_checked()
    expect(box(page, "Word")).to_be_checked(indeterminate=True)
    expect(box(page, "Visio")).not_to_be_checked()
    expect(box(page, "Closed")).to_be_disabled()
    box(page, "Visio").focus()
    page.keyboard.press("Space")
    expect(page.locator("#live")).to_have_text("Assign to all: 60 seats needed, 45 free")
    page.get_by_label("Reason").focus()
    page.keyboard.type("New school year")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Change licenses of 45 users?")
    expect(page.locator("main")).to_contain_text("15 users get no license")
    expect(page.locator("main")).to_contain_text("45 → 0")
    school.check()
    page.get_by_role("button", name="Change licenses of 45 users").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Licenses of 45 users changed")
    expect(page.locator("main")).to_contain_text("15 users got no license.")
    school.check()
    page.get_by_role("link", name=re.compile("^No license")).click()
    expect(page.locator("#lines tbody tr")).to_have_count(15)
    expect(page.locator("#lines")).to_contain_text("No seat was free for Visio.")
    with inside_of(northwind):
        assert Batch.objects.get().reason == "New school year"
        got = Line.objects.filter(state="done").order_by("number")
        assert [line.input["display_name"] for line in got] == [f"Ann {n:02}" for n in range(45)]
        seats = Subscription.objects.values_list("product__name", "assigned")
        assert dict(seats) == {"Mail": 60, "Word": 12, "Visio": 45, "Closed": 0}


def test_space_goes_round_and_comes_back_to_some(school):
    page = school.page
    choose_all(page)
    word = box(page, "Word")
    word.focus()

    page.keyboard.press("Space")
    expect(word).to_be_checked()
    page.keyboard.press("Space")
    expect(word).not_to_be_checked()
    expect(page.locator("#live")).to_have_text("Remove from all: 12 seats become free")
    page.keyboard.press("Space")
    expect(word).to_be_checked(indeterminate=True)
    expect(page.locator("#live")).to_have_text("No change: 12 of 60 have it")

    page.get_by_role("button", name="Continue").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#errors")).to_contain_text("Nothing to change")
    school.check()


def test_service_plans_and_names_open_below_the_box_on_a_phone(school, northwind):
    page = school.page
    choose_all(page)
    page.set_viewport_size({"width": 390, "height": 844})
    school.main.get_by_text("Users with Word (12)").click()
    expect(page.locator("details[open]")).to_contain_text("Ann 11")
    school.main.get_by_text("Service plans of Word").first.click()
    page.get_by_label("Change the service plans of everyone").focus()
    page.keyboard.press("Space")
    page.get_by_label("Viewer").uncheck()
    school.check()

    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Change licenses of 12 users?")
    expect(page.locator("#lines")).to_contain_text("Service plans of Word")
    school.check()


def test_radio_buttons_without_script(school, northwind):
    with inside_of(northwind):
        users = [str(user.pk) for user in CustomerUser.objects.order_by("sort_key")[40:42]]
    with school.without_scripts() as page:
        page.goto(f"{school.url}/customers/contoso/users/licenses/?ids={','.join(users)}")
        page.get_by_label("Assign to all: 2 seats needed, 45 free").check()
        page.get_by_role("button", name="Continue").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Change licenses of 2 users?")
        expect(page.locator("main")).to_contain_text("+ Visio")


def test_one_user_without_script(school):
    with school.without_scripts() as page:
        page.goto(f"{school.url}/customers/contoso/users/?q=ann+40")
        page.get_by_role("link", name="Ann 40", exact=True).click()
        page.get_by_role("link", name="Manage licenses").click()
        page.get_by_label("Visio").check()
        page.get_by_role("button", name="Save").click()

        expect(page.locator("#notices")).to_contain_text("Licenses of Ann 40 changed")
        expect(page.locator("main")).to_contain_text("Visio")
