"""Security keys in a real browser, with a key that is made of software."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from playwright.sync_api import expect

from tests import factories
from tests.browser import steps

pytestmark = pytest.mark.django_db(transaction=True)

KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": False,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def plugged_in(site):
    """A security key that answers by itself; call it to pull the key out."""
    devtools = site.page.context.new_cdp_session(site.page)
    devtools.send("WebAuthn.enable")
    added = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    key = {"authenticatorId": added["authenticatorId"]}
    return lambda: devtools.send("WebAuthn.removeVirtualAuthenticator", key)


def start_sign_in(site, member):
    """Type address and password; the page asks for the second factor."""
    site.page.context.clear_cookies()
    site.open("/accounts/login/")
    steps.fill_in(site.page, login=member.email, password=factories.PASSWORD)
    site.page.locator("main form button.primary").first.click()
    expect(site.page).to_have_url(re.compile("/accounts/2fa/authenticate/"))


def add_key(site):
    """Add a key on the pages of the account; gives the recovery codes that come with it."""
    page = site.page
    site.open("/accounts/2fa/webauthn/add/")
    steps.fill_in(page, password=factories.PASSWORD)
    page.locator("main form button.primary").click()
    expect(page).to_have_url(re.compile("/accounts/2fa/webauthn/add/"))
    site.check()
    steps.fill_in(page, name="Blue key")
    page.locator("#mfa_webauthn_add").click()
    expect(page).to_have_url(re.compile("/accounts/2fa/recovery-codes/$"))
    return page.locator("#recovery_codes").input_value().split()


def test_a_key_is_added_used_lost_and_reset(site, alice, bob, plugged_in):
    page = site.page
    site.sign_in(bob)
    codes = add_key(site)
    site.check()
    assert len(codes) == 10

    start_sign_in(site, bob)
    site.check()
    page.locator("#mfa_webauthn_authenticate").click()
    expect(page.locator("nav#side")).to_be_attached()

    # The key is lost: a code does once, then an owner helps.
    plugged_in()
    start_sign_in(site, bob)
    steps.fill_in(page, code=codes[0])
    page.locator("main form button.primary").first.click()
    expect(page.locator("nav#side")).to_be_attached()

    page.context.clear_cookies()
    site.sign_in(alice)
    site.open(f"/members/{bob.pk}/")
    site.check()
    page.locator(f"main a[href='/members/{bob.pk}/factor/']").click()
    steps.fill_in(page, password=factories.PASSWORD)
    page.locator("main form button.primary").click()
    site.check(f"/members/{bob.pk}/factor/")
    page.locator("main form button.danger-solid").click()
    expect(page.locator(".notices").get_by_text("Second factor of Bob reset")).to_be_visible()

    assert not Authenticator.objects.filter(user=bob).exists()
    said = [letter.body for letter in mail.outbox if letter.to == [bob.email]]
    assert "A security key was added." in said[0]
    assert "Your second factor was reset." in said[-1]
    page.context.clear_cookies()
    site.sign_in(bob)


def test_a_member_changes_their_address(site, alice):
    page = site.page
    site.sign_in(alice)
    site.open("/profile/")
    page.locator("main a[href='/profile/address/']").click()
    steps.fill_in(page, password=factories.PASSWORD)
    page.locator("main form button.primary").click()
    site.check("/profile/address/")
    steps.fill_in(page, email="alice.munro@elsewhere.example")
    page.locator(".actionbar button.primary").click()
    expect(page.locator(".notices").get_by_text("can be used")).to_be_visible()
    site.check()
    (letter,) = mail.outbox
    page.goto(re.search(r"http\S+/profile/address/\S+", letter.body)[0])
    site.check()
    page.locator("main form button.primary").click()
    expect(page.locator(".notices").get_by_text("You now sign in as")).to_be_visible()
    site.check("/profile/")
    alice.refresh_from_db()
    assert alice.email == "alice.munro@elsewhere.example"
