"""Rows of a plan made better: what a member chose for a problem is put into the person."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from imports.check.rows import repeated
from users.rules import vocabulary
from users.rules.facts import Facts, Person
from users.rules.fields import LABELS
from users.rules.person import LIMITS, Rules
from users.rules.problems import ERROR, Problem


class How(StrEnum):
    """What can be done about a problem, in one row or in all that have it."""

    # Put the chosen value there.
    SET = "set"
    # Take what the check suggested.
    SUGGESTED = "suggested"
    # Do without what stands there.
    WITHOUT = "without"
    # Import the row although this was said about it.
    ACCEPT = "accept"
    # Wait in line for what is lacking; this is for the whole plan.
    WAIT = "wait"
    LEAVE_OUT = "leave_out"


# One problem for each text that stands in the cells; the others are one for the whole column.
BY_VALUE = frozenset(
    {
        "product_unknown", "product_ambiguous", "product_suspended", "product_not_sold",
        "product_requires", "product_excludes", "seat_short", "location_unknown",
        "permission_unknown", "permission_not_yours", "language_unknown",
    }
)  # fmt: skip
# One problem for each domain, since every cell holds another name before it.
BY_DOMAIN = frozenset({"domain_unknown"})

DOMAIN_CODES = frozenset({"domain_unknown", "domain_missing", "domain_differs"})

# What a member may accept, so that the row is imported with the user name it has.
ACCEPTABLE = frozenset(
    {
        "user_name_deleted", "user_name_reserved", "invisible_removed", "user_unknown",
        "user_deleted",
    }
)  # fmt: skip

# Found as the file was read; the person does not show them any more, so they are kept.
_OF_READING = frozenset(
    {
        "product_unknown", "product_ambiguous", "location_unknown", "permission_unknown",
        "language_unknown", "cells_too_many", "domain_differs", "invisible_removed",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a plan as it is repaired."""

    number: int
    input: dict[str, Any]
    problems: tuple[Problem, ...]
    is_left_out: bool = False

    @property
    def line(self) -> int:
        """The line of the file that it came from."""
        return self.input.get("line") or self.number

    @property
    def is_bad(self) -> bool:
        """Whether it has an error, so that it cannot run."""
        return any(problem.severity == ERROR for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Kind:
    """Problems that are one to whoever repairs them: the same code, column and text."""

    code: str
    column: str
    key: str = ""

    def covers(self, problem: Problem) -> bool:
        """Whether the problem is one of these."""
        return (problem.code, problem.column) == (self.code, self.column) and (
            key_of(problem) == self.key
        )

    @property
    def pattern(self) -> dict[str, Any]:
        """What such a problem contains as it is stored."""
        pattern: dict[str, Any] = {"code": self.code, "column": self.column}
        if self.code in BY_VALUE:
            pattern["value"] = self.key
        elif self.code in BY_DOMAIN:
            pattern["params"] = {"domain": self.key}
        return pattern


def key_of(problem: Problem) -> str:
    """The text by which problems of one code are told apart."""
    if problem.code in BY_VALUE:
        return problem.value
    return problem.params.get("domain", "") if problem.code in BY_DOMAIN else ""


def mend(row: Row, kind: Kind, how: How, value: str, facts: Facts) -> Row:
    """
    The row with the choice made for every problem of this kind; it is to be checked again.

    A row without a suggestion stays as it is where suggestions are to be taken.
    """
    if how == How.LEAVE_OUT:
        return replace(row, is_left_out=True)
    person, left = dict(row.input), []
    for problem in row.problems:
        wanted = problem.suggestion if how == How.SUGGESTED else value
        if not kind.covers(problem) or (how == How.SUGGESTED and not wanted) or how == How.WAIT:
            left.append(problem)
        elif how == How.ACCEPT:
            if kind.code not in ACCEPTABLE:
                left.append(problem)
            elif problem.column == "user_name":
                person["accepted"] = {"user_name": problem.value, "code": problem.code}
        elif how == How.WITHOUT:
            _take_away(person, problem, facts)
        else:
            _put(person, problem, wanted, facts)
    _note_given(person, row.input)
    return _remember(row, Row(row.number, person, tuple(left), row.is_left_out))


def _put(person: dict[str, Any], problem: Problem, value: str, facts: Facts) -> None:
    if problem.column == "products":
        id = _find_subscription(value, facts)
        _take_away(person, problem, facts, is_known=id is not None)
        if id and id not in {one["subscription"] for one in person["products"]}:
            person["products"] = [*person["products"], {"subscription": id, "plans_off": []}]
    elif problem.column == "permissions":
        _take_away(person, problem, facts)
        person["permissions"] = list(dict.fromkeys([*person["permissions"], value]))
    elif problem.code in DOMAIN_CODES and "@" not in value:
        person["user_name"] = f"{person['user_name'].partition('@')[0]}@{value}"
    else:
        person["user_name" if problem.column == "domain" else problem.column] = value


def type_anew(row: Row, changes: dict[str, Any]) -> Row:
    """The row with the cells that somebody typed, without what was said about these."""
    # Whoever types a cell anew has seen what was said about the whole row too.
    settled = {"", *changes} | ({"domain"} if "user_name" in changes else set())
    person = row.input | changes
    _note_given(person, row.input)
    left = tuple(problem for problem in row.problems if problem.column not in settled)
    return _remember(row, Row(row.number, person, left))


def _remember(before: Row, after: Row) -> Row:
    """The repaired row with what its changed cells held as they were read, to be compared later."""
    read = dict(before.input.get("read", {}))
    for column in _changed(before, after):
        if column not in read:
            read[column] = _cell(before, column)
            if column == "user_name":
                # Whom the file was about there, of those who are there already.
                read[column]["user_id"] = before.input.get("user_id")
    return replace(after, input=after.input | {"read": read}) if read else after


def _changed(before: Row, after: Row) -> Iterator[str]:
    was, becomes = before.input, after.input
    for column in LABELS:
        if was.get(column) != becomes.get(column):
            yield column
    if was.get("accepted") != becomes.get("accepted"):
        yield "user_name"
    for problem in before.problems:
        if problem.code in _OF_READING and problem not in after.problems:
            yield problem.column


def _cell(row: Row, column: str) -> dict[str, Any]:
    """What a cell was read as: its value, and the texts that were not understood."""
    of_it = (one for one in row.problems if one.column == column and one.code in _OF_READING)
    return {"value": row.input.get(column), "said": sorted(one.value for one in of_it)}


@dataclass(frozen=True, slots=True)
class Again:
    """A row that was read anew and repaired as before, and which repairs no longer fit there."""

    row: Row
    # How the cells are read now whose repair is lost, by column.
    lost: dict[str, dict[str, Any]]
    # It was left out and is in again, since it is about somebody else.
    is_back: bool

    @property
    def is_whole(self) -> bool:
        """Whether every repair fits."""
        return not self.lost and not self.is_back


def repair_again(row: Row, before: Row) -> Again:
    """
    The row of a file that was read anew, repaired as its line was before as far as that fits.

    A cell is repaired again where it is read as it was before its first repair, and the row is
    left out again where it is about the same person.
    """
    read = before.input.get("read", {})
    fits = {
        column
        for column, cell in read.items()
        if _cell(row, column) == {"value": cell["value"], "said": cell["said"]}
    }
    person = row.input | {column: before.input[column] for column in fits if column in before.input}
    if "user_name" in fits and "accepted" in before.input:
        person["accepted"] = before.input["accepted"]
    _note_given(person, row.input)
    still = {(one.column, one.value) for one in before.problems}
    left = tuple(
        one for one in row.problems if one.column not in fits or (one.column, one.value) in still
    )
    is_same = all(
        row.input[column] == (read[column]["value"] if column in read else before.input[column])
        for column in ("user_name", "display_name")
    )
    is_left_out = before.is_left_out and is_same
    made = Row(row.number, person, left, row.is_left_out or is_left_out)
    lost = {column: _cell(row, column) for column in read if column not in fits}
    return Again(_remember(row, made), lost, before.is_left_out and not is_same)


def join_repairs(lost: Row, later: Row) -> Row:
    """What was repaired in a line: first a part that was lost, and then what `later` has of it."""
    was, read = lost.input.get("read", {}), later.input.get("read", {})
    person = lost.input | {column: later.input[column] for column in read if column in later.input}
    problems = (
        *(one for one in lost.problems if one.column not in read),
        *(one for one in later.problems if one.column in read),
    )
    is_left_out = lost.is_left_out or later.is_left_out
    return Row(lost.number, person | {"read": was | read}, problems, is_left_out)


def _note_given(person: dict[str, Any], before: dict[str, Any]) -> None:
    # Of somebody who is there already, only what the row says itself is changed.
    if "given" in before:
        person["given"] = [
            field
            for field in LABELS
            if person.get(field)
            and (field in before["given"] or person[field] != before.get(field))
        ]


def _find_subscription(value: str, facts: Facts) -> str | None:
    # A choice is an id, a suggestion is what one may write into the cell.
    plain = vocabulary.plain(value)
    for one in facts.subscriptions:
        if one.id == value or plain in {
            vocabulary.plain(one.name),
            vocabulary.plain(one.part_number),
        }:
            return one.id
    return None


def _take_away(
    person: dict[str, Any], problem: Problem, facts: Facts, *, is_known: bool = False
) -> None:
    value = problem.value
    if problem.column == "products":
        # What is missing beside a product is put there, and the product stays.
        if is_known and problem.code == "product_requires":
            return
        names = {one.id: one.name for one in facts.subscriptions}
        person["products"] = [
            one
            for one in person["products"]
            if value not in {one["subscription"], names.get(one["subscription"])}
        ]
    elif problem.column == "permissions":
        person["permissions"] = [one for one in person["permissions"] if one != value]
    elif problem.column in {"contact_email", "phone", "location"}:
        person[problem.column] = ""


def recheck(
    rows: Iterable[Row],
    facts: Facts,
    *,
    changed: Container[int] = (),
    typed_names: Callable[[], Iterable[str]],
) -> list[Row]:
    """
    Check rows of a plan once more by the rules of every person; gives them cleaned.

    Whoever shares a user name with one of them must be among them, so that the first of a name
    is known; those `changed`, by number, take no name from others. `typed_names` gives the user
    names of the whole plan, which nobody is suggested.
    """
    rules = Rules(facts, typed_names=typed_names)
    firsts: dict[str, Row] = {}
    checked = []
    for row in sorted(rows, key=lambda row: (row.number in changed, row.number)):
        person = dict(row.input)
        for field in ("user_name", *LIMITS):
            person[field] = str(person.get(field) or "").strip()
        found = [one for one in row.problems if _is_of_reading(one, person)]
        rules.check(person, row.line, found)
        made = Row(row.number, person, (), row.is_left_out)
        if person["user_name"] and not row.is_left_out:
            first = firsts.setdefault(person["user_name"], made)
            if first is not made:
                pair = Person(first.line, first.input), Person(row.line, person)
                found.append(repeated(*pair, rules))
        checked.append(Row(row.number, person, tuple(found), row.is_left_out))
    return checked


def _is_of_reading(problem: Problem, person: dict[str, Any]) -> bool:
    if problem.code not in _OF_READING:
        return False
    # The rules report what stands in the person, and do so again.
    if problem.code == "location_unknown":
        return not person["location"]
    if problem.column == "products":
        return problem.value not in {one["subscription"] for one in person["products"]}
    return problem.column != "permissions" or problem.value not in person["permissions"]


def errors_of(problems: Sequence[Problem]) -> list[Problem]:
    """Those that keep a row from running."""
    return [problem for problem in problems if problem.severity == ERROR]
