"""Starting, canceling, pausing, resuming and stopping batches."""

from collections.abc import Iterator

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.acts import get_act
from batches.errors import AllOrNothing, LastAdministrator, NotPlanned, TooFewSeats, UsersError
from batches.models import APPLY, Batch, Job, Line
from batches.operations.lease import drop_jobs, pause, resume, run_job
from batches.operations.run import finish_if_complete
from batches.operations.wake import MAX_LINES_IN_REQUEST, wake_jobs
from customers.counts import lock_customer
from partners.access import require
from partners.models import Member
from partners.roles import Permission

# Larger chunks save nothing, smaller ones flush the search index too often (performance 1).
LARGEST_CHUNK = 5_000


def may_start(batch: Batch, member: Member) -> bool:
    """
    Whether this member may run or drop the plan.

    The lines were checked against the permissions of the planner, so other members need the
    permission to approve it.
    """
    return all(member.may(permission) for permission in _needs_of(batch, member))


def require_may_start(batch: Batch, member: Member) -> None:
    """
    Check that the member may run, stop or retry the batch.

    :raises Refused: where the member may not.
    """
    for permission in _needs_of(batch, member):
        require(member, permission)


def _needs_of(batch: Batch, member: Member) -> Iterator[Permission]:
    act = get_act(batch.kind)
    yield act.permission
    yield from act.needs(batch)
    if batch.by_id != member.pk:
        yield Permission.APPROVE_BATCHES


