"""
The sign-in of a person by a file.

It stands in the person under KEY, so that a row can be checked again: the state, and the word of the
file until a member has decided about it.
"""

from typing import Any

from users.rules.problems import INCLUDED, WARNING, Problem

KEY = "sign_in"
# A file may block and unblock; people that have left are left out, and of a full list deleted.
ALLOWED, BLOCKED, LEFT, UNKNOWN = "allowed", "blocked", "left", "unknown"
# A choice of a member: blocked, but with the licenses of the row.
LICENSED = "licensed"
CHOICES = (BLOCKED, LICENSED, ALLOWED)
# The licenses of a row that a blocked user doesn't get.
WITHHELD = "withheld"

COLUMN = "is_blocked"
# Problems that a member answers with a choice.
NEW_BLOCKED, NOT_KNOWN, WITHOUT_LICENSES = "sign_in_blocked", "sign_in_unknown", "licenses_withheld"
HAS_LEFT, USER_HAS_LEFT, LEFT_BLOCKED = "has_left", "user_has_left", "left_is_blocked"
CODES = frozenset({NEW_BLOCKED, NOT_KNOWN, WITHOUT_LICENSES, HAS_LEFT, USER_HAS_LEFT, LEFT_BLOCKED})


def decide(person: dict[str, Any], choice: str) -> None:
    """Put what a member has chosen into the person: ALLOWED, BLOCKED or LICENSED."""
    person[KEY] = {"state": choice}


def choose_products(person: dict[str, Any]) -> None:
    """Take the licenses that a member has chosen for this row, also if sign-in is blocked."""
    person.pop(WITHHELD, None)
    if person["products"] and person.get(KEY, {}).get("state", ALLOWED) != ALLOWED:
        decide(person, LICENSED)


def is_left_out(person: dict[str, Any]) -> bool:
    """Whether the person has left by the file, and no member has included the row."""
    said = person.get(KEY)
    return (
        said is not None
        and said["state"] == LEFT
        and "word" in said
        and not {HAS_LEFT, USER_HAS_LEFT}.intersection(person.get(INCLUDED, ()))
    )


def report(person: dict[str, Any], code: str, line: int, found: list[Problem]) -> None:
    """Report the state in the file, as long as no member has decided."""
    if word := person[KEY].get("word"):
        found.append(Problem(line, COLUMN, word, code, severity=WARNING))


def settle_new(person: dict[str, Any], line: int, found: list[Problem]) -> None:
    """Set whether a new user is blocked; a blocked one gets no licenses unless chosen."""
    person.pop(COLUMN, None)
    said = person.get(KEY)
    if said is None:
        return
    state = said["state"]
    if state != ALLOWED:
        person[COLUMN] = True
        # Of a word that is not known, the safer meaning.
        report(person, NOT_KNOWN if state == UNKNOWN else NEW_BLOCKED, line, found)
    settle_products(person, is_withheld=state not in {ALLOWED, LICENSED})


def settle_products(person: dict[str, Any], *, is_withheld: bool) -> None:
    """Withhold the licenses of a row, or give them back."""
    if is_withheld and person["products"]:
        person[WITHHELD], person["products"] = person["products"], []
    elif not is_withheld and WITHHELD in person:
        person["products"] = [*person["products"], *person.pop(WITHHELD)]
