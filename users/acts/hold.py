"""Holding the purge of deleted users, letting it go again, and putting it off."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.acts import Asked, Outcome, applies
from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.plan import PlannedLine, create_batch, save_lines
from customers.models import Customer
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.selection import Locked, NothingToChange, choose, lock_deleted, plan_line
from users.models import CustomerUser

# Whose purge is let go is left so many days at least in which they can be restored.
DAYS_OF_GRACE = 7
MOST_DAYS = 365
AS_WANTED = {
    "hold": _("Nothing would change: the purge is held already."),
    "release": _("Nothing would change: the purge is not held."),
}


class WrongDays(UsersError):
    """A purge cannot be put off by so many days."""

    message = _("Say by how many days the purge is put off: from 1 to 365.")


@transaction.atomic
def plan_holds(
    *,
    customer: Customer,
    users: Iterable[UUID],
    act: str = "hold",
    days: int = 0,
    reason: str = "",
    by: Member,
) -> Batch:
    """
    Plan to "hold" the purge of these deleted users, to "release" or to "extend" it.

    Who is held is not purged until released, then on the day, but not within a week; `days` says
    by how many it is put off. Nothing happens yet. Users who are as wanted already get no line;
    the plan says how many they are.

    :raises WrongDays: where it is to be put off by fewer than one day, or by more than 365.
    :raises NobodyChosen: where none of the ids is a deleted user of the customer.
    :raises NothingToChange: where no line is left.
    :raises Refused: where the member may not hold purges.
    """
    require(by, Permission.UNDO_ALL_BATCHES)
    if act == "extend" and not 1 <= days <= MOST_DAYS:
        raise WrongDays
    now = timezone.now()
    plan = PLANS[act]
    chosen = choose(customer, users, deleted=True, fields=("purge_at", "is_held"))
    as_wanted = {"hold": True, "release": False}.get(act)
    changing = [user for user in chosen if user["is_held"] is not as_wanted]
    if not changing:
        raise NothingToChange(AS_WANTED[act])
    lines = [plan(user, now, timedelta(days=days)) for user in changing]
    batch = create_batch(
        customer=customer,
        kind=Batch.Kind.HOLD,
        reason=reason,
        options={"act": act} | ({"days": days} if act == "extend" else {}),
        plan={
            "near": sum("purge_at" in line.input["changes"] for line in lines),
            "unchanged": len(chosen) - len(changing),
        },
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def _hold(user: dict, now: datetime, days: timedelta) -> PlannedLine:
    return _line(user, {"is_held": True})


def _release(user: dict, now: datetime, days: timedelta) -> PlannedLine:
    earliest = now + timedelta(days=DAYS_OF_GRACE)
    if user["purge_at"] >= earliest:
        return _line(user, {"is_held": False})
    return _line(user, {"is_held": False, "purge_at": earliest})


def _extend(user: dict, now: datetime, days: timedelta) -> PlannedLine:
    later = max(user["purge_at"], now) + days
    return _line(user, {"purge_at": later}, *(["stays_held"] if user["is_held"] else []))


PLANS: dict[str, Callable[[dict, datetime, timedelta], PlannedLine]] = {
    "hold": _hold,
    "release": _release,
    "extend": _extend,
}


def _line(user: dict, changes: Mapping, *warnings: str) -> PlannedLine:
    return plan_line(
        user,
        [{"code": code, "severity": "warning"} for code in warnings],
        changes=say_hold(changes),
        was=say_hold({name: user[name] for name in changes}),
    )


def say_hold(values: Mapping) -> dict:
    """Whether and until when a purge waits, as a line keeps it."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def read_hold(values: Mapping) -> dict:
    """Whether and until when a purge waits, as a line has kept it."""
    return {
        name: datetime.fromisoformat(value) if name == "purge_at" else value
        for name, value in values.items()
    }


@applies(Batch.Kind.HOLD)
def apply_holds(*, batch: Batch, lines: Sequence[Asked], by: Member) -> list[Outcome]:
    """
    Hold or let go the purge of each line's user, or set its day.

    Who was restored, purged or changed in the same place since the plan is left alone. Nobody is
    purged the night after: where the day has passed meanwhile it is a week later.
    """
    present = lock_deleted(batch.customer_id, lines, fields=["is_held", "purge_at"])
    refused = {
        line.user_id: "changed"
        for line in lines
        if line.user_id in present and _is_changed(line, present[line.user_id])
    }
    after = {
        line.user_id: _become(present[line.user_id], line)
        for line in lines
        if line.user_id in present and line.user_id not in refused
    }
    before = {
        pk: {name: getattr(present[pk], name) for name in values} for pk, values in after.items()
    }
    changing = [line for line in lines if after.get(line.user_id)]
    _write(batch, changing, present, after)
    _record(batch, changing, before, after, by)
    return [_outcome(line, present, refused, before, after) for line in lines]


def _is_changed(line: Asked, user: CustomerUser) -> bool:
    """Whether something else stands there than when it was planned, and not what is wanted."""
    was, wanted = read_hold(line.input["was"]), read_hold(line.input["changes"])
    return any(getattr(user, name) not in (was[name], wanted[name]) for name in wanted)


def _become(user: Locked, line: Asked) -> dict:
    """What changes about the user."""
    now = {"is_held": user.is_held, "purge_at": user.purge_at}
    wanted = now | read_hold(line.input["changes"])
    if wanted == now:
        return {}
    if not wanted["is_held"] and wanted["purge_at"] <= timezone.now():
        wanted["purge_at"] = timezone.now() + timedelta(days=DAYS_OF_GRACE)
    return {name: value for name, value in wanted.items() if value != now[name]}


def _write(batch: Batch, lines: Sequence[Asked], present: Mapping, after: Mapping) -> None:
    if not lines:
        return
    users = [present[line.user_id] for line in lines]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {CustomerUser._meta.db_table} u
            SET is_held = n.is_held, purge_at = n.purge_at, version = u.version + 1
            FROM unnest(%s::uuid[], %s::boolean[], %s::timestamptz[]) AS n(id, is_held, purge_at)
            WHERE u.id = n.id AND u.customer_id = %s AND u.deleted_at IS NOT NULL
            """,
            [
                [user.pk for user in users],
                [after[user.pk].get("is_held", user.is_held) for user in users],
                [after[user.pk].get("purge_at", user.purge_at) for user in users],
                batch.customer_id,
            ],
        )


def _record(batch: Batch, lines: Sequence[Asked], before: Mapping, after: Mapping, by) -> None:
    actions = {True: "user.purge_held", False: "user.purge_released", None: "user.purge_moved"}
    for is_held, action in actions.items():
        of_action = [line for line in lines if after[line.user_id].get("is_held") is is_held]
        if not of_action:
            continue
        audit.record_many(
            action,
            subjects=[
                audit.Subject(
                    line.user_id,
                    line.input["user_name"],
                    before=say_hold(before[line.user_id]),
                    after=say_hold(after[line.user_id]),
                )
                for line in of_action
            ],
            customer_id=batch.customer_id,
            batch_id=batch.pk,
            by=by,
        )


def _outcome(line: Asked, present, refused, before, after) -> Outcome:
    code = "gone" if line.user_id not in present else refused.get(line.user_id)
    if code:
        return Outcome.failed(line, code)
    changed = after[line.user_id]
    told = {"before": say_hold(before[line.user_id]), "after": say_hold(changed)}
    return Outcome(line.number, Line.State.DONE, told if changed else {"unchanged": True})
