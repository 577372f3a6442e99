"""The offices around the users: customers, purchases, the catalog, staff, and what is on record."""

import re

import pytest
from playwright.sync_api import expect

from customers.models import Customer
from licensing.models import Product, Subscription
from licensing.operations.seats import Wanted, assign
from partners.models import Member
from tests import factories
from tests.browser import steps
from tests.browser.conftest import inside_of

pytestmark = pytest.mark.django_db(transaction=True)

CHINESE = pytest.mark.browser_context_args(locale="zh-CN")
OFFICE = "/customers/fabrikam/subscriptions/"
WELCOME = "velvet engine sixteen oranges"


def save(page):
    """Send the form of the page."""
    page.locator(".actionbar button.primary").click()


def add_customer(page, **more):
    """Go from the list of customers to a new one with a domain."""
    steps.follow(page, "/customers/")
    page.locator(".page-head a[href='/customers/add/']").click()
    steps.fill_in(page, slug="fabrikam", domain="fabrikam.example", location="US", **more)
    page.locator("[name=is_verified]").check()


def test_a_customer_buys_what_is_in_the_catalog(site, alice, northwind):
    page = site.page
    site.sign_in(alice)

    steps.follow(page, "/catalog/")
    page.locator(".empty, .page-head").locator("a[href='/catalog/add/']").first.click()
    steps.fill_in(page, name="Office E3", part_number="O-3", new_plans="Mail\nMeetings\nmail")
    site.check()
    save(page)
    # Nothing is lost where two service plans have the same name.
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("[name=part_number]")).to_have_value("O-3")
    steps.fill_in(page, new_plans="Mail\nMeetings")
    save(page)
    for plan in ("Mail", "Meetings"):
        expect(page.locator("main")).to_contain_text(plan)
    site.check()

    add_customer(page, name="Fabrikam", contact_email="it@fabrikam.example")
    site.check()
    save(page)
    expect(page).to_have_url(re.compile("/customers/fabrikam/"))
    steps.follow(page, "/customers/fabrikam/domains/")
    expect(page.locator("main table")).to_contain_text("fabrikam.example")

    steps.follow(page, OFFICE)
    page.locator(f"main a[href='{OFFICE}add/']").first.click()
    with inside_of(northwind):
        product = Product.objects.get()
    steps.fill_in(page, product=str(product.pk), seats="3")
    site.check()
    save(page)
    expect(page.locator("main table")).to_contain_text("0 / 3")

    with inside_of(northwind):
        fabrikam = Customer.objects.get(slug="fabrikam")
        bought = Subscription.objects.get(customer=fabrikam)
        people = [factories.user(fabrikam, name, location="US") for name in ("Ann", "Bo")]
        assign(
            customer=fabrikam,
            wanted=[Wanted(user.pk, bought.pk) for user in people],
            cause=None,
        )
    page.locator("main table td.main a").click()
    steps.fill_in(page, seats="1")
    save(page)
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#errors")).to_contain_text("2")
    expect(page.locator("[name=seats]")).to_have_value("1")
    site.check()
    with inside_of(northwind):
        assert Subscription.objects.get().seats == 3

    # Who has to give back a seat is one step away.
    page.locator(f"main a[href$='/users/?license={bought.pk}']").first.click()
    expect(page.locator("#users tbody tr")).to_have_count(2)
    steps.follow(page, OFFICE)
    page.locator("main table td.main a").click()
    steps.fill_in(page, seats="2")
    save(page)
    expect(page.locator("main table")).to_contain_text("2 / 2")


