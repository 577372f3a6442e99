"""The rows of a planned import checked anew after some were changed, in a few statements."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from django.db import connection

from batches.models import Batch, Line
from batches.operations.plan import LINES_A_STATEMENT, as_json
from imports.check import plan
from imports.check.repair import Row, recheck
from imports.operations import roster
from imports.operations.summary import LEAVE, SEAT_SHORT, Seen, look_over
from licensing import queries as licensing
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import uuid7
from users.acts.selection import is_last_administrator
from users.rules.facts import Facts, Person
from users.rules.gather import gather_facts
from users.rules.problems import Problem


@dataclass(frozen=True)
class Rework:
    """Rows that were checked anew, among all lines of their batch."""

    rows: dict[int, Row]
    overview: dict[int, Seen]
    facts: Facts


def gather(batch: Batch, user_names: Iterable[str], by: Member) -> Facts:
    """Gather what the rules ask about, for a batch that the one runs who planned it."""
    asked = {name.lower() for name in user_names if name.isascii() and name.isprintable()}
    facts = gather_facts(
        customer=batch.customer, user_names=sorted(asked), options=batch.options, by=by
    )
    # What the planner may not grant, a colleague's repair does not grant either.
    if not batch.by.may(Permission.ACT_ON_ADMINISTRATORS):
        facts = replace(facts, grantable=frozenset())
    return facts


# Lines that stand in the file; of a user who was purged, nothing is left in the row.
_ROWS = f"""
    FROM {Line._meta.db_table} l
    WHERE l.batch_id = %s AND coalesce(l.input->>'act', '') <> '{LEAVE}' AND l.input ? 'products'
"""


def count(batch: Batch, condition: str, value: object) -> int:
    """How many rows of the file there are for which a condition on the line `l` holds."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_ROWS} AND {condition}", [batch.pk, value])
        return cursor.fetchone()[0]


def load(batch: Batch, condition: str, value: object) -> dict[int, Row]:
    """The rows of the file for which a condition on the line `l` holds, by number."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT l.number, l.state = 'left_out', l.input::text, l.problems::text
            {_ROWS} AND {condition} ORDER BY l.number
            """,
            [batch.pk, value],
        )
        return {
            number: Row(
                number,
                json.loads(person),
                tuple(
                    Problem.from_json(one)
                    for one in json.loads(problems)
                    # Seats are forecast anew for all rows at once.
                    if one["code"] != SEAT_SHORT
                ),
                is_left_out,
            )
            for number, is_left_out, person, problems in cursor.fetchall()
        }


def rework(batch: Batch, changed: dict[int, Row], by: Member) -> Rework:
    """Check the changed rows, and those that share a user name with them, before or after."""
    overview = look_over(batch)
    affected = {overview[number].user_name for number in changed}
    for row in changed.values():
        affected |= {row.input["user_name"], row.input["user_name"].lower()}
    neighbors = [
        number
        for number, seen in overview.items()
        if seen.user_name in affected and seen.user_name and number not in changed
    ]
    rows = [*changed.values(), *load(batch, "l.number = ANY(%s)", neighbors).values()]
    asked = {row.input["user_name"] for row in rows}
    asked |= {
        problem.suggestion
        for row in rows
        for problem in row.problems
        if problem.column == "user_name"
    }
    facts = gather(batch, asked, by)
    checked = recheck(
        rows,
        facts,
        changed={
            number
            for number, row in changed.items()
            if row.input["user_name"] != overview[number].user_name
        },
        typed_names=lambda: (
            *(seen.user_name for seen in overview.values()),
            *(row.input["user_name"].lower() for row in rows),
        ),
    )
    return Rework({row.number: row for row in checked}, overview, facts)


def save(batch: Batch, done: Rework, leavers: dict[int, str] | None = None) -> int:
    """
    Write the rows that were checked, and the seats forecast for all rows in one pass.

    `leavers` are the new states of lines about people who are not in a complete list. Whoever is in
    no row of such a list any more leaves too, and who is in one does not; returns how many more
    leave than before.
    """
    before = {number: seen.known for number, seen in done.overview.items()}
    leaving = _count_leavers(done.overview)
    for number, row in done.rows.items():
        _take_over(done.overview[number], row)
    if "leavers" in batch.plan:
        roster.settle(batch, done.overview, leavers or {})
    freed = _plan_leavers(batch, done.overview)
    made = plan.make_plan(*_in_short(done.overview), done.facts, freed)
    shorts = {}
    for line in made.lines:
        if short := [one for one in line.problems if one.code == SEAT_SHORT]:
            shorts[line.line] = short
    _write(batch, done, shorts, before)
    _write_shorts(batch, dict(_find_moved_shorts(done, shorts)))
    batch.plan |= {
        "seats": [
            asdict(seats) | {"short": seats.short, "left": seats.left} for seats in made.seats
        ],
        "counts": _count(done.overview, shorts),
    }
    batch.save(update_fields=["plan"])
    return _count_leavers(done.overview) - leaving


