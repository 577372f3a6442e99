"""Batches that stand still: because a member said so, or because the database cannot go on."""

import logging
import time
from uuid import UUID

from django.db import Error, connection, transaction
from django.db.models import Q

from partners.backend.away import is_away
from users.models import Batch, Chunk, Line

from .waking import poke_chunks

log = logging.getLogger(__name__)

# A server that was killed is back after some seconds, and its worker has nothing else to do.
SECONDS_TO_WAIT = 30

RUNNING, PAUSED = Batch.State.RUNNING, Batch.State.PAUSED
MEMBER, DATABASE = Batch.HaltedBy.MEMBER, Batch.HaltedBy.DATABASE


@transaction.atomic
def pause(*, batch_id: UUID | str, because: str) -> bool:
    """
    Let no further chunk of a running batch begin; False where there is nothing to pause.

    What is being done is done to its end. What a member says outweighs the database: such a batch
    does not go on by itself.
    """
    pausable = Q(state=RUNNING)
    if because == MEMBER:
        pausable |= Q(state=PAUSED, halted_by=DATABASE)
    batches = Batch.objects.filter(pausable, pk=batch_id)
    return bool(batches.update(state=PAUSED, halted_by=because))


@transaction.atomic
def resume(*, batch: Batch, because: str) -> bool:
    """Let a batch go on that was paused for this reason, and wake the workers; False if not so."""
    paused = Batch.objects.filter(pk=batch.pk, state=PAUSED, halted_by=because)
    if not paused.update(state=RUNNING, halted_by=""):
        return False
    # A chunk that is being done is locked, and needs nobody to wake it.
    pending = Chunk.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        batch=batch, state=Chunk.State.PENDING
    )
    poke_chunks(batch, list(pending.order_by("number").values_list("number", flat=True)))
    return True


def halt(error: Exception, *, batch_id: UUID | str, number: int, attempt: int | None) -> bool:
    """
    Let a batch wait where its database cannot go on; False where the error is another, or stays.

    The attempt that met with it does not count. A database that is away is waited for a while;
    where it stays away nothing is noted, and the sweep finds the chunk as one that nobody was told
    of for a minute.
    """
    # Inside a request everything is undone with it, and its page says so.
    if connection.in_atomic_block or not is_away(error):
        return False
    end = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            connection.close()
            _note(batch_id, number, attempt)
        except Error as another:
            if not is_away(another) or time.monotonic() > end:
                log.warning("batch %s could not be paused: %s", batch_id, another)
                return False
            time.sleep(1)
        else:
            log.warning("batch %s waits for the database: %s", batch_id, error)
            return True


@transaction.atomic
def _note(batch_id: UUID | str, number: int, attempt: int | None) -> None:
    chunk = (
        Chunk.objects.select_for_update(of=("self",))
        .filter(batch_id=batch_id, number=number, state=Chunk.State.PENDING)
        .first()
    )
    # Another has taken over where the number of attempts is not one's own any more.
    if chunk is None or attempt not in (None, chunk.attempts):
        return
    if attempt is not None:
        chunk.attempts -= 1
        _take_back_try(chunk)
    # Nobody is told: the sweep finds it at once.
    chunk.enqueued_at = None
    chunk.save(update_fields=["attempts", "enqueued_at"])
    if not pause(batch_id=batch_id, because=DATABASE):
        # A file that is being checked stays so; its page says why that takes so long.
        Batch.objects.filter(pk=batch_id, state=Batch.State.CHECKING).update(halted_by=DATABASE)


def _take_back_try(chunk: Chunk) -> None:
    line = chunk.lines.filter(state=Line.State.TRYING).first()
    if line is None:
        return
    tries = line.result.get("tries", 1) - 1
    state = Line.State.TRYING if tries else Line.State.PLANNED
    Line.objects.filter(pk=line.pk).update(state=state, result={"tries": tries} if tries else {})
