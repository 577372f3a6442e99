"""A PostgreSQL that crashes, or has no room left, in the middle of an import."""

import contextlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse

from batches.models import Batch, Job, Line
from batches.operations.wake import sweep
from partners import tenancy
from tests import PATIENCE, factories, serving, slow
from tests.chaos import imports, rig
from tests.chaos.conftest import environment
from tests.conftest import MAKE_PARTNER
from tools import embedded, places
from users.models import CustomerUser


@dataclass
class Installation:
    """Servers of the test's own, a customer in their tables, and a browser of who works there."""

    servers: embedded.Servers
    broker: rig.Broker
    processes: rig.Processes
    contoso: object = None
    browser: Client = None

    def crash(self):
        """Stop PostgreSQL as `pg_ctl -m immediate` does: it comes up as after a crash."""
        process = self.servers.processes["postgres"]
        process.send_signal(signal.SIGQUIT)
        process.wait()
        connection.close()

    def ask(self, sql, who="postgres", password="superuser"):
        """Tell the server something as its superuser, or as the owner of the tables."""
        port, known = self.servers.ports["postgres"], self.servers.passwords
        with psycopg.connect(
            host="127.0.0.1",
            port=port,
            dbname="portal",
            user=who,
            password=known[password],
            autocommit=True,
        ) as link:
            link.execute(sql)


@pytest.fixture
def portal(django_db_blocker, settings):
    """An installation, with this process connected to it in the place of the tests' database."""
    with rig.own_servers() as servers:
        servers.start()
        broker = rig.Broker(servers)
        known = environment(servers.urls()["DATABASE_URL"], broker, settings)
        migrate = [sys.executable, "manage.py", "migrate", "--database=owner", "--verbosity=0"]
        subprocess.run(migrate, cwd=places.CHECKOUT, env=known | servers.urls(), check=True)
        mine = Installation(servers, broker, rig.Processes(known))
        mine.ask(MAKE_PARTNER, "portal_owner", "owner")
        # As in an installation: what is committed outlives the server.
        mine.ask("ALTER ROLE portal_app SET synchronous_commit = on")
        with (
            django_db_blocker.unblock(),
            connected_to(servers),
            rig.sending_to(broker),
            contextlib.ExitStack() as stack,
        ):
            stack.callback(mine.processes.kill_all)
            northwind = factories.partner("northwind", "Northwind Cloud")
            stack.enter_context(tenancy.tenant(northwind.pk))
            mine.contoso = factories.customer("contoso", "Contoso", domains=("contoso.example",))
            mine.browser = Client()
            mine.browser.force_login(factories.member(northwind, "alice"))
            yield mine


