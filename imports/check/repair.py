"""Repairs of the rows of a plan: puts what a member chose for a problem into the person."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from users.rules import sign_in, vocabulary
from users.rules.facts import Facts
from users.rules.fields import LABELS
from users.rules.person import LIMITS, Rules
from users.rules.problems import ERROR, INCLUDED, LEAVES_OUT, Problem, leaves_out
from users.rules.same_person import PRESENT, RESTORED, WAS_PRESENT

# Keys in the input of a repaired row: that it was repaired, and the id of the user that it was about
# before its user name was changed.
REPAIRED, FIRST_USER = "repaired", "first_user_id"


class How(StrEnum):
    """What can be done about a problem, in one row or in all rows that have it."""

    # Set the chosen value.
    SET = "set"
    # Set the value that the check suggested.
    SUGGESTED = "suggested"
    # Remove the value.
    WITHOUT = "without"
    # Import the row as it is.
    ACCEPT = "accept"
    # Wait for seats; for all users of the plan.
    WAIT = "wait"
    # Restore the deleted user instead of adding one.
    RESTORE = "restore"
    SKIP = "skip"


# Codes with one group of rows for each text in the cells; the others have one for each column.
BY_VALUE = frozenset(
    {
        "product_unknown", "product_ambiguous", "product_suspended", "product_not_sold",
        "product_requires", "product_excludes", "seat_short", "location_unknown",
        "permission_unknown", "permission_not_yours", "language_unknown", "sign_in_unknown",
        "role_unknown",
    }
)  # fmt: skip
# Codes with one group of rows for each domain.
BY_DOMAIN = frozenset({"domain_unknown"})

# Codes of rows about a deleted user.
RESTORABLE = WAS_PRESENT | {"person_deleted", "user_name_deleted", "user_deleted"}

DOMAIN_CODES = frozenset({"domain_unknown", "domain_missing", "domain_differs"})

# The second of two rows about one person.
SAME = "same_person"
# Suggestions for these would make another account of a person, so they are not taken with others.
SECOND_ACCOUNT = frozenset({SAME, "user_name_exists"})

# Codes that a member can accept, so that the row is imported with its user name.
ACCEPTABLE = frozenset(
    {
        "user_name_deleted", "user_name_reserved", "invisible_removed", "user_unknown",
        "user_deleted", "letters_lost", "name_is_null", "user_name_is_date",
    }
) | LEAVES_OUT | PRESENT  # fmt: skip

# Cells that a spreadsheet gave no value.
UNREADABLE = frozenset({"cell_error", "formula_without_result"})

# Problems found while the file was read. They cannot be found again in the person.
_OF_READING = frozenset(
    {
        "product_unknown", "product_ambiguous", "location_unknown", "permission_unknown",
        "language_unknown", "cells_too_many", "domain_differs", "invisible_removed",
        "role_unknown", "letters_lost", "name_is_null", "user_name_is_date", "person_repeated",
        *UNREADABLE,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file with its number in the plan."""

    number: int
    input: dict[str, Any]
    problems: tuple[Problem, ...]
    is_skipped: bool = False

    @property
    def line(self) -> int:
        return self.input.get("line") or self.number

    @property
    def has_errors(self) -> bool:
        return any(problem.severity == ERROR for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Kind:
    """A group of problems that are repaired together: the same code, column and key."""

    code: str
    column: str
    key: str = ""

    def covers(self, problem: Problem) -> bool:
        return (
            (self == EVERY and problem.code not in SECOND_ACCOUNT)
            or (problem.code, problem.column) == (self.code, self.column)
            and (key_of(problem) == self.key)
        )

    @property
    def is_skipped(self) -> bool:
        """Whether rows with such a problem are skipped until a member decides."""
        return self.code in LEAVES_OUT

    @property
    def pattern(self) -> dict[str, Any]:
        """What the stored JSON of such a problem contains."""
        pattern: dict[str, Any] = {"code": self.code, "column": self.column}
        if self.code in BY_VALUE:
            pattern["value"] = self.key
        elif self.code in BY_DOMAIN:
            pattern["params"] = {"domain": self.key}
        return pattern


# The problems of every kind.
EVERY = Kind("", "")


def key_of(problem: Problem) -> str:
    """What distinguishes problems with the same code and column."""
    if problem.code in BY_VALUE:
        return problem.value
    return problem.params.get("domain", "") if problem.code in BY_DOMAIN else ""


def apply_repair(row: Row, kind: Kind, how: How, value: str, facts: Facts) -> Row:
    """
    Apply the choice to every problem of this kind in the row, which must be checked again.

    With How.SUGGESTED, a row without a suggestion stays as it is.
    """
    if how == How.SKIP:
        # By the mark, this was decided for a row that was skipped before.
        marked = row.input | {REPAIRED: True} if kind.code in LEAVES_OUT else row.input
        return replace(row, input=marked, is_skipped=True)
    if how == How.ACCEPT and kind.code in LEAVES_OUT | PRESENT:
        return include(row, LEAVES_OUT | {kind.code})
    if how == How.RESTORE:
        return _restore(row, kind)
    if kind.code in sign_in.CODES:
        return _decide_sign_in(row, kind, value) if how == How.SET else row
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
            _remove(person, problem, facts)
        else:
            _put(person, problem, wanted, facts)
    _note_given(person, row.input)
    return _mark(row, Row(row.number, person, tuple(left), row.is_skipped))


def _decide_sign_in(row: Row, kind: Kind, choice: str) -> Row:
    if choice not in sign_in.CHOICES or not any(map(kind.covers, row.problems)):
        return row
    included = include(row)
    person = dict(included.input)
    sign_in.decide(person, choice)
    left = tuple(problem for problem in included.problems if not kind.covers(problem))
    return _mark(row, Row(row.number, person, left))


def _put(person: dict[str, Any], problem: Problem, value: str, facts: Facts) -> None:
    if problem.column == "products":
        id = _find_subscription(value, facts)
        _remove(person, problem, facts, is_known=id is not None)
        if id and id not in {product["subscription"] for product in person["products"]}:
            person["products"] = [*person["products"], {"subscription": id, "disabled_plans": []}]
    elif problem.column == "permissions":
        _remove(person, problem, facts)
        person["permissions"] = list(dict.fromkeys([*person["permissions"], value]))
    elif problem.code in DOMAIN_CODES and "@" not in value:
        person["user_name"] = f"{person['user_name'].partition('@')[0]}@{value}"
    else:
        person["user_name" if problem.column == "domain" else problem.column] = value
        if problem.code == "letters_lost" and problem.column != "display_name":
            # It may be made of the other names.
            display_name = person["display_name"].replace(problem.value, value)
            person["display_name"] = display_name


def _restore(row: Row, kind: Kind) -> Row:
    if kind.code not in RESTORABLE or not any(map(kind.covers, row.problems)):
        return row
    left = tuple(problem for problem in row.problems if problem.code not in LEAVES_OUT)
    person = row.input | {RESTORED: True}
    if kind.code in WAS_PRESENT:
        # A user with another user name comes back with that one.
        person["user_name"] = next(filter(kind.covers, row.problems)).params["user_name"]
    return _mark(row, Row(row.number, person, left))


def include(row: Row, accepted: Collection[str] = LEAVES_OUT) -> Row:
    """The row without being skipped, also where the check would find these codes again."""
    codes = {problem.code for problem in row.problems}.intersection(accepted)
    person = row.input
    if codes:
        all_codes = sorted(codes.union(person.get(INCLUDED, ())))
        person = person | {INCLUDED: all_codes, REPAIRED: True}
    left = tuple(problem for problem in row.problems if problem.code not in accepted)
    return Row(row.number, person, left)


def edit_row(row: Row, changes: dict[str, Any]) -> Row:
    """
    The row with the changed cells, without the problems of these and of the whole row.

    A row that was skipped is included.
    """
    edited = {"", *changes} | ({"domain"} if "user_name" in changes else set())
    is_renamed = changes.get("user_name", row.input["user_name"]) != row.input["user_name"]
    included = include(row, LEAVES_OUT | PRESENT if is_renamed else LEAVES_OUT)
    person = included.input | changes
    if "products" in changes:
        sign_in.choose_products(person)
    _note_given(person, row.input)
    left = tuple(problem for problem in included.problems if problem.column not in edited)
    return _mark(row, Row(row.number, person, left))


def _mark(before: Row, after: Row) -> Row:
    """The row with the marks of a repair, where anything in it has changed."""
    if (before.input, before.problems) == (after.input, after.problems):
        return after
    marks: dict[str, Any] = {REPAIRED: True}
    if before.input["user_name"] != after.input["user_name"] and FIRST_USER not in before.input:
        marks[FIRST_USER] = before.input.get("user_id")
    return replace(after, input=after.input | marks)


def _note_given(person: dict[str, Any], before: dict[str, Any]) -> None:
    # Of an existing user, only the fields that the row fills are changed.
    if "given" in before:
        person["given"] = [
            field
            for field in LABELS
            if (
                person.get(field)
                and (field in before["given"] or person[field] != before.get(field))
            )
            # The licenses of a row wait for a decision about its sign-in.
            or (field == "products" and sign_in.WITHHELD in person and field in before["given"])
        ]


def _find_subscription(value: str, facts: Facts) -> str | None:
    # A choice is an id, a suggestion is a name.
    plain = vocabulary.plain(value)
    for bought in facts.subscriptions:
        names = {vocabulary.plain(bought.name), vocabulary.plain(bought.part_number)}
        if bought.id == value or plain in names:
            return bought.id
    return None


def _remove(
    person: dict[str, Any], problem: Problem, facts: Facts, *, is_known: bool = False
) -> None:
    value = problem.value
    if problem.column == "products":
        # The required product is added, and this one stays.
        if is_known and problem.code == "product_requires":
            return
        names = {subscription.id: subscription.name for subscription in facts.subscriptions}
        person["products"] = [
            product
            for product in person["products"]
            if value not in {product["subscription"], names.get(product["subscription"])}
        ]
    elif problem.column == "permissions":
        person["permissions"] = [
            permission for permission in person["permissions"] if permission != value
        ]
    elif problem.column in {"contact_email", "phone", "location"}:
        person[problem.column] = ""
    elif problem.code == "name_is_null":
        person[problem.column] = ""
        # It may be made of the other names.
        words = [word for word in person["display_name"].split() if word != value]
        person["display_name"] = " ".join(words)


def check_row(row: Row, rules: Rules) -> Row:
    """The row checked by the rules for one person, with cleaned values."""
    person = dict(row.input)
    for field in ("user_name", *LIMITS):
        person[field] = str(person.get(field) or "").strip()
    problems = [problem for problem in row.problems if _is_of_reading(problem, person)]
    rules.check(person, row.line, problems)
    is_skipped = row.is_skipped or leaves_out(problems)
    return replace(row, input=person, problems=tuple(problems), is_skipped=is_skipped)


def _is_of_reading(problem: Problem, person: dict[str, Any]) -> bool:
    if problem.code not in _OF_READING:
        return False
    if problem.code in UNREADABLE:
        return not person.get(problem.column)
    # The rules find again what is in the person.
    if problem.code == "location_unknown":
        return not person["location"]
    if problem.column == "products":
        return problem.value not in {product["subscription"] for product in person["products"]}
    return problem.column != "permissions" or problem.value not in person["permissions"]


def errors_of(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == ERROR]
