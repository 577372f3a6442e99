"""Repairing the rows of a planned import: one, or all that have the same problem."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from django.db import connection, transaction

import audit.operations as audit
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.importing import plan
from users.importing.facts import Facts, Person
from users.importing.problems import Problem
from users.importing.repair import How, Kind, Row, errors_of, mend, recheck
from users.models import Batch, Line

from .batches import LINES_A_STATEMENT, NotPlanned, as_json, may_start
from .facts import gather_facts

SEAT_SHORT = "seat_short"


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

    :raises NotPlanned: where the batch does not wait any more, or has no such line.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    batch = _lock(batch, by)
    rows = _load(batch, "l.number = %s", number)
    if number not in rows:
        raise NotPlanned
    row = rows[number]
    # Whoever types a cell anew has seen what was said about it.
    settled = {"", *changes} | ({"domain"} if "user_name" in changes else set())
    left = tuple(problem for problem in row.problems if problem.column not in settled)
    reworked, overview = _rework(batch, {number: Row(number, row.input | changes, left)}, by)
    if errors := errors_of(reworked[number].problems):
        return errors
    _save(batch, reworked, overview, by)
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
    found = _load(
        batch, "l.problems @> %s::jsonb AND l.state <> 'left_out'", json.dumps([kind.pattern])
    )
    facts = _gather(batch, (), by)
    mended = {number: mend(row, kind, how, value, facts) for number, row in found.items()}
    changed = {number: row for number, row in mended.items() if row != found[number]}
    return _put_right(batch, changed, {"code": kind.code, "how": str(how)}, by)


@transaction.atomic
def leave_out(*, batch: Batch, numbers: Collection[int], by: Member) -> Repaired:
    """
    Take rows out of the run; they stay to be seen, and can be taken back.

    :raises NotPlanned: where the batch does not wait any more.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    return _set_left_out(batch, numbers, True, by)


@transaction.atomic
def take_back(*, batch: Batch, numbers: Collection[int], by: Member) -> Repaired:
    """
    Put rows that were left out back into the plan, checked against what is true now.

    :raises NotPlanned: where the batch does not wait any more.
    :raises Refused: where the member may not import users, or it is another member's plan.
    """
    return _set_left_out(batch, numbers, False, by)


def _set_left_out(
    batch: Batch, numbers: Collection[int], is_left_out: bool, by: Member
) -> Repaired:
    batch = _lock(batch, by)
    found = _load(batch, "l.number = ANY(%s)", list(numbers))
    changed = {
        number: replace(row, is_left_out=is_left_out)
        for number, row in found.items()
        if row.is_left_out != is_left_out
    }
    how = str(How.LEAVE_OUT) if is_left_out else "take_back"
    return _put_right(batch, changed, {"how": how}, by)


def _put_right(batch: Batch, changed: dict[int, Row], what: dict, by: Member) -> Repaired:
    if not changed:
        return Repaired(0)
    numbers = list(changed)
    reworked, overview = _rework(batch, changed, by)
    _save(batch, reworked, overview, by)
    _record(batch, what | {"count": len(numbers)}, by)
    rows = [reworked[number] for number in numbers]
    return Repaired(len(rows), sum(row.is_bad and not row.is_left_out for row in rows))


def _lock(batch: Batch, by: Member) -> Batch:
    require(by, Permission.MANAGE_USERS)
    if not may_start(batch, by):
        require(by, Permission.APPROVE_BATCHES)
    # Locked as where it is started: no line changes in a plan that runs.
    waiting = Batch.objects.select_for_update(of=("self",), no_key=True).select_related("by")
    locked = waiting.filter(pk=batch.pk, kind=Batch.Kind.IMPORT, state=Batch.State.PLANNED).first()
    if locked is None:
        raise NotPlanned
    locked.customer = batch.customer
    return locked


def _gather(batch: Batch, user_names: Iterable[str], by: Member) -> Facts:
    asked = {name.lower() for name in user_names if name.isascii() and name.isprintable()}
    facts = gather_facts(customer=batch.customer, user_names=sorted(asked), by=by)
    # Whoever planned it runs it: what that member may not grant, a colleague's repair does not.
    if not batch.by.may(Permission.ACT_ON_ADMINISTRATORS):
        facts = replace(facts, grantable=frozenset())
    return facts


