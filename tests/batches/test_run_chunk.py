import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from celery import Celery
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event
from batches import acts
from batches.errors import NotPlanned
from batches.models import Batch, Job, Line
from batches.operations.control import start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from batches.operations.wake import sweep
from batches.queries.batch import get_progress
from licensing.models import Subscription
from partners import tenancy
from partners.tenancy import uuid7
from portal.celery import app
from tests import PATIENCE, factories
from tests.workers import run_chunk
from users.models import CustomerUser

commits = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def dead_broker():
    """A broker on a closed port: no worker is woken, and the tests run the chunks."""
    dead = Celery("dead", set_as_current=True)
    dead.config_from_object("portal.settings:CELERY")
    dead.conf.broker_url = "redis://127.0.0.1:1/0"
    yield
    app.set_current()


def additions(customer, by, number, products=(), **changes):
    """Plan `number` people; `changes` are inputs by position."""
    with transaction.atomic():
        batch = create_batch(customer=customer, kind="import", by=by)
        people = [
            {
                "user_name": f"u{n}@{customer.slug}.example",
                "display_name": f"U {n}",
                "location": "US",
                "products": [
                    {"subscription": str(one.pk), "disabled_plans": []} for one in products
                ],
            }
            for n in range(1, number + 1)
        ]
        for position, change in changes.items():
            people[int(position[1:]) - 1] = change
        save_lines(batch=batch, lines=[PlannedLine(uuid7(), person) for person in people])
        return batch


def begin(batch, by):
    with transaction.atomic():
        return start_batch(batch=batch, by=by)


def read(function):
    """Read in a transaction, as there is no tenant outside of one."""
    with transaction.atomic():
        return function()


def states(batch):
    return read(lambda: list(batch.lines.order_by("number").values_list("state", flat=True)))


# A person without a display name cannot be written: the check would never let it through.
BROKEN = {"user_name": "broken@contoso.example"}


@commits
def test_a_chunk_that_runs_twice_changes_nothing(contoso, office, alice):
    batch = begin(additions(contoso, alice, 60, [office]), alice)
    run_chunk(batch_id=batch.pk, number=1)

    def everything():
        return (
            list(CustomerUser.objects.order_by("pk").values()),
            list(batch.lines.order_by("number").values("number", "state", "result", "sealed")),
            Subscription.objects.get(pk=office.pk).assigned,
            Event.objects.count(),
        )

    once = read(everything)

    run_chunk(batch_id=batch.pk, number=1)

    assert read(everything) == once
    assert len(once[0]) == 50


@commits
def test_the_numbers_of_progress_are_rows(contoso, office, alice):
    batch = begin(additions(contoso, alice, 60, [office]), alice)
    run_chunk(batch_id=batch.pk, number=1)

    progress = read(lambda: get_progress(batch))

    assert (progress.finished, progress.runs) == (50, 60)
    assert (progress.done, progress.partly, progress.planned) == (5, 45, 10)


@commits
def test_the_last_chunk_ends_the_batch(contoso, alice):
    batch = begin(additions(contoso, alice, 60), alice)
    run_chunk(batch_id=batch.pk, number=2)
    run_chunk(batch_id=batch.pk, number=1)

    read(batch.refresh_from_db)

    assert batch.state == "done"
    assert states(batch) == ["done"] * 60


@commits
def test_a_line_that_fails_fails_alone(contoso, alice):
    batch = begin(additions(contoso, alice, 60, _7=BROKEN), alice)

    run_chunk(batch_id=batch.pk, number=1)

    assert states(batch)[:50] == ["done"] * 6 + ["failed"] + ["done"] * 43
    assert read(lambda: batch.lines.get(number=7).result) == {"code": "internal"}
    assert read(CustomerUser.objects.count) == 49


def test_failing_line_in_request_fails_alone(contoso, alice):
    batch = start_batch(batch=additions(contoso, alice, 5, _3=BROKEN), by=alice)

    assert batch.state == "done"
    assert states(batch) == ["done", "done", "failed", "done", "done"]


@commits
def test_a_line_that_stopped_two_workers_fails_alone(contoso, alice):
    batch = begin(additions(contoso, alice, 60), alice)
    with transaction.atomic():
        Job.objects.filter(number=1).update(attempts=4)
        Line.objects.filter(number=7).update(state="trying", result={"tries": 2})

    run_chunk(batch_id=batch.pk, number=1)

    assert states(batch)[:50] == ["done"] * 6 + ["failed"] + ["done"] * 43
    assert read(CustomerUser.objects.count) == 49


@commits
def test_line_tried_once_is_tried_again(contoso, alice):
    batch = begin(additions(contoso, alice, 60), alice)
    with transaction.atomic():
        Job.objects.filter(number=1).update(attempts=3)
        Line.objects.filter(number=7).update(state="trying", result={"tries": 1})

    run_chunk(batch_id=batch.pk, number=1)

    assert states(batch)[:50] == ["done"] * 50


