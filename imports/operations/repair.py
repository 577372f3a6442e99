"""Repairs the rows of a planned import: one row, or all rows with the same problem."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import NotPlanned, UsersError
from batches.models import Batch, Job, Line
from batches.operations.control import may_start, require_may_start
from batches.operations.lease import drop_jobs, end_job, order_job
from customers.counts import lock_customer
from imports.check.plan import LEAVE, SEAT_SHORT
from imports.check.repair import (
    EVERY,
    REPAIRED,
    SECOND_ACCOUNT,
    How,
    Kind,
    Row,
    apply_repair,
    edit_row,
    errors_of,
    include,
)
from imports.operations.recheck import Rechecked, gather, recheck, save
from imports.queries import count_rows, load_rows
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.rules.problems import ERROR, LEAVES_OUT, Problem

# Plans with up to this many lines are repaired while the page waits, larger ones in a worker.
MAX_LINES_AT_ONCE = 5_000


class BeingRepaired(UsersError):
    """A worker is writing the rows."""

    message = _("The rows are being changed right now. This page shows the result in a moment.")


@dataclass(frozen=True)
class Repaired:
    """How many rows were changed, and how many of these still have errors."""

    changed: int
    bad: int = 0
    # How many more users are missing from a full list, and leave.
    leaving: int = 0
    # Nothing has changed yet: a worker changes these rows.
    is_in_worker: bool = False


@transaction.atomic
def repair_line(*, batch: Batch, number: int, changes: dict, by: Member) -> list[Problem]:
    """
    Give one row of a planned import other values, and check it again like every row.

    `changes` have the keys of a line's input. A row that was skipped is included again.
    Returns the errors that are left; where there are any, nothing is changed.

    :raises NotPlanned: where the batch is not waiting, or has no such row.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    batch = _lock(batch, by)
    rows = load_rows(batch, "l.number = %s", number)
    if number not in rows:
        raise NotPlanned
    row = rows[number]
    done = recheck(batch, {number: edit_row(row, changes)}, by)
    if errors := errors_of(done.find_problems(number)):
        return errors
    save(batch, done)
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
    In a large plan a worker repairs them, and until then the plan cannot be started. With a
    `number` only that row is repaired. To wait for seats is a choice for all users of the plan.
    With EVERY and How.SUGGESTED, all suggestions of the plan are taken at once.

    :raises NotPlanned: where the batch is not waiting.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    batch = _lock(batch, by)
    what = {"code": kind.code, "how": str(how)}
    if how == How.WAIT:
        rows = count_rows(
            batch, f"l.problems @> %s::jsonb AND {_OPEN}", json.dumps([{"code": SEAT_SHORT}])
        )
        if kind.code != SEAT_SHORT or not rows:
            return Repaired(0)
        batch.options["when_short"] = "queue"
        batch.save(update_fields=["options", "plan"])
        _record(batch, what | {"count": rows}, by)
        return Repaired(rows)
    if how == How.RESTORE:
        require(by, Permission.RESTORE_USERS)
    if number is not None:
        is_open = "" if kind.code in LEAVES_OUT else f" AND {_OPEN}"
        found = load_rows(batch, f"l.number = %s{is_open}", number)
        return _save(batch, _repair(batch, found, kind, how, value, by), what, by)
    if batch.total > MAX_LINES_AT_ONCE:
        rows = count_rows(batch, *_having(kind))
        if not rows:
            return Repaired(0)
        batch.state = Batch.State.CHECKING
        batch.plan["repair"] = {
            "kind": asdict(kind), "how": str(how), "value": value, "rows": rows, "by": str(by.pk),
        }  # fmt: skip
        batch.save(update_fields=["state", "plan"])
        order_job("repair", batch=batch)
        return Repaired(rows, is_in_worker=True)
    found = load_rows(batch, *_having(kind))
    return _save(batch, _repair(batch, found, kind, how, value, by), what, by)


_OPEN = "l.state <> 'left_out'"


def _having(kind: Kind) -> tuple[str, str]:
    """The condition of rows with a problem that is to be repaired, and its value."""
    if kind == EVERY:
        others = "".join(f' && @.code != "{code}"' for code in sorted(SECOND_ACCOUNT))
        return f"l.problems @? %s::jsonpath AND {_OPEN}", f'$[*] ? (@.suggestion != ""{others})'
    pattern = json.dumps([kind.pattern])
    if kind.code in LEAVES_OUT:
        # Rows that the check has skipped, as long as no member has decided about them.
        return f"l.problems @> %s::jsonb AND NOT l.input ? '{REPAIRED}'", pattern
    return f"l.problems @> %s::jsonb AND {_OPEN}", pattern


def _repair(
    batch: Batch, found: dict[int, Row], kind: Kind, how: How, value: str, by: Member
) -> dict[int, Row]:
    """Those of the rows that change with the choice, as they are then."""
    facts = gather(batch, (), by)
    repaired = {number: apply_repair(row, kind, how, value, facts) for number, row in found.items()}
    return {number: row for number, row in repaired.items() if row != found[number]}