def _load(batch: Batch, condition: str, value: object) -> dict[int, Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT l.number, l.state = 'left_out', l.input::text, l.problems::text
            FROM {Line._meta.db_table} l WHERE l.batch_id = %s AND {condition} ORDER BY l.number
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


@dataclass(slots=True)
class _Seen:
    """A line as far as the others depend on it: its name, its place and its licenses."""

    line: int
    state: str
    user_name: str
    products: str
    # The names of the products that it was found to get no seat of, as JSON.
    short: str
    has_problems: bool


def _look_over(batch: Batch) -> dict[int, _Seen]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT number, coalesce((input->>'line')::integer, number), state,
                input->>'user_name', coalesce(input->>'products', '[]'),
                jsonb_path_query_array(problems, '$[*] ? (@.code == "{SEAT_SHORT}").value')::text,
                jsonb_path_exists(problems, '$[*] ? (@.code != "{SEAT_SHORT}")')
            FROM {Line._meta.db_table} WHERE batch_id = %s ORDER BY number
            """,
            [batch.pk],
        )
        return {number: _Seen(*rest) for number, *rest in cursor.fetchall()}


def _rework(
    batch: Batch, changed: dict[int, Row], by: Member
) -> tuple[dict[int, Row], dict[int, _Seen]]:
    """Check the changed rows, and those that share a user name with them, before or after."""
    overview = _look_over(batch)
    affected = {overview[number].user_name for number in changed}
    for row in changed.values():
        affected |= {row.input["user_name"], row.input["user_name"].lower()}
    neighbors = [
        number
        for number, seen in overview.items()
        if seen.user_name in affected and seen.user_name and number not in changed
    ]
    rows = [*changed.values(), *_load(batch, "l.number = ANY(%s)", neighbors).values()]
    asked = {row.input["user_name"] for row in rows}
    asked |= {
        problem.suggestion
        for row in rows
        for problem in row.problems
        if problem.column == "user_name"
    }
    checked = recheck(
        rows,
        _gather(batch, asked, by),
        typed_names=lambda: (
            *(seen.user_name for seen in overview.values()),
            *(row.input["user_name"].lower() for row in rows),
        ),
    )
    return {row.number: row for row in checked}, overview


def _state(row: Row) -> str:
    if row.is_left_out:
        return str(Line.State.LEFT_OUT)
    return str(Line.State.INVALID if row.is_bad else Line.State.PLANNED)


def _save(batch: Batch, reworked: dict[int, Row], overview: dict[int, _Seen], by: Member) -> None:
    """Write the rows that were checked, and the seats forecast of all rows in one pass."""
    for number, row in reworked.items():
        seen = overview[number]
        seen.state, seen.has_problems = _state(row), bool(row.problems)
        seen.products = json.dumps(row.input["products"])
    made = _forecast(overview, _gather(batch, (), by))
    numbers = [number for number, seen in overview.items() if seen.state != Line.State.LEFT_OUT]
    shorts = {
        number: [one for one in line.problems if one.code == SEAT_SHORT]
        for number, line in zip(numbers, made.lines, strict=True)
    }
    moved = {
        number: shorts.get(number, [])
        for number, seen in overview.items()
        if number not in reworked
        and json.loads(seen.short) != [one.value for one in shorts.get(number, [])]
    }
    _write(batch, reworked, shorts)
    _write_shorts(batch, moved)
    batch.plan |= {
        "seats": [
            asdict(seats) | {"short": seats.short, "left": seats.left} for seats in made.seats
        ],
        "counts": _count(overview, shorts),
    }
    batch.save(update_fields=["plan"])


def _forecast(overview: dict[int, _Seen], facts: Facts) -> plan.Plan:
    # Many rows hold the same licenses: each list is read once.
    read: dict[str, list] = {}
    people, bad = [], []
    for seen in overview.values():
        if seen.state == Line.State.LEFT_OUT:
            continue
        if seen.products not in read:
            read[seen.products] = json.loads(seen.products)
        people.append(Person(seen.line, {"products": read[seen.products]}))
        if seen.state == Line.State.INVALID:
            bad.append(Problem(seen.line, "", "", "known"))
    return plan.make_plan(people, bad, facts)


def _count(overview: dict[int, _Seen], shorts: dict[int, list]) -> dict[str, int]:
    counts = {"ready": 0, "warned": 0, "failed": 0}
    for number, seen in overview.items():
        if seen.state == Line.State.INVALID:
            counts["failed"] += 1
        elif seen.state == Line.State.PLANNED:
            counts["warned" if seen.has_problems or shorts[number] else "ready"] += 1
    return counts


def _write(batch: Batch, rows: dict[int, Row], shorts: dict[int, list[Problem]]) -> None:
    written = list(rows.values())
    for start in range(0, len(written), LINES_A_STATEMENT):
        some = written[start : start + LINES_A_STATEMENT]
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE {Line._meta.db_table} l SET state = r.state, input = r.input::jsonb,
                    problems = r.problems::jsonb
                FROM unnest(%s::integer[], %s::text[], %s::text[], %s::text[])
                    AS r(number, state, input, problems)
                WHERE l.batch_id = %s AND l.number = r.number
                """,
                [
                    [row.number for row in some],
                    [_state(row) for row in some],
                    [as_json(row.input) for row in some],
                    [_problems((*row.problems, *shorts.get(row.number, ()))) for row in some],
                    batch.pk,
                ],
            )


def _problems(problems: Sequence[Problem]) -> str:
    return as_json([problem.as_json() for problem in problems])


def _write_shorts(batch: Batch, shorts: dict[int, list[Problem]]) -> None:
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


def _record(batch: Batch, what: dict, by: Member) -> None:
    audit.record(
        "import.repaired",
        subject=audit.Subject(batch.pk, batch.source_name, after=what),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
