"""The batch: plan, apply, result. Everything done to many users goes through here."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from customers.models import Customer
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.models import Batch, Chunk, Line

from .files import forget_file
from .running import (
    Asked,
    Outcome,
    applies,
    finish_if_complete,
    lock_customer,
    run_chunk,
    save_outcomes,
    sweep,
)
from .waking import AT_ONCE, poke, poke_batch

# What a kind of batch needs to know is all imported from here.
__all__ = [
    "AT_ONCE",
    "AllOrNothing",
    "Asked",
    "LastAdministrator",
    "NotPlanned",
    "Outcome",
    "PlannedLine",
    "TooFewSeats",
    "UsersError",
    "applies",
    "cancel_batch",
    "create_batch",
    "guards",
    "lock_customer",
    "may_start",
    "poke",
    "require_may_start",
    "run_chunk",
    "save_lines",
    "save_outcomes",
    "start_batch",
    "sweep",
]

# Larger chunks save nothing, smaller ones flush the search index too often (performance 1).
LARGEST_CHUNK = 5_000
# So many lines are written with one statement.
LINES_A_STATEMENT = 10_000


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


class LastAdministrator(UsersError):
    """The act would leave the customer without a global administrator, and nobody said so."""

    message = _(
        "No global administrator who can sign in would be left. Say explicitly that you want"
        " this, or make somebody else a global administrator first."
    )


class TooFewSeats(UsersError):
    """Nobody was to get a license unless all do, and some cannot."""

    message = _(
        "Too few licenses are free for everybody, and in that case nobody was to get one. Buy"
        " more, choose fewer users, or let the first come first."
    )


class PlannedLine(NamedTuple):
    """A line as it is planned: what was asked of whom, and the problems found."""

    user_id: UUID
    input: dict
    problems: Sequence[dict] = ()
    is_valid: bool = True


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
    for start in range(0, len(lines), LINES_A_STATEMENT):
        _insert_lines(batch, lines[start : start + LINES_A_STATEMENT], first + start)
    batch.total = first - 1 + len(lines)
    batch.save(update_fields=["total"])


def _insert_lines(batch: Batch, lines: Sequence[PlannedLine], first: int) -> None:
    # Not bulk_create: a BinaryField in the model makes Django send every value by itself.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Line._meta.db_table} (partner_id, batch_id, number, state, user_id, input,
                problems, result)
            SELECT %s, %s, l.number, l.state, l.user_id, l.input::jsonb, l.problems::jsonb, '{{}}'
            FROM unnest(%s::integer[], %s::text[], %s::uuid[], %s::text[], %s::text[])
                AS l(number, state, user_id, input, problems)
            """,
            [
                batch.partner_id,
                batch.pk,
                list(range(first, first + len(lines))),
                [str(_first_state(line)) for line in lines],
                [line.user_id for line in lines],
                [as_json(line.input) for line in lines],
                [as_json(line.problems) if line.problems else "[]" for line in lines],
            ],
        )


def as_json(value: dict | list) -> str:
    """The value as a text that the database takes, whatever stood in a file."""
    text = json.dumps(value)
    if "\\u0000" not in text and "\\ud" not in text:
        return text
    # Postgres refuses a NUL and half a surrogate pair, which files do hold.
    return json.dumps(_without_unstorable(value))


def _without_unstorable(value):
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _without_unstorable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_unstorable(one) for one in value]
    return value


def _first_state(line: PlannedLine) -> str:
    return Line.State.PLANNED if line.is_valid else Line.State.INVALID


# What refuses, by raising, to start a plan of some kind that would do harm.
GUARDS: dict[str, Callable[[Batch], None]] = {}


def guards(kind: str) -> Callable:
    """Register the function that is asked before a plan of this kind is started."""

    def register(guard: Callable[[Batch], None]) -> Callable[[Batch], None]:
        GUARDS[kind] = guard
        return guard

    return register


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
    # One permission of the roles: to undo every batch and to hold a purge.
    Batch.Kind.HOLD: Permission.UNDO_ALL_BATCHES,
    # Is done when it is made; this is what putting users in line needed.
    Batch.Kind.QUEUE: Permission.ASSIGN_LICENSES,
    # Whether the batch is theirs to undo was asked when the undo was planned.
    Batch.Kind.UNDO: Permission.UNDO_OWN_BATCHES,
}


def may_start(batch: Batch, member: Member) -> bool:
    """
    Whether this member may run or drop the plan.

    The lines were judged by the rights of who planned it, so others need those to approve.
    """
    return all(member.may(one) for one in _needs_of(batch, member))


