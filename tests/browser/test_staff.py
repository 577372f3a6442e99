"""The staff's office as an owner and an invited person use it."""

import re

import pytest
from django.core import mail
from playwright.sync_api import expect

from customers import limits
from tests import factories
from tests.browser.conftest import inside_of

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = "tern over a grey fjord"


@pytest.fixture
def staff(northwind, alice, bob, helen):
    """Members of every state, with something done by them."""
    with inside_of(northwind):
        chosen = [factories.customer(f"c{n}", f"Customer {n}") for n in range(3)]
        limits.limit_member(member=helen, is_limited=True, customers=chosen[:2], by=alice)
    factories.member(northwind, "otto", full_name="Otto Wolfeschlegelsteinhausen", is_active=False)
    return chosen


@pytest.mark.parametrize("width", [1440, 390])
def test_an_invited_person_joins_and_gets_a_role(site, alice, bob, staff, width):
    page = site.page
    page.set_viewport_size({"width": width, "height": 844})
    site.sign_in(alice)
    site.open("/members/invite/")
    site.check()
    page.get_by_label("Email address").fill("nora@northwind.example")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(site.main.get_by_text("Open invitations")).to_be_visible()
    site.check()
    link = re.search(r"http\S+/invitation/\S+", mail.outbox[0].body)[0]

    page.context.clear_cookies()
    page.goto(link)
    site.check()
    page.get_by_label("Your name").fill("Nora Berg")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator("#errors")).to_be_focused()
    site.check()
    page.get_by_label("Password", exact=True).fill(CHOSEN)
    page.get_by_label("Repeat password").fill(CHOSEN)
    page.get_by_role("button", name="Create account").click()
    expect(page.locator("#notices")).to_contain_text("Your account is ready")
    page.goto(link)
    site.check()

    site.sign_in(alice)
    for path in (f"/members/{bob.pk}/", f"/members/{bob.pk}/customers/", "/members/roles/"):
        site.open(path)
        site.check()
    site.open(f"/members/{bob.pk}/")
    page.get_by_label("Sales agent").check()
    page.get_by_role("button", name="Change role").click()
    expect(page.locator("#notices")).to_contain_text("Role changed.")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    site.check()
    page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    expect(page.locator("#notices")).to_contain_text("deactivated and signed out everywhere")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_log_is_narrowed_as_one_types(site, alice, bob, staff, width):
    page = site.page
    page.set_viewport_size({"width": width, "height": 844})
    site.sign_in(alice)
    site.open("/activity/")
    expect(site.main.get_by_text("selected the customers of Helen")).to_be_visible()
    site.check()

    page.locator("#q").fill("nobody")

    expect(site.main.get_by_text("No matching actions")).to_be_visible()
    expect(page.locator("#live")).to_have_text("No matching actions")
    expect(page).to_have_url(re.compile("q=nobody"))
    site.check()
