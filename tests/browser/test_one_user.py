"""An act on one user is asked on the page one is on, runs at once, and says what is next."""

import re

import pytest
from playwright.sync_api import expect

from audit.models import Event
from batches.models import Batch
from licensing.operations.seats import Wanted, assign
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/customers/contoso/users/"
ENGLISH = pytest.param("en", marks=pytest.mark.browser_context_args(locale="en-US"))
CHINESE = pytest.param("zh-Hans", marks=pytest.mark.browser_context_args(locale="zh-CN"))


@pytest.fixture(params=[ENGLISH, CHINESE])
def words(request):
    """The language of the page."""
    return request.param


@pytest.fixture
def ann(site, northwind, alice, contoso, office, words):
    """Alice looks at the list of Ann, who has a license, and of Bo."""
    with inside_of(northwind):
        user = factories.user(contoso, "Ann", user_name="ann@contoso.example", location="US")
        factories.user(contoso, "Bo", user_name="bo@contoso.example", location="US")
        factories.subscription(contoso, "Visio", seats=1)
        assign(customer=contoso, wanted=[Wanted(user.pk, office.pk)], cause=None)
    # What is still fading in has not its colors yet.
    site.page.emulate_media(reduced_motion="reduce")
    site.sign_in(alice)
    expect(site.page.locator("html")).to_have_attribute("lang", words)
    site.open(LIST)
    site.page.wait_for_load_state()
    return user


@pytest.fixture
def clicks(site):
    """Counts the clicks until what is wanted is there."""

    class Clicks(list):
        def on(self, locator):
            self.append(locator)
            locator.click()

    return Clicks()


def asked(site):
    """The dialog of the page."""
    dialog = site.page.locator("#dialog")
    expect(dialog).to_be_visible()
    return dialog


def confirm(site):
    return asked(site).locator("footer button").last


def choose_act(page, user, act):
    """Choose an act in the menu of the user's row."""
    page.locator(f"[popovertarget='menu-{user.pk}']").click()
    page.locator(f"#menu-{user.pk} a[href$='/{act}']").click()


def is_gone(site):
    """The dialog has been answered, and its page says what was done."""
    expect(site.page.locator("#dialog")).to_be_hidden()
    expect(site.page.locator("#notices .callout")).to_have_count(1)


@pytest.mark.parametrize("start", [LIST, "user"])
def test_password_is_seen_after_two_clicks(site, ann, clicks, northwind, shoot, start):
    page = site.page
    if start == "user":
        site.open(f"{LIST}{ann.pk}/")
        page.wait_for_load_state()
    address = page.url
    clicks.on(page.locator(f"main a[href='{LIST}{ann.pk}/reset/']").locator("visible=true").first)
    expect(confirm(site)).to_be_visible()
    site.check()
    shoot("reset-asked")
    with inside_of(northwind):
        assert not Batch.objects.exists()
    clicks.on(confirm(site))

    secret = page.locator("#dialog [data-secret]")
    expect(secret).to_have_text(re.compile(r"^\S{4}-\S{4}-\S{4}-\S{4}$"))
    assert len(clicks) == 2
    site.check()
    shoot("reset-done")
    password = secret.text_content()
    with inside_of(northwind):
        assert Event.objects.filter(action="sheet.opened").count() == 1
    page.locator("#dialog footer [data-close]").click()
    is_gone(site)
    assert page.url == address
    expect(page.locator("[data-secret]")).to_have_count(0)
    site.check()
    shoot("reset-notice")

    # Once more from the notice, and handed over there.
    page.locator("#notices button[hx-post$='/sheet/']").click()
    expect(secret).to_have_text(password)
    page.locator("#dialog [hx-post$='/handed-over/']").click()
    is_gone(site)
    with inside_of(northwind):
        assert not Batch.objects.get().has_secrets
    with site.another_browser() as theirs:
        steps.sign_in_at_my(theirs, site.url, ann.user_name, password)
        steps.choose_password(theirs)


