"""People and problems to a plan: what will happen to each line, and to the free seats."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from users.rules.facts import Facts, Person
from users.rules.person import is_idle
from users.rules.problems import ERROR, WARNING, Problem

READY, WARNED, FAILED = "ready", "warning", "failed"

SEAT_SHORT = "seat_short"
# The act of a line about a user who is missing from a full list.
LEAVE = "leave"
# Key in the input of a line of a full list: another row, which has no line, names the same user;
# of a user who was to leave: a row names them.
NAMED = "named"

_NO_PROBLEMS: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One person of the plan: the place from 1, the file's line, and what will become of it."""

    position: int
    line: int
    input: dict[str, Any]
    problems: tuple[Problem, ...]
    state: str


@dataclass(frozen=True)
class Seats:
    """What the plan does to the free seats of one subscription."""

    subscription: str
    name: str
    free: int
    wanted: int
    # By those who leave, before anybody is given any.
    freed: int = 0
    # By those who stay, too late to be given to others.
    returned: int = 0

    @property
    def short(self) -> int:
        """How many of the users will be created without it."""
        return max(self.wanted - self.free - self.freed, 0)

    @property
    def left(self) -> int:
        """How many seats are free afterwards."""
        return max(self.free + self.freed - self.wanted, 0) + self.returned


@dataclass(frozen=True)
class Plan:
    """Everything that an import will do, before anything has happened."""

    lines: list[PlannedLine]
    seats: tuple[Seats, ...]
    ready: int = field(default=0)
    warned: int = field(default=0)
    failed: int = field(default=0)
    # Rows that ask for nothing that is not so already; they get no line.
    idle: int = field(default=0)


def make_plan(
    people: Sequence[Person],
    problems: Sequence[Problem],
    facts: Facts,
    freed: Mapping[str, int] | None = None,
) -> Plan:
    """
    Put people and problems together, and give out the free seats in the file's order.

    A line with an error takes no seat. One that finds no seat left is created without. `freed`
    are the seats, by subscription, of those who leave.
    """
    of_line: dict[int, list[Problem]] = defaultdict(list)
    failed_lines = set()
    for problem in problems:
        of_line[problem.line].append(problem)
        if problem.severity == ERROR:
            failed_lines.add(problem.line)
    by_id = {subscription.id: subscription for subscription in facts.subscriptions}
    freed = {
        id: number
        for id, number in (freed or {}).items()
        if id in by_id and by_id[id].state != "suspended"
    }
    free = {id: one.free + freed.get(id, 0) for id, one in by_id.items()}
    wanted, returned = dict.fromkeys(free, 0), dict.fromkeys(free, 0)
    idle = 0
    lines: list[PlannedLine] = []
    counts = {READY: 0, WARNED: 0, FAILED: 0}
    for position, person in enumerate(people, 1):
        number = person.line
        if number not in failed_lines and is_idle(person.input):
            idle += 1
            continue
        if number in failed_lines:
            state, own = FAILED, tuple(of_line[number])
        else:
            short = []
            for id in person.input.get("take", ()):
                if id in returned:
                    returned[id] += 1
            for product in person.input.get("give", person.input["products"]):
                id = product["subscription"]
                if id in wanted:
                    wanted[id] += 1
                    if wanted[id] > free[id]:
                        short.append(id)
            own = tuple(of_line[number]) if number in of_line else _NO_PROBLEMS
            if short:
                own += tuple(_seat_short(number, by_id[id].name) for id in short)
            state = WARNED if own else READY
        counts[state] += 1
        lines.append(PlannedLine(position, number, person.input, own, state))
    seats = tuple(
        Seats(id, one.name, one.free, wanted[id], freed.get(id, 0), returned[id])
        for id, one in by_id.items()
        if wanted[id] or freed.get(id) or returned[id]
    )
    return Plan(lines, seats, counts[READY], counts[WARNED], counts[FAILED], idle)


def _seat_short(line: int, name: str) -> Problem:
    return Problem(line, "products", name, "seat_short", {"product": name}, severity=WARNING)
