"""A batch is found again in a list of many: by keyboard, on a phone, in both languages."""

import re

import pytest
from playwright.sync_api import expect

from batches.models import Batch
from partners.models import Member
from tests import factories
from tests.browser.conftest import inside_of
from users.acts.reset import plan_resets

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def batches(site, northwind, alice, contoso):
    """The list of all batches: 55 of Contoso's, every second one with a ticket, and Fabrikam's."""
    with inside_of(northwind):
        fabrikam = factories.customer("fabrikam", "Fabrikam Manufacturing and Logistics Holding")
        for customer, number in ((contoso, 55), (fabrikam, 1)):
            ann = factories.user(customer, "Ann")
            for _again in range(number):
                plan_resets(customer=customer, users=[ann.pk], by=alice)
        for number, batch in enumerate(Batch.objects.filter(customer=contoso).order_by("pk")):
            Batch.objects.filter(pk=batch.pk).update(
                ticket=f"INC-{number:02}" if number % 2 else "",
                source_name="all the staff of September.csv",
                kind="edit" if number < 53 else "reset",
            )
    site.sign_in(alice)
    site.open("/batches/")
    return site


def rows(site):
    return site.page.locator("#batches tbody tr")


def chip(page, name):
    """One of the filters in the bar."""
    return page.locator(f"form.filters select[name={name}]")


def test_a_search_with_the_keyboard_narrows_the_list_and_goes_back(batches):
    page = batches.page
    batches.check()

    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    # At once: each pause in typing may become a step of the history.
    page.keyboard.insert_text("september inc-07")
    expect(rows(batches)).to_have_count(1)

    expect(rows(batches)).to_contain_text("INC-07")
    expect(page.locator("#q")).to_be_focused()
    expect(page).to_have_url(re.compile(r"/batches/\?q=september(\+|%20)inc-07$"))
    expect(page.locator("#live")).to_have_text("1 job shown")
    batches.check()
    page.go_back()
    expect(rows(batches)).to_have_count(50)


def test_the_filters_add_up_and_stay_while_pages_turn(batches):
    page = batches.page
    chip(page, "kind").select_option("edit")
    expect(page).to_have_url(re.compile(r"/batches/\?kind=edit$"))
    chip(page, "customer").select_option("contoso")
    expect(page).to_have_url(re.compile(r"/batches/\?kind=edit&customer=contoso$"))

    page.get_by_role("link", name="Next").focus()
    page.keyboard.press("Enter")
    expect(rows(batches)).to_have_count(3)
    expect(page.locator("#live")).to_have_text("3 jobs shown")
    expect(page).to_have_url(re.compile(r"kind=edit&customer=contoso&after="))
    page.reload()
    expect(rows(batches)).to_have_count(3)
    expect(chip(page, "kind")).to_have_value("edit")
    expect(chip(page, "customer")).to_have_value("contoso")

    # Another filter begins at the first page again.
    chip(page, "show").select_option("waiting")
    expect(rows(batches)).to_have_count(50)
    expect(page).not_to_have_url(re.compile("after"))


def test_a_list_that_is_empty_is_cleared(batches):
    page = batches.page
    chip(page, "kind").select_option("reset")
    chip(page, "customer").select_option("fabrikam")
    expect(rows(batches)).to_have_count(1)
    chip(page, "show").select_option("done")

    expect(page.locator("#batches .empty h2")).to_have_text("No jobs match")
    expect(page.locator("#live")).to_have_text("No jobs match")
    batches.check()
    page.locator("#batches .empty a").focus()
    page.keyboard.press("Enter")

    expect(rows(batches)).to_have_count(50)
    expect(page).to_have_url(re.compile("/batches/$"))
    for name in ("show", "kind", "customer"):
        expect(chip(page, name)).to_have_value("")


CHINESE = pytest.mark.browser_context_args(
    locale="zh-CN", viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True
)


