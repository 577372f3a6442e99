"""Nothing is changed by a request that another site made: every door that takes a POST."""

import re

import pytest
from django.db import connections
from django.test import Client

from tests.architecture import walk
from tests.architecture.test_access import furnish

WRITING = ("post", "put", "patch", "delete")


@pytest.fixture
def own(northwind, alice):
    return furnish(northwind, alice, "OWN")


def strict(member=None) -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    if member:
        client.force_login(member)
    return client


def everything() -> dict:
    """Every row that requests may change, of whatever table; sessions come and go."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            " AND table_name NOT IN ('django_session', 'portal_cache')"
        )
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    return found


def token_of(client: Client) -> str:
    """The token that the pages of this client hold."""
    page = client.get("/profile/").content.decode()
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("htmx", [False, True])
def test_no_door_takes_a_request_without_a_token(own, alice, htmx):
    client, before = strict(alice), everything()
    wrong = []
    for door in walk.doors():
        for method in WRITING:
            response = walk.ask(client, method, door.url(own.values()), htmx=htmx)
            if response.status_code != 403:
                wrong.append((method, door.route, response.status_code))

    assert wrong == []
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_no_public_door_takes_a_strangers_request_without_a_token(own):
    client, before = strict(), everything()
    wrong = [
        (door.route, status)
        for door in walk.doors()
        if door.is_public
        and (status := walk.ask(client, "post", door.url(own.values())).status_code) != 403
    ]

    assert wrong == []
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_no_door_takes_another_sites_request_even_with_a_token(own, alice):
    client = strict(alice)
    token, before = token_of(client), everything()
    wrong = []
    for door in walk.doors():
        for origin in ("https://evil.example", "null"):
            response = client.post(
                door.url(own.values()),
                {"csrfmiddlewaretoken": token},
                headers={"Origin": origin, "X-CSRFToken": token},
            )
            if response.status_code != 403:
                wrong.append((origin, door.route, response.status_code))

    assert wrong == []
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_the_token_of_somebody_else_opens_no_door(own, alice, bob):
    client, theirs = strict(alice), token_of(strict(bob))
    token_of(client)
    before = everything()
    wrong = []
    for door in walk.doors():
        response = client.post(door.url(own.values()), {"csrfmiddlewaretoken": theirs})
        if response.status_code != 403:
            wrong.append((door.route, response.status_code))

    assert wrong == []
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_the_walk_gets_in_with_a_token(own, alice):
    client = strict(alice)
    token, before = token_of(client), everything()

    for door in walk.doors():
        client.post(door.url(own.values()), {"csrfmiddlewaretoken": token})

    # Else it would be refused for another reason, and the tests above would show nothing.
    assert everything() != before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["login/", "logout/", "password/change/", "2fa/totp/activate/"])
def test_the_pages_of_the_library_ask_for_a_token_too(alice, page):
    client = strict(alice)

    assert client.post(f"/accounts/{page}", {"login": alice.email}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_looking_changes_nothing(own, alice):
    client = strict(alice)
    for door in walk.doors():
        client.get(door.url(own.values()))
    before = everything()

    for door in walk.doors():
        for method in ("get", "head"):
            walk.ask(client, method, door.url(own.values()))

    assert everything() == before
