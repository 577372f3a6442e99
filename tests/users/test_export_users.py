import csv

import pytest
from django.urls import reverse

from tests import factories

from .test_search_users import delete, give


@pytest.fixture
def url(contoso):
    return reverse("users:export", args=["contoso"])


def read(response):
    """The rows of the file, by the names in its header."""
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def test_it_hands_over_the_list_as_filtered(as_alice, contoso, url, office):
    ann = factories.user(contoso, "Ann", location="DE", permissions=["user_administrator"])
    give(ann, office)
    give(ann, factories.subscription(contoso, "Visio"))
    factories.user(contoso, "Ben")

    response = as_alice.get(url, {"license": "some", "sort": "-name"})

    (row,) = read(response)
    assert row["Display name"] == "Ann"
    assert row["User name"] == ann.user_name
    assert row["Usage location"] == "DE"
    assert row["Licenses"] == "Office E3; Visio"
    assert row["Permissions"] == "User administrator"
    assert row["Sign-in"] == "Allowed"
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="contoso-')


def test_the_deleted_are_a_list_of_their_own(as_alice, contoso, url):
    factories.user(contoso, "Ann")
    delete(factories.user(contoso, "Ben"))

    (row,) = read(as_alice.get(url, {"tab": "deleted"}))

    assert row["Display name"] == "Ben"
    assert row["To be purged"] != ""


def test_it_executes_nothing_in_a_spreadsheet(as_alice, contoso, url):
    factories.user(contoso, "=cmd|'/c calc'!A1", department="@SUM(1)", phone="+49 30")

    (row,) = read(as_alice.get(url))

    assert row["Display name"][0] not in "=+-@"
    assert row["Department"][0] not in "=+-@"
    assert row["Phone"][0] not in "=+-@"


def test_it_holds_everybody_also_beyond_what_is_fetched_at_once(
    as_alice, contoso, url, monkeypatch
):
    monkeypatch.setattr("users.queries.listing.EXPORTED_AT_ONCE", 2)
    for number in range(5):
        factories.user(contoso, f"Ann {number}")

    assert [row["Display name"] for row in read(as_alice.get(url))] == [
        f"Ann {number}" for number in range(5)
    ]


def test_a_filter_that_is_not_known_exports_nobody(as_alice, contoso, url):
    factories.user(contoso, "Ann")

    response = as_alice.get(url, {"licens": "none"})

    assert response.status_code == 302
    assert response.url == reverse("users:list", args=["contoso"])


def test_only_those_who_may_export_get_it(client, bob, mallory, contoso, url):
    client.force_login(bob)
    assert client.get(url).status_code == 403
    client.force_login(mallory)
    assert client.get(url).status_code == 404
