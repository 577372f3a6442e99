"""Promise 30: what a sheet shows stays in no cache, no history and no storage of the browser."""

from contextlib import suppress

import pytest
from playwright.sync_api import Error, expect

from tests.browser import steps
from tests.browser.conftest import inside_of
from tests.handover.handing_over import add, secret_of

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = {
    "shown": "#handover > footer button.primary",
    "slips": "[name=layout][value=slips]",
    "list": "[name=layout][value=list]",
}

EVERYTHING_KEPT = """async () => JSON.stringify([
    {...localStorage}, {...sessionStorage}, history.state, document.cookie, name, location.href,
    await indexedDB.databases(), await window.caches?.keys(),
    performance.getEntries().map((entry) => entry.name),
])"""


@pytest.fixture
def batch(northwind, contoso, alice):
    with inside_of(northwind):
        return add(contoso, alice, "ann", "ben")


@pytest.fixture
def secrets(batch, northwind):
    with inside_of(northwind):
        return [secret_of(batch, number) for number in (1, 2)]


@pytest.mark.parametrize("button", PAGES.values(), ids=PAGES)
def test_back_and_reload_do_not_bring_passwords_again(site, alice, batch, secrets, button):
    page = site.page
    address = f"/customers/contoso/batches/{batch.pk}/"
    site.sign_in(alice)
    site.open(address)
    with page.expect_response(lambda response: response.request.method == "POST") as answered:
        page.locator(button).first.click()
    expect(page.locator("[data-secret-page]")).to_be_attached()
    page.wait_for_load_state()
    assert all(secret in page.content() for secret in secrets)

    headers = answered.value.headers
    assert "no-store" in headers["cache-control"]
    assert "private" in headers["cache-control"]
    assert headers["referrer-policy"] in ("no-referrer", "same-origin", "strict-origin")
    kept = page.evaluate(EVERYTHING_KEPT)
    assert not [secret for secret in secrets if secret in kept]

    page.locator("nav#side a[href='/customers/contoso/users/']").click()
    expect(page.locator("#users")).to_be_visible()
    for move in (page.go_back, page.go_forward, page.go_back, page.reload):
        move()
        assert not [secret for secret in secrets if secret in page.content()]
    site.open(address)
    expect(page.locator("#handover .body ul.list > li")).to_have_count(1)


def test_reloading_a_sheet_opens_nothing_again(site, alice, batch, secrets):
    page = site.page
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    steps.show_passwords(page)

    page.reload()

    # The page of the batch, which tells of one opening.
    expect(page.locator("#handover .body ul.list > li")).to_have_count(1)
    assert not [secret for secret in secrets if secret in page.content()]


def test_a_link_that_was_opened_leaves_nothing_behind(site, alice, batch, secrets, outbox, worker):
    page = site.page
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{batch.pk}/sheet/mail/")
    page.locator(".actionbar button.primary").click()
    link = steps.wait_for_links(outbox, 2)["ann@home.example"]
    page.goto(link)
    with page.expect_response(lambda response: response.request.method == "POST") as answered:
        page.locator("main button").click()
    expect(page.locator("#password")).to_have_text(secrets[0])

    assert "no-store" in answered.value.headers["cache-control"]
    assert secrets[0] not in page.evaluate(EVERYTHING_KEPT)
    page.goto(f"{site.url}/my/sign-in/")
    # The browser may have nothing to go back to, and says so on a page of its own.
    with suppress(Error):
        page.go_back()
    assert secrets[0] not in page.content()
    with suppress(Error):
        page.reload()
    assert secrets[0] not in page.content()
