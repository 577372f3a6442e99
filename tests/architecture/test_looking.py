"""No GET or HEAD of a stranger writes a row anywhere."""

import re

import pytest
from django.db import connections
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.architecture import walk
from tests.architecture.test_access import furnish


def rows() -> dict[str, int]:
    """A digest of every table."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    return found


def addresses(patterns=None, prefix="") -> list[str]:
    """Every address of the libraries, with something in the place of its values."""
    found = []
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern).lstrip("^").rstrip("$")
        if isinstance(pattern, URLPattern):
            found.append("/" + re.sub(r"<[^>]+>|\(\?P.*?\)(?=[-/]|$)", "1", route))
        else:
            found += addresses(pattern.url_patterns, route)
    return [one for one in found if one.startswith("/accounts/")]


@pytest.mark.django_db(transaction=True)
def test_a_strangers_look_writes_nothing(northwind, alice):
    own = furnish(northwind, alice, "OWN")
    before = rows()
    looked_at = addresses() + [door.url(own.values()) for door in walk.doors()]
    assert len(looked_at) > 100
    made = []
    for address in looked_at:
        for method in ("get", "head"):
            visitor = Client(raise_request_exception=False)
            getattr(visitor, method)(address, {"next": "/customers/"})
            if "session" in visitor.cookies:
                made.append(address)

    assert made == []
    assert rows() == before