@CHINESE
def test_it_is_narrowed_on_a_small_phone_in_chinese(batches):
    page = batches.page
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    # Who began it and when has no column here.
    first = rows(batches).first
    expect(first.locator("time >> visible=true")).to_have_count(1)
    expect(first.locator("small >> visible=true").last).to_contain_text("Alice")
    batches.check()

    chip(page, "kind").select_option(label="编辑用户")
    expect(page).to_have_url(re.compile(r"/batches/\?kind=edit$"))
    page.locator("#q").tap()
    page.keyboard.type("inc-51")
    expect(rows(batches)).to_have_count(1)
    batches.check()
    page.keyboard.type("x")
    expect(page.locator("#batches .empty h2")).to_have_text("没有匹配的任务")
    batches.check()
    page.locator("#batches .empty a").tap()
    expect(rows(batches)).to_have_count(50)


@pytest.fixture
def many(batches, northwind):
    """The same list at a partner with more customers than a list can offer."""
    with inside_of(northwind):
        for number in range(210):
            factories.customer(f"school-{number:03}", f"School number {number:03}")
        customer = factories.customer("cafe", "Café Lumière Hospitality and Catering Company")
        ann = factories.user(customer, "Ann")
        alice = Member.objects.get(name="Alice")
        plan_resets(customer=customer, users=[ann.pk], by=alice)
    batches.page.reload()
    return batches


def test_one_of_many_customers_is_found_with_the_keyboard(many, shoot):
    page = many.page
    page.locator("#whose").focus()
    page.keyboard.type("school number 20")
    choices = page.locator("#batches section a")
    expect(choices).to_have_count(10)
    expect(page.locator("#live")).to_have_text("10 customers found")
    expect(page.locator("#whose")).to_be_focused()
    many.check()
    shoot("whose-wide")

    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("cafe")
    expect(rows(many)).to_have_count(1)
    expect(rows(many)).to_contain_text("Café Lumière")

    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("o")
    choices.filter(has_text="Contoso").focus()
    page.keyboard.press("Enter")
    expect(rows(many)).to_have_count(50)
    expect(page).to_have_url(re.compile(r"/batches/\?customer=contoso$"))
    page.wait_for_load_state()
    chip(page, "kind").select_option("edit")
    expect(page).to_have_url(re.compile(r"customer=contoso"))
    many.check()
    page.locator("form.filters a.chip").click()
    expect(page.locator("#whose")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/batches/\??$"))


@CHINESE
@pytest.mark.parametrize("name", ["batches", "activity"])
def test_one_of_many_customers_is_found_on_a_small_phone_in_chinese(many, name, shoot):
    page = many.page
    many.open(f"/{name}/")
    page.locator("#whose").tap()
    page.keyboard.type("school number 20")
    expect(page.locator("#which-customer")).to_have_text("选择客户")
    many.check()
    shoot(f"whose-{name}-chinese")
    page.locator(f"#{name} section a").first.tap()
    expect(page.locator("form.filters a.chip b")).to_have_text("School number 200")
    many.check()
    page.emulate_media(color_scheme="dark")
    shoot(f"whose-{name}-chosen-dark")


def test_one_of_many_customers_is_found_without_scripts(many):
    with many.without_scripts() as page:
        page.goto(f"{many.url}/batches/")
        page.locator("#whose").fill("contoso")
        page.locator("form.filters noscript button, form.filters button").first.click()
        expect(page.locator("#batches tbody tr")).to_have_count(50)

        page.goto(f"{many.url}/batches/?whose=o")
        page.locator("#batches section a", has_text="Fabrikam").click()
        expect(page.locator("#batches tbody tr")).to_have_count(1)


def test_a_page_that_refreshes_itself_says_so_and_one_that_is_opened_does_not(
    site, northwind, alice, contoso
):
    with inside_of(northwind):
        ann = factories.user(contoso, "Ann")
        batch = plan_resets(customer=contoso, users=[ann.pk], by=alice)
        Batch.objects.filter(pk=batch.pk).update(state=Batch.State.PAUSED)
    site.sign_in(alice)
    with site.page.expect_request(lambda request: "x-poll" in request.headers) as asked:
        opened = site.page.goto(f"{site.url}/customers/contoso/batches/{batch.pk}/")

    assert "x-poll" not in opened.request.headers
    assert asked.value.response().status == 200