def _find_moved_shorts(
    done: Rework, shorts: dict[int, list[Problem]]
) -> Iterator[tuple[int, list[Problem]]]:
    """The other rows that lack other seats than they did, by number."""
    # Many rows lack the same seats: each list is read once.
    read: dict[str, list] = {"[]": []}
    for number, seen in done.overview.items():
        if seen.act == LEAVE or number in done.rows:
            continue
        now = shorts.get(seen.line, [])
        if seen.short not in read:
            read[seen.short] = json.loads(seen.short)
        if read[seen.short] != [one.value for one in now]:
            yield number, now


def _count_leavers(overview: dict[int, Seen]) -> int:
    return sum(seen.act == LEAVE and seen.state == Line.State.PLANNED for seen in overview.values())


def _take_over(seen: Seen, row: Row) -> None:
    person = row.input
    seen.state, seen.has_problems = _state(row), bool(row.problems)
    seen.user_name, seen.known = person["user_name"], person.get("user_id")
    seen.give = json.dumps(person.get("give", person["products"]))
    seen.take = json.dumps(person.get("take", []))


def _state(row: Row) -> str:
    if row.is_left_out:
        return str(Line.State.LEFT_OUT)
    return str(Line.State.INVALID if row.is_bad else Line.State.PLANNED)


def _plan_leavers(batch: Batch, overview: dict[int, Seen]) -> dict[str, int]:
    """What the plan says about those who leave; gives the seats that they free."""
    if "leavers" not in batch.plan:
        return {}
    going = [
        UUID(seen.known)
        for seen in overview.values()
        if seen.act == LEAVE and seen.state == Line.State.PLANNED
    ]
    freed = licensing.count_held(batch.customer, going)
    batch.plan |= {
        "freed": freed,
        "leavers": batch.plan["leavers"]
        | {"count": sum(seen.act == LEAVE and not seen.is_named for seen in overview.values())},
        "takes_last_administrator": is_last_administrator(batch.customer_id, going),
    }
    return freed


def _in_short(overview: dict[int, Seen]) -> tuple[list[Person], list[Problem]]:
    """The people of the file as a forecast of seats sees them, and who of them takes none."""
    # Many rows hold the same licenses: each list is read once.
    read: dict[str, list] = {}
    people, bad = [], []
    for seen in overview.values():
        if seen.state == Line.State.LEFT_OUT or seen.act == LEAVE:
            continue
        for text in (seen.give, seen.take):
            if text not in read:
                read[text] = json.loads(text)
        people.append(Person(seen.line, {"products": read[seen.give], "take": read[seen.take]}))
        if seen.state == Line.State.INVALID:
            bad.append(Problem(seen.line, "", "", "known"))
    return people, bad


def _count(overview: dict[int, Seen], shorts: dict[int, list]) -> dict[str, int]:
    counts = {"ready": 0, "warned": 0, "failed": 0}
    for seen in overview.values():
        if seen.act == LEAVE:
            continue
        if seen.state == Line.State.INVALID:
            counts["failed"] += 1
        elif seen.state == Line.State.PLANNED:
            is_warned = seen.has_problems or seen.line in shorts
            counts["warned" if is_warned else "ready"] += 1
    return counts


def _write(
    batch: Batch, done: Rework, shorts: dict[int, list[Problem]], before: dict[int, str | None]
) -> None:
    written = list(done.rows.values())
    for start in range(0, len(written), LINES_A_STATEMENT):
        some = written[start : start + LINES_A_STATEMENT]
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE {Line._meta.db_table} l SET state = r.state, input = r.input::jsonb,
                    problems = r.problems::jsonb, user_id = coalesce(r.user_id, l.user_id)
                FROM unnest(%s::integer[], %s::text[], %s::text[], %s::text[], %s::uuid[])
                    AS r(number, state, input, problems, user_id)
                -- Whose user was purged since the row was read, stays empty.
                WHERE l.batch_id = %s AND l.number = r.number AND l.input ? 'products'
                """,
                [
                    [row.number for row in some],
                    [_state(row) for row in some],
                    [as_json(row.input) for row in some],
                    [_problems((*row.problems, *shorts.get(row.line, ()))) for row in some],
                    [_user_id(row, before[row.number]) for row in some],
                    batch.pk,
                ],
            )


def _user_id(row: Row, before: str | None) -> UUID | None:
    if known := row.input.get("user_id"):
        return UUID(known)
    # Somebody new must not get the id of the user whom the row was about before.
    return uuid7() if before else None


def _problems(problems: Sequence[Problem]) -> str:
    return as_json([problem.as_json() for problem in problems])


def _write_shorts(batch: Batch, shorts: dict[int, Collection[Problem]]) -> None:
    moved = list(shorts.items())
    for start in range(0, len(moved), LINES_A_STATEMENT):
        some = moved[start : start + LINES_A_STATEMENT]
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE {Line._meta.db_table} l SET problems = jsonb_path_query_array(
                    l.problems, '$[*] ? (@.code != "{SEAT_SHORT}")') || s.problems::jsonb
                FROM unnest(%s::integer[], %s::text[]) AS s(number, problems)
                WHERE l.batch_id = %s AND l.number = s.number
                """,
                [
                    [number for number, _short in some],
                    [_problems(short) for _number, short in some],
                    batch.pk,
                ],
            )
