"""A complete list of a customer's staff, and a file for many customers, as staff upload them."""

import pytest
from playwright.sync_api import expect

from tests import factories
from users.models import CustomerUser

from . import steps
from .conftest import inside_of

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


ROSTER = "User name,Display name,Department\nann,Ann Lee,IT\nbo,Bo Yi,Sales\ndi,Di New,IT\n"


def test_a_roster_adds_changes_and_deletes_and_stops_where_too_many_leave(site, start, northwind):
    page = start
    # What only a complete list is asked is not there before.
    expect(page.locator("[name=most_leavers]")).to_be_hidden()
    expect(page.locator("[name=licenses]").first).to_be_hidden()
    page.locator("[name=purpose][value=roster]").check()
    expect(page.locator("[name=licenses]").first).to_be_visible()
    page.locator("[name=most_leavers]").fill("10")
    site.check()
    steps.upload(page, "staff.csv", ROSTER.encode())
    expect(page.locator("#lines tbody tr")).to_have_count(3, timeout=20_000)
    # One of three is more than a tenth: there is nothing to press.
    expect(page.locator("#batch .callout[data-tone=bad]")).to_have_count(1)
    expect(page.locator("button[form=start]")).to_have_count(0)
    site.check()

    # The file is read again with a larger share.
    page.locator("#batch .callout a[href$='/settings/']").click()
    page.locator("[name=most_leavers]").fill("40")
    page.locator(".actionbar button").click()
    expect(page.locator("button[form=start]")).to_be_visible(timeout=20_000)
    page.locator(".tabs a[hx-get*='show=leave']").click()
    expect(page.locator("#lines tbody tr")).to_have_count(1)
    expect(page.locator("#lines tbody")).to_contain_text("Cy Old")
    page.locator(".tabs a[hx-get*='show=update']").click()
    expect(page.locator("#lines tbody")).to_contain_text("Sales → IT")
    site.check()
    page.locator("button[form=start]").click()
    expect(page.locator("#lines tbody tr [data-tone=ok]")).to_have_count(3, timeout=20_000)

    with inside_of(northwind):
        active = CustomerUser.objects.filter(deleted_at=None)
        assert set(active.values_list("display_name", "department")) == {
            ("Ann Lee", "IT"),
            ("Bo Yi", "Sales"),
            ("Di New", "IT"),
        }
    site.check()


def test_one_file_for_many_customers_is_cut_looked_at_and_started(site, start, northwind):
    page = start
    with inside_of(northwind):
        factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    steps.follow(page, "/customers/")
    page.locator(".page-head a[href='/import/']").click()
    site.check()
    text = "客户,用户名,显示名称\nContoso,di,Di New\nFabrikam,ed,李 雷\nNobody,fay,Fay Gone\n"
    steps.upload(page, "所有客户.csv", text.encode("gb18030"))

    expect(page.locator("#bundle table tbody tr")).to_have_count(2, timeout=20_000)
    expect(page.locator("#bundle")).to_contain_text("Nobody")
    site.check()
    page.locator("#bundle form .btn.primary").click()
    expect(page.locator("#bundle tbody .status[data-tone=ok]")).to_have_count(2, timeout=30_000)
    site.check()

    # Each customer has a sheet of its own.
    page.locator("#bundle tbody a", has_text="Fabrikam").click()
    expect(page.locator("#handover")).to_be_visible()
    with inside_of(northwind):
        assert CustomerUser.objects.get(user_name="ed@fabrikam.example").display_name == "李 雷"
        assert CustomerUser.objects.filter(user_name="di@contoso.example").exists()