@transaction.atomic
def start_batch(
    *,
    batch: Batch,
    may_take_last_administrator: bool = False,
    reason: str | None = None,
    ticket: str | None = None,
    new_passwords: bool | None = None,
    when_short: str = "",
    by: Member,
) -> Batch:
    """
    Run a plan: up to 50 lines in the request, more in a worker.

    `reason` and `ticket` of None keep those of the plan, and so do the other options. For a
    restore, `new_passwords` gives all users new temporary passwords. With `when_short` of "queue",
    users without a free seat join the waitlist.

    :raises NotPlanned: where it was started or canceled before, so a double click starts it once.
    :raises AllOrNothing: where rows cannot run and the member asked for all or nothing.
    :raises TooFewSeats: where seats are short and the plan asked for all or none.
    :raises LastAdministrator: where the plan takes the customer's last global administrator without
        `may_take_last_administrator`.
    :raises Refused: where the member lacks the permission, or it is another member's plan.
    """
    require_may_start(batch, by)
    # First, as a hand-over and a purge lock the batch and its lines after the customer.
    lock_customer(batch.customer)
    begun = Batch.objects.filter(pk=batch.pk, state=Batch.State.PLANNED).update(
        state=Batch.State.RUNNING, started_at=timezone.now()
    )
    if not begun:
        raise NotPlanned
    batch.refresh_from_db()
    is_all_or_nothing = batch.options.get("mode") == "all"
    if is_all_or_nothing and batch.lines.filter(trouble=Line.State.INVALID).exists():
        raise AllOrNothing
    if batch.options.get("when_short") == "none" and _is_short(batch):
        raise TooFewSeats
    if guard := get_act(batch.kind).guard:
        guard(batch)
    if batch.plan.get("takes_last_administrator"):
        if not may_take_last_administrator:
            raise LastAdministrator
        batch.options["may_take_last_administrator"] = True
        batch.save(update_fields=["options"])
    _release(batch)
    planned = Line.objects.filter(batch=batch, state=Line.State.PLANNED).count()
    audit.record(
        "batch.started",
        subject=audit.Subject(
            batch.pk,
            str(batch.kind),
            after={"lines": planned} | ({"undoes": str(batch.undoes)} if batch.undoes else {}),
        ),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    _split_into_chunks(batch, planned)
    _note_choices(batch, reason, ticket, new_passwords=new_passwords, when_short=when_short)
    # The many imports of a multi-customer upload would keep the request too long.
    if planned <= MAX_LINES_IN_REQUEST and batch.split_from is None:
        for job_id in batch.jobs.filter(state=Job.State.PENDING).values_list("pk", flat=True):
            run_job(job_id=job_id)
        batch.refresh_from_db()
    else:
        wake_jobs(batch.jobs.all())
    return batch


def _release(batch: Batch) -> None:
    if release := get_act(batch.kind).release:
        release(batch)


def _is_short(batch: Batch) -> bool:
    seats = batch.plan.get("seats", ())
    if any(seat["short"] for seat in seats):
        return True
    # Others may have got the seats since the plan was made.
    now = {
        str(subscription.pk): subscription.free
        for subscription in batch.customer.subscriptions.all()
    }
    return any(seat.get("wanted", 0) > now.get(seat["subscription"], 0) for seat in seats)


def _note_choices(batch: Batch, reason: str | None, ticket: str | None, **options) -> None:
    batch.reason = batch.reason if reason is None else reason
    batch.ticket = batch.ticket if ticket is None else ticket
    batch.options |= {name: one for name, one in options.items() if one not in (None, "")}
    batch.save(update_fields=["reason", "ticket", "options"])


def _split_into_chunks(batch: Batch, planned: int) -> None:
    # At least twenty steps of progress, unless chunks get tiny. In an undo, a seat that a line
    # returns is free for later lines of the same chunk, so its chunks are as large as possible.
    steps = 1 if batch.kind == "undo" else 20
    size = max(MAX_LINES_IN_REQUEST, min(LARGEST_CHUNK, -(-planned // steps)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Job._meta.db_table}
                (partner_id, kind, batch_id, number, first, last, state, attempts)
            SELECT %s, %s, %s, c.number, min(c.line), max(c.line), %s, 0
            FROM (SELECT number AS line, (row_number() OVER (ORDER BY number) - 1) / %s + 1 AS number
                FROM {Line._meta.db_table} WHERE batch_id = %s AND state = %s) c
            GROUP BY c.number
            """,
            [
                batch.partner_id,
                APPLY,
                batch.pk,
                Job.State.PENDING,
                size,
                batch.pk,
                Line.State.PLANNED,
            ],
        )
    if not planned:
        finish_if_complete(batch)


@transaction.atomic
def cancel_batch(*, batch: Batch, by: Member) -> None:
    """
    Cancel a plan.

    :raises NotPlanned: where it was started or canceled before.
    :raises Refused: where the member could not have started it.
    """
    require_may_start(batch, by)
    waiting = [Batch.State.PLANNED, Batch.State.CHECKING, Batch.State.REFUSED]
    if not Batch.objects.filter(pk=batch.pk, state__in=waiting).update(
        state=Batch.State.CANCELED, finished_at=timezone.now()
    ):
        raise NotPlanned
    # A check that is being done ends when it finds the plan canceled.
    drop_jobs(batch)
    _release(batch)
    audit.record(
        "batch.canceled",
        subject=audit.Subject(batch.pk, str(batch.kind)),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


# The result of the lines that a stop leaves out.
STOPPED = {"code": "stopped"}


class NotRunning(UsersError):
    """The batch has ended, or was paused or resumed meanwhile."""

    message = _("The state of this job has changed. Reload the page.")


@transaction.atomic
def pause_batch(*, batch: Batch, by: Member) -> None:
    """
    Pause a running batch after the chunk that is being applied, until a member resumes it.

    :raises NotRunning: where it does not run.
    :raises Refused: where the member could not have started it.
    """
    require_may_start(batch, by)
    if not pause(batch_id=batch.pk, because=Batch.HaltedBy.MEMBER):
        raise NotRunning
    _record("batch.paused", batch, by)


@transaction.atomic
def resume_batch(*, batch: Batch, by: Member) -> None:
    """
    Continue a batch that a member has paused.

    :raises NotRunning: where no member has paused it.
    :raises Refused: where the member could not have started it.
    """
    require_may_start(batch, by)
    if not resume(batch=batch, because=Batch.HaltedBy.MEMBER):
        raise NotRunning
    _record("batch.resumed", batch, by)


@transaction.atomic
def stop_batch(*, batch: Batch, by: Member) -> int:
    """
    End a batch: finished lines stay done, the rest is left out. Returns the number of those.

    Waits for the chunk that is being applied, so that no line is half done.

    :raises NotRunning: where it has ended already.
    :raises Refused: where the member could not have started it.
    """
    require_may_start(batch, by)
    # A worker that applies a chunk holds this lock to its end, and finds no lines afterwards.
    lock_customer(batch.customer)
    begun = Batch.objects.select_for_update(of=("self",), no_key=True).filter(
        pk=batch.pk, state__in=[Batch.State.RUNNING, Batch.State.PAUSED]
    )
    running = begun.first()
    if running is None:
        raise NotRunning
    left = Line.objects.filter(
        batch=batch, state__in=[Line.State.PLANNED, Line.State.TRYING]
    ).update(state=Line.State.LEFT_OUT, result=STOPPED)
    drop_jobs(batch)
    running.state, running.halted_by, running.finished_at = Batch.State.DONE, "", timezone.now()
    running.plan["stopped"] = {"by": by.name, "lines": left}
    running.save(update_fields=["state", "halted_by", "finished_at", "plan"])
    _record("batch.stopped", batch, by, lines=left)
    return left


def _record(action: str, batch: Batch, by: Member, **after) -> None:
    audit.record(
        action,
        subject=audit.Subject(batch.pk, str(batch.kind), after=after),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


@transaction.atomic
def keep_note(*, batch: Batch, reason: str, ticket: str, by: Member) -> None:
    """
    Store the reason and ticket typed on the page of a plan, which otherwise stays as it is.

    :raises Refused: where the member could not have started the batch.
    """
    require_may_start(batch, by)
    batch.reason, batch.ticket = reason, ticket
    Batch.objects.filter(pk=batch.pk, state=Batch.State.PLANNED).update(
        reason=reason, ticket=ticket
    )