def test_a_colleague_is_invited_limited_by_the_role_and_sent_away(
    site, alice, contoso, northwind, mailoutbox
):
    page = site.page
    site.sign_in(alice)
    steps.follow(page, "/members/")
    page.locator(".page-head a[href='/members/invite/']").click()
    steps.fill_in(page, email="hugo@northwind.example")
    page.locator("[name=role][value=helpdesk_agent]").check()
    site.check()
    save(page)
    site.check("/members/")
    (letter,) = mailoutbox
    assert letter.to == ["hugo@northwind.example"]
    link = re.search(r"http\S+/invitation/\S+", letter.body)[0]
    expect(page.locator("section[aria-labelledby=invitations]")).to_contain_text("hugo@northwind")

    with site.another_browser() as theirs:
        theirs.goto(link)
        steps.fill_in(theirs, name="Hugo Park", password=WELCOME, again="something else entirely")
        theirs.locator("main form button.primary").click()
        expect(theirs.locator("#errors")).to_be_focused()
        steps.fill_in(theirs, password=WELCOME, again=WELCOME)
        theirs.locator("main form button.primary").click()
        expect(theirs).to_have_url(re.compile("/accounts/login/"))
        assert theirs.goto(link).status == 410
        theirs.goto(f"{site.url}/accounts/login/")
        steps.fill_in(theirs, login="hugo@northwind.example", password=WELCOME)
        theirs.locator("main form button.primary").first.click()
        expect(theirs.locator("nav#side")).to_be_attached()
        expect(theirs.locator("nav#side a[href='/members/']")).to_have_count(0)

        # A helpdesk agent may not do everything, and is told what is missing, and who can give it.
        assert theirs.goto(f"{site.url}/members/").status == 403
        expect(theirs.locator("main")).to_contain_text("manage staff")
        assert theirs.goto(f"{site.url}/customers/add/").status == 403
        expect(theirs.locator("main")).to_contain_text("manage customers, domains and")
        assert theirs.goto(f"{site.url}/customers/contoso/users/").status == 200

        with inside_of(northwind):
            hugo = Member.objects.get(email="hugo@northwind.example")
        steps.follow(page, "/members/")
        page.locator(f"main table a[href='/members/{hugo.pk}/']").click()
        site.check(at=f"/members/{hugo.pk}/")
        page.locator("[data-dialog='#deactivate']").click()
        expect(page.locator("#deactivate")).to_be_visible()
        site.check()
        page.locator("#deactivate .danger-solid").click()
        expect(page.locator("#notices")).to_contain_text("Hugo Park")

        theirs.locator("nav#side a[href='/customers/']").click()
        expect(theirs).to_have_url(re.compile("/accounts/login/"))
        steps.fill_in(theirs, login="hugo@northwind.example", password=WELCOME)
        theirs.locator("main form button.primary").first.click()
        theirs.goto(f"{site.url}/customers/")
        expect(theirs).to_have_url(re.compile("/accounts/login/"))

    steps.follow(page, "/activity/")
    log = page.locator("#activity tbody tr")
    for text in ("Hugo Park", "hugo@northwind.example"):
        expect(log.filter(has_text=text).first).to_be_visible()
    page.wait_for_load_state()
    everything = log.count()
    page.locator("select[name=by]").select_option(str(hugo.pk))
    expect(page).to_have_url(re.compile(f"by={hugo.pk}"))
    expect(log).not_to_have_count(everything)
    for row in log.all():
        expect(row).to_contain_text("Hugo Park")
    site.check()
    # The address is all that is needed to see the same again.
    found = log.count()
    page.reload()
    expect(log).to_have_count(found)
    expect(page.locator("select[name=by]")).to_have_value(str(hugo.pk))


@CHINESE
def test_a_customer_is_added_and_put_away_in_chinese(site, alice, northwind):
    page = site.page
    site.sign_in(alice)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    add_customer(page, name="江南设计院")
    save(page)
    steps.follow(page, "/customers/fabrikam/settings/")
    site.check()
    page.locator("main a[href$='/settings/archive/']").click()
    steps.fill_in(page, typed="江北设计院")
    page.locator(".actionbar button").first.click()
    expect(page.locator("#errors")).to_be_focused()
    site.check()
    steps.fill_in(page, typed="江南设计院")
    page.locator(".actionbar button").first.click()
    expect(page.locator("#notices")).to_contain_text("江南设计院")
    with inside_of(northwind):
        assert Customer.objects.get().state == "archived"

    steps.follow(page, "/activity/")
    expect(page.locator("#activity tbody tr").first).to_contain_text("江南设计院")
    page.wait_for_load_state()
    assert not re.search(r"[a-z]{4,} [a-z]{4,}", page.locator("#activity tbody").inner_text())
