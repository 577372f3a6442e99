"""Wake-ups for the workers: sent after the commit, and lost without harm."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from batches.models import Batch, Chunk
from customers.models import Customer
from licensing import queries as licensing_queries
from licensing.operations.waitlist import when_seats_are_free
from partners.tenancy import require_current

log = logging.getLogger(__name__)

# A batch of up to this many lines runs in the request; a larger one in a worker.
MAX_LINES_IN_REQUEST = 50


def wake_for_batch(batch: Batch) -> None:
    """Wake the workers for every pending chunk after the commit."""
    pending = Chunk.objects.filter(batch=batch, state=Chunk.State.PENDING)
    numbers = list(pending.order_by("number").values_list("number", flat=True))
    wake_for_chunks(batch, numbers)


def wake_for_chunks(batch: Batch, numbers: Sequence[int]) -> None:
    """Wake the workers for chunks of a batch after the commit, and note the time."""
    Chunk.objects.filter(batch=batch, number__in=numbers).update(enqueued_at=timezone.now())
    send_chunks((batch, number) for number in numbers)


def send_chunks(chunks: Iterable[tuple[Batch, int]]) -> None:
    """Wake the workers for chunks after the commit; the caller has noted the time."""
    partner_id = str(require_current())
    wake_ups = [
        (
            "batches.run_chunk" if number else "imports.check",
            "bulk" if batch.total > MAX_LINES_IN_REQUEST * 10 else "interactive",
            {"partner_id": partner_id, "batch_id": str(batch.pk), "number": number},
        )
        for batch, number in chunks
    ]

    def send():
        # A broker that is away for the first is away for all: a page waits for one timeout only.
        for wake_up in wake_ups:
            if not _send(*wake_up):
                return

    transaction.on_commit(send, robust=True)


def wake_worker(task: str, *, queue: str = "interactive", **arguments) -> None:
    """
    Send a wake-up for this tenant after the commit; without a broker it is only logged.

    The work is in Postgres, so a lost message costs one sweep.
    """
    partner_id = str(require_current())
    send = partial(_send, task, queue, {"partner_id": partner_id, **arguments})
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