@commits
def test_database_outage_fails_no_line(contoso, alice, monkeypatch):
    batch = begin(additions(contoso, alice, 60), alice)
    with transaction.atomic():
        Job.objects.filter(number=1).update(attempts=2)

    def away(**arguments):
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setitem(acts._ACTS, "add", replace(acts.get_act("add"), apply=away))
        run_chunk(batch_id=batch.pk, number=1)

    assert states(batch) == ["planned"] * 60
    read(batch.refresh_from_db)
    assert (batch.state, batch.halted_by) == ("paused", "database")
    assert read(lambda: Job.objects.get(number=1).attempts) == 2

    run_chunk(batch_id=batch.pk, number=1)

    read(batch.refresh_from_db)
    assert (batch.state, batch.halted_by) == ("running", "")
    assert states(batch)[:50] == ["done"] * 50


@commits
def test_two_workers_apply_a_chunk_once(contoso, office, alice, northwind):
    batch = begin(additions(contoso, alice, 60, [office]), alice)
    barrier = threading.Barrier(4)
    errors = []

    def work():
        try:
            with tenancy.tenant(northwind.pk):
                barrier.wait(PATIENCE)
                run_chunk(batch_id=batch.pk, number=1)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert errors == []
    assert read(CustomerUser.objects.count) == 50
    assert read(Event.objects.filter(action="user.added").count) == 50
    assert read(lambda: Subscription.objects.get(pk=office.pk).assigned) == 5


@commits
def test_two_workers_apply_each_line_once(contoso, alice, northwind):
    batch = begin(additions(contoso, alice, 60, _7=BROKEN), alice)
    with transaction.atomic():
        Job.objects.filter(number=1).update(attempts=5)
    barrier = threading.Barrier(3)
    errors = []

    def work():
        try:
            with tenancy.tenant(northwind.pk):
                barrier.wait(PATIENCE)
                run_chunk(batch_id=batch.pk, number=1)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert errors == []
    assert states(batch)[:50] == ["done"] * 6 + ["failed"] + ["done"] * 43
    assert read(CustomerUser.objects.count) == 49
    assert read(Event.objects.filter(action="user.added").count) == 49


@commits
def test_concurrent_clicks_start_batch_once(contoso, alice, northwind):
    batch = additions(contoso, alice, 10)
    barrier = threading.Barrier(2)
    ends = []

    def click():
        try:
            with tenancy.tenant(northwind.pk), transaction.atomic():
                mine = Batch.objects.get(pk=batch.pk)
                barrier.wait(PATIENCE)
                start_batch(batch=mine, by=alice)
            ends.append("started")
        except NotPlanned:
            ends.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert sorted(ends) == ["refused", "started"]
    assert read(CustomerUser.objects.count) == 10


@commits
def test_missing_broker_keeps_work(contoso, alice, caplog):
    batch = begin(additions(contoso, alice, 400), alice)

    # One wake-up is tried, not one a chunk: each costs the page a second.
    assert [record.name for record in caplog.records].count("batches.operations.wake") == 1
    assert batch.state == "running"
    assert read(Job.objects.filter(state="pending").count) == 8


@commits
def test_sweep_wakes_workers_for_stale_chunks(contoso, alice):
    begin(additions(contoso, alice, 60), alice)
    old = timezone.now() - timedelta(seconds=61)
    with transaction.atomic():
        Job.objects.filter(number=1).update(enqueued_at=old)

    assert sweep() == 1
    assert sweep() == 0
    assert read(lambda: Job.objects.get(number=1).enqueued_at) > old


@commits
def test_concurrent_sweeps_send_each_chunk_once(contoso, alice, northwind):
    begin(additions(contoso, alice, 400), alice)
    # As after an hour without a beat: what was missed is caught up with.
    with transaction.atomic():
        Job.objects.update(enqueued_at=timezone.now() - timedelta(hours=1))
    barrier = threading.Barrier(8)
    told = []

    def sweep_once():
        try:
            with tenancy.tenant(northwind.pk):
                barrier.wait(PATIENCE)
                told.append(sweep())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sweep_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert (len(told), sum(told)) == (8, 8)


@commits
def test_sweep_skips_locked_chunk(contoso, alice, northwind):
    begin(additions(contoso, alice, 60), alice)
    with transaction.atomic():
        Job.objects.filter(number=1).update(enqueued_at=None)
    told = []

    def sweep_once():
        with tenancy.tenant(northwind.pk):
            told.append(sweep())
        connections.close_all()

    with transaction.atomic():
        Job.objects.select_for_update().get(number=1)
        thread = threading.Thread(target=sweep_once)
        thread.start()
        thread.join(PATIENCE)

    assert told == [0]


def test_line_with_name_taken_meanwhile_fails_alone(contoso, alice):
    batch = additions(contoso, alice, 3)
    factories.user(contoso, "Somebody", user_name="u2@contoso.example")

    start_batch(batch=batch, by=alice)

    assert states(batch) == ["done", "failed", "done"]
    assert batch.lines.get(number=2).result == {"code": "name_taken"}


def test_chunk_needs_fixed_number_of_statements(contoso, office, alice):
    counts = []
    other = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    for customer, number in ((contoso, 1), (other, 50)):
        bought = office if customer == contoso else factories.subscription(other, "Mail", seats=99)
        batch = additions(customer, alice, number, [bought])
        with CaptureQueriesContext(connection) as captured:
            start_batch(batch=batch, by=alice)
        counts.append(len(captured))

    assert counts[0] == counts[1]
