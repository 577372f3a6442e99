"""Where the bench runs: servers under .local/bench/ that keep their data, worker and web server."""

import contextlib
import fcntl
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.request import urlopen

import psycopg
from psycopg import sql

from tools import embedded, messages, places, run

PLACE = places.LOCAL / "bench"
# The copy of a kept database that a family of rows may change.
WORK = "bench_work"
# What decides how fast writing is; the same server works for both sides.
TELLING = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    name: str
    rows: int
    # The opponent from the shelf gets fewer, and is compared by the row.
    shelf_rows: int
    many: int
    sheet: int
    requests: int
    rounds: int = 3
    few: int = 1_000

    @property
    def growth_rows(self) -> int:
        """How many are imported into an empty customer, to compare with a full one."""
        return self.rows // 10


SCALES = {
    "full": Scale("full", 100_000, 10_000, 1_000_000, 10_000, requests=30),
    "small": Scale("small", 1_000, 300, 10_000, 500, requests=3),
}


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Keep a second bench from stopping the servers of the first."""
    places.make_folder(places.LOCAL, mode=0o711)
    places.make_folder(PLACE, mode=0o711)
    with (PLACE / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise places.CannotStart("A bench runs from this folder already.") from None
        yield


@contextlib.contextmanager
def servers() -> Iterator[embedded.Servers]:
    """Run the servers, with the settings of `make run`: what is committed is on the disk."""
    made = embedded.prepare_servers(PLACE)
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Ground:
    """The databases of the bench, and the processes that work on them."""

    def __init__(self, made: embedded.Servers, scale: Scale):
        self.servers = made
        self.scale = scale
        self.name = "portal"
        self.environment = embedded.test_environment(made) | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
        }

    def set_up(self) -> None:
        """Start Django here, with translations and static files as in production."""
        messages.compile_messages()
        os.environ.update(self.environment)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("collectstatic", interactive=False, verbosity=0)

    def use(self, name: str) -> None:
        """Connect Django, as the app and as the owner, to another database."""
        from django.db import connections

        self.name = name
        for alias in ("default", "owner"):
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name

    def as_superuser(self, name: str = "postgres") -> psycopg.Connection:
        """Connect as who may copy databases and order checkpoints."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.servers.ports["postgres"],
            user="postgres",
            password=self.servers.passwords["superuser"],
            dbname=name,
            autocommit=True,
        )

    def has(self, name: str) -> bool:
        """Whether there is such a database."""
        with self.as_superuser() as link:
            found = link.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            return found.fetchone() is not None

    def copy(self, source: str, name: str) -> None:
        """Make a database anew as a copy of another one, and connect to it."""
        self.use("portal")
        self.drop(name)
        with self.as_superuser() as link:
            link.execute(
                sql.SQL(
                    "CREATE DATABASE {} TEMPLATE {} OWNER portal_owner STRATEGY FILE_COPY"
                ).format(sql.Identifier(name), sql.Identifier(source))
            )
        self.use(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        with self.as_superuser() as link:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            link.execute(statement.format(sql.Identifier(name)))

    def rename(self, name: str, new_name: str) -> None:
        """Give a database another name, once it is complete."""
        self.use("portal")
        with self.as_superuser() as link:
            statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            link.execute(statement.format(sql.Identifier(name), sql.Identifier(new_name)))

    @contextlib.contextmanager
    def fresh(self, kept: str) -> Iterator[None]:
        """Work in a copy of a kept database, which is gone afterwards."""
        self.copy(kept, WORK)
        try:
            yield
        finally:
            self.use("portal")
            self.drop(WORK)

    def settle(self) -> None:
        """Let nobody pay for what somebody wrote before: all of it goes to the disk now."""
        with self.as_superuser() as link:
            link.execute("CHECKPOINT")

    @contextlib.contextmanager
    def process(self, *command: str, **more: str) -> Iterator[subprocess.Popen]:
        """Run a part of the portal on the database in use, as the app, until the block ends."""
        url = self.environment["DATABASE_URL"].rsplit("/", 1)[0]
        environment = os.environ | {"DATABASE_URL": f"{url}/{self.name}"} | more
        environment.pop("DATABASE_OWNER_URL", None)
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment,
            cwd=places.CHECKOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: embedded.die_with_parent(15),
        )
        try:
            yield process
        finally:
            embedded.stop_process(process, 15, seconds=60)

    def forget_messages(self) -> None:
        """Empty the queues: what ran here in the process need not be run by a worker."""
        from portal.celery import app

        with app.connection_for_write() as link:
            link.default_channel.client.flushdb()

    def worker(self):
        """Run a worker as `make run` does, for both queues."""
        self.forget_messages()
        celery = ("celery", "--app", "portal.celery", "--quiet", "worker", "--loglevel=WARNING")
        only = ("--concurrency=1", "--without-gossip", "--without-mingle", "-Q", "interactive,bulk")
        return self.process(*celery, *only, **run.WORKER_ENVIRONMENT)

    @contextlib.contextmanager
    def web(self) -> Iterator[int]:
        """Run the web server as `make run` does; gives the port."""
        port = embedded.free_port()
        with self.process("portal.web", PORT=str(port), BASE_URL=f"http://localhost:{port}"):
            self.wait_for_web(f"localhost:{port}")
            yield port

    def wait_for_web(self, host: str) -> None:
        """Return when a web server answers there."""
        for _attempt in range(200):
            with contextlib.suppress(OSError):
                urlopen(f"http://{host}/readyz", timeout=5)
                break
            time.sleep(0.1)

    def describe(self) -> dict[str, str]:
        """The machine, the day and the server, as they stand over the table."""
        with self.as_superuser() as link:
            version = link.execute("SHOW server_version").fetchone()[0]
            said = {name: link.execute(f"SHOW {name}").fetchone()[0] for name in TELLING}
        return {
            "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z"),
            "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()}, {platform.system()}",
            "software": f"PostgreSQL {version}, Python {platform.python_version()}",
            "settings": ", ".join(f"{name} {value}" for name, value in said.items()),
            "scale": f"{self.scale.name}: {self.scale.rows:,} rows, and customers of"
            f" {self.scale.many:,} and {self.scale.few:,} users",
        }


def _processor() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GB"
