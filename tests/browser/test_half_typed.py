"""What is half typed is never lost without a question, and adding goes on where it stopped."""

import re

import pytest
from playwright.sync_api import expect

from imports.operations.check import receive_file
from partners import tenancy
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of
from tests.workers import check_upload
from users.acts.add import add_user

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = pytest.mark.parametrize("language", ["en", "zh-hans"])
ADD = "/customers/contoso/users/add/"


@pytest.fixture
def signed_in(site, northwind, alice, contoso, office, language):
    """The portal in a language, with alice signed in."""
    with inside_of(northwind):
        type(alice).objects.filter(pk=alice.pk).update(language=language)
    site.sign_in(alice)
    return site


class Questions:
    """The questions of the browser, all of them answered the same way."""

    def __init__(self, page):
        self.page, self.kinds, self.texts, self.accepts = page, [], [], False
        page.on("dialog", self.answer)

    def answer(self, dialog):
        self.kinds.append(dialog.type)
        self.texts.append(dialog.message)
        dialog.accept() if self.accepts else dialog.dismiss()

    def by(self, leave) -> list[str]:
        """What is asked where this is done, waited for."""
        self.kinds.clear()
        with self.page.expect_event("dialog"):
            leave()
        return self.kinds


@BOTH
def test_the_first_field_is_ready_on_opening_and_for_the_next_user(signed_in):
    page = signed_in.page
    page.locator(".side a[href$='/customers/']").first.click()
    signed_in.open("/customers/contoso/users/")
    page.locator(f".page-head a[href='{ADD}']").click()
    # The family name in Chinese.
    first = page.locator("main input[name$=_name]").first
    expect(first).to_be_focused()

    page.keyboard.type("Ann")
    expect(first).to_have_value("Ann")
    steps.choose_location(page, "US")
    page.locator("#id_user_name").fill("not a name")
    page.locator("[name=do][value=more]").click()
    expect(page.locator("#errors")).to_be_focused()
    page.locator("#id_user_name").fill("ann")
    page.locator("[name=do][value=more]").click()

    expect(page.locator("#added")).to_contain_text("ann@contoso.example")
    expect(first).to_be_focused()
    expect(first).to_have_value("")
    signed_in.check()


def address_of(name, northwind, contoso, office):
    if name == "edit":
        with inside_of(northwind):
            return f"/customers/contoso/users/{factories.user(contoso, 'Ann Bo').pk}/edit/"
    return {
        "add": ADD,
        "customer": "/customers/contoso/settings/details/",
        "notes": "/customers/contoso/settings/notes/",
        "policies": "/customers/contoso/settings/policies/",
        "product": f"/catalog/{office.product_id}/edit/",
        "subscription": f"/customers/contoso/subscriptions/{office.pk}/",
        "new customer": "/customers/add/",
        "invite": "/members/invite/",
        "profile": "/profile/",
    }[name]


@pytest.mark.parametrize("language", ["en"])
@pytest.mark.parametrize(
    "name",
    [
        *("add", "edit", "customer", "notes", "policies", "product", "subscription"),
        *("new customer", "invite", "profile"),
    ],
)
def test_each_form_asks_before_it_is_left_half_typed(signed_in, northwind, contoso, office, name):
    page = signed_in.page
    address = address_of(name, northwind, contoso, office)
    home = page.locator(".brand")
    asked = Questions(page)
    signed_in.open("/customers/")
    signed_in.open(address)
    home.click()
    expect(page).to_have_url(f"{signed_in.url}/")
    assert asked.kinds == []

    signed_in.open(address)
    kinds = "input:is([type=text], [type=email], [type=number]), textarea"
    field = page.locator(f"main form[data-unsaved] :is({kinds})").last
    before = field.input_value()
    field.fill(f"{before}1")
    assert asked.by(home.click) == ["beforeunload"]
    expect(field).to_have_value(f"{before}1")
    field.fill(before)
    home.click()
    expect(page).to_have_url(f"{signed_in.url}/")