@pytest.mark.parametrize("start", [LIST, "user"])
def test_license_is_given_with_three_clicks(site, ann, clicks, northwind, shoot, start):
    page = site.page
    if start == "user":
        site.open(f"{LIST}{ann.pk}/")
        page.wait_for_load_state()
    clicks.on(
        page.locator(f"main a[href='{LIST}{ann.pk}/licenses/']").locator("visible=true").first
    )
    asked(site)
    site.check()
    shoot("licenses-asked")
    clicks.on(page.locator("#dialog label.choice").filter(has_text="Visio"))
    clicks.on(confirm(site))

    is_gone(site)
    assert len(clicks) == 3
    expect(site.main).to_contain_text("Visio")
    site.check()
    shoot("licenses-notice")
    with inside_of(northwind):
        assert ann.assignments.count() == 2
    page.locator("#notices form[action$='/undo/'] button").click()
    expect(page.locator("#notices form[action$='/undo/']")).to_have_count(1)
    with inside_of(northwind):
        steps.wait_until(lambda: ann.assignments.count() == 1)


def test_delete_is_undone_from_its_notice(site, ann, northwind, shoot):
    page = site.page
    page.locator("[name=sort]").select_option("-name")
    expect(page).to_have_url(re.compile("sort=-name"))
    choose_act(page, ann, "delete/")
    expect(asked(site)).to_contain_text("Ann")
    site.check()
    shoot("delete-asked")
    page.locator("#dialog details.folded > summary").click()
    page.locator("#dialog [name=reason]").fill("Left the company")
    confirm(site).click()

    is_gone(site)
    expect(page).to_have_url(re.compile("sort=-name"))
    expect(page.locator("#users tbody tr")).to_have_count(1)
    expect(page.locator("nav.tabs .count").last).to_have_text("1")
    site.check()
    shoot("delete-notice")
    page.locator("#notices form[action$='/undo/'] button").click()

    expect(page.locator("#users tbody tr")).to_have_count(2)
    expect(page.locator("#notices .callout")).to_contain_text("Ann")
    shoot("delete-undone")
    with inside_of(northwind):
        assert list(Batch.objects.order_by("pk").values_list("kind", "state", "reason")) == [
            ("delete", "done", "Left the company"),
            ("undo", "done", ""),
        ]
        assert ann.assignments.count() == 1


def test_restore_asks_for_a_name_and_about_seats(site, ann, northwind, contoso, office, shoot):
    page = site.page
    choose_act(page, ann, "delete/")
    confirm(site).click()
    is_gone(site)
    with inside_of(northwind):
        factories.user(contoso, "New Ann", user_name="ann@contoso.example")
        type(office).objects.filter(pk=office.pk).update(seats=0)
    site.open(f"{LIST}?tab=deleted")
    page.wait_for_load_state()
    choose_act(page, ann, "restore/")
    expect(asked(site).locator("[name=local_part]")).to_have_value("ann2")
    expect(page.locator("#dialog [name=when_short]")).to_have_count(2)
    site.check()
    shoot("restore-asked")
    page.locator("#dialog [name=local_part]").fill("a b")
    page.locator("#dialog [name=when_short][value=queue]").check()
    confirm(site).click()
    expect(page.locator("#dialog [aria-invalid]")).to_have_value("a b")
    expect(page.locator("#dialog [name=when_short][value=queue]")).to_be_checked()
    site.check()
    shoot("restore-refused")
    page.locator("#dialog [name=local_part]").fill("ann.lee")
    confirm(site).click()

    is_gone(site)
    expect(page.locator("#notices .callout")).to_contain_text("Office E3")
    expect(page.locator("#users tbody tr")).to_have_count(0)
    shoot("restore-notice")
    with inside_of(northwind):
        ann.refresh_from_db()
        assert ann.user_name == "ann.lee@contoso.example"
        assert contoso.waitingseats.count() == 1


