"""Complete lists of a customer's staff: who is not in the file leaves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, filterfalse, groupby, islice
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_lazy as _

from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.plan import PlannedLine, save_lines
from imports.operations.summary import LEAVE, NAMED, Seen
from licensing import queries as licensing
from partners.postgres import among
from users.acts.selection import is_last_administrator, plan_line, problems_of
from users.models import CustomerUser

# More leavers than this share of the users, in percent, stop a roster unless a member says else.
MOST_LEAVERS = 10
# With an error in the user name nobody can say whom a row is about, but for these.
_KNOWN_ALL_THE_SAME = ["administrator", "user_name_repeated"]


class TooManyLeavers(UsersError):
    """More users would leave than the share that the member has set."""

    message = _(
        "More users are missing from the file than the share you allow to leave. Make sure that"
        " the file is complete; then read it again with a larger share."
    )


class NotEverybodyKnown(UsersError):
    """Rows do not say whom they are about, so nobody can say who is missing."""

    message = _(
        "Some rows do not say clearly whom they are about, so nobody can say who is missing from"
        " the file. Repair these rows first, or leave them out."
    )


@dataclass(frozen=True)
class Leavers:
    """Who leaves: their lines, the seats they free, and what the plan says about them."""

    lines: list[PlannedLine] = field(default_factory=list)
    freed: dict[str, int] = field(default_factory=dict)
    plan: dict = field(default_factory=dict)
    # The user names of rows that get no line, as they ask for nothing.
    idle: Collection[str] = frozenset()


def find_leavers(batch: Batch, user_names: Collection[str]) -> Leavers:
    """The active users whose names are not among these, in the order of the list."""
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
    lines = [plan_line(user, problems_of(user, by=by), act=LEAVE) for user in users]
    going = [line.user_id for line in lines if line.is_valid]
    active = customer.users.filter(deleted_at=None).count()
    return Leavers(
        lines,
        licensing.count_held(customer, going),
        {
            "leavers": {
                "count": len(users),
                "active": active,
                "most": batch.options.get("most_leavers", MOST_LEAVERS),
            },
            "takes_last_administrator": is_last_administrator(customer.pk, going),
            "retention_days": customer.retention_days,
        },
    )


def settle(batch: Batch, overview: dict[int, Seen], moved: Mapping[int, str]) -> None:
    """
    Let leave who is in no row of the list any more, and stay who is in one, after rows changed.

    `moved` are lines of leavers whose state a member has changed.
    """
    moved = dict(moved)
    for number, state in moved.items():
        overview[number].state = state
    rows = [seen for seen in overview.values() if seen.act != LEAVE]
    named = {seen.user_name for seen in rows if seen.state != Line.State.LEFT_OUT}
    for number, seen in overview.items():
        if seen.act != LEAVE:
            continue
        if seen.user_name in named and seen.state != Line.State.LEFT_OUT:
            seen.is_named, seen.state = True, str(Line.State.LEFT_OUT)
        elif seen.is_named and seen.user_name not in named:
            back = Line.State.INVALID if seen.has_problems else Line.State.PLANNED
            seen.is_named, seen.state = False, str(back)
        else:
            continue
        moved[number] = seen.state
    _move(batch, {number: overview[number] for number in moved})
    if "retries" not in batch.plan:
        # A batch that tries some rows again is no complete list.
        _add_missing(batch, overview, rows)


def _move(batch: Batch, moved: Mapping[int, Seen]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Line._meta.db_table} l SET state = s.state, input = CASE
                WHEN s.is_named THEN l.input || '{{"{NAMED}": true}}' ELSE l.input - '{NAMED}' END
            FROM unnest(%s::integer[], %s::text[], %s::boolean[]) AS s(number, state, is_named)
            WHERE l.batch_id = %s AND l.number = s.number
            """,
            [
                list(moved),
                [seen.state for seen in moved.values()],
                [seen.is_named for seen in moved.values()],
                batch.pk,
            ],
        )


def _add_missing(batch: Batch, overview: dict[int, Seen], rows: Sequence[Seen]) -> None:
    """Give lines to the users whom the file named, and no row names any more."""
    there = {seen.known for seen in rows if seen.state != Line.State.LEFT_OUT}
    there |= {seen.known for seen in overview.values() if seen.act == LEAVE}
    missing = {seen.first_known for seen in rows if not seen.is_named} - there - {None}
    if not missing:
        return
    users = (
        batch.customer.users.filter(pk__in=among(map(UUID, missing)), deleted_at=None)
        .order_by("sort_key", "pk")
        .values("pk", "user_name", "display_name", "is_administrator")
    )
    lines = [plan_line(user, problems_of(user, by=batch.by), act=LEAVE) for user in users]
    # Before the rows, where room was left for them: their seats are free for who comes.
    numbers = list(islice(filterfalse(overview.__contains__, count(1)), len(lines)))
    placed = list(zip(numbers, lines, strict=True))
    for _run, some in groupby(enumerate(placed), lambda one: one[1][0] - one[0]):
        run = [one for _place, one in some]
        save_lines(batch=batch, lines=[line for _number, line in run], first=run[0][0])
    for number, line in placed:
        state = str(Line.State.PLANNED if line.is_valid else Line.State.INVALID)
        overview[number] = Seen(
            number,
            state,
            LEAVE,
            line.input["user_name"],
            str(line.user_id),
            has_problems=bool(line.problems),
        )
    batch.total = len(overview)
    batch.save(update_fields=["total"])


def refuse_unsafe(batch: Batch) -> None:
    """
    Refuse a roster that would let go people who may be meant to stay.

    :raises NotEverybodyKnown: where rows do not say whom they are about.
    :raises TooManyLeavers: where more leave than the share that was set.
    """
    leaving = batch.lines.filter(state=Line.State.PLANNED, input__act=LEAVE).count()
    if refusal := find_stop(batch, leaving):
        raise refusal


def find_stop(batch: Batch, leaving: int) -> type[UsersError] | None:
    """The refusal to let so many users leave; None where they may."""
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
            [batch.pk, Line.State.INVALID, _KNOWN_ALL_THE_SAME],
        )
        if cursor.fetchone()[0]:
            return NotEverybodyKnown
    share = batch.plan["leavers"]
    # In percent of those who were active when the list was checked.
    return TooManyLeavers if leaving * 100 > share["active"] * share["most"] else None
