"""How many clicks it takes from the list of a customer's users to the import that runs."""

import pytest
from playwright.sync_api import expect

from customers.models import Domain
from tests.browser.conftest import inside_of

pytestmark = pytest.mark.django_db(transaction=True)

CLEAN = "User name,Display name\nmara,Mara Quill\nodo,Odo Rusk\n"
ONE_ROSTER = (
    "sourcedId,status,enabledUser,orgSourcedIds,role,username,givenName,familyName,email\n"
    "1,active,true,7,student,mara,Mara,Quill,mara@contoso.example\n"
    "2,active,true,7,teacher,odo,Odo,Rusk,odo@contoso.example\n"
)
FIRST_LAST = "First,Last\nMara,Quill\nOdo,Rusk\n"
WITHOUT_NAMES = "First name,Last name,Department\nMara,Quill,Press\nOdo,Rusk,Press\n"


@pytest.fixture
def clicks(site, worker, northwind, alice, contoso, office):
    """Counts the clicks on the page, which shows the list of users."""
    with inside_of(northwind):
        Domain.objects.create(customer=contoso, name="staff.example", is_verified=True)
    site.sign_in(alice)
    found = []
    site.page.expose_function("countClick", lambda: found.append(site.page.url))
    site.page.add_init_script(
        "addEventListener('click', event => event.isTrusted && countClick(), true)"
    )
    site.open("/customers/contoso/users/")
    return found


@pytest.mark.parametrize(
    ("text", "number"),
    [(CLEAN, 3), (ONE_ROSTER, 3), (FIRST_LAST, 4), (WITHOUT_NAMES, 4)],
    ids=["clean", "OneRoster", "First,Last", "no user names"],
)
def test_clicks_from_the_list_to_the_import(site, clicks, text, number):
    page = site.page
    page.get_by_role("link", name="Import users").first.click()
    page.locator("[name=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )
    page.get_by_role("button", name="Upload and check").click()
    expect(page.locator("#rows-read")).to_be_visible()
    if number > 3:
        page.get_by_role("button", name="Apply all suggestions").click()
    expect(page.locator("#rows-read")).to_have_text("2 rows read: 2 ready.")
    page.get_by_role("button", name="Import 2 users").click()

    expect(page.get_by_role("heading", name="2 users added", level=1)).to_be_visible()
    assert len(clicks) == number
