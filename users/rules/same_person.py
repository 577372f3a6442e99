"""Finds one person under two spellings of the name, or under two user names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from customers import letters
from licensing.rules import ProductRules
from partners.names import clean_text
from users.rules.facts import DeletedUser, Facts
from users.rules.problems import INCLUDED, WARNING, Problem

# Key in the input of a line: a member has chosen to restore the deleted user.
RESTORED = "restored"
# Codes of people that are users already, with another user name: the first two where a file only
# adds users.
PRESENT = frozenset({"person_exists", "name_exists", "person_known", "name_known"})

_WORD = re.compile(r"[^\W_]+")
# Umlauts are also written with an e.
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


def spell_name(*texts: str) -> frozenset[str]:
    """
    The forms in which names are compared; names of one person have one in common.

    Case, accents, blanks, punctuation and the order of the words make no difference.
    """
    found = set()
    for text in texts:
        lower = clean_text(text).lower()
        for spelled in (lower, lower.translate(_SPELLED)):
            words = _WORD.findall(spelled.translate(letters.FOLD))
            found |= {"".join(sorted(words)), "".join(words), "".join(reversed(words))}
    return frozenset(found - {""})


def spell_person(person: Mapping[str, Any]) -> frozenset[str]:
    """The forms of a person's names."""
    first, last = person["first_name"], person["last_name"]
    return spell_name(person["display_name"], f"{first} {last}" if first and last else "")


def is_same_name(person: Mapping[str, Any], display_name: str) -> bool:
    """Whether the person of a row has this name, in whatever spelling."""
    if person["display_name"] == display_name:
        return True
    return not spell_person(person).isdisjoint(spell_name(display_name))


class Repeated:
    """Finds people of a file who were in an earlier row with another user name."""

    def __init__(self):
        # By a contact address or an employee number: the line of the only row so far, and the
        # person; after another one, the lines by the form of the name.
        self._found: dict[tuple[str, str], tuple[int, dict] | dict[str, int]] = {}

    def find(self, person: dict[str, Any], line: int, keys: Iterable[tuple[str, str]]) -> int:
        """The line of the same person, or 0; `keys` are fields that tell people apart."""
        earlier = 0
        for key in keys:
            known = self._found.get(key)
            if known is None:
                self._found[key] = line, person
                continue
            # Names are compared only where it matters.
            if isinstance(known, tuple):
                known = self._found[key] = dict.fromkeys(spell_person(known[1]), known[0])
            forms = spell_person(person)
            earlier = earlier or next((known[form] for form in forms if form in known), 0)
            for form in forms:
                known.setdefault(form, line)
        return earlier


class Present:
    """Finds the user of the customer who is the person of a row with another user name, or none."""

    def __init__(self, facts: Facts):
        self.facts = facts
        # Each user is found by name alone only once: two rows are two people.
        self._named: set[str] = set()

    def find_problem(self, person: Mapping[str, Any], line: int) -> Problem | None:
        """The problem of a row for a new user who is a user already."""
        if not PRESENT.isdisjoint(person.get(INCLUDED, ())):
            return None
        code, own = "person", person["user_name"].lower()
        contact = person["contact_email"].lower()
        same_contact = self.facts.by_contact.get(contact, ()) if contact else ()
        user = self._first(person, same_contact, own)
        if user is None and not own:
            code = "name"
            named = self.facts.by_name.get(person["display_name"].lower(), ())
            user = self._first(person, [one for one in named if one[0] not in self._named], own)
            if user:
                self._named.add(user[0])
        if user is None:
            return None
        params = {"name": user[1], "user_name": user[0]}
        value = person["user_name"]
        if self.facts.existing is None:
            return Problem(line, "user_name", value, f"{code}_exists", params, severity=WARNING)
        # To skip the row would delete the user of a full list.
        return Problem(line, "user_name", value, f"{code}_known", params, user[0])

    @staticmethod
    def _first(
        person: Mapping[str, Any], users: Sequence[tuple[str, str]], own: str
    ) -> tuple[str, str] | None:
        same = (user for user in users if user[0] != own and is_same_name(person, user[1]))
        return next(same, None)


def restore(person: dict[str, Any], user: DeletedUser, rules: ProductRules) -> None:
    """Make of the person of a row the input of a line that restores this user."""
    held = [seat for seat in user.held if seat["subscription"] in rules.by_id]
    ids = [seat["subscription"] for seat in held]
    more = [seat for seat in person["products"] if seat["subscription"] not in ids]
    # What the row adds must go together with the licenses from before.
    if more and rules.check(person["location"], [*ids, *(seat["subscription"] for seat in more)]):
        more = []
    person |= {
        "user_name": person["user_name"].lower(),
        "user_id": user.id,
        "products": [*held, *more],
    }
