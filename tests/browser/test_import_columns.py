"""The columns of a file are shown with their cells, and mean what the member says."""

import pytest
from playwright.sync_api import expect

from tests.browser import steps

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_file_without_a_known_header_is_read_once_its_columns_are_named(
    site, worker, alice, contoso, shoot
):
    site.sign_in(alice)
    site.open("/customers/contoso/users/import/")
    page = site.page
    text = "Wer;Wie;Stelle\namy;Amy Parker;Boss\nbob;Bob Stone;Chef\n"
    steps.upload(page, "people.csv", text.encode())
    page.get_by_role("link", name="Change how the file is read").click()

    expect(page.get_by_role("row", name="Wie")).to_contain_text("Amy Parker · Bob Stone")
    site.check()
    shoot("columns-1")
    page.get_by_label("What the column Wer holds").select_option(label="User name")
    page.get_by_label("What the column Wie holds").select_option(label="Display name")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_role("button", name="Import 2 users")).to_be_visible()

    # The next file with these columns is read at once.
    site.open("/customers/contoso/users/import/")
    steps.upload(page, "more.csv", b"Wer,Wie\ncy,Cy Chen\n")
    expect(page.get_by_role("button", name="Import 1 user")).to_be_visible()
    page.get_by_role("link", name="Change", exact=True).click()
    expect(page.get_by_label("What the column Wer holds")).to_have_value("user_name")
    page.set_viewport_size({"width": 390, "height": 844})
    site.check()
    shoot("columns-2-phone")
