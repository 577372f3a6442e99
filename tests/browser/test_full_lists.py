"""A complete list of a customer's staff, and a file for many customers, as staff upload them."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["en", "zh-hans"])
def start(request, site, worker, alice, contoso):
    """The page that imports, in two languages, of a customer with three users."""
    for name in ("Ann Lee", "Bo Yi", "Cy Old"):
        local = name.partition(" ")[0].lower()
        factories.user(
            contoso, name, user_name=f"{local}@contoso.example", location="US", department="Sales"
        )
    alice.language = request.param
    alice.save()
    site.sign_in(alice)
    steps.go_to_users(site.page, "contoso")
    site.page.locator(".page-head a[href$='/users/import/']").click()
    return site.page


@pytest.fixture
def shoot(request, site):
    """Take pictures where somebody wants to look at them: light, dark and on a phone."""

    def take(name):
        if folder := os.environ.get("PICTURES"):
            language = request.node.callspec.params["start"]
            for color, width in (("light", 1280), ("dark", 1280), ("light", 390)):
                site.page.emulate_media(color_scheme=color)
                site.page.set_viewport_size({"width": width, "height": 844})
                path = Path(folder) / f"{name}-{language}-{color}-{width}.png"
                site.page.screenshot(path=path, full_page=True)
            site.page.set_viewport_size({"width": 1280, "height": 720})

    return take


FULL_LIST = "User name,Display name,Department\nann,Ann Lee,IT\nbo,Bo Yi,Sales\ndi,Di New,IT\n"


def test_a_full_list_adds_changes_and_deletes_and_stops_where_too_many_leave(
    site, start, northwind
):
    page = start
    # What only a complete list is asked is not there before.
    expect(page.locator("[name=max_missing]")).to_be_hidden()
    expect(page.locator("[name=licenses]").first).to_be_hidden()
    page.locator("[name=purpose][value=full_list]").check()
    expect(page.locator("[name=licenses]").first).to_be_visible()
    page.locator("[name=max_missing]").fill("10")
    site.check()
    steps.upload(page, "staff.csv", FULL_LIST.encode())
    expect(page.locator("#lines tbody tr")).to_have_count(3)
    # One of three is more than a tenth: there is nothing to press.
    expect(page.locator("#batch .callout[data-tone=bad]")).to_have_count(1)
    expect(page.locator("button[form=start]")).to_have_count(0)
    site.check()

    # The file is read again with a larger share.
    page.locator("#batch .callout a[href$='/settings/']").click()
    page.locator("[name=max_missing]").fill("40")
    page.locator(".actionbar button").click()
    expect(page.locator("button[form=start]")).to_be_visible()
    page.locator(".tabs a[hx-get*='show=leave']").click()
    expect(page.locator("#lines tbody tr")).to_have_count(1)
    expect(page.locator("#lines tbody")).to_contain_text("Cy Old")
    page.locator(".tabs a[hx-get*='show=update']").click()
    expect(page.locator("#lines tbody")).to_contain_text("Sales → IT")
    site.check()
    page.locator("button[form=start]").click()
    expect(page.locator("#lines tbody tr [data-tone=ok]")).to_have_count(3)

    with inside_of(northwind):
        active = CustomerUser.objects.filter(deleted_at=None)
        assert set(active.values_list("display_name", "department")) == {
            ("Ann Lee", "IT"),
            ("Bo Yi", "Sales"),
            ("Di New", "IT"),
        }
    site.check()


def test_user_of_a_skipped_row_leaves_until_the_file_is_read_again(site, start, shoot, northwind):
    page = start
    page.locator("[name=purpose][value=full_list]").check()
    page.locator("[name=max_missing]").fill("70")
    steps.upload(page, "staff.csv", FULL_LIST.replace("Bo Yi,Sales", "Bo Yi,IT").encode())
    expect(page.locator("#lines tbody tr")).to_have_count(4)
    bo = page.locator("#lines tbody tr").filter(has_text="bo@contoso.example")
    bo.locator("form[action$='/leave-out/'] button").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#notices [data-tone=warn]")).to_contain_text("Bo Yi")
    expect(page.locator("#lines tbody tr").filter(has_text="Bo Yi")).to_have_count(2)
    site.check()
    shoot("list-1-left-out")
    page.locator(".tabs a[hx-get*='show=leave']").click()
    expect(page.locator("#lines tbody tr")).to_have_count(2)

    page.locator("#batch a.btn[href$='/settings/']").click()
    site.check(at="/settings/")
    shoot("list-2-settings")
    page.locator(".actionbar button").click()
    # Asked first, as the skipped row is included again.
    expect(page.locator("[name=discarded_repairs]")).to_have_value("1")
    site.check(at="/settings/")
    shoot("list-3-question")
    page.locator(".actionbar button").click()
    expect(page.locator("#lines tbody tr").filter(has_text="Bo Yi")).to_have_count(1)
    site.check()
    page.locator("button[form=start]").click()
    expect(page.locator("#lines tbody tr [data-tone=ok]")).to_have_count(4)
    with inside_of(northwind):
        active = CustomerUser.objects.filter(deleted_at=None)
        names = set(active.values_list("display_name", flat=True))
        assert names == {"Ann Lee", "Bo Yi", "Di New"}


def test_one_file_for_many_customers_is_cut_looked_at_and_started(site, start, shoot, northwind):
    page = start
    with inside_of(northwind):
        factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    steps.follow(page, "/customers/")
    page.locator(".page-head a[href='/import/']").click()
    site.check(at="/import/")
    text = "客户,用户名,显示名称\nContoso,di,Di New\nFabrikam,ed,李 雷\nNobody,fay,Fay Gone\n"
    steps.upload(page, "所有客户.csv", text.encode("gb18030"))

    expect(page.locator("#multi-upload table tbody tr")).to_have_count(2)
    expect(page.locator("#multi-upload")).to_contain_text("Nobody")
    site.check()
    shoot("multi-upload")
    link = page.locator("#multi-upload button[formaction$='.csv']")
    link.focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    rows = Path(download.value.path()).read_text("utf-8-sig")
    page.locator("#multi-upload form .btn.primary").click()
    expect(page.locator("#multi-upload tbody .status[data-tone=ok]")).to_have_count(2)
    site.check()

    # Each customer has a sheet of its own.
    page.locator("#multi-upload tbody a", has_text="Fabrikam").click()
    expect(page.locator("#handover")).to_be_visible()
    with inside_of(northwind):
        assert CustomerUser.objects.get(user_name="ed@fabrikam.example").display_name == "李 雷"
        assert CustomerUser.objects.filter(user_name="di@contoso.example").exists()

    # Who belonged to nobody comes in with the corrected file.
    site.open("/import/")
    steps.upload(page, "errors.csv", rows.replace('"Nobody"', '"Contoso"').encode())
    expect(page.locator("#multi-upload table tbody tr")).to_have_count(1)
    expect(page.locator("#multi-upload button[formaction]")).to_have_count(0)
    page.locator("#multi-upload form .btn.primary").click()
    expect(page.locator("#multi-upload tbody .status[data-tone=ok]")).to_have_count(1)
    with inside_of(northwind):
        assert CustomerUser.objects.filter(user_name="fay@contoso.example").exists()
