"""Running a batch chunk by chunk, each at most once, also after crashes of workers."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

import audit.operations as audit
from batches.acts import LineInput, Outcome, get_acts
from batches.models import Batch, Chunk, Line
from batches.operations.lease import (
    DATABASE,
    MEMBER,
    hold,
    is_infrastructure,
    pause_for_outage,
    resume,
)
from batches.operations.wake import send_chunks, wake_waitlist_if_due
from customers.counts import lock_customer
from partners.postgres import execute

log = logging.getLogger(__name__)

# At this attempt a chunk is run line by line: a line that kills takes at most three workers.
MAX_ATTEMPTS = 2
# How often one line may crash its worker.
MAX_TRIES = 2


def run_chunk(*, batch_id: UUID | str, number: int) -> None:
    """
    Apply a chunk, at most once.

    If it fails as a whole, each line gets a transaction of its own, so one bad line does not stop
    the rest. The attempt is counted before the work, to find lines that crash workers. An outage
    of the database pauses the batch.
    """
    attempt = None
    try:
        with hold(f"chunk {number} of batch {batch_id}") as is_free:
            attempt = count_attempt(batch_id, number) if is_free else None
            if attempt is not None:
                _run_attempt(batch_id, number, attempt)
    except Exception as error:
        if not pause_for_outage(error, batch_id=batch_id, number=number, attempt=attempt):
            raise


@transaction.atomic
def count_attempt(batch_id: UUID | str, number: int) -> int | None:
    """Count an attempt at a chunk before its work; None where the chunk is not free."""
    chunk = lease_chunk(batch_id, number)
    if chunk is None:
        return None
    chunk.attempts += 1
    chunk.save(update_fields=["attempts"])
    return chunk.attempts


def _run_attempt(batch_id: UUID | str, number: int, attempt: int) -> None:
    if attempt < MAX_ATTEMPTS:
        try:
            _run_as_a_whole(batch_id, number)
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("chunk %s of batch %s failed as a whole", number, batch_id)
        else:
            return
    while _run_next_line(batch_id, number, attempt):
        pass


def lease_chunk(batch_id: UUID | str, number: int) -> Chunk | None:
    """Lock a pending chunk; None where it is done, gone, locked, or its batch paused by a member."""
    return (
        Chunk.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(batch_id=batch_id, number=number, state=Chunk.State.PENDING)
        .exclude(batch__halted_by=MEMBER)
        .first()
    )


def _lock_batch(batch_id: UUID | str) -> Batch:
    batch = Batch.objects.select_related("customer", "by").get(pk=batch_id)
    lock_customer(batch.customer)
    return batch


def _open_lines(chunk: Chunk) -> QuerySet[Line]:
    is_open = Q(state__in=[Line.State.PLANNED, Line.State.TRYING])
    return chunk.lines.filter(is_open).defer("problems", "sealed").order_by("number")


@transaction.atomic
def _run_as_a_whole(batch_id: UUID | str, number: int) -> None:
    chunk = lease_chunk(batch_id, number)
    if chunk is None:
        return
    batch = _lock_batch(batch_id)
    _apply(batch, _open_lines(chunk))
    _close(batch, chunk)


def _run_next_line(batch_id: UUID | str, number: int, attempt: int) -> bool:
    """Apply one line in a transaction; False where none is left, or another attempt took over."""
    line = _mark_next_line(batch_id, number, attempt)
    if line is None:
        return False
    try:
        with transaction.atomic():
            chunk = _lease_of(batch_id, number, attempt)
            if chunk is None:
                return False
            batch = _lock_batch(batch_id)
            # Read again: the batch may have been stopped during the wait for the lock.
            _apply(batch, _open_lines(chunk).filter(pk=line.pk))
    except Exception as error:
        with suppress(OperationalError, InterfaceError), transaction.atomic():
            if is_infrastructure(error):
                Line.objects.filter(pk=line.pk, state=Line.State.TRYING).update(
                    state=Line.State.PLANNED, result={}
                )
            elif _lease_of(batch_id, number, attempt) is not None:
                _fail(line)
        if is_infrastructure(error):
            raise
        log.exception("line %s of batch %s failed", line.number, batch_id)
    return True


@transaction.atomic
def _mark_next_line(batch_id: UUID | str, number: int, attempt: int) -> Line | None:
    # The mark is committed before the line is tried. The worker of a marked line has crashed; a
    # line that crashed two workers is not tried a third time.
    chunk = _lease_of(batch_id, number, attempt)
    if chunk is None:
        return None
    while line := _open_lines(chunk).first():
        tries = line.result.get("tries", 0) if line.state == Line.State.TRYING else 0
        if tries < MAX_TRIES:
            line.state, line.result = Line.State.TRYING, {"tries": tries + 1}
            Line.objects.filter(pk=line.pk).update(state=line.state, result=line.result)
            return line
        log.error("line %s of batch %s stopped its worker twice", line.number, batch_id)
        _fail(line)
    _close(_lock_batch(batch_id), chunk)
    return None


def _lease_of(batch_id: UUID | str, number: int, attempt: int) -> Chunk | None:
    # With another number of attempts, a later attempt has taken over.
    chunk = lease_chunk(batch_id, number)
    return chunk if chunk is not None and chunk.attempts == attempt else None


def _fail(line: Line) -> None:
    trying = Line.objects.filter(pk=line.pk, state=Line.State.TRYING)
    trying.update(state=Line.State.FAILED, result={"code": "internal"})


def _apply(batch: Batch, open_lines: QuerySet[Line]) -> None:
    by_act, outcomes = defaultdict(list), []
    for act, *values in open_lines.values_list("act", *LineInput._fields):
        line = LineInput(*values)
        if line.input.get("user_name"):
            by_act[act].append(line)
        else:
            # Its user was purged since the plan.
            outcomes.append(Outcome.failed(line, "gone"))
    for act in get_acts():
        if lines := by_act[act.kind]:
            outcomes += act.apply(batch=batch, lines=lines, by=batch.by)
    if outcomes:
        save_outcomes(batch, outcomes)


def save_outcomes(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """Write the outcomes to their lines, in one statement."""
    numbers = [outcome.number for outcome in outcomes]
    sealed = [outcome.sealed for outcome in outcomes]
    # BETWEEN, as Postgres has no statistics of a batch that was just planned, and would scan all
    # of its lines for each chunk.
    execute(
        f"""
        UPDATE {Line._meta.db_table} l SET state = r.state, sealed = r.sealed,
            result = r.result::jsonb
        FROM ROWS WHERE l.batch_id = %(batch)s AND l.number = r.number
            AND l.number BETWEEN %(first)s AND %(last)s
        """,
        {
            "number integer": numbers,
            "state text": [str(outcome.state) for outcome in outcomes],
            "result text": audit.to_json([outcome.result for outcome in outcomes]),
            "sealed bytea": sealed if any(sealed) else None,
        },
        batch=batch.pk,
        first=min(numbers),
        last=max(numbers),
    )


def _close(batch: Batch, chunk: Chunk) -> None:
    Chunk.objects.filter(pk=chunk.pk).update(state=Chunk.State.DONE, done_at=timezone.now())
    if batch.halted_by == DATABASE:
        # This chunk succeeded, so the database is back.
        resume(batch=batch, because=DATABASE)
    wake_waitlist_if_due(batch.customer)
    finish_if_complete(batch)


def finish_if_complete(batch: Batch) -> None:
    """End the batch if no chunk is pending."""
    if Chunk.objects.filter(batch=batch, state=Chunk.State.PENDING).exists():
        return
    # A pause may have come while the last chunk was being done.
    begun = [Batch.State.RUNNING, Batch.State.PAUSED]
    Batch.objects.filter(pk=batch.pk, state__in=begun).update(
        state=Batch.State.DONE, halted_by="", finished_at=timezone.now()
    )


@transaction.atomic
def sweep() -> int:
    """
    Wake the workers for this tenant's chunks without a wake-up in the last minute.

    Returns the number of chunks. Two wake-ups for a chunk are harmless, as it is locked.
    """
    stale = timezone.now() - timedelta(seconds=60)
    chunks = list(
        Chunk.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(state=Chunk.State.PENDING)
        .exclude(enqueued_at__gte=stale)
        .exclude(batch__halted_by=MEMBER)
        .select_related("batch")
        .order_by("batch_id", "number")[:200]
    )
    chunks = list(_one_of_halted(chunks))
    Chunk.objects.filter(pk__in=[chunk.pk for chunk in chunks]).update(enqueued_at=timezone.now())
    send_chunks((chunk.batch, chunk.number) for chunk in chunks)
    return len(chunks)


def _one_of_halted(chunks: Sequence[Chunk]) -> Iterator[Chunk]:
    # After an outage of the database one chunk is tried. If it succeeds, _close wakes the others.
    trying = set()
    for chunk in chunks:
        if chunk.batch.halted_by == DATABASE:
            if chunk.batch_id in trying:
                continue
            trying.add(chunk.batch_id)
        yield chunk
