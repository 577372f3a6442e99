"""From the sign-in of a member to a user who signs in with the password of the sheet."""

import re

import pytest
from playwright.sync_api import expect

from audit.models import Event
from batches.models import Batch, Line
from tests.browser import steps
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

AMARA = "amara.okafor@contoso.example"
WANG = "wang.jianguo@contoso.example"


@pytest.fixture(
    params=[
        pytest.param("en", marks=pytest.mark.browser_context_args(locale="en-US")),
        pytest.param("zh-Hans", marks=pytest.mark.browser_context_args(locale="zh-CN")),
    ]
)
def words(request):
    """The language of the page."""
    return request.param


@pytest.fixture
def batch(site, northwind, alice, contoso, office, words):
    """Alice has added Amara and 王建国 in one set, and looks at its confirmation."""
    page = site.page
    site.sign_in(alice)
    expect(page.locator("html")).to_have_attribute("lang", words)
    steps.go_to_users(page, "contoso")
    steps.open_form_to_add(page)
    steps.fill_in(
        page,
        first_name="Amara",
        last_name="Okafor",
        user_name="amara.okafor",
        contact_email="amara@home.example",
        location="GB",
    )
    steps.make_administrator(page, "user_administrator")
    with inside_of(northwind):
        meetings = office.product.plans.get(name="Meetings")
    steps.give_license(page, office, disabled_plans=(meetings,))
    steps.add(page, more=True)
    expect(page.locator("#added")).to_contain_text("Amara Okafor")

    # She is called away, and finds the set as she left it.
    steps.go_to_users(page, "contoso")
    expect(page.locator("#users")).to_contain_text("Amara Okafor")
    steps.open_form_to_add(page)
    expect(page.locator("#added .count")).to_have_text("1")
    expect(page.locator("#added")).to_contain_text(AMARA)

    steps.fill_in(
        page,
        last_name="王",
        first_name="建国",
        user_name="wang.jianguo",
        contact_email="wang@home.example",
        location="CN",
    )
    expect(page.locator("[name=display_name]")).to_have_value("王建国")
    steps.add(page)
    with inside_of(northwind):
        return Batch.objects.get()


def test_two_users_are_added_and_their_passwords_printed(site, batch, office, northwind):
    page = site.page
    expect(page.locator("#lines tbody tr")).to_have_count(2)
    expect(page.locator("#lines")).to_contain_text("王建国")
    site.check()
    with inside_of(northwind):
        amara = CustomerUser.objects.get(user_name=AMARA)
        assert (amara.location, amara.permissions) == ("GB", ["user_administrator"])
        assert [len(one.disabled_plans) for one in amara.assignments.order_by("user")] == [1]

    openings = page.locator("#handover .body ul.list > li")
    expect(openings).to_have_count(0)
    secrets = steps.show_passwords(page)
    site.check()
    assert list(secrets) == [AMARA, WANG]
    page.locator(f".page a.primary[href$='/batches/{batch.pk}/']").click()
    expect(openings).to_have_count(1)
    expect(openings).to_contain_text("Alice")

    slips = steps.print_sheet(page, "slips")
    list_ = steps.print_sheet(page, "list")
    for paper in (slips, list_):
        for text in ("Amara Okafor", "王建国", *secrets, *secrets.values()):
            assert steps.unspaced(text) in paper

    site.open(f"/customers/contoso/batches/{batch.pk}/")
    expect(openings).to_have_count(3)
    with inside_of(northwind):
        opened = Event.objects.filter(batch_id=batch.pk, action="sheet.opened")
        assert {event.by_name for event in opened} == {"Alice"}
        assert sorted(event.after["way"] for event in opened) == ["printed", "printed", "shown"]


def test_a_mailed_link_opens_once_and_the_temporary_password_works_once(
    site, worker, outbox, batch, northwind, words
):
    page = site.page
    secrets = steps.show_passwords(page)
    page.locator(".page-head a[href$='/sheet/mail/']").click()
    site.check(at="/sheet/mail/")
    page.locator(".actionbar button.primary").click()
    links = steps.wait_for_links(outbox, 2)
    assert set(links) == {"amara@home.example", "wang@home.example"}
    mailed = all_mails(outbox)
    assert not any(secret in mailed for secret in secrets.values())

    with site.another_browser() as stranger:
        stranger.goto(links["amara@home.example"])
        expect(stranger.locator("html")).to_have_attribute("lang", words)
        # A scanner of mails that follows the link gets a button, and nothing else.
        expect(stranger.locator("main button")).to_have_count(1)
        assert not any(secret in stranger.content() for secret in secrets.values())
        stranger.reload()
        stranger.locator("main button").click()
        expect(stranger.locator("#password")).to_have_text(secrets[AMARA])
        assert stranger.goto(links["amara@home.example"]).status == 410
        expect(stranger.locator("main button")).to_have_count(0)

    site.open(f"/customers/contoso/batches/{batch.pk}/")
    steps.hand_over(page)
    site.check()
    with inside_of(northwind):
        batch.refresh_from_db()
        assert not batch.has_secrets
        assert {line.sealed for line in Line.objects.filter(batch=batch)} == {None}
    expect(page.locator("[formaction*='/sheet/'], form[action*='/sheet/']")).to_have_count(0)

    with site.another_browser() as theirs:
        # What was not opened before it was handed over cannot be opened any more.
        assert theirs.goto(links["wang@home.example"]).status == 410
        steps.sign_in_at_my(theirs, site.url, AMARA, secrets[AMARA])
        theirs.goto(f"{site.url}/my/")
        steps.choose_password(theirs)
        main = theirs.locator("main")
        for text in ("Amara Okafor", AMARA, "Office E3", "Meetings"):
            expect(main).to_contain_text(text)
        steps.sign_out_of_my(theirs)

        steps.sign_in_at_my(theirs, site.url, AMARA, secrets[AMARA])
        expect(theirs.locator("#errors")).to_be_focused()
        expect(theirs).to_have_url(re.compile("/my/sign-in/$"))
        steps.sign_in_at_my(theirs, site.url, AMARA, steps.OWN_PASSWORD)
        expect(theirs.locator("#licenses-title")).to_be_visible()


def all_mails(outbox) -> str:
    """All that was mailed."""
    return "".join(path.read_text() for path in outbox.iterdir())
