"""Passwords in a real browser: shown, copied, printed, forgotten. Promise 30."""

import re

import pytest
from django.db import transaction
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.conftest import inside_of
from tests.handover.handing_over import add, change, secret_of, user_of

COVERED = "••••-••••-••••-••••"


@pytest.fixture
def batch(transactional_db, contoso, alice):
    """Three users and one of them Chinese, with their passwords."""
    with transaction.atomic():
        add(contoso, alice, "ann")
        add(contoso, alice, "wang", display_name="王建国", language="zh-hans")
        return add(contoso, alice, "ben")


@pytest.fixture
def shown(site, batch, alice, northwind):
    """The page of the sheet, opened from the batch."""
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    site.check()
    site.page.get_by_role("button", name="Show passwords").click()
    expect(site.page.get_by_role("heading", name="Temporary passwords", level=1)).to_be_visible()
    with inside_of(northwind):
        site.secrets = [secret_of(batch, number) for number in (1, 2, 3)]
    return site


def test_passwords_are_shown_one_by_one_or_all(shown):
    page, codes = shown.page, shown.page.locator("code[data-secret]")
    expect(codes).to_have_text([shown.secrets[0], COVERED, COVERED])

    page.get_by_role("button", name="Show the password of Ben").click()
    expect(codes).to_have_text([shown.secrets[0], COVERED, shown.secrets[2]])

    page.get_by_role("button", name="Show all").click()
    expect(codes).to_have_text(shown.secrets)
    page.get_by_role("button", name="Show all").click()
    expect(codes).to_have_text([COVERED] * 3)
    shown.check()


def test_a_password_is_copied_without_being_shown(shown):
    page = shown.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy the password of Ben").click()

    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == shown.secrets[2]


def test_it_is_in_no_storage_and_no_address_and_back_does_not_bring_it(shown):
    page = shown.page
    stored = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, location.href])"
    )
    assert not [one for one in shown.secrets if one in stored]

    page.locator(".crumbs a").last.click()
    expect(page.get_by_role("heading", name=re.compile("3 users added"))).to_be_visible()
    page.go_back()

    # The page of the batch, without a question whether to post again.
    expect(page.get_by_role("button", name="Show passwords")).to_be_visible()
    assert not [one for one in shown.secrets if one in page.content()]


def test_every_form_of_the_page_is_let_through(shown):
    """A Referrer-Policy of no-referrer would make browsers send `Origin: null`: all were refused."""
    shown.page.get_by_role("button", name="Print list").click()
    expect(shown.page.get_by_role("button", name="One slip per user")).to_be_visible()
    shown.page.get_by_role("button", name="One slip per user").click()
    expect(shown.page.locator(".slip")).to_have_count(3)
    shown.check()


def test_after_a_quarter_of_an_hour_the_page_forgets(site, batch, alice):
    site.page.clock.install()
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    site.page.get_by_role("button", name="Show passwords").click()
    codes = site.page.locator("td code")
    # What follows holds of a page that has only begun as well.
    expect(codes).to_have_count(3)
    expect(codes).not_to_have_text([COVERED] * 3)

    forgotten = site.page.locator("[data-forgotten]")
    site.page.clock.fast_forward("15:01")

    expect(codes).to_have_text([COVERED] * 3)
    expect(forgotten).to_be_visible()
    expect(site.page.locator("[data-secret]")).to_have_count(0)


def test_slips_fill_a_page_by_eight(site, batch, alice, contoso, northwind, tmp_path):
    with inside_of(northwind):
        add(contoso, alice, *(f"user-{number}" for number in range(14)))
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    site.page.get_by_role("button", name="Print slips").click()
    expect(site.page.locator(".slip")).to_have_count(17)

    pdf = site.page.pdf(prefer_css_page_size=True)

    assert pdf.count(b"/Type /Page\n") == 3


def test_a_sheet_on_which_nothing_is_left_is_not_offered(site, batch, alice, northwind):
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    with inside_of(northwind):
        for number in (1, 2, 3):
            change(user_of(batch, number), password_state="chosen")

    # From a tab that was opened before.
    site.page.get_by_role("button", name="Print slips").click()

    expect(site.main.get_by_text("No passwords left to hand over")).to_be_visible()
    expect(site.main.get_by_text("3 users have chosen a password")).to_be_visible()
    expect(site.page.get_by_role("button", name="Print slips")).to_have_count(0)
    site.check()


def test_passwords_that_were_never_opened_are_deleted_only_after_a_tick(site, batch, alice):
    page = site.page
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{batch.pk}/")

    page.get_by_role("button", name="Mark as handed over").press("Enter")
    dialog = page.get_by_role("dialog", name="Mark 3 passwords as handed over?")
    expect(
        dialog.get_by_text("These 3 passwords were never shown, printed or sent.")
    ).to_be_visible()
    site.check()
    dialog.get_by_role("button", name="Delete this copy of 3 passwords").press("Enter")
    # The browser does not send the form without the tick.
    expect(dialog).to_be_visible()
    dialog.get_by_role("checkbox", name="Delete anyway").press("Space")
    dialog.get_by_role("button", name="Delete this copy of 3 passwords").press("Enter")

    expect(page.locator(".notices").get_by_text("has been deleted")).to_be_visible()
    expect(page.get_by_role("button", name="Show passwords")).to_have_count(0)
    site.check()


def test_passwords_that_were_opened_are_deleted_after_a_question(shown):
    page = shown.page
    page.get_by_role("link", name="Back to the job").click()

    page.get_by_role("button", name="Mark as handed over").click()
    dialog = page.get_by_role("dialog", name="Mark 3 passwords as handed over?")
    expect(dialog.get_by_role("checkbox")).to_have_count(0)
    dialog.get_by_role("button", name="Delete this copy of 3 passwords").click()

    expect(page.get_by_role("button", name="Show passwords")).to_have_count(0)


def test_passwords_that_wait_are_found_from_the_dashboard_and_by_a_filter(site, batch, alice):
    page = site.page
    site.sign_in(alice)
    page.get_by_role("link", name=re.compile("3 passwords to hand over, until ")).click()
    expect(page).to_have_url(re.compile(f"/batches/{batch.pk}/"))

    site.open("/customers/contoso/")
    site.check()
    page.get_by_role("region", name="Passwords to hand over").get_by_role(
        "link", name="Show all"
    ).click()
    expect(page.get_by_role("combobox", name="Passwords", exact=True)).to_have_value("waiting")
    rows = page.locator("#batches tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("3 passwords to hand over, until ")
    site.check()


def test_a_link_is_mailed_opened_once_and_leads_to_sign_in(
    site, worker, outbox, batch, alice, northwind
):
    site.sign_in(alice)
    site.open(f"/customers/contoso/batches/{batch.pk}/sheet/mail/")
    site.check()
    site.page.get_by_role("button", name="Send").click()
    expect(site.main.get_by_text("Sending 3 emails.")).to_be_visible()
    link = steps.wait_for_links(outbox, 3)["ann@home.example"]
    with inside_of(northwind):
        secret = secret_of(batch, 1)

    with site.another_browser() as stranger:
        stranger.goto(link)
        assert secret not in stranger.content()
        stranger.get_by_role("button", name="Show my password").click()
        expect(stranger.locator("#password")).to_have_text(secret)
        stranger.get_by_role("link", name="Go to sign-in").click()
        expect(stranger).to_have_url(re.compile("/my/"))
        stranger.go_back()
        gone = stranger.get_by_role("heading", name="This link no longer works")
        expect(gone).to_be_visible()
