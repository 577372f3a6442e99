"""What machines may ask, by whatever address, and what they are answered."""

import time
from datetime import timedelta

import pytest
import redis
from celery import current_app
from django.db import connections, transaction
from django.utils import timezone

from batches.models import Batch, Job
from portal import broker

PROBES = ("/livez", "/readyz", "/health/")
FINE = {"status": "ok", "database": "ok", "migrations": "ok"}


@pytest.fixture
def swept():
    """A sweep that was a moment ago."""
    broker.note_sweep()


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("host", ["10.20.30.40:8000", "[fd00::1]", "a_b", ""])
def test_probes_work_under_any_host_without_tls(db, client, settings, path, host):
    settings.SECURE_SSL_REDIRECT = True

    answer = client.get(path, headers={"Host": host})

    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert "no-store" in answer.headers["Cache-Control"]
    assert not answer.cookies


@pytest.mark.parametrize("path", PROBES)
def test_they_are_only_looked_at(client, path):
    answers = [getattr(client, method)(path) for method in ("post", "put", "delete", "options")]

    assert {answer.status_code for answer in answers} == {405}


def test_that_the_process_lives_needs_no_database(client):
    # Without the mark of a test that may use the database.
    assert client.get("/livez").content == b"ok\n"


def test_all_is_well_where_everything_answers(db, client, swept):
    assert client.get("/readyz").json() == FINE
    said = client.get("/health/").json()
    assert said.pop("last_sweep_seconds") < 60
    assert said == FINE | {"broker": "ok", "oldest_pending_seconds": None}


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_it_is_not_ready_before_its_tables_are(client, swept):
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'later' WHERE app = 'audit'")
        try:
            answers = [client.get(path) for path in PROBES]
        finally:
            cursor.execute("UPDATE django_migrations SET app = 'audit' WHERE app = 'later'")

    assert [answer.status_code for answer in answers] == [200, 503, 503]
    for answer in answers[1:]:
        assert (answer.json()["status"], answer.json()["migrations"]) == ("unavailable", "missing")


@pytest.fixture
def no_broker():
    """A broker that does not answer."""
    was = current_app.conf.broker_url
    current_app.conf.broker_url = "redis://127.0.0.1:1/0"
    yield
    current_app.conf.broker_url = was


def test_health_is_degraded_without_broker(db, client, no_broker):
    assert client.get("/readyz").json() == FINE
    answer = client.get("/health/")
    assert answer.status_code == 200
    assert answer.json() == FINE | {
        "status": "degraded",
        "broker": "unreachable",
        "last_sweep_seconds": None,
        "oldest_pending_seconds": None,
    }


@pytest.mark.parametrize("seconds", [None, 301])
def test_a_sweep_that_does_not_come_is_amiss(db, client, seconds):
    with redis.Redis.from_url(current_app.conf.broker_url) as link:
        link.delete(broker.SWEPT)
        if seconds:
            link.set(broker.SWEPT, time.time() - seconds)

    answer = client.get("/health/")

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert (answer.json()["last_sweep_seconds"] or 0) >= (seconds or 0)


@pytest.mark.django_db(transaction=True)
def test_health_shows_age_of_oldest_job(client, contoso, alice, swept):
    for hours, halted_by, state in (
        (3, "", Job.State.PENDING),
        (5, Batch.HaltedBy.MEMBER, Job.State.PENDING),
        (7, "", Job.State.DONE),
    ):
        began = timezone.now() - timedelta(hours=hours)
        with transaction.atomic():
            batch = Batch.objects.create(
                customer=contoso, kind="delete", started_at=began, halted_by=halted_by, by=alice
            )
            Job.objects.create(kind="apply", batch=batch, state=state)

    said = client.get("/health/").json()

    assert said["status"] == "ok"
    assert 3 * 3600 <= said["oldest_pending_seconds"] < 4 * 3600
    assert contoso.name not in str(said)
