"""A plan after rows of it were repaired: names, missing users and seats, for all its lines."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import connection

from batches.models import Batch, Line
from batches.operations.plan import LINES_PER_STATEMENT, as_json
from imports.check import plan
from imports.check.repair import Row, check_row
from imports.check.rows import repeated
from imports.operations import full_list
from imports.queries import SHARED, LineSummary, find_suggested_names, summarize_lines
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import uuid7
from users.rules.facts import Facts, Person
from users.rules.gather import gather_facts
from users.rules.person import Rules, act_of
from users.rules.problems import Problem


def gather(
    batch: Batch, user_names: Iterable[str], by: Member, people: Iterable[Mapping] = ()
) -> Facts:
    """
    Gather what the rules ask about, within the permissions of `by` and of the planner.

    `people` are looked up by contact address, and by name where they have no user name.
    """
    people = list(people)
    facts = gather_facts(
        customer=batch.customer,
        user_names=_storable(user_names),
        contacts=_storable(person["contact_email"] for person in people),
        display_names=[person["display_name"] for person in people if not person["user_name"]],
        options=batch.options,
        by=by,
    )
    # The batch runs with the permissions of the planner.
    if not batch.by.may(Permission.ACT_ON_ADMINISTRATORS):
        facts = replace(facts, grantable=frozenset())
    return facts


def _storable(names: Iterable[str]) -> list[str]:
    found = {name.lower() for name in names if name.isascii() and name.isprintable()}
    return sorted(found - {""})


@dataclass(frozen=True)
class Rechecked:
    """Repaired rows after their check, among all lines of their batch."""

    rows: dict[int, Row]
    lines: dict[int, LineSummary]
    # The problem, or None, of rows with a user name that is or was in several rows; by number.
    repeated: dict[int, Problem | None]
    facts: Facts
    # The users that repaired rows were about before.
    users_before: dict[int, str | None]

    def find_problems(self, number: int) -> tuple[Problem, ...]:
        """The problems of a repaired row, except for seats that it does not get."""
        found = self.repeated.get(number)
        return (*self.rows[number].problems, *([found] if found else []))


def recheck(batch: Batch, repaired: Mapping[int, Row], by: Member) -> Rechecked:
    """Check repaired rows, and which user names are now in several rows; writes nothing."""
    lines = summarize_lines(batch)
    asked = {row.input["user_name"] for row in repaired.values()}
    asked |= {
        problem.suggestion
        for row in repaired.values()
        for problem in row.problems
        if problem.column == "user_name"
    }
    facts = gather(batch, asked, by, [row.input for row in repaired.values()])
    before = {line.user_name for line in lines.values()}
    rules = Rules(
        facts,
        typed_names=lambda: before.union(
            map(str.lower, asked), find_suggested_names(batch, without=repaired)
        ),
    )
    rows = {number: check_row(row, rules) for number, row in repaired.items()}
    users_before = {number: lines[number].user_id for number in rows}
    names, renamed = set(), set()
    for number, row in rows.items():
        names |= {lines[number].user_name, row.input["user_name"]}
        if lines[number].user_name != row.input["user_name"]:
            renamed.add(number)
        lines[number].update(row)
    repeated_rows = _find_repeated(lines, rows, names, renamed, rules)
    return Rechecked(rows, lines, repeated_rows, facts, users_before)


def _find_repeated(
    lines: Mapping[int, LineSummary],
    repaired: Collection[int],
    names: set[str],
    renamed: set[int],
    rules: Rules,
) -> dict[int, Problem | None]:
    firsts: dict[str, LineSummary] = {}
    found: dict[int, Problem | None] = {}
    concerned = [
        number
        for number, line in lines.items()
        if number in repaired
        or (line.user_name and line.user_name in names and not line.is_missing_user)
    ]
    # A repaired row takes no name from another.
    for number in sorted(concerned, key=lambda number: (number in renamed, number)):
        line = lines[number]
        found[number] = None
        if line.user_name and not line.is_skipped:
            first = firsts.setdefault(line.user_name, line)
            if first is not line:
                found[number] = repeated(first.person, line.person, rules)
    return found


def save(batch: Batch, done: Rechecked, moved: Mapping[int, str] | None = None) -> int:
    """
    Write the repaired rows, and what has changed for other lines, in a few statements.

    `moved` are new states of lines about missing users. Returns how many more users leave with a
    full list than before.
    """
    lines = done.lines
    leaving = len(full_list.find_leaving(lines))
    for number, found in done.repeated.items():
        if not lines[number].is_skipped:
            is_bad = lines[number].has_errors or found is not None
            lines[number].state = str(Line.State.INVALID if is_bad else Line.State.PLANNED)
    if "missing_users" in batch.plan:
        full_list.update_missing_users(batch, lines, moved or {})
    made = plan.make_plan(*_people(lines), done.facts, full_list.plan_leaving(batch, lines))
    short = {line.line: line.problems for line in made.lines if line.state == plan.WARNED}
    # Many rows lack the same products: each list is read once.
    read: dict[str, list[str]] = {"[]": []}
    counts = dict.fromkeys((plan.READY, plan.WARNED, plan.FAILED, plan.SKIPPED), 0)
    shared: dict[int, list[Problem]] = {}
    for number, line in lines.items():
        if line.is_missing_user:
            continue
        now = short.get(line.line, ())
        if line.short not in read:
            read[line.short] = json.loads(line.short)
        if number in done.repeated:
            found = done.repeated[number]
            shared[number] = [*([found] if found else []), *now]
        # A row with a repeated name does not run, and takes no seat.
        elif not line.is_repeated and read[line.short] != [one.value for one in now]:
            shared[number] = list(now)
        if line.state == Line.State.INVALID:
            counts[plan.FAILED] += 1
        elif line.is_skipped:
            counts[plan.SKIPPED] += 1
        else:
            counts[plan.WARNED if line.has_problems or now else plan.READY] += 1
    _write_rows(batch, done, shared)
    _write_shared(batch, lines, {n: shared[n] for n in shared if n not in done.rows})
    batch.plan |= {
        "seats": [seats.to_json() for seats in made.seats],
        "counts": counts,
        "restores": sum(
            line.act == "restore" and line.state == Line.State.PLANNED for line in lines.values()
        ),
    }
    batch.save(update_fields=["plan"])
    return len(full_list.find_leaving(lines)) - leaving


def _people(lines: Mapping[int, LineSummary]) -> tuple[list[Person], list[Problem]]:
    """The rows as people with only their changes of products, and the rows that cannot run."""
    # Many rows have the same products: each list is read once.
    read: dict[str, list] = {}
    people, bad = [], []
    for line in lines.values():
        if line.is_skipped or line.is_missing_user:
            continue
        for text in (line.gets, line.loses):
            if text not in read:
                read[text] = json.loads(text)
        people.append(Person(line.line, {"products": read[line.gets], "remove": read[line.loses]}))
        if line.state == Line.State.INVALID:
            bad.append(Problem(line.line, "", "", "known"))
    return people, bad


def _write_rows(batch: Batch, done: Rechecked, shared: Mapping[int, list[Problem]]) -> None:
    rows = list(done.rows.values())
    for start in range(0, len(rows), LINES_PER_STATEMENT):
        some = rows[start : start + LINES_PER_STATEMENT]
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE {Line._meta.db_table} l SET state = r.state, input = r.input::jsonb,
                    act = r.act, problems = r.problems::jsonb,
                    user_id = coalesce(r.user_id, l.user_id)
                FROM unnest(%s::integer[], %s::text[], %s::text[], %s::text[], %s::text[],
                    %s::uuid[]) AS r(number, state, act, input, problems, user_id)
                -- A row that a purge has emptied since it was read stays empty.
                WHERE l.batch_id = %s AND l.number = r.number AND l.input ? 'products'
                """,
                [
                    [row.number for row in some],
                    [done.lines[row.number].state for row in some],
                    [act_of(row.input) for row in some],
                    [as_json(row.input) for row in some],
                    [_problems((*row.problems, *shared[row.number])) for row in some],
                    [_user_id(row, done.users_before[row.number]) for row in some],
                    batch.pk,
                ],
            )


def _user_id(row: Row, before: str | None) -> UUID | None:
    if user_id := row.input.get("user_id"):
        return UUID(user_id)
    # A new user must not get the id of the existing one that the row was about before.
    return uuid7() if before else None


def _problems(problems: Sequence[Problem]) -> str:
    return as_json([problem.as_json() for problem in problems])


def _write_shared(
    batch: Batch, lines: Mapping[int, LineSummary], shared: Mapping[int, list[Problem]]
) -> None:
    numbers = list(shared)
    for start in range(0, len(numbers), LINES_PER_STATEMENT):
        some = numbers[start : start + LINES_PER_STATEMENT]
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE {Line._meta.db_table} l SET state = s.state, problems =
                    jsonb_path_query_array(l.problems, '$[*] ? (!({SHARED}))') || s.problems::jsonb
                FROM unnest(%s::integer[], %s::text[], %s::text[]) AS s(number, state, problems)
                WHERE l.batch_id = %s AND l.number = s.number
                """,
                [
                    some,
                    [lines[number].state for number in some],
                    [_problems(shared[number]) for number in some],
                    batch.pk,
                ],
            )
