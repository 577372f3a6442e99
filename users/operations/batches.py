"""The batch: plan, apply, result. Everything done to many users goes through here."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError as BrokerError

import audit.operations as audit
from customers.models import Customer
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import require_current
from users.models import Batch, Chunk, Line, UserCount

log = logging.getLogger(__name__)

# A batch of so many lines runs in the request; a larger one in a worker.
AT_ONCE = 50
# Larger chunks save nothing, smaller ones flush the search index too often (performance 1).
LARGEST_CHUNK = 5_000
# A chunk that was begun so often without an end is run line by line.
MOST_ATTEMPTS = 3


class UsersError(Exception):
    """An act on users was refused; `message` says what can be done."""

    message = _("This cannot be done.")

    def __init__(self, message=None):
        super().__init__(message or self.message)
        if message:
            self.message = message


class NotPlanned(UsersError):
    """The batch has been started, finished or canceled meanwhile."""

    message = _("This batch is not waiting any more. Its page shows what became of it.")


class AllOrNothing(UsersError):
    """All or nothing was asked for, and some rows cannot be done."""

    message = _(
        "Some rows have errors, and this import was to do all or nothing. Correct the file and"
        " upload it again, or choose to import the good rows."
    )


@dataclass(frozen=True)
class PlannedLine:
    """A line as it is planned: what was asked of whom, and the problems found."""

    user_id: UUID
    input: dict
    problems: list = field(default_factory=list)
    is_valid: bool = True


@dataclass
class Outcome:
    """What became of one line; `sealed` is the temporary password to hand over."""

    number: int
    state: str
    result: dict = field(default_factory=dict)
    sealed: bytes | None = None


# What a kind of batch does with some of its lines, in the transaction of the caller.
Apply = Callable[..., list[Outcome]]
APPLIES: dict[str, Apply] = {}


def applies(*kinds: str) -> Callable:
    """Register the function that applies lines of these kinds of batch."""

    def register(apply: Apply) -> Apply:
        for kind in kinds:
            APPLIES[kind] = apply
        return apply

    return register


def lock_customer(customer: Customer) -> UserCount:
    """
    Lock the customer's counter row: the first lock of every operation that writes users.

    After it come the subscriptions by id, then the users by id (recipes d).
    """
    return UserCount.objects.select_for_update(of=("self",), no_key=True).get(customer=customer)


@transaction.atomic
def create_batch(
    *, customer: Customer, kind: str, state: str = Batch.State.PLANNED, by: Member, **fields
) -> Batch:
    """Make a batch without lines."""
    return Batch.objects.create(
        customer=customer, kind=kind, state=state, by=by, by_name=by.name, **fields
    )


@transaction.atomic
def save_lines(*, batch: Batch, lines: Sequence[PlannedLine], first: int = 1) -> None:
    """Write the planned lines, numbered from `first`, and the batch's new total."""
    # Not bulk_create: a BinaryField in the model makes Django send every value by itself.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Line._meta.db_table} (partner_id, batch_id, number, chunk, state, user_id,
                input, problems, result)
            SELECT %s, %s, l.number, 0, l.state, l.user_id, l.input::jsonb, l.problems::jsonb, '{{}}'
            FROM unnest(%s::integer[], %s::text[], %s::uuid[], %s::text[], %s::text[])
                AS l(number, state, user_id, input, problems)
            """,
            [
                batch.partner_id,
                batch.pk,
                list(range(first, first + len(lines))),
                [str(_first_state(line)) for line in lines],
                [line.user_id for line in lines],
                [json.dumps(line.input) for line in lines],
                [json.dumps(line.problems) for line in lines],
            ],
        )
    batch.total = first - 1 + len(lines)
    batch.save(update_fields=["total"])


def _first_state(line: PlannedLine) -> str:
    return Line.State.PLANNED if line.is_valid else Line.State.INVALID


# What a member needs to start a batch of each kind.
NEEDS = {
    Batch.Kind.ADD: Permission.MANAGE_USERS,
    Batch.Kind.IMPORT: Permission.MANAGE_USERS,
    Batch.Kind.RESET: Permission.RESET_PASSWORDS,
    Batch.Kind.EDIT: Permission.MANAGE_USERS,
    Batch.Kind.BLOCK: Permission.MANAGE_USERS,
    Batch.Kind.UNBLOCK: Permission.MANAGE_USERS,
    Batch.Kind.LICENSES: Permission.ASSIGN_LICENSES,
    Batch.Kind.DELETE: Permission.DELETE_USERS,
    Batch.Kind.RESTORE: Permission.RESTORE_USERS,
    Batch.Kind.PURGE: Permission.PURGE_USERS,
}


def may_start(batch: Batch, member: Member) -> bool:
    """
    Whether this member may run or drop the plan.

    The lines were judged by the rights of who planned it, so others need those to approve.
    """
    if batch.by_id != member.pk and not member.may(Permission.APPROVE_BATCHES):
        return False
    return member.may(NEEDS[batch.kind])


def _require_may_start(batch: Batch, member: Member) -> None:
    require(member, NEEDS[batch.kind])
    if batch.by_id != member.pk:
        require(member, Permission.APPROVE_BATCHES)


@transaction.atomic
def start_batch(*, batch: Batch, by: Member) -> Batch:
    """
    Run the plan that was shown: at once up to 50 lines, in a worker beyond.

    :raises NotPlanned: where somebody was faster, so that a double click starts it once.
    :raises AllOrNothing: where rows cannot run and the member asked for all or nothing.
    :raises Refused: where the member lacks the right, or it is another member's plan.
    """
    _require_may_start(batch, by)
    begun = Batch.objects.filter(pk=batch.pk, state=Batch.State.PLANNED).update(
        state=Batch.State.RUNNING, started_at=timezone.now()
    )
    if not begun:
        raise NotPlanned
    batch.refresh_from_db()
    is_all_or_nothing = batch.options.get("mode") == "all"
    if is_all_or_nothing and batch.lines.filter(state=Line.State.INVALID).exists():
        raise AllOrNothing
    # The lines hold everything from here on.
    batch.uploads.all().delete()
    planned = list(
        Line.objects.filter(batch=batch, state=Line.State.PLANNED)
        .order_by("number")
        .values_list("number", flat=True)
    )
    audit.record(
        "batch.started",
        subject=audit.Subject(batch.pk, str(batch.kind), after={"lines": len(planned)}),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    _cut_into_chunks(batch, planned)
    if len(planned) <= AT_ONCE:
        for number in Chunk.objects.filter(batch=batch).values_list("number", flat=True):
            run_chunk(batch_id=batch.pk, number=number)
        batch.refresh_from_db()
    else:
        poke_batch(batch)
    return batch


def _cut_into_chunks(batch: Batch, planned: Sequence[int]) -> None:
    # Twenty steps of progress at least, as far as chunks do not get tiny.
    size = max(AT_ONCE, min(LARGEST_CHUNK, -(-len(planned) // 20)))
    chunks = [planned[start : start + size] for start in range(0, len(planned), size)]
    for number, numbers in enumerate(chunks, 1):
        Line.objects.filter(
            batch=batch,
            number__gte=numbers[0],
            number__lte=numbers[-1],
            state=Line.State.PLANNED,
        ).update(chunk=number)
    Chunk.objects.bulk_create(
        [Chunk(batch=batch, number=number) for number in range(1, len(chunks) + 1)]
    )
    if not chunks:
        _finish_if_complete(batch)


def poke_batch(batch: Batch) -> None:
    """Wake the workers for every pending chunk, once the transaction has been committed."""
    queue = "bulk" if batch.total > AT_ONCE * 10 else "interactive"
    numbers = list(
        Chunk.objects.filter(batch=batch, state=Chunk.State.PENDING)
        .order_by("number")
        .values_list("number", flat=True)
    )
    Chunk.objects.filter(batch=batch, number__in=numbers).update(enqueued_at=timezone.now())
    for number in numbers:
        poke("users.run_chunk", queue=queue, batch_id=str(batch.pk), number=number)


def poke(task: str, *, queue: str = "interactive", **arguments) -> None:
    """
    Send a wake-up for this tenant after the commit; a dead broker is no error.

    What is to be done stands in Postgres, so a lost message costs one sweep.
    """
    partner_id = str(require_current())
    send = partial(_send, task, queue, {"partner_id": partner_id, **arguments})
    transaction.on_commit(send, robust=True)


def _send(task: str, queue: str, arguments: dict) -> None:
    try:
        current_app.send_task(task, kwargs=arguments, queue=queue, retry=False, ignore_result=True)
    except (BrokerError, OSError) as error:
        log.warning("no wake-up for %s: %s", task, error)


def run_chunk(*, batch_id: UUID | str, number: int) -> None:
    """
    Apply one chunk, at most once: its row lock is the lease, its state the memory.

    A line that fails does not stop the rest: then each line gets a transaction of its own. The
    attempt is counted before the work, so a line that crashes the worker is found out.
    """
    with transaction.atomic():
        chunk = _lease(batch_id, number)
        if chunk is None:
            return
        chunk.attempts += 1
        chunk.save(update_fields=["attempts"])
    if chunk.attempts < MOST_ATTEMPTS:
        try:
            with transaction.atomic():
                chunk = _lease(batch_id, number)
                if chunk is None:
                    return
                batch = _lock_batch(batch_id)
                _apply(batch, list(_planned_lines(batch, number)))
                _close(batch, chunk)
            return
        except (OperationalError, InterfaceError):
            # The database is away or full: nothing to hold against the lines. The sweep retries.
            raise
        except Exception:
            log.exception("chunk %s of batch %s failed as a whole", number, batch_id)
    _run_one_by_one(batch_id, number)


def _lease(batch_id: UUID | str, number: int) -> Chunk | None:
    return (
        Chunk.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(batch_id=batch_id, number=number, state=Chunk.State.PENDING)
        .first()
    )


def _lock_batch(batch_id: UUID | str) -> Batch:
    batch = Batch.objects.select_related("customer", "by").get(pk=batch_id)
    lock_customer(batch.customer)
    return batch


def _planned_lines(batch: Batch, number: int):
    return Line.objects.filter(
        batch=batch, chunk=number, state__in=[Line.State.PLANNED, Line.State.TRYING]
    ).order_by("number")


def _run_one_by_one(batch_id: UUID | str, number: int) -> None:
    batch = Batch.objects.select_related("customer", "by").get(pk=batch_id)
    failed = {"code": "internal"}
    for line in list(_planned_lines(batch, number)):
        if line.state == Line.State.TRYING:
            save_outcomes(batch, [Outcome(line.number, Line.State.FAILED, failed)])
            continue
        Line.objects.filter(pk=line.pk).update(state=Line.State.TRYING)
        try:
            with transaction.atomic():
                _apply(_lock_batch(batch_id), [line])
        except (OperationalError, InterfaceError):
            Line.objects.filter(pk=line.pk).update(state=Line.State.PLANNED)
            raise
        except Exception:
            log.exception("line %s of batch %s failed", line.number, batch_id)
            save_outcomes(batch, [Outcome(line.number, Line.State.FAILED, failed)])
    with transaction.atomic():
        chunk = _lease(batch_id, number)
        if chunk is not None:
            _close(_lock_batch(batch_id), chunk)


def _apply(batch: Batch, lines: list[Line]) -> None:
    if not lines:
        return
    save_outcomes(batch, APPLIES[batch.kind](batch=batch, lines=lines, by=batch.by))


def save_outcomes(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """Write what became of the lines, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Line._meta.db_table} l SET state = o.state, sealed = o.sealed,
                result = o.result::jsonb
            FROM unnest(%s::integer[], %s::text[], %s::text[], %s::bytea[])
                AS o(number, state, result, sealed)
            WHERE l.batch_id = %s AND l.number = o.number
            """,
            [
                [outcome.number for outcome in outcomes],
                [str(outcome.state) for outcome in outcomes],
                [json.dumps(outcome.result) for outcome in outcomes],
                [outcome.sealed for outcome in outcomes],
                batch.pk,
            ],
        )


def _close(batch: Batch, chunk: Chunk) -> None:
    Chunk.objects.filter(pk=chunk.pk).update(state=Chunk.State.DONE, done_at=timezone.now())
    _finish_if_complete(batch)


def _finish_if_complete(batch: Batch) -> None:
    if Chunk.objects.filter(batch=batch, state=Chunk.State.PENDING).exists():
        return
    Batch.objects.filter(pk=batch.pk, state=Batch.State.RUNNING).update(
        state=Batch.State.DONE, finished_at=timezone.now()
    )


@transaction.atomic
def cancel_batch(*, batch: Batch, by: Member) -> None:
    """
    Drop a plan that has not been started.

    :raises NotPlanned: where it has been.
    :raises Refused: where the member could not have started it.
    """
    _require_may_start(batch, by)
    waiting = [Batch.State.PLANNED, Batch.State.CHECKING, Batch.State.REFUSED]
    if not Batch.objects.filter(pk=batch.pk, state__in=waiting).update(
        state=Batch.State.CANCELED, finished_at=timezone.now()
    ):
        raise NotPlanned
    Chunk.objects.filter(batch=batch).delete()
    audit.record(
        "batch.canceled",
        subject=audit.Subject(batch.pk, str(batch.kind)),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


@transaction.atomic
def sweep() -> int:
    """
    Wake the workers again for this tenant's chunks that nobody was told of for a minute.

    Returns how many. Telling twice is harmless: the chunk's lock and state decide.
    """
    stale = timezone.now() - timedelta(seconds=60)
    chunks = list(
        Chunk.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(state=Chunk.State.PENDING)
        .exclude(enqueued_at__gte=stale)
        .select_related("batch")
        .order_by("batch_id", "number")[:200]
    )
    for chunk in chunks:
        Chunk.objects.filter(pk=chunk.pk).update(enqueued_at=timezone.now())
        queue = "bulk" if chunk.batch.total > AT_ONCE * 10 else "interactive"
        poke("users.run_chunk", queue=queue, batch_id=str(chunk.batch_id), number=chunk.number)
    return len(chunks)
