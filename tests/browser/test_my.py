from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import inside_of
from users import passwords
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

OWN = "purple harbor lantern seventy"


@pytest.fixture
def temporary(northwind, contoso, office):
    """The temporary password of Ann, who has a license."""
    (secret,) = passwords.make_temporary_passwords(1)
    with inside_of(northwind):
        ann = factories.user(
            contoso,
            "Ann Lee",
            user_name="ann@contoso.example",
            password=passwords.hash_temporary([secret])[0],
            password_state=CustomerUser.PasswordState.TEMPORARY,
            password_expires_at=timezone.now() + timedelta(days=7),
        )
        office.assignments.create(user=ann, customer=contoso)
    return secret.reveal()


def test_from_the_slip_to_a_password_of_ones_own(site, temporary):
    page = site.page
    site.open("/my/")
    site.check()
    page.get_by_label("User name").fill("ann@contoso.example")
    page.get_by_label("Password", exact=True).fill(temporary.upper())
    page.get_by_role("button", name="Show Password").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()
    site.check()
    page.get_by_label("New password", exact=True).fill(temporary)
    page.get_by_label("Confirm new password", exact=True).fill(temporary)
    page.get_by_role("button", name="Save password").click()
    expect(page.locator("#errors")).to_be_focused()
    site.check()

    page.get_by_label("New password", exact=True).fill(OWN)
    page.get_by_label("Confirm new password", exact=True).fill(OWN)
    page.get_by_role("button", name="Save password").click()
    expect(site.main.get_by_text("Your new password is saved.")).to_be_visible()
    expect(site.main.get_by_text("Office E3")).to_be_visible()
    site.check()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(site, temporary, scheme):
    site.page.emulate_media(color_scheme=scheme)
    site.page.set_viewport_size({"width": 390, "height": 800})
    site.open("/my/")
    site.check()
    site.page.get_by_label("User name").fill("ann@contoso.example")
    site.page.get_by_label("Password", exact=True).fill(temporary)
    site.page.get_by_role("button", name="Sign in").click()
    expect(site.page.get_by_label("New password", exact=True)).to_be_visible()
    site.check()
