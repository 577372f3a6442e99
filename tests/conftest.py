"""The database of the tests, and the cast: alice, bob, mallory and who works with them."""

import base64
import os
import threading
import time
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.db import connections
from django.db.models.signals import post_migrate
from django.test.utils import setup_databases, teardown_databases

from partners import tenancy
from partners.roles import Role
from tests import PATIENCE, factories

# The app may not make partners. In a test that runs inside a transaction, what the owner's own
# connection makes would be invisible, so the test database has a function that makes them.
MAKE_PARTNER = """
CREATE OR REPLACE FUNCTION app.test_make_partner(id uuid, slug text, name text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $body$
    INSERT INTO partners_partner (id, slug, name) VALUES (id, slug, name)
$body$;
GRANT EXECUTE ON FUNCTION app.test_make_partner(uuid, text, text) TO portal_app;
"""


# A thread of the live server, or a worker that has been stopped, may still hold one.
END_OTHER_SESSIONS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND usename IN ('portal_app', 'portal_owner')
"""


# The locks of all sessions can be seen by any role, what they do only by some.
OTHER_TRANSACTIONS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """
    Let every test that commits also use the owner's connection.

    Only the owner may TRUNCATE, so a transactional test without it would never be flushed.
    """
    for item in items:
        marker = item.get_closest_marker("django_db")
        commits = marker is not None and marker.kwargs.get("transaction")
        if commits or {"live_server", "transactional_db"} & set(item.fixturenames):
            both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
            item.add_marker(both, append=False)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment, django_db_modify_db_settings, django_db_keepdb, django_db_blocker
):
    """Create and migrate the test database as the owner; the tests connect as the app."""
    # Each test that commits would make them anew, which takes longer than to empty the tables. The
    # portal has roles of its own, and asks for none of them.
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    with django_db_blocker.unblock():
        made = setup_databases(0, interactive=False, keepdb=django_db_keepdb)
    assert connections["default"].settings_dict["NAME"].startswith("test_")
    with django_db_blocker.unblock(), connections["owner"].cursor() as cursor:
        cursor.execute(MAKE_PARTNER)
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            with connections["owner"].cursor() as cursor:
                cursor.execute(END_OTHER_SESSIONS)
            for connection in connections.all():
                connection.close()
            teardown_databases(made, 0)


@pytest.fixture
def _django_db_helper(request, _django_db_helper):
    """Empty the tables after a test only when all that it began has ended, else they deadlock."""
    yield
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        end = time.monotonic() + PATIENCE
        while not _is_over():
            assert time.monotonic() < end, "a request or a worker of the test does not end"
            time.sleep(0.01)


def _is_over() -> bool:
    # A page that is closed leaves its requests to the live server, which has a thread for each.
    if any("process_request_thread" in thread.name for thread in threading.enumerate()):
        return False
    with connections["owner"].cursor() as cursor:
        cursor.execute(OTHER_TRANSACTIONS)
        return not cursor.fetchone()[0]


@pytest.fixture(scope="session", autouse=True)
def _keys(tmp_path_factory):
    """Keys of the tests' own; no secret of an installation is needed."""
    from django.conf import settings

    folder = tmp_path_factory.mktemp("keys")
    for name in ("hash", "seal", "link"):
        (folder / f"{name}.key").write_text(base64.b64encode(os.urandom(32)).decode())
    settings.KEYS_DIR = folder


@pytest.fixture(scope="session", autouse=True)
def _broker():
    """A database of the broker for each process of the tests: one must not take another's work."""
    from django.conf import settings

    from portal.celery import app

    number = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", "0"))))
    address = urlsplit(settings.CELERY["broker_url"])._replace(path=f"/{number}")
    settings.CELERY["broker_url"] = app.conf.broker_url = urlunsplit(address)
    os.environ["REDIS_URL"] = urlunsplit(address)


@pytest.fixture(autouse=True)
def _outside_any_tenant():
    """Start every test without a tenant; a fixture that makes rows enters its own."""
    assert tenancy.current() is None


@pytest.fixture
def northwind(db):
    """The partner of alice and bob."""
    return factories.partner("northwind", "Northwind Cloud")


@pytest.fixture
def rival(db):
    """Another partner in the same tables."""
    return factories.partner("rival", "CANARY Rival")


@pytest.fixture
def alice(northwind):
    """Administers Northwind."""
    return factories.member(northwind, "alice", role=Role.OWNER)


@pytest.fixture
def bob(northwind):
    """May only look."""
    return factories.member(northwind, "bob", role=Role.READER)


@pytest.fixture
def helen(northwind):
    """Works at Northwind's help desk."""
    return factories.member(northwind, "helen", role=Role.HELPDESK_AGENT)


@pytest.fixture
def mallory(rival):
    """Administers a rival."""
    return factories.member(rival, "mallory", role=Role.OWNER)


@pytest.fixture
def inside(northwind):
    """Run the test as Northwind: everything it makes and reads is Northwind's."""
    with tenancy.tenant(northwind.pk):
        yield northwind


@pytest.fixture
def contoso(inside):
    """Northwind's customer."""
    return factories.customer("contoso", "Contoso", domains=("contoso.example",))


@pytest.fixture
def office(contoso):
    """Contoso's subscription of an office suite: five seats, two service plans."""
    return factories.subscription(contoso, "Office E3", seats=5, plans=("Mail", "Meetings"))


@pytest.fixture
def as_alice(client, alice):
    """A browser in which alice is signed in."""
    client.force_login(alice)
    return client
