"""Applying the lines of a batch chunk by chunk, each at most once, also after crashes of workers."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

import audit.operations as audit
from batches.acts import LineInput, Outcome, get_acts
from batches.models import Batch, Job, Line
from batches.operations.lease import DATABASE, end_job, is_infrastructure, lock_job, resume
from batches.operations.wake import wake_waitlist_if_due
from customers.counts import lock_customer
from partners.postgres import execute

log = logging.getLogger(__name__)

# How often one line may crash its worker. With the chunk as a whole, it crashes one more.
MAX_TRIES = 2


def apply_chunk(job: Job) -> None:
    """Apply the lines of a chunk in the caller's transaction."""
    batch = _lock_batch(job.batch_id)
    _apply(batch, _open_lines(job))
    _close(batch)


def apply_lines(job: Job) -> None:
    """
    Apply the lines of a chunk that failed as a whole, or crashed its worker, each in a transaction.

    So one bad line does not stop the rest.
    """
    while _apply_next_line(job):
        pass


def _lock_batch(batch_id: UUID | str) -> Batch:
    batch = Batch.objects.select_related("customer", "by").get(pk=batch_id)
    lock_customer(batch.customer)
    return batch


def _open_lines(job: Job) -> QuerySet[Line]:
    is_open = Q(state__in=[Line.State.PLANNED, Line.State.TRYING])
    return job.lines.filter(is_open).defer("problems", "sealed").order_by("number")


def _apply_next_line(job: Job) -> bool:
    """Apply one line in a transaction; False where none is left, or the job was stopped or paused."""
    line = _mark_next_line(job)
    if line is None:
        return False
    try:
        with transaction.atomic():
            if lock_job(job) is None:
                return False
            batch = _lock_batch(job.batch_id)
            # Read again: the batch may have been stopped during the wait for the lock.
            _apply(batch, _open_lines(job).filter(pk=line.pk))
    except Exception as error:
        if is_infrastructure(error):
            raise
        log.exception("line %s of batch %s failed", line.number, job.batch_id)
        with transaction.atomic():
            if lock_job(job) is not None:
                _fail(line)
    return True


@transaction.atomic
def _mark_next_line(job: Job) -> Line | None:
    # The mark is committed before the line is tried. The worker of a marked line has crashed; a
    # line that crashed two workers is not tried a third time.
    if lock_job(job) is None:
        return None
    while line := _open_lines(job).first():
        tries = line.result.get("tries", 0) if line.state == Line.State.TRYING else 0
        if tries < MAX_TRIES:
            line.state, line.result = Line.State.TRYING, {"tries": tries + 1}
            Line.objects.filter(pk=line.pk).update(state=line.state, result=line.result)
            return line
        log.error("line %s of batch %s stopped its worker twice", line.number, job.batch_id)
        _fail(line)
    end_job(job, lambda job: _close(_lock_batch(job.batch_id)))
    return None


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


def _close(batch: Batch) -> None:
    if batch.halted_by == DATABASE:
        # This chunk succeeded, so the database is back.
        resume(batch=batch, because=DATABASE)
    wake_waitlist_if_due(batch.customer)
    finish_if_complete(batch)


def finish_if_complete(batch: Batch) -> None:
    """End the batch if no job is pending."""
    if batch.jobs.filter(state=Job.State.PENDING).exists():
        return
    # A pause may have come while the last chunk was being done.
    begun = [Batch.State.RUNNING, Batch.State.PAUSED]
    Batch.objects.filter(pk=batch.pk, state__in=begun).update(
        state=Batch.State.DONE, halted_by="", finished_at=timezone.now()
    )
