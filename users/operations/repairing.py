"""Repairing the rows of a planned import: one, or all that have the same problem."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from django.db import transaction

import audit.operations as audit
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.importing.problems import ERROR, Problem
from users.importing.repair import How, Kind, Row, errors_of, mend, type_anew
from users.models import Batch, Line

from .batches import NotPlanned, lock_customer, may_start
from .reworking import LEAVE, gather, load, rework, save


@dataclass(frozen=True)
class Repaired:
    """How many rows were changed, and how many of these still cannot run."""

    changed: int
    bad: int = 0


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
    _record(batch, {"line": row.line, "count": 1}, by)
    return []


@transaction.atomic
def repair_all(*, batch: Batch, kind: Kind, how: How, value: str = "", by: Member) -> Repaired:
    """
    Repair the same problem in all rows that have it, with a fixed number of statements.

    `value` is what is chosen for all of them: a domain, a location, the id of a subscription.

    :raises NotPlanned: where the batch does not wait any more.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    batch = _lock(batch, by)
    pattern = json.dumps([kind.pattern])
    found = load(batch, "l.problems @> %s::jsonb AND l.state <> 'left_out'", pattern)
    facts = gather(batch, (), by)
    mended = {number: mend(row, kind, how, value, facts) for number, row in found.items()}
    changed = {number: row for number, row in mended.items() if row != found[number]}
    return _put_right(batch, changed, {"code": kind.code, "how": str(how)}, by)


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
    save(batch, done, leavers)
    _record(batch, what | {"count": number}, by)
    rows = [done.rows[number] for number in changed]
    return Repaired(number, sum(row.is_bad and not row.is_left_out for row in rows))


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
    return locked


def _record(batch: Batch, what: dict, by: Member) -> None:
    audit.record(
        "import.repaired",
        subject=audit.Subject(batch.pk, batch.source_name, after=what),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