def require_may_start(batch: Batch, member: Member) -> None:
    """Refuse who may not run, stop or repeat the batch."""
    for one in _needs_of(batch, member):
        require(member, one)


def _needs_of(batch: Batch, member: Member) -> Iterator[Permission]:
    yield NEEDS[batch.kind]
    if batch.options.get("purpose") == "roster":
        # Who is missing from a complete list is deleted.
        yield Permission.DELETE_USERS
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
    Run the plan that was shown: at once up to 50 lines, in a worker beyond.

    A reason and the number of a case may be said here, else those of the plan stay; of a restore, whether everybody gets a new
    temporary password, and whether who finds no seat free waits for one: `when_short`.

    :raises NotPlanned: where somebody was faster, so that a double click starts it once.
    :raises AllOrNothing: where rows cannot run and the member asked for all or nothing.
    :raises TooFewSeats: where the plan lacks seats and in that case nobody was to get one.
    :raises LastAdministrator: where the plan takes the customer's last global administrator and
        `may_take_last_administrator` does not say that this is meant.
    :raises Refused: where the member lacks the right, or it is another member's plan.
    """
    require_may_start(batch, by)
    # Before the batch and its lines, which a hand-over and a purge lock after the customer.
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
    if batch.kind in GUARDS:
        GUARDS[batch.kind](batch)
    if batch.plan.get("takes_last_administrator"):
        if not may_take_last_administrator:
            raise LastAdministrator
        batch.options["may_take_last_administrator"] = True
        batch.save(update_fields=["options"])
    # The lines hold everything from here on.
    forget_file(Q(pk=batch.pk))
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
    _cut_into_chunks(batch, planned)
    _note_choices(batch, reason, ticket, new_passwords=new_passwords, when_short=when_short)
    # The many imports of a bundle would keep the request too long.
    if planned <= AT_ONCE and batch.bundle is None:
        for number in Chunk.objects.filter(batch=batch).values_list("number", flat=True):
            run_chunk(batch_id=batch.pk, number=number)
        batch.refresh_from_db()
    else:
        poke_batch(batch)
    return batch


def _is_short(batch: Batch) -> bool:
    seats = batch.plan.get("seats", ())
    if any(one["short"] for one in seats):
        return True
    # Others may have got the seats since the plan was made.
    now = {str(one.pk): one.free for one in batch.customer.subscriptions.all()}
    return any(one.get("wanted", 0) > now.get(one["subscription"], 0) for one in seats)


def _note_choices(batch: Batch, reason: str | None, ticket: str | None, **options) -> None:
    batch.reason = batch.reason if reason is None else reason
    batch.ticket = batch.ticket if ticket is None else ticket
    batch.options |= {name: one for name, one in options.items() if one not in (None, "")}
    batch.save(update_fields=["reason", "ticket", "options"])


def _cut_into_chunks(batch: Batch, planned: int) -> None:
    # Twenty steps of progress at least, as far as chunks do not get tiny. Who are to give seats to
    # each other must be in the same one, and in an undo that may be anybody.
    steps = 1 if batch.kind == Batch.Kind.UNDO else 20
    size = max(AT_ONCE, min(LARGEST_CHUNK, -(-planned // steps)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Chunk._meta.db_table}
                (partner_id, batch_id, number, first, last, state, attempts)
            SELECT %s, %s, c.number, min(c.line), max(c.line), %s, 0
            FROM (SELECT number AS line, (row_number() OVER (ORDER BY number) - 1) / %s + 1 AS number
                FROM {Line._meta.db_table} WHERE batch_id = %s AND state = %s) c
            GROUP BY c.number
            """,
            [
                batch.partner_id,
                batch.pk,
                Chunk.State.PENDING,
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
    Drop a plan that has not been started.

    :raises NotPlanned: where it has been.
    :raises Refused: where the member could not have started it.
    """
    require_may_start(batch, by)
    waiting = [Batch.State.PLANNED, Batch.State.CHECKING, Batch.State.REFUSED]
    if not Batch.objects.filter(pk=batch.pk, state__in=waiting).update(
        state=Batch.State.CANCELED, finished_at=timezone.now()
    ):
        raise NotPlanned
    # A check that runs holds its chunk, and ends by itself when it finds the plan dropped.
    free = Chunk.objects.select_for_update(skip_locked=True, of=("self",)).filter(batch=batch)
    numbers = list(free.values_list("number", flat=True))
    Chunk.objects.filter(batch=batch, number__in=numbers).delete()
    forget_file(Q(pk=batch.pk))
    audit.record(
        "batch.canceled",
        subject=audit.Subject(batch.pk, str(batch.kind)),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
