"""A file with thirty bad rows is put right on the page of its plan, and imported."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from batches.models import Batch
from batches.operations import lease
from imports.operations import repair
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "用户名,显示名称,许可证,使用位置,权限,联系邮箱"
GOOD = [f"good{n},张好{n},,CN,," for n in range(10)]
WRONG_DOMAIN = [f"d{n}@contoso.exmaple,域名{n},,CN,," for n in range(8)]
TAKEN = [f"old{n},新人{n},,CN,," for n in range(5)]
UNKNOWN_PRODUCT = [f"p{n},产品{n},E3,CN,," for n in range(6)]
UNKNOWN_LOCATION = [f"l{n},地点{n},,亚特兰蒂斯,," for n in range(4)]
BAD_ADDRESS = [f"c{n},联系{n},,CN,,电话联系" for n in range(3)]
UNKNOWN_PERMISSION = [f"a{n},老板{n},,CN,global administratr," for n in range(2)]
NO_NAME = ["wang.ming,,,CN,,"]
BAD_NAME = ["good1,王小明,,CN,,"]
BAD = [
    *(WRONG_DOMAIN + TAKEN + UNKNOWN_PRODUCT + UNKNOWN_LOCATION),
    *(BAD_ADDRESS + UNKNOWN_PERMISSION + NO_NAME + BAD_NAME),
]


@pytest.fixture
def planned(site, worker, northwind, alice, contoso):
    """The page of the plan of a GB18030 file with thirty bad rows."""
    assert len(BAD) == 30
    with inside_of(northwind):
        factories.subscription(contoso, "Office 365 E3", seats=50)
        for number in range(5):
            factories.user(contoso, f"Old {number}", user_name=f"old{number}@contoso.example")
    site.sign_in(alice)
    site.open("/customers/contoso/users/import/")
    text = "\r\n".join([HEADER, *GOOD, *BAD]) + "\r\n"
    steps.upload(site.page, "教师.csv", text.encode("gb18030"))
    expect(site.page.locator("#repair")).to_be_visible()
    return site.page


def kind(page, text):
    return page.locator("#repair li").filter(has_text=text)


def mend(page, text, choice, rows):
    row = kind(page, text)
    row.locator("select").select_option(label=choice)
    row.get_by_role("button").click()
    expect(page.locator("#notices")).to_contain_text(f"{rows} row")
    expect(kind(page, text)).to_have_count(0)


def errors(page):
    return page.locator("#lines .tabs a[hx-get*='show=errors'] .count")


def test_thirty_bad_rows_are_repaired_together_and_one_by_one_and_imported(
    site, planned, shoot, northwind
):
    page = planned
    expect(errors(page)).to_have_text("30")
    site.check()
    shoot("repair-1-plan")

    # What the check suggests is chosen already where it has something to suggest.
    row = kind(page, "contoso.exmaple isn’t a domain of this customer")
    expect(row.locator("select")).to_have_value("set:contoso.example")
    row.get_by_role("button", name="Change 8 rows").click()
    expect(page.locator("#notices")).to_contain_text("8 rows changed.")
    expect(errors(page)).to_have_text("22")
    site.check()

    row = kind(page, "Another user already has the user name")
    expect(row.locator("select")).to_have_value("suggested")
    row.get_by_role("button", name="Change 5 rows").click()
    expect(errors(page)).to_have_text("17")
    mend(page, "This customer hasn’t bought “E3”", "Office 365 E3", 6)
    mend(page, "The contact address isn’t an email address", "Without a contact address", 3)

    # Where nothing is likely, nothing is chosen.
    row = kind(page, "“亚特兰蒂斯” isn’t a known country")
    expect(row.locator("select")).to_have_value("")
    row.get_by_role("button").click()
    expect(page.locator("#repair [aria-invalid]")).to_have_count(1)
    site.check()
    shoot("repair-2-nothing-chosen")
    mend(page, "“亚特兰蒂斯” isn’t a known country", "China", 4)
    mend(page, "“global administratr” isn’t a known permission", "Without this permission", 2)
    mend(page, "The display name is missing", "Take the suggestion: Wang Ming", 1)
    expect(errors(page)).to_have_text("1")

    # The last one by hand: first with a name that is taken, then with one that is not.
    page.locator(".tabs a[hx-get*='show=errors']").click()
    expect(page.locator("#lines tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Edit line 41").click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("[name=user_name]")).to_have_value("good1")
    site.check()
    shoot("repair-3-edit")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator("[name=user_name]")).to_have_attribute("aria-invalid", "true")
    expect(dialog).to_contain_text("has the same user name")
    site.check()
    shoot("repair-4-refused")
    dialog.locator("[name=user_name]").fill("wang.xiaoming")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("The row was changed")
    expect(errors(page)).to_have_text("0")
    expect(page.locator("#repair")).to_have_count(0)

    # A row is skipped, included again and skipped again.
    page.locator(".tabs a[hx-get]").first.click()
    page.get_by_role("button", name="Skip line 2", exact=True).click()
    expect(page.locator("#notices")).to_contain_text("张好0 skipped.")
    shoot("repair-5-left-out")
    page.get_by_role("button", name="Include line 2 again").click()
    expect(page.locator("#notices")).to_contain_text("张好0 included again.")
    page.get_by_role("button", name="Skip line 2", exact=True).click()
    expect(page.get_by_role("button", name="Include line 2 again")).to_be_visible()
    site.check()

    page.get_by_role("button", name="Import 39 users").click()
    expect(page.get_by_role("heading", name="39 users added", level=1)).to_be_visible()
    shoot("repair-6-done")
    with inside_of(northwind):
        found = dict(CustomerUser.objects.values_list("user_name", "display_name"))
    assert len(found) == 5 + 39
    assert found["d7@contoso.example"] == "域名7"
    assert found["wang.xiaoming@contoso.example"] == "王小明"
    assert found["wang.ming@contoso.example"] == "Wang Ming"
    site.open("/customers/contoso/users/?q=wang.xiaoming")
    expect(page.locator("#users")).to_contain_text("王小明")


def test_a_phone_repairs_as_well(site, planned, shoot):
    page = planned
    page.set_viewport_size({"width": 390, "height": 844})
    site.check()
    shoot("repair-7-phone")
    page.get_by_role("link", name="Edit line 12", exact=True).click()
    expect(page.locator("#dialog [name=user_name]")).to_be_visible()
    site.check()
    shoot("repair-8-phone-edit")


def test_many_rows_are_repaired_by_a_worker_while_the_page_waits(site, planned, shoot, monkeypatch):
    monkeypatch.setattr(repair, "MAX_LINES_AT_ONCE", 5)
    page = planned
    row = kind(page, "contoso.exmaple isn’t a domain of this customer")
    row.get_by_role("button", name="Change 8 rows").click()

    expect(page.locator("main")).to_contain_text("8 rows changed.")
    expect(errors(page)).to_have_text("22")
    expect(page.get_by_role("button", name="Import 18 users")).to_be_visible()
    site.check()
    shoot("repair-9-by-a-worker")


def test_a_reason_and_a_ticket_stay_whatever_is_repaired(site, planned, northwind):
    page = planned
    reason, ticket = page.get_by_label("Reason"), page.get_by_label("Ticket number")

    def are(*typed):
        expect(reason).to_have_value(typed[0])
        expect(ticket).to_have_value(typed[1])

    steps.open_note(page)
    reason.fill("New school year")
    kind(page, "contoso.exmaple").get_by_role("button").click()
    expect(page.locator("#notices")).to_contain_text("8 rows changed.")
    are("New school year", "")

    ticket.fill("T-9")
    page.get_by_role("button", name="Skip line 2", exact=True).click()
    expect(page.locator("#notices")).to_contain_text("skipped.")
    are("New school year", "T-9")

    reason.fill("Another school year")
    page.get_by_role("link", name="Edit line 3", exact=True).click()
    page.locator("#dialog [name=department]").fill("IT")
    page.locator("#dialog").get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("The row was changed")
    are("Another school year", "T-9")

    ticket.fill("T-10")
    page.get_by_role("button", name="Import 17 users").click()
    expect(page.locator("main")).to_contain_text("Another school year")
    expect(page.locator("main")).to_contain_text("T-10")


def test_rows_that_wait_for_a_worker_are_said_to_and_let_go(site, planned, shoot, monkeypatch):
    monkeypatch.setattr(repair, "MAX_LINES_AT_ONCE", 5)
    # Nobody is told, as where the broker is away.
    monkeypatch.setattr(lease, "send_jobs", lambda _jobs: None)
    page = planned
    row = kind(page, "contoso.exmaple isn’t a domain of this customer")
    row.get_by_role("button", name="Change 8 rows").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="8 rows are being repaired")).to_be_visible()
    expect(page.locator("#start")).to_have_count(0)
    site.check()
    shoot("repair-10-being-repaired")
    page.set_viewport_size({"width": 390, "height": 844})
    site.check()
    shoot("repair-11-being-repaired-phone")
    page.get_by_role("button", name="Stop the repair").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("No row was changed.")
    expect(errors(page)).to_have_text("30")


def test_without_scripts_a_row_is_edited_on_a_page_of_its_own(site, planned):
    with site.without_scripts() as page:
        page.goto(planned.url)
        page.get_by_role("link", name="Edit line 12", exact=True).click()
        page.locator("[name=user_name]").fill("")
        page.get_by_role("button", name="Save").click()
        expect(page).to_have_title(re.compile("^Error: "))
        page.locator("[name=user_name]").fill("by.hand")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#notices")).to_contain_text("The row was changed")


def test_without_scripts_a_note_is_kept_before_a_row_is_repaired(planned, site, northwind):
    with site.without_scripts() as page:
        page.goto(planned.url)
        if folder := os.environ.get("PICTURES"):
            page.set_viewport_size({"width": 390, "height": 844})
            page.locator("#start").screenshot(path=Path(folder) / "repair-without-scripts.png")
        steps.open_note(page)
        page.locator("[name=reason]").fill("New school year")
        page.locator("[name=ticket]").fill("T-9")
        page.locator("[name=ticket]").press("Enter")
        expect(page.locator("#notices")).to_contain_text("reason and ticket number were saved")
        page.locator("#lines form[action$='/leave-out/'] button").first.click()
        expect(page.locator("#notices")).to_contain_text("skipped")
        expect(page.locator("[name=reason]")).to_have_value("New school year")
        expect(page.locator("[name=ticket]")).to_have_value("T-9")
    with inside_of(northwind):
        assert Batch.objects.get().state == "planned"
