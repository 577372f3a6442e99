"""Wake-ups for the workers: sent after the commit, and lost without harm."""

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial

from celery import current_app
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from batches.models import Batch, Job
from customers.models import Customer
from licensing import queries as licensing_queries
from licensing.operations.waitlist import when_seats_are_free
from partners.tenancy import require_current

log = logging.getLogger(__name__)

# A batch of up to this many lines runs in the request; a larger one in a worker.
MAX_LINES_IN_REQUEST = 50
# Jobs for which workers are woken at once; a sweep finds the others.
MAX_WOKEN = 200


@transaction.atomic
def sweep() -> int:
    """
    Wake the workers for this tenant's jobs without a wake-up in the last minute.

    Returns the number of jobs. Two wake-ups for a job are harmless, as one worker holds it.
    """
    stale = timezone.now() - timedelta(seconds=60)
    due = Job.objects.exclude(enqueued_at__gte=stale)
    return wake_jobs(due.exclude(batch__halted_by=Batch.HaltedBy.MEMBER))


def wake_jobs(jobs: QuerySet[Job]) -> int:
    """
    Wake the workers for pending jobs after the commit, and note the time.

    Returns the number of jobs. A locked job is being done, and needs no wake-up.
    """
    free = jobs.select_for_update(skip_locked=True, of=("self",)).filter(state=Job.State.PENDING)
    found = free.select_related("batch").order_by("batch_id", "number")[:MAX_WOKEN]
    woken = list(_one_of_halted(found))
    Job.objects.filter(pk__in=[job.pk for job in woken]).update(enqueued_at=timezone.now())
    send_jobs(woken)
    return len(woken)


def _one_of_halted(jobs: Iterable[Job]) -> Iterator[Job]:
    # After an outage of the database one job is tried. If it succeeds, its batch is resumed.
    trying = set()
    for job in jobs:
        if job.batch and job.batch.halted_by == Batch.HaltedBy.DATABASE:
            if job.batch_id in trying:
                continue
            trying.add(job.batch_id)
        yield job


def send_jobs(jobs: Iterable[Job]) -> None:
    """Wake the workers for jobs after the commit; the caller has noted the time."""
    partner_id = str(require_current())
    wake_ups = [(_queue_of(job), {"partner_id": partner_id, "job_id": str(job.pk)}) for job in jobs]

    def send():
        # A broker that is away for the first is away for all: a page waits for one timeout only.
        for queue, arguments in wake_ups:
            if not _send("batches.run_job", queue, arguments):
                return

    transaction.on_commit(send, robust=True)


def _queue_of(job: Job) -> str:
    is_large = job.batch is not None and job.batch.total > MAX_LINES_IN_REQUEST * 10
    return "bulk" if is_large else "interactive"


def wake_worker(task: str, **arguments) -> None:
    """
    Send a wake-up for this tenant after the commit; without a broker it is only logged.

    The work is in Postgres, so a lost message costs one sweep.
    """
    partner_id = str(require_current())
    send = partial(_send, task, "interactive", {"partner_id": partner_id, **arguments})
    transaction.on_commit(send, robust=True)


@when_seats_are_free
def wake_waitlist(customer: Customer) -> None:
    """Wake a worker to give this customer's free seats to the users on the waitlist."""
    wake_worker("users.fill_waiting", customer_id=str(customer.pk))


def wake_waitlist_if_due(customer: Customer) -> None:
    """Call `wake_waitlist` if a user waits for a seat that is free."""
    if licensing_queries.has_assignable_seats(customer):
        wake_waitlist(customer)


def _send(task: str, queue: str, arguments: dict) -> bool:
    try:
        current_app.send_task(task, kwargs=arguments, queue=queue, retry=False, ignore_result=True)
    except (BrokerError, OSError) as error:
        log.warning("no wake-up for %s: %s", task, error)
        return False
    return True