@contextlib.contextmanager
def connected_to(servers):
    """Let everything in this thread that speaks with the database speak with this one."""
    was = connections["default"]
    address = {
        "NAME": "portal",
        "USER": "portal_app",
        "PASSWORD": servers.passwords["app"],
        "HOST": "127.0.0.1",
        "PORT": str(servers.ports["postgres"]),
    }
    connections["default"] = type(was)(was.settings_dict | address, "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = was


@dataclass
class Visitor:
    """Somebody who asks the web server for the customer's page again and again."""

    port: int
    session: str

    def look(self, language="en"):
        """The status, the page and the headers of the answer; 0 where nobody listens yet."""
        headers = {"Cookie": f"session={self.session}", "Accept-Language": language}
        address = f"http://127.0.0.1:{self.port}/customers/contoso/"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(address, headers=headers), timeout=PATIENCE
            ) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode(), answer.headers
        except urllib.error.URLError:
            return 0, "", {}

    def look_until(self, wanted, allowed):
        """Look until it answers so; meanwhile it may answer in these ways only."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status, page, headers = self.look()
            if status == wanted:
                return page, headers
            assert status in allowed, page
            time.sleep(0.05)
        pytest.fail(f"For {PATIENCE} seconds the web did not answer {wanted}.")


def test_a_crash_of_the_database_is_survived_without_a_restart_of_ours(portal):
    schedule = rig.schedule_of("database")
    people = imports.names(1_600)
    bought = factories.subscription(portal.contoso, "Mail", seats=1_200)
    port = embedded.free_port()
    web = portal.processes.start_web(port)
    worker = portal.processes.start_worker()
    visitor = Visitor(port, portal.browser.cookies["session"].value)
    imports.upload(portal.browser, bought, people)
    batch = imports.wait_for_plan()
    visitor.look_until(200, allowed={0})

    imports.start(portal.browser, batch)
    for chunks in sorted(schedule.sample(range(1, 14), 2)):
        imports.wait_for_chunks(chunks)
        portal.crash()
        page, headers = visitor.look_until(503, allowed=())
        assert "Not available right now" in page
        assert "Try again in a minute. Running jobs continue." in page
        assert (headers["Retry-After"], headers["Cache-Control"]) == ("5", "private, no-store")
        assert 'lang="zh-Hans"' in visitor.look("zh-CN")[1]
        portal.servers.start_postgres()
        began = time.monotonic()
        visitor.look_until(200, allowed={503})
        print(f"answered again {time.monotonic() - began:.1f} s after the database was up")
        assert imports.count_left() > 0

    imports.wait_for_end()
    imports.check_each_once(people, bought)
    assert (web.poll(), worker.poll()) == (None, None)


@dataclass
class SmallDisk:
    """A tablespace in memory that holds the users: a real write that finds no room."""

    place: Path

    def fill(self):
        fill = ["dd", "if=/dev/zero", f"of={self.place / 'ballast'}", "bs=4k"]
        assert b"No space left" in subprocess.run(fill, capture_output=True).stderr

    def free(self):
        (self.place / "ballast").unlink()


@dataclass
class SayingSo:
    """The second best, where nothing may be mounted: the database says that it has no room."""

    portal: Installation

    def fill(self):
        self.portal.ask(
            """
            CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
            CREATE TRIGGER no_room BEFORE INSERT ON users_customeruser
                FOR EACH STATEMENT EXECUTE FUNCTION no_room();
            """
        )

    def free(self):
        self.portal.ask("DROP FUNCTION no_room CASCADE")


@pytest.fixture
def disk(portal):
    """What the users are written to, small enough to be filled."""
    place = portal.servers.place / "small"
    place.mkdir()
    owner = portal.servers.account
    options = "size=16m,mode=700" + (f",uid={owner.uid},gid={owner.gid}" if owner else "")
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    print("The disk is full", "for real." if mounted else "in word only: nothing can be mounted.")
    if not mounted:
        yield SayingSo(portal)
        return
    try:
        portal.ask(f"CREATE TABLESPACE small LOCATION '{place}'")
        portal.ask("ALTER TABLE users_customeruser SET TABLESPACE small")
        yield SmallDisk(place)
    finally:
        portal.processes.kill_all()
        portal.servers.stop()
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_pauses_the_import_until_there_is_room(portal, disk):
    people = imports.names(2_000)
    bought = factories.subscription(portal.contoso, "Mail", seats=3_000)
    imports.upload(portal.browser, bought, people)
    portal.processes.start_worker()
    batch = imports.wait_for_plan()

    imports.start(portal.browser, batch)
    imports.wait_for_chunks(rig.schedule_of("disk").randrange(1, 6))
    disk.fill()
    wait_until_nothing_moves(batch)

    page = portal.browser.get(reverse("batches:batch", args=["contoso", batch.pk]))
    assert "Waiting for the database." in page.content.decode()
    check_no_half_chunk()
    before = count_users()
    # The sweep tries again, in vain: that is held against nobody.
    for _ in range(3):
        sweep()
        wait_until_nothing_moves(batch)
    check_no_half_chunk()

    disk.free()
    imports.wait_for_end()
    assert 0 < before < len(people)
    imports.check_each_once(people, bought)
    with transaction.atomic():
        assert Batch.objects.get(pk=batch.pk).halted_by == ""


def wait_until_nothing_moves(batch):
    """Wait until every chunk that was tried has found no room."""

    def nothing_moves():
        halted = Batch.objects.filter(pk=batch.pk, state="paused", halted_by="database")
        pending = Job.objects.filter(batch=batch, state="pending")
        moving = pending.exclude(attempts=0, enqueued_at=None)
        return halted.exists() and pending.exists() and not moving.exists()

    rig.wait_until(nothing_moves, "the batch waits for the database")


def check_no_half_chunk():
    with transaction.atomic():
        chunks = Job.objects.filter(kind="apply")
        states = {chunk: set(chunk.lines.values_list("state", flat=True)) for chunk in chunks}
        for chunk, found in states.items():
            assert found == ({"done"} if chunk.state == "done" else {"planned"})
        assert set().union(*states.values()) == {"done", "planned"}
        assert count_users() == Line.objects.filter(state="done").count()


def count_users():
    with transaction.atomic():
        return CustomerUser.objects.count()


def test_probes_answer_while_the_database_hangs(portal):
    host = f"localhost:{embedded.free_port()}"
    portal.processes.start_web(int(host.partition(":")[2]))
    serving.wait_for(host)
    assert slow.ask(host, "/readyz").status == 200
    server = psutil.Process(portal.servers.processes["postgres"].pid)
    processes = [server, *server.children()]
    try:
        for process in processes:
            process.suspend()
        assert [slow.ask(host, "/readyz").status for _attempt in range(3)] == [503] * 3
        assert slow.ask(host, "/health/").status == 503
        assert slow.ask(host, "/livez").status == 200
    finally:
        for process in processes:
            process.resume()

    rig.wait_until(lambda: slow.ask(host, "/readyz").status == 200, "it is ready again")
