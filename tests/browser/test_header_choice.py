"""The header of a file is named by a click, and each of its columns has its own choice."""

import pytest
from playwright.sync_api import expect

from tests.browser import steps

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = "mara@contoso.example,Mara Quill,Press\nodo@contoso.example,Odo Rusk,Print\n"


def open_settings(site, text):
    site.open("/customers/contoso/users/import/")
    steps.upload(site.page, "people.csv", text.encode())
    site.page.locator("main a[href*='/batches/'][href$='/settings/']").click()
    expect(site.page.locator("#columns")).to_be_visible()
    site.page.wait_for_load_state()


def choose(page, **fields):
    for name, value in fields.items():
        page.locator(f"[name={name}]").select_option(value)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_first_person_of_a_file_without_header_is_not_lost(
    site, worker, alice, contoso, shoot, language
):
    alice.language = language
    alice.save(update_fields=["language"])
    site.sign_in(alice)
    open_settings(site, PEOPLE)
    page = site.page
    expect(page.locator("[name=header_line][value='0']")).to_be_checked()
    site.check()
    shoot(f"header-choice-{language}")

    choose(page, column_0="user_name", column_1="display_name", column_2="department")
    page.locator(".actionbar .btn.primary").click()

    expect(page.locator("#batch")).to_contain_text("Mara Quill")
    expect(page.locator("#batch")).to_contain_text("Odo Rusk")


def test_header_is_named_by_keyboard(site, worker, alice, contoso):
    site.sign_in(alice)
    open_settings(site, "Case staff\nWho,What\nmara@contoso.example,Mara Quill\n")
    page = site.page
    first = page.locator("[name=header_line][value='1']")
    expect(first).to_be_checked()

    first.focus()
    page.keyboard.press("ArrowDown")

    expect(page.locator("[name=header_line][value='2']")).to_be_focused()
    expect(page.locator("#columns")).to_contain_text("Who")
    expect(page.get_by_label("What the column Who holds")).to_be_visible()
    choose(page, column_0="user_name", column_1="display_name")
    page.get_by_role("button", name="Check again").press("Enter")
    expect(page.get_by_role("button", name="Import 1 user")).to_be_visible()


@pytest.mark.parametrize("width", [390, 320])
def test_header_and_columns_fit_a_phone(site, worker, alice, contoso, shoot, width):
    site.page.set_viewport_size({"width": width, "height": 844})
    site.sign_in(alice)
    text = "# list of new people\nUser name,Country,Usage location,Notes\n"
    open_settings(site, text + "mara,DE,AT,Zz9!aaaa\n")

    expect(site.page.locator("#columns")).to_contain_text("Usage location")
    expect(site.page.locator("main")).not_to_contain_text("Zz9!aaaa")
    site.check()
    shoot(f"header-choice-{width}")


def test_like_columns_are_chosen_one_by_one(site, worker, alice, contoso):
    site.sign_in(alice)
    text = "Name,Name,E-mail,Email\nMara,Quill,mara@contoso.example,mara@home.example\n"
    open_settings(site, text)

    choose(
        site.page, column_0="first_name", column_1="last_name",
        column_2="user_name", column_3="contact_email",
    )  # fmt: skip
    site.page.get_by_role("button", name="Check again").click()

    expect(site.page.locator("#batch")).to_contain_text("Mara Quill")
    expect(site.page.locator("#batch")).to_contain_text("mara@contoso.example")
