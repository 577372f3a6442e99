"""Repairing the rows of a planned import: one, or all that have the same problem."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import NotPlanned, UsersError
from batches.models import Batch, Chunk, Line
from batches.operations.control import may_start, require_may_start
from batches.operations.lease import end_check, order_check
from customers.counts import lock_customer
from imports.check.repair import How, Kind, Row, errors_of, mend, type_anew
from imports.operations.recheck import Rework, count, gather, load, rework, save
from imports.operations.reread import forget_lost
from imports.operations.summary import LEAVE, SEAT_SHORT
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.rules.problems import ERROR, Problem

# So many rows are repaired while the page waits, in about half a second; more in a worker.
MOST_AT_ONCE = 2_000
# The rows of so large a plan are looked over in about half a second, however few are repaired.
MOST_LOOKED_OVER = 25_000


class BeingRepaired(UsersError):
    """A worker writes the rows already, and they are not taken from it."""

    message = _("The rows are being changed right now. This page shows the result in a moment.")


@dataclass(frozen=True)
class Repaired:
    """How many rows were changed, and how many of these still cannot run."""

    changed: int
    bad: int = 0
    # How many more users leave, as no row of a complete list names them any more.
    leaving: int = 0
    # Nothing has happened yet: so many rows are left to a worker.
    is_left_to_worker: bool = False


@transaction.atomic
def repair_line(*, batch: Batch, number: int, changes: dict, by: Member) -> list[Problem]:
    """
    Give one row of a planned import other values, and check it again like every row.

    `changes` have the keys of a line's input. A row that was left out comes back with them.
    Returns the errors that are left; where there are any, nothing is changed.

    :raises NotPlanned: where the batch does not wait any more, or has no such row.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    batch = _lock(batch, by)
    rows = load(batch, "l.number = %s", number)
    if number not in rows:
        raise NotPlanned
    row = rows[number]
    done = rework(batch, {number: type_anew(row, changes)}, by)
    if errors := errors_of(done.rows[number].problems):
        return errors
    save(batch, done)
    forget_lost(batch, [row])
    _record(batch, {"line": row.line, "count": 1}, by)
    return []


