"""Full lists of a customer's users: users missing from the file are deleted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, filterfalse, groupby
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_lazy as _

from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.plan import PlannedLine, save_lines
from imports.check.plan import LEAVE, NAMED
from imports.queries import LineSummary, summarize_lines
from licensing import queries as licensing
from partners.postgres import among
from users.acts.lines import find_problems, is_last_administrator, plan_line
from users.models import CustomerUser

# The share of users in percent that may be missing, unless a member sets another.
MAX_MISSING = 10
# Errors of user names that leave no doubt about the user of a row.
_CLEAR_ERRORS = ["administrator", "user_name_repeated"]


class TooManyMissing(UsersError):
    """More users are missing than the share that the member has set."""

    message = _(
        "More users are missing from the file than the share you allow. Make sure that the file is"
        " complete, then read it again with a larger share."
    )


class UsersUnclear(UsersError):
    """The users of some rows are unclear, so it is unclear which users are missing."""

    message = _(
        "Some rows have errors in their user names, so it’s unclear which users are missing from the"
        " file. Repair or skip these rows first."
    )


@dataclass(frozen=True)
class MissingUsers:
    """The users missing from a full list: their lines, the seats they free, the plan's keys."""

    lines: list[PlannedLine] = field(default_factory=list)
    freed: dict[str, int] = field(default_factory=dict)
    plan: dict = field(default_factory=dict)
    # The user names of rows that get no line, as they change nothing.
    unchanged_names: Collection[str] = frozenset()


def find_missing_users(batch: Batch, user_names: Collection[str]) -> MissingUsers:
    """The active users without one of these names, in list order."""
    customer, by = batch.customer, batch.by
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT u.id, u.user_name, u.display_name, u.is_administrator
            FROM {CustomerUser._meta.db_table} u
            WHERE u.customer_id = %s AND u.deleted_at IS NULL AND NOT EXISTS (
                SELECT FROM unnest(%s::text[]) AS n(user_name) WHERE n.user_name = u.user_name)
            ORDER BY u.sort_key, u.id
            """,
            [customer.pk, list(user_names)],
        )
        names = ("pk", "user_name", "display_name", "is_administrator")
        users = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    lines = [plan_line(user, find_problems(user, by=by), act=LEAVE) for user in users]
    leaving = [line.user_id for line in lines if line.is_valid]
    active = customer.users.filter(deleted_at=None).count()
    return MissingUsers(
        lines,
        licensing.count_held(customer, leaving),
        {
            "missing_users": {
                "count": len(users),
                "active": active,
                "max": batch.options.get("max_missing", MAX_MISSING),
            },
            "takes_last_administrator": is_last_administrator(customer.pk, leaving),
            "retention_days": customer.retention_days,
        },
    )


def find_leaving(lines: Mapping[int, LineSummary]) -> list[UUID]:
    """The missing users, which the plan deletes."""
    return [
        UUID(line.user_id)
        for line in lines.values()
        if line.is_missing_user and line.state == Line.State.PLANNED
    ]


def plan_leaving(batch: Batch, lines: Mapping[int, LineSummary]) -> dict[str, int]:
    """Update what the plan holds about missing users; returns the seats that they free."""
    if "missing_users" not in batch.plan:
        return {}
    leaving = find_leaving(lines)
    missing = sum(line.is_missing_user and not line.is_named for line in lines.values())
    freed = licensing.count_held(batch.customer, leaving)
    batch.plan |= {
        "freed": freed,
        "missing_users": batch.plan["missing_users"] | {"count": missing},
        "takes_last_administrator": is_last_administrator(batch.customer_id, leaving),
    }
    return freed


def update_missing_users(
    batch: Batch, lines: dict[int, LineSummary], moved: Mapping[int, str]
) -> None:
    """
    Update which users are missing, after rows changed.

    `moved` are new states of lines about missing users, by number.
    """
    for number, state in moved.items():
        lines[number].state = state
    rows = [line for line in lines.values() if not line.is_missing_user]
    named = {line.user_name for line in rows if not line.is_skipped}
    changed = set(moved)
    for number, line in lines.items():
        if not line.is_missing_user:
            continue
        if line.user_name in named and not line.is_skipped:
            line.is_named, line.state = True, str(Line.State.LEFT_OUT)
        elif line.is_named and line.user_name not in named:
            back = Line.State.INVALID if line.has_errors else Line.State.PLANNED
            line.is_named, line.state = False, str(back)
        else:
            continue
        changed.add(number)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Line._meta.db_table} l SET state = s.state, input = CASE
                WHEN s.is_named THEN l.input || '{{"{NAMED}": true}}' ELSE l.input - '{NAMED}' END
            FROM unnest(%s::integer[], %s::text[], %s::boolean[]) AS s(number, state, is_named)
            WHERE l.batch_id = %s AND l.number = s.number
            """,
            [
                list(changed),
                [lines[number].state for number in changed],
                [lines[number].is_named for number in changed],
                batch.pk,
            ],
        )
    # A batch that retries some rows is no full list.
    if "retries" not in batch.plan:
        _add_missing_users(batch, lines, rows)


def _add_missing_users(
    batch: Batch, lines: dict[int, LineSummary], rows: Sequence[LineSummary]
) -> None:
    """Add lines for the users that rows of the file named, and none names now."""
    present = {line.user_id for line in rows if not line.is_skipped}
    present |= {line.user_id for line in lines.values() if line.is_missing_user}
    missing = {line.first_user_id for line in rows if not line.is_named} - present - {None}
    if not missing:
        return
    users = (
        batch.customer.users.filter(pk__in=among(map(UUID, missing)), deleted_at=None)
        .order_by("sort_key", "pk")
        .values("pk", "user_name", "display_name", "is_administrator")
    )
    # Before the rows, where numbers were left free: seats are freed before they are given.
    free = filterfalse(lines.__contains__, count(1))
    planned = [plan_line(user, find_problems(user, by=batch.by), act=LEAVE) for user in users]
    placed = dict(zip(free, planned, strict=False))
    # Lines are written in runs of consecutive numbers.
    for _run, some in groupby(enumerate(placed), lambda one: one[1] - one[0]):
        numbers = [number for _place, number in some]
        save_lines(batch=batch, lines=[placed[number] for number in numbers], first=numbers[0])
    lines |= summarize_lines(batch, numbers=list(placed))
    batch.total = len(lines)
    batch.save(update_fields=["total"])


def refuse_unsafe(batch: Batch) -> None:
    """
    Refuse a full list that may delete the wrong users.

    :raises UsersUnclear: where rows have errors in their user names.
    :raises TooManyMissing: where more users are missing than the share that was set.
    """
    leaving = batch.lines.filter(state=Line.State.PLANNED, act=LEAVE).count()
    if refusal := find_stop(batch, leaving):
        raise refusal


def find_stop(batch: Batch, leaving: int) -> type[UsersError] | None:
    """The reason not to delete this number of missing users, or None."""
    if not leaving:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT EXISTS (SELECT FROM {Line._meta.db_table}, jsonb_to_recordset(problems)
                    AS p(severity text, "column" text, code text)
                WHERE batch_id = %s AND state = %s AND p.severity = 'error'
                    AND p."column" IN ('user_name', 'domain') AND p.code <> ALL(%s))
            """,
            [batch.pk, Line.State.INVALID, _CLEAR_ERRORS],
        )
        if cursor.fetchone()[0]:
            return UsersUnclear
    share = batch.plan["missing_users"]
    # In percent of the active users at the time of the check.
    return TooManyMissing if leaving * 100 > share["active"] * share["max"] else None
