"""People of a file who have no user name, were deleted, or are no people at all."""

import pytest
from playwright.sync_api import expect

from batches.operations.control import start_batch
from customers.models import Domain
from tests.browser import steps
from tests.browser.conftest import inside_of
from users.acts.delete import plan_deletes
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

WITHOUT_NAMES = (
    "First name,Last name,Department\nMara,Quill,Press\nOdo,Rusk,Press\nMara,Quill,Print\n"
)
WITH_TOTAL = WITHOUT_NAMES + "Total,3,\nReturn to the office until Friday,,\n"
WITH_LICENSES = (
    "User name,Display name,Usage location,Licenses\n"
    "mara,Mara Quill,US,Office E3\nodo,Odo Rusk,US,Office E3\n"
)


@pytest.fixture
def imported(site, worker, northwind, alice, contoso, office):
    """The page of the plan of a file, uploaded by alice."""
    site.sign_in(alice)

    def upload(text):
        site.open("/customers/contoso/users/import/")
        steps.upload(site.page, "people.csv", text.encode())
        expect(site.page.locator("#rows-read")).to_be_visible()
        return site.page

    return upload


def repairs(page):
    return page.locator("#repair")


def test_list_without_user_names_takes_four_clicks(imported, site, northwind, contoso, shoot):
    with inside_of(northwind):
        Domain.objects.create(customer=contoso, name="staff.example", is_verified=True)
    page = imported(WITHOUT_NAMES)
    expect(page.locator("#rows-read")).to_have_text("3 rows read: 3 with errors.")
    site.check()
    shoot("people-1-no-user-names")

    page.get_by_role("button", name="Apply all suggestions").click()
    expect(page.locator("#rows-read")).to_have_text("3 rows read: 3 ready.")
    expect(repairs(page)).to_have_count(0)
    page.get_by_role("button", name="Import 3 users").click()

    expect(page.get_by_role("heading", name="3 users added", level=1)).to_be_visible()
    with inside_of(northwind):
        assert set(CustomerUser.objects.values_list("user_name", flat=True)) == {
            "mara.quill@contoso.example",
            "odo.rusk@contoso.example",
            "m.quill@contoso.example",
        }


def test_totals_are_skipped_and_can_be_included(imported, site, northwind, shoot):
    page = imported(WITH_TOTAL)
    expect(page.locator("#rows-read")).to_have_text("5 rows read: 3 with errors, 2 skipped.")
    row = repairs(page).locator("li").filter(has_text="These look like totals or notes")
    expect(row.locator("select")).to_have_value("skip")
    shoot("people-2-totals")

    row.locator("select").select_option(label="Import these rows")
    row.get_by_role("button").click()
    expect(page.locator("#rows-read")).to_have_text("5 rows read: 5 with errors.")
    site.check()


def test_deleted_person_is_restored_instead(
    imported, site, northwind, contoso, alice, office, shoot
):
    page = imported(WITH_LICENSES)
    page.get_by_role("button", name="Import 2 users").click()
    expect(page.get_by_role("heading", name="2 users added", level=1)).to_be_visible()
    with inside_of(northwind):
        mara = CustomerUser.objects.get(user_name="mara@contoso.example")
        deletion = plan_deletes(customer=contoso, users=[mara.pk], by=alice)
        start_batch(batch=deletion, by=alice)

    page = imported(WITH_LICENSES)
    row = repairs(page).locator("li").filter(has_text="These users were deleted")
    expect(row.locator("select")).to_have_value("restore")
    site.check()
    shoot("people-3-deleted")
    row.get_by_role("button").click()
    expect(page.locator("#rows-read")).to_have_text("2 rows read: 1 ready, 1 with errors.")
    page.get_by_role("button", name="Add or restore 1 user").click()

    expect(page.get_by_role("heading", name="1 user added or restored", level=1)).to_be_visible()
    site.check()
    with inside_of(northwind):
        mara.refresh_from_db()
        assert mara.deleted_at is None
        assert office.assignments.filter(user=mara).exists()