@transaction.atomic
def repair_all(
    *,
    batch: Batch,
    kind: Kind,
    how: How,
    value: str = "",
    number: int | None = None,
    by: Member,
) -> Repaired:
    """
    Repair the same problem in all rows that have it, with a fixed number of statements.

    `value` is what is chosen for all of them: a domain, a location, the id of a subscription.
    Many rows are left to a worker; until it has done them all, the plan cannot be started. With a
    `number` only that row is repaired. To wait for seats is a choice for all users of the plan.

    :raises NotPlanned: where the batch does not wait any more.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    batch = _lock(batch, by)
    if how == How.WAIT:
        return _wait(batch, kind, by)
    if number is not None:
        found = load(batch, "l.number = %s AND l.state <> 'left_out'", number)
        changed = _mend(batch, found, kind, how, value, by)
        return _put_right(batch, changed, {"code": kind.code, "how": str(how)}, by)
    rows = count(batch, HAS_PROBLEM, _pattern(kind))
    if rows and (rows > MOST_AT_ONCE or batch.total > MOST_LOOKED_OVER):
        _leave_to_worker(batch, kind, how, value, rows, by)
        return Repaired(rows, is_left_to_worker=True)
    changed = _mend_all(batch, kind, how, value, by)
    return _put_right(batch, changed, {"code": kind.code, "how": str(how)}, by)


# Which rows have a problem that is to be repaired.
HAS_PROBLEM = "l.problems @> %s::jsonb AND l.state <> 'left_out'"


def _pattern(kind: Kind) -> str:
    return json.dumps([kind.pattern])


def _mend_all(batch: Batch, kind: Kind, how: How, value: str, by: Member) -> dict[int, Row]:
    found = load(batch, HAS_PROBLEM, _pattern(kind))
    return _mend(batch, found, kind, how, value, by)


def _wait(batch: Batch, kind: Kind, by: Member) -> Repaired:
    rows = count(batch, HAS_PROBLEM, json.dumps([{"code": SEAT_SHORT}]))
    if kind.code != SEAT_SHORT or not rows:
        return Repaired(0)
    batch.options["when_short"] = "queue"
    batch.save(update_fields=["options", "plan"])
    _record(batch, {"code": kind.code, "how": str(How.WAIT), "count": rows}, by)
    return Repaired(rows)


def _mend(
    batch: Batch, found: dict[int, Row], kind: Kind, how: How, value: str, by: Member
) -> dict[int, Row]:
    facts = gather(batch, (), by)
    if kind.code == SEAT_SHORT:
        # Rows are loaded without it, as it is forecast anew for all of them.
        lacks = Problem(0, kind.column, kind.key, kind.code)
        found = {
            number: replace(row, problems=(*row.problems, lacks)) for number, row in found.items()
        }
    mended = {number: mend(row, kind, how, value, facts) for number, row in found.items()}
    return {number: row for number, row in mended.items() if row != found[number]}


def _leave_to_worker(batch: Batch, kind: Kind, how: How, value: str, rows: int, by: Member) -> None:
    batch.state = Batch.State.CHECKING
    batch.plan["repair"] = {
        "kind": asdict(kind), "how": str(how), "value": value, "rows": rows, "by": str(by.pk),
    }  # fmt: skip
    batch.save(update_fields=["state", "plan"])
    order_check(batch, queue="bulk")


def do_repair(batch: Batch, chunk: Chunk) -> None:
    """
    Repair the rows that were left to a worker, all of them or none; the caller holds the chunk.

    The plan then waits as before, and says what was done.
    """
    order = batch.plan["repair"]
    kind, how = Kind(**order["kind"]), How(order["how"])
    by = Member.objects.get(pk=UUID(order["by"]))
    changed = _mend_all(batch, kind, how, order["value"], by)
    done = rework(batch, changed, by)
    # Nobody waits for the customer while the rows are thought over, only while they are written.
    lock_customer(batch.customer)
    if (locked := _lock_repaired(batch)) is not None:
        locked.customer = batch.customer
        leaving = save(locked, done)
        what = {"code": kind.code, "how": str(how), "count": len(changed)}
        bad = _count_bad(done, changed)
        _end_repair(locked, {"changed": len(changed), "bad": bad, "leaving": leaving})
        _record(locked, what, by)
    end_check(chunk)


def give_up_repair(batch: Batch, chunk: Chunk) -> None:
    """Let a plan wait again whose repair did not succeed; none of its rows was changed."""
    lock_customer(batch.customer)
    if (locked := _lock_repaired(batch)) is not None:
        _end_repair(locked, {"failed": True})
    end_check(chunk)


@transaction.atomic
def stop_repair(*, batch: Batch, by: Member) -> None:
    """
    Let a plan wait again whose rows no worker has begun to repair; none of them was changed.

    :raises NotPlanned: where no repair of the batch is left to a worker any more.
    :raises BeingRepaired: where a worker is at it.
    :raises Refused: where the member could not have started the batch.
    """
    require_may_start(batch, by)
    locked = _lock_repaired(batch)
    if locked is None:
        raise NotPlanned
    # Held by the worker from its first look at the rows to the end.
    free = Chunk.objects.select_for_update(skip_locked=True, of=("self",)).filter(batch=batch)
    if free.first() is None:
        raise BeingRepaired
    _end_repair(locked, None)
    Chunk.objects.filter(batch=batch).delete()


def _lock_repaired(batch: Batch) -> Batch | None:
    """The batch whose rows are being repaired, locked; None where it was dropped meanwhile."""
    repaired = Batch.objects.select_for_update(of=("self",), no_key=True).select_related("by")
    return repaired.filter(pk=batch.pk, state=Batch.State.CHECKING, plan__has_key="repair").first()


def _end_repair(batch: Batch, said: dict | None) -> None:
    del batch.plan["repair"]
    if said is not None:
        batch.plan["repaired"] = said
    batch.state, batch.halted_by = Batch.State.PLANNED, ""
    batch.save(update_fields=["state", "plan", "halted_by"])


@transaction.atomic
def leave_out(*, batch: Batch, numbers: Collection[int], by: Member) -> Repaired:
    """
    Take lines out of the run; they stay to be seen, and can be taken back.

    :raises NotPlanned: where the batch does not wait any more.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    return _set_left_out(batch, numbers, True, by)


