"""Repairs that do not outlive another reading of the file are found and made anew."""

import pytest
from playwright.sync_api import expect

from imports.operations.check import check_again, check_upload, receive_file
from imports.operations.repair import repair_line
from tests.browser.conftest import inside_of
from tests.browser.test_every_page import NARROWEST, SIZES

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = [f"user{n},Person {n},Sales department of the north" for n in range(8)]


@pytest.fixture
def lost(northwind, alice, contoso):
    """A plan in which eight repairs were lost, as the column now means something else."""
    content = "\r\n".join(["User name,Display name,Department", *ROWS]).encode()
    with inside_of(northwind):
        batch = receive_file(
            customer=contoso,
            name="people.csv",
            parts=[content],
            options={"mode": "good", "defaults": {"domain": "contoso.example", "location": "US"}},
            by=alice,
        )
        check_upload(batch_id=batch.pk)
        batch.refresh_from_db()
        for number in range(1, 9):
            changes = {"department": "Information technology"}
            repair_line(batch=batch, number=number, changes=changes, by=alice)
        columns = {"department": "job_title"}
        check_again(batch=batch, options=batch.options, columns=columns, by=alice)
        check_upload(batch_id=batch.pk)
    return batch


def test_a_lost_repair_is_found_and_made_anew_by_keyboard(site, alice, lost, shoot):
    page = site.page
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{lost.pk}/")
    section = page.locator("#lost")
    expect(section.get_by_role("heading")).to_have_text("8 rows whose repairs could not be kept")
    expect(section.locator("li >> visible=true")).to_have_count(5)
    site.check()
    shoot("lost-wide")

    section.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(section.locator("li >> visible=true")).to_have_count(8)

    section.get_by_role("link", name="Edit line 9").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#dialog")
    expect(dialog.locator("[name=department]")).to_have_value("")
    dialog.locator("[name=department]").fill("Information technology")
    page.keyboard.press("Enter")

    expect(section.get_by_role("heading")).to_have_text("7 rows whose repairs could not be kept")
    expect(section).not_to_contain_text("Line 9")


def test_it_fits_a_phone_in_both_languages_and_by_night(site, alice, lost, shoot):
    page = site.page
    site.sign_in(alice)
    page.emulate_media(color_scheme="dark")
    for size in (SIZES["phone"], NARROWEST):
        page.set_viewport_size(size)
        site.open(f"/customers/contoso/batches/{lost.pk}/")
        page.locator("#lost summary").click()
        # At its foot nothing of the page lies under the bar.
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        site.check()
    shoot("lost-narrowest")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(SIZES["phone"])
    page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": site.url}])
    page.reload()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#lost h2")).to_contain_text("8 行的修复未能保留")
    site.check()
    shoot("lost-chinese")
