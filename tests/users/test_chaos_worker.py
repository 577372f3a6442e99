"""A real worker over a real broker, killed in the middle of an import."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from celery import Celery
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from licensing.models import Subscription
from portal.celery import app
from tests import factories
from users import operations
from users.models import Batch, Chunk, CustomerUser, Line

PEOPLE = 2_000
SEATS = 1_500
# A database of the broker that no other test uses.
BROKER_DATABASE = 14
PATIENCE = 40


@pytest.fixture
def broker():
    """Send wake-ups to the real broker, into a database of our own that begins empty."""
    if "REDIS_URL" not in os.environ:
        pytest.fail("REDIS_URL names no broker: source the environment of the tests.")
    address = urlunsplit(urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{BROKER_DATABASE}"))
    ours = Celery("chaos", set_as_current=True)
    ours.config_from_object("portal.settings:CELERY")
    ours.conf.broker_url = address
    forget(ours)
    yield address
    forget(ours)
    app.set_current()


def forget(ours):
    with ours.connection_for_write() as link:
        link.default_channel.client.flushdb()


@pytest.fixture
def workers(broker, settings):
    """Start workers that see the test's database; none of them outlives the test."""
    started = []
    database = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": "postgresql://{}:{}@{}:{}/{}?host={}".format(
            quote(database["USER"]),
            quote(database["PASSWORD"]),
            "localhost",
            database["PORT"] or 5432,
            database["NAME"],
            quote(database["HOST"], safe=""),
        ),
        "REDIS_URL": broker,
        "KEYS_DIR": str(settings.KEYS_DIR),
        "CELERY_WORKER": "1",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    environment.pop("DATABASE_OWNER_URL", None)

    def start():
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "--app", "portal.celery", "--quiet", "worker"]
            + ["--concurrency=2", "--queues=interactive,bulk", "--loglevel=WARNING"]
            + ["--without-gossip", "--without-mingle", "--without-heartbeat"],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        kill(worker)


def kill(worker):
    """End the worker and its children the hard way; nothing is tidied up."""
    try:
        os.killpg(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    worker.wait()


def wait_until(is_so, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with transaction.atomic():
            if is_so():
                return
        time.sleep(0.02)
    pytest.fail(f"For {PATIENCE} seconds it did not happen: {what}")


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(as_alice, contoso, workers):
    bought = factories.subscription(contoso, "Mail", seats=SEATS)
    rows = "".join(f"u{n},U {n}\r\n" for n in range(PEOPLE))
    answer = as_alice.post(
        reverse("users:import", args=["contoso"]),
        {
            "file": SimpleUploadedFile("people.csv", f"User name,Display name\r\n{rows}".encode()),
            "domain": "contoso.example",
            "location": "US",
            "mode": "good",
            "products": [str(bought.pk)],
        },
    )
    assert answer.status_code == 302
    worker = workers()
    wait_until(Batch.objects.filter(state="planned").exists, "the file is checked")
    with transaction.atomic():
        batch = Batch.objects.get()

    as_alice.post(reverse("users:start", args=["contoso", batch.pk]))
    wait_until(Chunk.objects.filter(number__gt=0, state="done").exists, "a first chunk is done")
    kill(worker)

    with transaction.atomic():
        left = Chunk.objects.filter(state="pending").count()
    # Killed in the middle, not after the end.
    assert 0 < left < 20

    # What a minute would do.
    with transaction.atomic():
        Chunk.objects.update(enqueued_at=timezone.now() - timedelta(seconds=61))
    operations.sweep()
    workers()
    wait_until(Batch.objects.filter(state="done").exists, "the import is done")

    with transaction.atomic():
        names = list(CustomerUser.objects.values_list("user_name", flat=True))
        assert sorted(names) == sorted(f"u{n}@contoso.example" for n in range(PEOPLE))
        states = list(Line.objects.values_list("state", flat=True))
        assert (states.count("done"), states.count("partly")) == (SEATS, PEOPLE - SEATS)
        assert Subscription.objects.get(pk=bought.pk).assigned == SEATS
        assert Event.objects.filter(action="user.added").count() == PEOPLE
        assert Line.objects.filter(sealed=None).count() == 0