@transaction.atomic
def take_back(*, batch: Batch, numbers: Collection[int], by: Member) -> Repaired:
    """
    Put lines that were left out back into the plan, checked against what is true now.

    Whoever was to leave and is named by a row meanwhile stays left out.

    :raises NotPlanned: where the batch does not wait any more.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    return _set_left_out(batch, numbers, False, by)


def _set_left_out(
    batch: Batch, numbers: Collection[int], is_left_out: bool, by: Member
) -> Repaired:
    batch = _lock(batch, by)
    found = load(batch, "l.number = ANY(%s)", list(numbers))
    changed = {
        number: replace(row, is_left_out=is_left_out)
        for number, row in found.items()
        if row.is_left_out != is_left_out
    }
    leavers = _leavers(batch, numbers, is_left_out)
    how = str(How.LEAVE_OUT) if is_left_out else "take_back"
    forget_lost(batch, changed.values())
    return _put_right(batch, changed, {"how": how}, by, leavers)


def _leavers(batch: Batch, numbers: Collection[int], is_left_out: bool) -> dict[int, str]:
    """The new states of those of the lines whose people are to leave."""
    leaving = batch.lines.filter(number__in=list(numbers), input__act=LEAVE)
    states = {}
    for number, state, problems in leaving.values_list("number", "state", "problems"):
        is_bad = any(one.get("severity") == ERROR for one in problems)
        back = Line.State.INVALID if is_bad else Line.State.PLANNED
        if (state == Line.State.LEFT_OUT) != is_left_out:
            states[number] = str(Line.State.LEFT_OUT if is_left_out else back)
    return states


def _put_right(
    batch: Batch,
    changed: dict[int, Row],
    what: dict,
    by: Member,
    leavers: dict[int, str] | None = None,
) -> Repaired:
    number = len(changed) + len(leavers or ())
    if not number:
        return Repaired(0)
    done = rework(batch, changed, by)
    leaving = save(batch, done, leavers)
    _record(batch, what | {"count": number}, by)
    return Repaired(number, _count_bad(done, changed), leaving)


def _count_bad(done: Rework, changed: Collection[int]) -> int:
    rows = (done.rows[number] for number in changed)
    return sum(row.is_bad and not row.is_left_out for row in rows)


def _lock(batch: Batch, by: Member) -> Batch:
    require(by, Permission.MANAGE_USERS)
    if not may_start(batch, by):
        require(by, Permission.APPROVE_BATCHES)
    # Before the batch and its lines, which a purge empties after it has locked the customer.
    lock_customer(batch.customer)
    # Locked as where it is started: no line changes in a plan that runs.
    waiting = Batch.objects.select_for_update(of=("self",), no_key=True).select_related("by")
    locked = waiting.filter(pk=batch.pk, kind=Batch.Kind.IMPORT, state=Batch.State.PLANNED).first()
    if locked is None:
        raise NotPlanned
    locked.customer = batch.customer
    # What was said about an earlier repair is not about this one.
    locked.plan.pop("repaired", None)
    return locked


def _record(batch: Batch, what: dict, by: Member) -> None:
    audit.record(
        "import.repaired",
        subject=audit.Subject(batch.pk, batch.source_name, after=what),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