def repair_rows(job: Job) -> None:
    """
    Repair the rows that a worker is to repair, all of them or none, in the caller's transaction.

    The plan then waits as before, with the result.
    """
    batch = Batch.objects.select_related("customer", "by").get(pk=job.batch_id)
    order = batch.plan.get("repair")
    if order is None or batch.state != Batch.State.CHECKING:
        return
    kind, how = Kind(**order["kind"]), How(order["how"])
    by = Member.objects.get(pk=UUID(order["by"]))
    found = load_rows(batch, *_having(kind))
    done = recheck(batch, _repair(batch, found, kind, how, order["value"], by), by)
    # The customer is locked only while rows are written, not while they are checked.
    lock_customer(batch.customer)
    if (locked := _lock_repaired(batch)) is not None:
        locked.customer = batch.customer
        leaving = save(locked, done)
        repaired = {"changed": len(done.rows), "bad": _count_bad(done), "leaving": leaving}
        _end_repair(locked, repaired)
        _record(locked, {"code": kind.code, "how": str(how), "count": len(done.rows)}, by)


def give_up_repair(job: Job) -> None:
    """End a repair that failed; none of its rows was changed."""
    end_job(job, _fail_repair)


def _fail_repair(job: Job) -> None:
    batch = Batch.objects.select_related("customer").get(pk=job.batch_id)
    lock_customer(batch.customer)
    if (locked := _lock_repaired(batch)) is not None:
        _end_repair(locked, {"failed": True})


@transaction.atomic
def stop_repair(*, batch: Batch, by: Member) -> None:
    """
    Cancel a repair that no worker has begun; no row was changed.

    :raises NotPlanned: where no repair of the batch waits for a worker.
    :raises BeingRepaired: where a worker has begun it.
    :raises Refused: where the member could not have started the batch.
    """
    require_may_start(batch, by)
    locked = _lock_repaired(batch)
    if locked is None:
        raise NotPlanned
    # The worker locks it from the beginning to the end.
    if not drop_jobs(batch):
        raise BeingRepaired
    _end_repair(locked, None)


def _lock_repaired(batch: Batch) -> Batch | None:
    """The batch that is being repaired, locked; None where it was canceled meanwhile."""
    repaired = Batch.objects.select_for_update(of=("self",), no_key=True).select_related("by")
    return repaired.filter(pk=batch.pk, state=Batch.State.CHECKING, plan__has_key="repair").first()


def _end_repair(batch: Batch, result: dict | None) -> None:
    del batch.plan["repair"]
    if result is not None:
        batch.plan["repaired"] = result
    batch.state, batch.halted_by = Batch.State.PLANNED, ""
    batch.save(update_fields=["state", "plan", "halted_by"])


@transaction.atomic
def skip_lines(*, batch: Batch, numbers: Collection[int], by: Member) -> Repaired:
    """
    Skip lines of the plan; they stay visible, and can be included again.

    :raises NotPlanned: where the batch is not waiting.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    return _set_skipped(batch, numbers, True, by)


@transaction.atomic
def include_lines(*, batch: Batch, numbers: Collection[int], by: Member) -> Repaired:
    """
    Include skipped lines in the plan again, checked against what is true now.

    A missing user that a row names meanwhile stays skipped.

    :raises NotPlanned: where the batch is not waiting.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    return _set_skipped(batch, numbers, False, by)


def _set_skipped(batch: Batch, numbers: Collection[int], is_skipped: bool, by: Member) -> Repaired:
    batch = _lock(batch, by)
    found = load_rows(batch, "l.number = ANY(%s)", list(numbers))
    changed = {
        number: replace(row, is_skipped=True) if is_skipped else include(row)
        for number, row in found.items()
        if row.is_skipped != is_skipped
    }
    missing = batch.lines.filter(number__in=list(numbers), act=LEAVE)
    moved = {}
    for number, state, problems in missing.values_list("number", "state", "problems"):
        has_errors = any(problem.get("severity") == ERROR for problem in problems)
        included = Line.State.INVALID if has_errors else Line.State.PLANNED
        if (state == Line.State.LEFT_OUT) != is_skipped:
            moved[number] = str(Line.State.LEFT_OUT if is_skipped else included)
    how = How.SKIP if is_skipped else "include"
    return _save(batch, changed, {"how": str(how)}, by, moved)


def _save(
    batch: Batch,
    changed: dict[int, Row],
    what: dict,
    by: Member,
    moved: dict[int, str] | None = None,
) -> Repaired:
    count = len(changed) + len(moved or ())
    if not count:
        return Repaired(0)
    done = recheck(batch, changed, by)
    leaving = save(batch, done, moved)
    _record(batch, what | {"count": count}, by)
    return Repaired(count, _count_bad(done), leaving)


def _count_bad(done: Rechecked) -> int:
    return sum(done.lines[number].state == Line.State.INVALID for number in done.rows)


def _lock(batch: Batch, by: Member) -> Batch:
    require(by, Permission.MANAGE_USERS)
    if not may_start(batch, by):
        require(by, Permission.APPROVE_BATCHES)
    # Before the batch and its lines: a purge locks the customer first, then empties lines.
    lock_customer(batch.customer)
    # With the lock of a start: no line changes in a plan that runs.
    waiting = Batch.objects.select_for_update(of=("self",), no_key=True).select_related("by")
    locked = waiting.filter(pk=batch.pk, kind="import", state=Batch.State.PLANNED).first()
    if locked is None:
        raise NotPlanned
    locked.customer = batch.customer
    # The result of an earlier repair.
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
