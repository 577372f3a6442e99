"""Finds one person under two spellings of the name, or under two user names."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from customers import letters
from customers.names import sort_key
from licensing.rules import ProductRules
from partners.names import clean_text
from users.rules.facts import DeletedUser, Facts, Users
from users.rules.problems import INCLUDED, WARNING, Problem

# Key in the input of a line: a member has chosen to restore the deleted user.
RESTORED = "restored"
# Codes of people that are users already, with another user name: the first two where a file only
# adds users.
PRESENT = frozenset({"person_exists", "name_exists", "person_known", "name_known"})
# Codes of people that were users with another user name and are deleted.
WAS_PRESENT = frozenset({"contact_deleted", "name_deleted"})

_WORD = re.compile(r"[^\W_]+")
_IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|（[^（）]*）|【[^【】]*】")
_TITLES = frozenset(
    {
        "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "sir", "dame", "herr", "frau",
        "ing", "dipl", "mag", "mme", "mlle", "sr", "sra", "srta", "don", "doña", "phd", "md", "jr",
        "rev", "med", "msc", "bsc", "mba",
    }
)  # fmt: skip
# Umlauts are also written with an e.
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


def spell_name(*texts: str) -> frozenset[str]:
    """
    The forms in which names are compared; names of one person have one in common.

    Case, accents, blanks, punctuation and the order of the words make no difference.
    """
    found = set()
    for text in texts:
        for words in _find_words(text):
            found |= {"".join(sorted(words)), "".join(words), "".join(reversed(words))}
    return frozenset(found - {""})


def _find_words(text: str) -> Iterator[list[str]]:
    """The words of a name in each of its spellings."""
    lower = clean_text(text).lower()
    if lower.isascii():
        yield _WORD.findall(lower)
        return
    for spelled in (lower, lower.translate(_SPELLED)):
        yield _WORD.findall(spelled.translate(letters.FOLD))


def search_keys(names: Iterable[str]) -> set[str]:
    """Keys by which users with these names are looked up; SEARCH_KEY is that of a user."""
    return {
        key.replace("ae", "a").replace("oe", "o").replace("ue", "u").replace("aa", "a")
        for key in map(sort_key, spell_name(*names))
    }


# Without signs and blanks, and umlauts without the e.
SEARCH_KEY = (
    "replace(replace(replace(replace(translate(sort_key, %(signs)s, ''), 'ae', 'a'), 'oe', 'o'),"
    " 'ue', 'u'), 'aa', 'a')"
)


def spell_person(person: Mapping[str, Any]) -> frozenset[str]:
    """The forms of a person's names."""
    return spell_name(*_names_of(person))


def _names_of(person: Mapping[str, Any]) -> set[str]:
    first, last = person["first_name"], person["last_name"]
    return {person["display_name"], f"{first} {last}" if first and last else ""}


def is_same_name(person: Mapping[str, Any], display_name: str) -> bool:
    """Whether the person of a row has this name, in whatever spelling."""
    if person["display_name"] == display_name:
        return True
    return not spell_person(person).isdisjoint(spell_name(display_name))


def may_be_called(person: Mapping[str, Any], display_name: str) -> bool:
    """
    Whether a name is that of the person, or a longer or shorter form of it.

    Initials, further names, titles and brackets make no difference: "Dr. Mara J. Quill (Press)".
    Enough only where something else says that they are one person, such as the user name.
    """
    return is_same_name(person, display_name) or any(
        _is_form_of(one, other)
        for name in _names_of(person)
        for one in _find_words(_IN_BRACKETS.sub(" ", name))
        for other in _find_words(_IN_BRACKETS.sub(" ", display_name))
    )


def _is_form_of(one: Sequence[str], other: Sequence[str]) -> bool:
    shorter, longer = sorted(
        ([word for word in words if word not in _TITLES] for words in (one, other)), key=len
    )
    # A first name alone, and initials alone, may be those of anyone.
    if len(shorter) < 2 or not {word for word in shorter if len(word) > 1}.intersection(longer):
        return False
    rest = list(longer)
    for word in sorted(shorter, key=len, reverse=True):
        found = next((given for given in rest if _may_be_word(word, given)), None)
        if found is None:
            return False
        rest.remove(found)
    return True


def _may_be_word(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])


# Fields that tell people of one name apart.
OF_PERSON = ("employee_number", "contact_email")


def is_same_person(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows with one user name are about one person."""
    for field in OF_PERSON:
        first, second = one.get(field, "").lower(), other.get(field, "").lower()
        if first and second and first != second:
            return False
        if first == second and first and field == "employee_number":
            return True
    return any(may_be_called(one, name) for name in _names_of(other))


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
        included, value = person.get(INCLUDED, ()), person["user_name"]
        if not PRESENT.isdisjoint(included):
            return None
        reason, user = self._find(person, self.facts.by_contact, self.facts.by_name)
        if user is None:
            if not WAS_PRESENT.isdisjoint(included) or value.lower() in self.facts.deleted:
                return None
            gone = self.facts.deleted_by_contact, self.facts.deleted_by_name
            reason, user = self._find(person, *gone)
            if user is None:
                return None
            params, code = {"name": user[1], "user_name": user[0]}, _OF_DELETED[reason]
            return Problem(line, "user_name", value, code, params, severity=WARNING)
        params = {"name": user[1], "user_name": user[0]}
        if self.facts.existing is None:
            return Problem(line, "user_name", value, f"{reason}_exists", params, severity=WARNING)
        # To skip the row would delete the user of a full list.
        return Problem(line, "user_name", value, f"{reason}_known", params, user[0])

    def _find(
        self, person: Mapping[str, Any], by_contact: Users, by_name: Users
    ) -> tuple[str, tuple[str, str] | None]:
        """The user who is the person, and by what: "person" for name and contact, or "name"."""
        own, contact = person["user_name"].lower(), person["contact_email"].lower()
        if contact:
            for user in by_contact.get(contact, ()):
                if user[0] != own and may_be_called(person, user[1]):
                    return "person", user
        if not own:
            same = (user for form in spell_person(person) for user in by_name.get(form, ()))
            if user := min((user for user in same if user[0] not in self._named), default=None):
                self._named.add(user[0])
                return "name", user
        return "", None


_OF_DELETED = {"person": "contact_deleted", "name": "name_deleted"}


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
