"""What make run checks before it starts anything."""

import os
import socket
import subprocess
import sys

import pytest
from django.db import connections
from psycopg.conninfo import make_conninfo

from tools import places, run


@pytest.fixture
def taken_port():
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_taken_port_is_refused_with_advice(taken_port):
    environment = os.environ | {"PORT": str(taken_port)}

    done = subprocess.run(
        [sys.executable, "-m", "tools.run"],
        env=environment,
        cwd=places.CHECKOUT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"Port {taken_port} is taken by another program; "
        f"stop it, or use another: `make run PORT={taken_port % 65000 + 1}`.\n"
    )


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "８０００"])
def test_a_port_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("PORT", text)

    with pytest.raises(places.CannotStart, match="give a number from 1 to 65535"):
        run.check_port()


def test_half_of_the_addresses_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "LOCAL", tmp_path)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://portal_app@db/portal")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://portal_owner@db/portal")

    with pytest.raises(places.CannotStart, match="REDIS_URL is not set"):
        run.make_environment(8000)


def test_only_what_migrates_knows_the_owner():
    environment = {"DATABASE_URL": "app", "DATABASE_OWNER_URL": "owner"}

    services = run.describe_services(environment, 8000)

    assert [service.name for service in services] == ["web", "interactive", "bulk", "beat"]
    assert [s.name for s in services if "DATABASE_OWNER_URL" in s.environment] == []


def test_second_run_on_same_data_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "LOCAL", tmp_path)

    refused = pytest.raises(places.CannotStart, match=f"as process {os.getpid()}")

    with run.only_one(), refused, run.only_one():
        pass


@pytest.fixture
def owner(transactional_db):
    """The environment that names the owner of the test database."""
    settings = connections["owner"].settings_dict
    keys = {
        "host": "HOST",
        "port": "PORT",
        "user": "USER",
        "password": "PASSWORD",
        "dbname": "NAME",
    }
    return {"DATABASE_OWNER_URL": make_conninfo(**{key: settings[keys[key]] for key in keys})}


@pytest.fixture
def old_migration(transactional_db):
    """A migration on record that this version does not have."""
    row = ["users", "0035_reminders"]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", row
        )
        yield
        cursor.execute("DELETE FROM django_migrations WHERE (app, name) = (%s, %s)", row)


def test_data_of_this_version_is_accepted(owner):
    run.refuse_other_version(owner, is_ours=True)


@pytest.mark.parametrize(
    ("is_ours", "message"),
    [
        (
            True,
            "The data in .local/ is from another version of the portal and cannot be updated;"
            " remove the folder .local/ and start again.",
        ),
        (
            False,
            "The data in the database of DATABASE_OWNER_URL is from another version of the portal"
            " and cannot be updated; name an empty one and start again.",
        ),
    ],
)
def test_data_of_another_version_is_refused(owner, old_migration, is_ours, message):
    with pytest.raises(places.CannotStart, match=f"^{message}$"):
        run.refuse_other_version(owner, is_ours=is_ours)
