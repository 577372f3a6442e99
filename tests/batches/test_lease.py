"""Workers that are woken together for the same work: one does it, and the others go away."""

import threading
from functools import partial

import pytest
from django.db import transaction

from batches.models import Batch, Job
from batches.operations import lease
from batches.operations.control import start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from imports.models import Upload
from imports.operations.check import check_again, receive_file
from imports.operations.split import receive_multi_upload
from partners.tenancy import uuid7
from tests import PATIENCE
from tests.imports.test_import_once import at_once
from tests.workers import check_upload, run_chunk, split_file

WORKERS = 10
ROUNDS = 20

commits = pytest.mark.django_db(transaction=True)


class Meeting:
    """Lets no attempt begin before each worker has counted one or gone away."""

    def __init__(self):
        self.attempts: list[int] = []
        self.arrived: set[int] = set()
        self.condition = threading.Condition()

    def count(self, count, job_id):
        job = count(job_id)
        if job is not None:
            self.attempts.append(job.attempts)
            self.arrive()
            with self.condition:
                assert self.condition.wait_for(lambda: len(self.arrived) == WORKERS, PATIENCE)
        return job

    def arrive(self):
        with self.condition:
            self.arrived.add(threading.get_ident())
            self.condition.notify_all()

    def hold(self, work):
        """Let ten workers do the work at once; the numbers of the attempts that were counted."""
        self.attempts, self.arrived = [], set()

        def do():
            try:
                work()
            finally:
                self.arrive()

        at_once([do] * WORKERS)
        return self.attempts


@pytest.fixture
def meeting(monkeypatch):
    meeting = Meeting()
    monkeypatch.setattr(lease, "_count_attempt", partial(meeting.count, lease._count_attempt))
    return meeting


@commits
def test_one_of_ten_workers_applies_chunk(contoso, alice, meeting):
    with transaction.atomic():
        batch = create_batch(customer=contoso, kind="import", by=alice)
        people = [
            {"user_name": f"u{n}@contoso.example", "display_name": f"U {n}", "location": "US"}
            for n in range(50 * ROUNDS)
        ]
        lines = [PlannedLine(uuid7(), {"products": []} | person) for person in people]
        save_lines(batch=batch, lines=lines)
        start_batch(batch=batch, by=alice)

    for number in range(1, ROUNDS + 1):
        assert meeting.hold(partial(run_chunk, batch_id=batch.pk, number=number)) == [1]

    with transaction.atomic():
        batch.refresh_from_db()
        assert batch.state == "done"
        assert set(batch.lines.values_list("state", flat=True)) == {"done"}


@commits
def test_one_of_ten_workers_checks_file(contoso, alice, meeting):
    options = {"mode": "good", "defaults": {"domain": "contoso.example"}}
    with transaction.atomic():
        batch = receive_file(
            customer=contoso,
            name="a.csv",
            parts=[b"User name,Display name\nu,U\n"],
            options=options,
            by=alice,
        )

    for _round in range(ROUNDS):
        assert meeting.hold(partial(check_upload, batch_id=batch.pk)) == [1]
        with transaction.atomic():
            assert Batch.objects.get().state == "planned"
            check_again(batch=batch, options=options, by=alice)


@commits
def test_one_of_ten_workers_splits_file(contoso, alice, meeting):
    content = b"Customer,User name,Display name\nContoso,ann,Ann\n"
    for _round in range(ROUNDS):
        with transaction.atomic():
            upload = receive_multi_upload(name="a.csv", parts=[content], options={}, by=alice)
        assert meeting.hold(partial(split_file, upload_id=upload.pk)) == [1]
        with transaction.atomic():
            assert Upload.objects.get(pk=upload.pk).state == "split"


@commits
def test_worker_is_free_again_after_failure(contoso, alice, monkeypatch):
    """A killed worker leaves no lease: it ends with the connection."""
    with pytest.raises(KeyboardInterrupt), lease.hold("this"):
        raise KeyboardInterrupt

    with lease.hold("this") as is_free:
        assert is_free
        assert at_once([is_held]) == [True]
    assert at_once([is_held]) == [False]


def test_worker_that_was_replaced_ends_no_job(contoso, alice):
    batch = create_batch(customer=contoso, kind="import", by=alice)
    lease.order_job("check", batch=batch)
    job = lease._count_attempt(Job.objects.get().pk)
    # Its connection was lost, and another worker has counted an attempt.
    Job.objects.update(attempts=2)

    lease.end_job(job, pytest.fail)

    assert Job.objects.get().state == "pending"


def is_held():
    with lease.hold("this") as is_free:
        return not is_free