def test_license_without_free_seat_waits_in_line(site, ann, northwind, contoso, shoot):
    page = site.page
    with inside_of(northwind):
        contoso.subscriptions.filter(product__name="Visio").update(seats=0)
    site.open(f"{LIST}{ann.pk}/")
    page.wait_for_load_state()
    page.locator("main a[href$='/licenses/']").click()
    asked(site)
    page.locator("#dialog label.choice").filter(has_text="Visio").click()
    confirm(site).click()
    expect(page.locator("#dialog #errors")).to_be_focused()
    expect(page.locator("#dialog #errors")).to_contain_text("Visio")
    site.check()
    shoot("licenses-no-seat")
    page.locator("#dialog [name=when_short][value=queue]").check()
    confirm(site).click()

    is_gone(site)
    with inside_of(northwind):
        assert contoso.waitingseats.count() == 1


def test_by_keys_alone_and_escape_returns(site, ann, northwind):
    page, press = site.page, site.page.keyboard.press
    opener = page.locator(f"[popovertarget='menu-{ann.pk}']")
    opener.focus()
    press("Enter")
    page.locator(f"#menu-{ann.pk} a[href$='/block/']").focus()
    press("Enter")
    asked(site)
    assert page.evaluate("document.querySelector('#dialog').contains(document.activeElement)")
    press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    expect(opener).to_be_focused()
    with inside_of(northwind):
        assert not Batch.objects.exists()

    press("Enter")
    page.locator(f"#menu-{ann.pk} a[href$='/block/']").focus()
    press("Enter")
    confirm(site).focus()
    press("Enter")
    is_gone(site)
    expect(page.locator("#notices")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(page.locator("#users .status[data-tone=bad]")).to_have_count(0)
    with inside_of(northwind):
        steps.wait_until(lambda: Batch.objects.filter(kind="undo", state="done").count() == 1)


def test_one_who_is_selected_is_asked_about_here(site, ann, northwind):
    page = site.page
    page.locator(f"[data-select-row][value='{ann.pk}']").check()
    page.locator(".bulkbar [formaction$='/users/delete/']").click()
    confirm(site).click()

    is_gone(site)
    expect(page.locator(".bulkbar")).to_be_hidden()
    assert page.url.endswith(LIST)
    with inside_of(northwind):
        assert CustomerUser.objects.filter(deleted_at=None).count() == 1


def test_without_scripts_it_is_a_page(site, ann, northwind):
    with site.without_scripts() as page:
        page.goto(f"{site.url}{LIST}{ann.pk}/")
        page.locator("main a[href$='/reset/']").click()
        expect(page.locator("main form [name=show]")).to_be_checked()
        page.locator("main form footer button").click()
        expect(page.locator("#sheet [data-secret]")).to_have_text(re.compile(r"^\S{4}-"))

        page.goto(f"{site.url}{LIST}{ann.pk}/")
        page.locator("main a[href$='/delete/']").click()
        page.locator("main form footer button").click()
        expect(page).to_have_url(f"{site.url}{LIST}{ann.pk}/")
        page.locator("#notices form[action$='/undo/'] button").click()
        expect(page).to_have_url(f"{site.url}{LIST}{ann.pk}/")
        with inside_of(northwind):
            assert Batch.objects.filter(state="done").count() == 3


@pytest.mark.parametrize("words", [ENGLISH], indirect=True)
def test_two_clicks_in_a_row_run_it_once(site, ann, northwind):
    page = site.page
    page.locator(f"main a[href='{LIST}{ann.pk}/reset/']").locator("visible=true").first.click()
    confirm(site).dblclick()

    expect(page.locator("#dialog [data-secret]")).to_be_visible()
    with inside_of(northwind):
        assert Batch.objects.count() == 1


@pytest.mark.parametrize("words", [ENGLISH], indirect=True)
def test_user_is_edited_beside_the_list(site, ann, northwind, shoot):
    page = site.page
    choose_act(page, ann, "edit/")
    asked(site)
    site.check()
    shoot("edit-asked")
    page.locator("#dialog [name=department]").fill("Legal")
    page.locator("#dialog .actionbar button.primary").click()

    is_gone(site)
    expect(page.locator("#users")).to_contain_text("Legal")
    site.check()
