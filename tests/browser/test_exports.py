from pathlib import Path

import pytest
from playwright.sync_api import expect

import audit.operations as audit
from audit.models import Event
from batches.operations.control import start_batch
from customers.models import Customer
from imports.read.table import parse_file
from tests import factories
from tests.browser.conftest import inside_of
from users.acts.block import plan_blocks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def users(site, northwind, alice, contoso):
    """The list of Contoso's three users, opened by alice."""
    with inside_of(northwind):
        for name in ("Ann", "Ben", "王建国"):
            factories.user(contoso, name, phone="0049 30 1")
    site.sign_in(alice)
    site.open("/customers/contoso/users/")
    return site


def names(download) -> list[str]:
    """Whom a file lists."""
    rows = parse_file(Path(download.path()).read_bytes(), download.suggested_filename).rows
    return [row.values["display_name"] for row in rows]


def test_the_list_as_filtered_is_exported_with_the_keyboard(users):
    page = users.page
    page.locator("#q").fill("ann")
    expect(page.locator("#users tbody tr")).to_have_count(1)
    menu = page.get_by_role("button", name="Export")

    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#export-menu button").first).to_be_focused()
    with page.expect_download() as download:
        page.keyboard.press("Enter")

    assert names(download.value) == ["Ann"]
    assert download.value.suggested_filename.endswith(".xlsx")
    expect(page.locator("#export-menu")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_selected_are_exported_and_stay_selected(users):
    page = users.page
    for name in ("Ann", "王建国"):
        page.get_by_label(f"Select {name}").check()

    page.locator("#bulk").get_by_role("button", name="Export").click()
    users.check()
    with page.expect_download() as download:
        page.locator("#bulk-export").get_by_role("button", name="CSV").last.click()

    assert names(download.value) == ["Ann", "王建国"]
    expect(page.locator("#bulk-export")).to_be_hidden()
    expect(page.locator(".bulkbar .n")).to_have_text("2 selected")


def test_the_template_with_the_users_is_taken_where_it_is_imported(users):
    page = users.page
    users.open("/customers/contoso/users/import/")

    page.get_by_role("button", name="Template with users").click()
    users.check()
    with page.expect_download() as download:
        page.locator("#filled").get_by_role("button", name="CSV – Simplified Chinese").click()

    assert names(download.value) == ["Ann", "Ben", "王建国"]
    expect(page.locator("#filled")).to_be_hidden()


def test_the_result_of_a_batch_is_downloaded(users, northwind, alice, contoso):
    with inside_of(northwind):
        keys = list(contoso.users.values_list("pk", flat=True))
        batch = plan_blocks(customer=contoso, users=keys, block=True, by=alice)
        start_batch(batch=batch, by=alice)
    users.open(f"/customers/contoso/batches/{batch.pk}/")
    page = users.page

    menu = page.get_by_role("button", name="Download", exact=True)
    menu.focus()
    page.keyboard.press("Enter")
    users.check()
    page.locator("#files-menu").get_by_role("button", name="CSV").focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")

    assert names(download.value) == ["Ann", "Ben", "王建国"]
    expect(page.locator("#files-menu")).to_be_hidden()
    expect(menu).to_be_focused()
    with inside_of(northwind):
        assert Event.objects.get(action="batch.exported").after == {"lines": 3, "file": "csv"}


def test_the_activity_log_as_filtered_is_exported_with_the_keyboard(users, northwind, alice):
    page = users.page
    with inside_of(northwind):
        customer = Customer.objects.get()
        for name in ("ann", "ben"):
            subject = audit.Subject(None, f"{name}@contoso.example")
            audit.record("user.added", subject=subject, customer_id=customer.pk, by=alice)
    users.open("/activity/")
    page.locator("#q").fill("ann")
    expect(page.locator("#activity tbody tr")).to_have_count(1)
    users.check()

    page.get_by_role("button", name="Export as CSV").focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")

    text = Path(download.value.path()).read_text("utf-8-sig")
    assert "ann@contoso.example" in text
    assert "ben@contoso.example" not in text
    with inside_of(northwind):
        event = Event.objects.get(action="activity.exported")
    assert (event.after["events"], event.after["file"]) == (1, "csv")
