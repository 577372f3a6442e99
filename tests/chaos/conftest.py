"""What is hurt: a broker of each test, and workers that see the database of the test."""

import os
from urllib.parse import quote

import pytest
from django.db import connection

# Else its asserts would not say what they found.
pytest.register_assert_rewrite("tests.chaos.imports")

from tests.chaos import rig  # noqa: E402


@pytest.fixture
def broker():
    """A Valkey of the test's own, to which this process sends its wake-ups."""
    with rig.own_servers() as servers:
        mine = rig.Broker(servers)
        mine.start()
        with rig.sending_to(mine):
            yield mine


@pytest.fixture
def processes(db, broker, settings):
    """Start workers and the like with the database of the test."""
    database = connection.settings_dict
    address = "postgresql://{}:{}@localhost:{}/{}?host={}".format(
        quote(database["USER"]),
        quote(database["PASSWORD"]),
        database["PORT"] or 5432,
        database["NAME"],
        quote(database["HOST"], safe=""),
    )
    mine = rig.Processes(environment(address, broker, settings))
    yield mine
    mine.kill_all()


def environment(database, broker, settings):
    known = {name: value for name, value in os.environ.items() if name != "DATABASE_OWNER_URL"}
    return known | {
        "DATABASE_URL": database,
        "REDIS_URL": broker.address,
        "KEYS_DIR": str(settings.KEYS_DIR),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
