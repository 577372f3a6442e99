"""Digits of one width are for columns of numbers: in a text they set a hyphen apart from its word."""

import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import inside_of
from tests.handover.handing_over import add, user_of

# Texts with a hyphen in a word that are set with digits of one width.
SET_APART = r"""
    () => [...document.querySelectorAll("main *")]
        .filter(it => getComputedStyle(it).fontVariantNumeric.includes("tabular-nums"))
        .flatMap(it => [...it.childNodes])
        .filter(node => node.nodeType === Node.TEXT_NODE && /[^\s\d]-\w/.test(node.data))
        .map(node => node.data.trim())
"""


@pytest.fixture
def batch(transactional_db, northwind, alice):
    """A user of a customer with hyphens in all of its names, with a password."""
    with inside_of(northwind):
        customer = factories.customer(
            "sunrise", "Sunrise-Clinics", ("sunrise-clinics.example",), contact_name="Ann-Marie Lee"
        )
        factories.subscription(customer, "Office-E3", seats=1)
        return add(customer, alice, "ann-marie", user_name="ann-marie@sunrise-clinics.example")


def test_no_hyphen_of_a_word_is_set_apart(site, batch, alice, northwind):
    site.sign_in(alice)
    customer = "/customers/sunrise"
    with inside_of(northwind):
        user = user_of(batch)
    for address in (
        "/",
        "/customers/",
        "/batches/",
        "/products/",
        f"{customer}/",
        f"{customer}/users/",
        f"{customer}/users/{user.pk}/",
        f"{customer}/batches/{batch.pk}/",
        f"{customer}/subscriptions/",
        f"{customer}/settings/",
    ):
        site.open(address)
        expect(site.page).to_have_url(re.compile(f"{address}$"))
        expect(site.page.locator("h1")).to_be_visible()

        assert (address, site.page.evaluate(SET_APART)) == (address, [])
