"""Makes a plan of people and problems: what happens to each line, and to the free seats."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from licensing.forecast import SeatForecast
from users.rules.facts import Facts, Person
from users.rules.person import is_unchanged
from users.rules.problems import ERROR, LEAVES_OUT, WARNING, Problem

READY, WARNED, FAILED, SKIPPED = "ready", "warned", "failed", "skipped"

SEAT_SHORT = "seat_short"
# The act of a line about a user missing from a full list.
LEAVE = "leave"
# Key in the input of a line of a full list: another row, which has no line, names the same user;
# of a missing user: a row names them after a repair.
NAMED = "named"

_NO_PROBLEMS: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One person of the plan: the position from 1, the file's line, and the problems."""

    position: int
    line: int
    input: dict[str, Any]
    problems: tuple[Problem, ...]
    state: str


@dataclass(frozen=True)
class Plan:
    """Everything that an import will do."""

    lines: list[PlannedLine]
    seats: tuple[SeatForecast, ...]
    # The number of lines in each state.
    counts: Mapping[str, int]
    # Rows that change nothing; they get no line.
    unchanged: int


def make_plan(
    people: Sequence[Person],
    problems: Sequence[Problem],
    facts: Facts,
    freed: Mapping[str, int] | None = None,
) -> Plan:
    """
    Combine people and problems, and assign the free seats in the order of the file.

    A line with an error, and one that is skipped, takes no seat. A user without a seat is still
    created. `freed` are the seats of missing users by subscription.
    """
    of_line: dict[int, list[Problem]] = defaultdict(list)
    # The lines that do not run.
    stopped: dict[int, str] = {}
    for problem in problems:
        of_line[problem.line].append(problem)
        if problem.code in LEAVES_OUT:
            stopped[problem.line] = SKIPPED
        elif problem.severity == ERROR:
            stopped.setdefault(problem.line, FAILED)
    by_id = {subscription.id: subscription for subscription in facts.subscriptions}
    freed = {
        id: number
        for id, number in (freed or {}).items()
        if id in by_id and by_id[id].state != "suspended"
    }
    # Missing users return their seats before any is assigned; changes of licenses do it too late.
    free = {id: bought.free + freed.get(id, 0) for id, bought in by_id.items()}
    wanted, returned = dict.fromkeys(free, 0), dict.fromkeys(free, 0)
    unchanged = 0
    lines: list[PlannedLine] = []
    counts = {READY: 0, WARNED: 0, FAILED: 0, SKIPPED: 0}
    for position, person in enumerate(people, 1):
        number = person.line
        if number not in stopped and is_unchanged(person.input):
            unchanged += 1
            continue
        if number in stopped:
            state, own = stopped[number], tuple(of_line[number])
        else:
            short = []
            for id in person.input.get("remove", ()):
                if id in returned:
                    returned[id] += 1
            for product in person.input.get("add", person.input["products"]):
                id = product["subscription"]
                if id in wanted:
                    wanted[id] += 1
                    if wanted[id] > free[id]:
                        short.append(by_id[id].name)
            own = tuple(of_line[number]) if number in of_line else _NO_PROBLEMS
            if short:
                own += tuple(
                    Problem(
                        number, "products", name, SEAT_SHORT, {"product": name}, severity=WARNING
                    )
                    for name in short
                )
            state = WARNED if own else READY
        counts[state] += 1
        lines.append(PlannedLine(position, number, person.input, own, state))
    seats = []
    for id, bought in by_id.items():
        back = freed.get(id, 0) + returned[id]
        if wanted[id] or back:
            short = max(wanted[id] - free[id], 0)
            left = max(free[id] - wanted[id], 0) + returned[id]
            seats.append(
                SeatForecast(
                    id, bought.name, bought.free, wanted[id], back, short, left, waits=short
                )
            )
    return Plan(lines, tuple(seats), counts, unchanged)