@BOTH
def test_every_way_out_asks_and_saving_does_not(signed_in):
    page = signed_in.page
    signed_in.open("/customers/contoso/users/")
    page.locator(f".page-head a[href='{ADD}']").click()
    asked = Questions(page)
    page.locator("#id_first_name").press_sequentially("Amara")
    other = "zh-hans" if page.locator("html").get_attribute("lang") == "en" else "en"

    assert asked.by(page.locator(".brand").click) == ["beforeunload"]
    assert asked.by(lambda: page.evaluate("history.back()")) == ["beforeunload"]
    page.locator("[popovertarget=language-menu]").click()
    choice = page.locator(f"#language-menu [value={other}]")
    assert asked.by(choice.click) == ["beforeunload"]
    assert asked.by(lambda: page.close(run_before_unload=True)) == ["beforeunload"]
    expect(page.locator("#id_first_name")).to_have_value("Amara")

    asked.kinds.clear()
    page.locator("#id_user_name").fill("not a name")
    page.locator("[name=do][value=add]").click()
    expect(page.locator("#errors")).to_be_focused()
    assert asked.kinds == []
    # What did not pass stands in the form as the server wrote it, and is as easily lost.
    assert asked.by(page.locator(".brand").click) == ["beforeunload"]
    asked.kinds.clear()
    page.locator("#id_user_name").fill("amara")
    steps.choose_location(page, "US")
    page.locator("[name=do][value=add]").click()
    expect(page).to_have_url(re.compile("/batches/"))
    assert asked.kinds == []


@BOTH
def test_a_row_that_is_repaired_in_a_dialog_is_not_closed_in_passing(
    signed_in, northwind, contoso, alice, language
):
    with tenancy.tenant(northwind.pk):
        content = b"User name,Display name,Usage location\nann@elsewhere.example,Ann,US\n"
        batch = receive_file(
            customer=contoso, name="people.csv", parts=[content], options={}, by=alice
        )
        check_upload(batch_id=batch.pk)
    page = signed_in.page
    signed_in.open(f"/customers/contoso/batches/{batch.pk}/")
    asked = Questions(page)
    edit, dialog = page.locator("#lines td.act a"), page.locator("#dialog")
    edit.click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert asked.kinds == []

    edit.click()
    department = dialog.locator("[name=department]")
    department.press_sequentially("Half")
    assert asked.by(lambda: page.keyboard.press("Escape")) == ["confirm"]
    assert asked.by(dialog.locator("footer [data-close]").click) == ["confirm"]
    expect(dialog).to_be_visible()
    expect(department).to_have_value("Half")
    assert asked.texts[-1].startswith({"en": "Close without", "zh-hans": "关闭而不保存"}[language])

    asked.kinds.clear()
    dialog.locator("[name=user_name]").fill("ann@contoso.example")
    dialog.locator("button.primary").click()
    expect(page.locator("#lines td.act a")).to_be_visible()
    expect(dialog).to_be_hidden()
    assert asked.kinds == []

    edit.click()
    department.press_sequentially("More")
    asked.accepts = True
    assert asked.by(lambda: page.keyboard.press("Escape")) == ["confirm"]
    expect(dialog).to_be_hidden()


@BOTH
@pytest.mark.parametrize("address", ["/customers/contoso/", "/customers/contoso/users/"])
def test_a_set_that_is_not_finished_is_seen_and_finished(
    signed_in, northwind, contoso, alice, shoot, language, address
):
    page, notice = signed_in.page, signed_in.page.locator("#adding")
    signed_in.open(address)
    expect(page.locator("h1")).to_be_visible()
    expect(notice).to_have_count(0)
    with inside_of(northwind):
        for name in ("ann", "bo", "cy"):
            person = {"user_name": f"{name}@contoso.example", "display_name": name, "products": []}
            add_user(customer=contoso, person=person, by=alice)

    signed_in.open(address)
    said = {
        "en": ["You are adding users: 3 added.", "The passwords aren’t handed over yet."],
        "zh-hans": ["正在添加用户：已添加 3 个。", "密码尚未发放。"],
    }[language]
    for sentence in said:
        expect(notice).to_contain_text(sentence)
    signed_in.check()
    shoot(f"adding-{language}-{address.count('/')}")
    notice.locator("a").click()
    expect(page).to_have_url(re.compile(re.escape(ADD)))
    signed_in.open(address)
    notice.locator("button").click()
    expect(page.locator("#handover")).to_be_visible()
    signed_in.open(address)
    expect(page.locator("h1")).to_be_visible()
    expect(notice).to_have_count(0)
