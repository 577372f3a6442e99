"""Reading a file differently asks before it discards repairs, and needs no script."""

import pytest
from playwright.sync_api import expect

from imports.operations.check import receive_file
from imports.operations.repair import repair_line
from tests.browser.conftest import inside_of
from tests.browser.test_every_page import NARROWEST, SIZES
from tests.workers import check_upload

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def repaired(northwind, alice, contoso):
    """A plan of two rows, of which one was repaired."""
    with inside_of(northwind):
        batch = receive_file(
            customer=contoso,
            name="people.csv",
            parts=[b"User name,Display name\r\nam y,Amy\r\nbob,Bob\r\n"],
            options={"mode": "good", "defaults": {"domain": "contoso.example", "location": "US"}},
            by=alice,
        )
        check_upload(batch_id=batch.pk)
        changes = {"user_name": "amy@contoso.example"}
        repair_line(batch=batch, number=1, changes=changes, by=alice)
    return batch


@pytest.mark.parametrize("size", [SIZES["phone"], NARROWEST])
def test_question_keeps_the_choice_and_discards(site, northwind, alice, repaired, shoot, size):
    page = site.page
    page.set_viewport_size(size)
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{repaired.pk}/settings/")
    page.locator("[name=mode][value=all]").check()
    page.get_by_role("button", name="Check again").click()

    question = page.get_by_role("button", name="Discard 1 repair and check again")
    expect(question).to_be_visible()
    expect(page.locator("main")).to_contain_text("You’ve repaired or skipped 1 row.")
    expect(page.locator("[name=mode][value=all]")).to_be_checked()
    site.check()
    shoot(f"read-again-{size['width']}")

    question.click()
    page.wait_for_url(f"**/batches/{repaired.pk}/")
    with inside_of(northwind):
        repaired.refresh_from_db()
        assert (repaired.state, repaired.options["mode"]) == ("checking", "all")
