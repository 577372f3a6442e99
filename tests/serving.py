"""The web server, and the proxy before it, as they ship, on the database of the test."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from django.db import connection, transaction

from audit.models import Event
from tests import PATIENCE, slow
from tools import embedded, places

CADDYFILE = places.CHECKOUT / "deploy" / "Caddyfile"


def database_address() -> str:
    """The database of the test, as the environment of a process names it."""
    database = connection.settings_dict
    return "postgresql://{}:{}@localhost:{}/{}?host={}".format(
        quote(database["USER"]),
        quote(database["PASSWORD"]),
        database["PORT"] or 5432,
        database["NAME"],
        quote(database["HOST"], safe=""),
    )


def find_caddy() -> str | None:
    """The proxy, which comes with the packages for tests; None where there is none of it."""
    beside = Path(sys.executable).with_name("caddy")
    return str(beside) if beside.exists() else shutil.which("caddy")


@contextlib.contextmanager
def web(*, before: str = "", **environment: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """
    Run the web server; gives its host and port, and the process.

    :param before: Python that runs in the process before it serves, with `web` imported.
    """
    port = embedded.free_port()
    host = f"localhost:{port}"
    known = {name: value for name, value in os.environ.items() if name != "DATABASE_OWNER_URL"}
    known |= {"DATABASE_URL": database_address(), "BASE_URL": f"http://{host}", "PORT": str(port)}
    command = [sys.executable, "-c", f"from portal import web\n{before}\nweb.main()"]
    with _running(command, known | environment) as process:
        wait_for(host)
        yield host, process


@contextlib.contextmanager
def proxy(port: int, upstream: str, place: Path) -> Iterator[str]:
    """Run the proxy with the file that ships, but for its certificate; gives its host and port."""
    host = f"localhost:{port}"
    shipped = CADDYFILE.read_text()
    assert shipped.count("web:8000") == 1
    (place / "Caddyfile").write_text(shipped.replace("web:8000", upstream))
    command = [find_caddy(), "run", "--adapter=caddyfile", f"--config={place / 'Caddyfile'}"]
    homes = {"XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
    with _running(command, os.environ | homes | {"PORTAL_HOST": f"http://{host}"}):
        wait_for(host)
        yield host


def wait_for(host: str) -> None:
    """Return when a server answers there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if slow.ask(host, "/livez").status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"For {PATIENCE} seconds nothing answered at {host}.")


@contextlib.contextmanager
def _running(command, environment):
    process = subprocess.Popen(
        command,
        cwd=places.CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if "caddy" in command[0] else None,
        start_new_session=True,
        preexec_fn=lambda: embedded.die_with_parent(15),
    )
    try:
        yield process
    finally:
        embedded.stop_process(process, 15)


def count_exports() -> int:
    """How many exports of users are on record."""
    with transaction.atomic():
        return Event.objects.filter(action="users.exported").count()


def count_transactions() -> int:
    """How many processes of the portal are in a transaction, but for the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND usename = current_user AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]
