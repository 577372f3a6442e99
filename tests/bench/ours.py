"""The portal's own way of doing things, as a page and a worker call it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.db import transaction

from batches.models import Batch, Job, Line
from batches.operations.control import start_batch
from batches.operations.lease import run_job
from customers.models import Customer
from imports.operations.check import receive_file
from partners.models import Member
from tests.workers import check_upload

PART_BYTES = 1024 * 1024


def upload(customer: Customer, path: Path, by: Member) -> Batch:
    """Receive a file of people."""
    with path.open("rb") as file:
        return receive_file(
            customer=customer,
            name=path.name,
            parts=iter(partial(file.read, PART_BYTES), b""),
            options={"mode": "good", "defaults": {}},
            by=by,
        )


def check(batch: Batch) -> None:
    """Check the file as a worker does."""
    check_upload(batch_id=batch.pk)


def start(batch: Batch, by: Member) -> None:
    """Start a plan, as a page does."""
    with transaction.atomic():
        start_batch(batch=Batch.objects.get(pk=batch.pk), by=by)


def run(batch: Batch) -> None:
    """Run every chunk, as a worker does."""
    with transaction.atomic():
        jobs = batch.jobs.filter(state=Job.State.PENDING).order_by("number")
        job_ids = list(jobs.values_list("pk", flat=True))
    for job_id in job_ids:
        run_job(job_id=job_id)


def apply(batch: Batch, by: Member) -> None:
    """Start a plan and run all of it."""
    start(batch, by)
    run(batch)


def act(plan: Callable[..., Batch], *, by: Member, **arguments) -> Batch:
    """Plan an act, start it and run all of it."""
    with transaction.atomic():
        batch = plan(by=by, **arguments)
    apply(batch, by)
    return batch


def prove(batch: Batch, count: int) -> None:
    """Make sure that so many lines were done: a bench of what failed would be fast."""
    with transaction.atomic():
        state = Batch.objects.get(pk=batch.pk).state
        done = Line.objects.filter(batch=batch, state=Line.State.DONE).count()
    if state != Batch.State.DONE or done != count:
        raise RuntimeError(f"{batch.kind} is {state}, and {done} of {count} lines are done.")
