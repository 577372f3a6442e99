"""What a worker does before anything is started: at most once, whatever happens to it."""

import logging
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from django.db import transaction
from django.utils import timezone

from users.models import Batch, Chunk

from .running import SECONDS_TO_BEGIN, is_infrastructure
from .waking import poke

log = logging.getLogger(__name__)

# The check is a chunk like any other, before the first that runs.
CHECK = 0
# What has not let its worker end so often is given up.
MOST_CHECKS = 3


class Leased(Protocol):
    """A row whose lock is the lease of some work, and that counts the attempts at it."""

    attempts: int

    def save(self, *, update_fields: list[str]) -> None: ...


Row = TypeVar("Row", bound=Leased)


def do_once(
    what: str,
    *,
    lease: Callable[[], Row | None],
    work: Callable[[Row], None],
    give_up: Callable[[Row], None],
    put_off: Callable[..., bool],
) -> None:
    """
    Do a piece of work on the row that `lease` locks, in one transaction; on None there is none.

    The attempt is counted before the work, so that what crashes its worker is given up. An error
    of the database is no fault of the work: `put_off` is told of it with the number of the attempt
    and says whether that was all; else it is raised on.
    """
    attempt = None
    try:
        attempt = _count_attempt(lease)
        if attempt is None:
            return
        if attempt > MOST_CHECKS:
            # Workers that were told at the same time have all counted; one is about to begin.
            time.sleep(SECONDS_TO_BEGIN)
            log.error("%s did not end %s times", what, MOST_CHECKS)
            _with_lease(lease, give_up)
            return
        try:
            _with_lease(lease, work)
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("%s failed", what)
            _with_lease(lease, give_up)
    except Exception as error:
        if not put_off(error, attempt=attempt):
            raise


@transaction.atomic
def _count_attempt(lease: Callable[[], Row | None]) -> int | None:
    row = lease()
    if row is None:
        return None
    row.attempts += 1
    row.save(update_fields=["attempts"])
    return row.attempts


@transaction.atomic
def _with_lease(lease: Callable[[], Row | None], act: Callable[[Row], None]) -> None:
    row = lease()
    if row is not None:
        act(row)


def order_check(batch: Batch, *, queue: str = "interactive") -> None:
    """Let a worker look at a batch that is being checked, now that its last check is over."""
    Chunk.objects.filter(batch=batch).delete()
    Chunk.objects.create(batch=batch, number=CHECK, enqueued_at=timezone.now())
    poke("users.run_chunk", queue=queue, batch_id=str(batch.pk), number=CHECK)


def end_check(chunk: Chunk) -> None:
    """Note that a worker has looked at the batch."""
    Chunk.objects.filter(pk=chunk.pk).update(state=Chunk.State.DONE, done_at=timezone.now())
