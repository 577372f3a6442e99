"""The rules for a person, from a form or from a row of a file."""

import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from typing import Any

from customers import locations
from licensing.rules import LicenseChange, ProductRules, Seat
from partners.names import clean_text, has_invisible
from users.models import CustomerUser, UserPermission
from users.rules import left_out, names, sign_in
from users.rules.facts import ExistingUser, ExistingUsers, Facts
from users.rules.problems import INCLUDED, WARNING, Problem
from users.rules.same_person import RESTORED, Present, is_same_name, may_be_called, restore
from users.rules.suggest import Suggestions

# The longest texts by field.
LIMITS = {
    field: CustomerUser._meta.get_field(field).max_length
    for field in (
        "display_name", "first_name", "last_name", "job_title", "department", "phone",
        "contact_email",
    )
}  # fmt: skip

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")
_SHORTENED_NUMBER = re.compile(r"\d[.,]\d+E\+?\d+", re.IGNORECASE)


def is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def is_shortened_number(text: str) -> bool:
    """Whether a spreadsheet has written a phone number as 4.9E+10."""
    return _SHORTENED_NUMBER.fullmatch(text) is not None


class Nearest:
    """Finds the word that a misspelled one may mean: each once, and up to a budget."""

    def __init__(self, budget: int = 200):
        self.budget = budget
        self.known: dict[tuple[str, str], str] = {}

    def find(self, kind: str, word: str, possible: Collection[str], cutoff: float) -> str:
        """The most likely of the possible words, or ''."""
        key = kind, word
        if key not in self.known:
            # Comparing is slow, and 100,000 different words are no misspellings.
            if self.budget <= 0 or not 0 < len(word) <= 80:
                return ""
            self.budget -= 1
            self.known[key] = next(iter(get_close_matches(word, possible, 1, cutoff)), "")
        return self.known[key]


class Rules:
    """Checks one person after another against the same facts."""

    def __init__(
        self,
        facts: Facts,
        *,
        typed_names: Callable[[], Iterable[str]] = tuple,
        nearest=None,
        is_form: bool = False,
    ):
        self.facts = facts
        self.domains = frozenset(domain.lower() for domain in facts.domains)
        self.grantable = frozenset(facts.grantable)
        self.product_rules = ProductRules(facts.subscriptions)
        self.nearest = nearest or Nearest()
        self._suggestions = Suggestions(
            facts, nearest_domain=self._nearest_domain, typed_names=typed_names
        )
        # Of a form, which asks about one person that a member has typed.
        self.is_form = is_form
        self._present = Present(facts)
        self._has_present = any(
            (facts.by_contact, facts.by_name, facts.deleted_by_contact, facts.deleted_by_name)
        )
        self._updates = Updates(facts.existing, self) if facts.existing else None

    def check(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        """Clean a person in place, and add everything that is wrong to `found`."""
        if not self.is_form:
            if person.get(RESTORED) and self._restore(person, line, found):
                return
            if self._leave_out(person, line, found):
                return
            if self._has_present and self._report_present(person, line, found):
                return
        if self._updates is not None and self._updates.check(person, line, found):
            return
        self._check_texts(person, line, found)
        if not person["display_name"]:
            _compose_display_name(person, line, found)
        self._check_user_name(person, line, found)
        self._check_rest(person, line, found)
        if sign_in.KEY in person:
            sign_in.settle_new(person, line, found)
        if person["products"]:
            self._check_products(person, line, found)

    def _leave_out(self, person: dict[str, Any], line: int, found: list[Problem]) -> bool:
        """Find that a row isn't about a person of the customer; nothing else in it matters then."""
        code, column = left_out.find_reason(person), "user_name"
        # An existing user is changed or found again, whatever the account is called.
        if (
            not code
            or code in person.get(INCLUDED, ())
            or person["user_name"].lower() in self.facts.taken
        ):
            code, column = self._find_leaver(person), sign_in.COLUMN
            if not code:
                return False
        _clean_names(person)
        if code == "not_a_person":
            column = ""
        value = {
            "": "",
            "user_name": person["user_name"],
            sign_in.COLUMN: person.get(sign_in.KEY, {}).get("word", ""),
        }[column]
        found.append(Problem(line, column, value, code, severity=WARNING))
        return True

    def _report_present(self, person: dict[str, Any], line: int, found: list[Problem]) -> bool:
        """Find that the person of a row for a new user is a user already, or was one."""
        if person["user_name"].lower() in self.facts.taken:
            return False
        _clean_names(person)
        problem = self._present.find_problem(person, line)
        if problem:
            found.append(problem)
        return problem is not None

    def _restore(self, person: dict[str, Any], line: int, found: list[Problem]) -> bool:
        """Make the line of a row that restores its deleted user; False where there is none."""
        user = self.facts.restorable.get(person["user_name"].lower())
        if user is None:
            for name in (RESTORED, "user_id"):
                person.pop(name, None)
            return False
        _clean_names(person)
        if sign_in.KEY in person:
            sign_in.settle_new(person, line, found)
        restore(person, user, self.product_rules)
        if user.is_administrator and not self.grantable:
            value, code = person["user_name"], "comes_back_as_user"
            found.append(Problem(line, "user_name", value, code, severity=WARNING))
        return True

    def _find_leaver(self, person: dict[str, Any]) -> str:
        """The code for a person that has left, so that the row is skipped; of a full list, a user."""
        if not sign_in.is_left_out(person):
            return ""
        if self._updates is None or self._updates.find(person) is None:
            return sign_in.HAS_LEFT
        return sign_in.USER_HAS_LEFT if self.facts.existing.purpose == "full_list" else ""

    def check_values(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        """Clean and check the values of a person, except for user name and products."""
        self._check_texts(person, line, found)
        self._check_rest(person, line, found)

    def _check_texts(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        for field, limit in LIMITS.items():
            value = person[field]
            if not value:
                continue
            if not value.isascii() or not value.isprintable() or "  " in value:
                value = person[field] = _clean(field, value, line, found)
            if len(value) > limit:
                params = {"length": len(value), "limit": limit}
                cut = value[:limit].rstrip()
                found.append(Problem(line, field, value, "too_long", params, cut))

    def _check_rest(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        if person["contact_email"]:
            _check_email(person, line, found)
        if person["phone"] and is_shortened_number(person["phone"]):
            value = person["phone"]
            found.append(Problem(line, "phone", value, "phone_damaged", severity=WARNING))
        for code in person["permissions"]:
            if code not in UserPermission.values:
                found.append(Problem(line, "permissions", code, "permission_unknown"))
            elif code not in self.grantable:
                params = {"permission": code}
                found.append(Problem(line, "permissions", code, "permission_not_yours", params))
        location = person["location"]
        if location and location not in locations.LOCATIONS:
            found.append(Problem(line, "location", location, "location_unknown"))

    def _check_user_name(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        typed = person["user_name"]
        local, _, domain = typed.partition("@")
        problem = names.check_local_part(local)
        domain = domain.lower()
        if problem or domain not in self.domains or len(typed) > names.USER_NAME_LIMIT:
            code, params = self._describe(typed, problem)
            shown = person["user_name"] = clean_text(typed)
            # For a name that is wrong itself, the default domain is better than no suggestion.
            default = self._default_domain if code != "domain_unknown" else ""
            suggestion = self.suggest(typed, person, default)
            found.append(Problem(line, "user_name", shown, code, params, suggestion))
            return
        user_name = person["user_name"] = typed.lower()
        if user_name in self.facts.taken:
            self._report_taken(user_name, person, line, found)
            return
        if is_accepted(person, user_name):
            return
        if user_name in self.facts.deleted and "person_deleted" not in person.get(INCLUDED, ()):
            params = {"name": self.facts.deleted[user_name]}
            is_same = not self.is_form and may_be_called(person, params["name"])
            code = "person_deleted" if is_same else "user_name_deleted"
            found.append(Problem(line, "user_name", user_name, code, params, severity=WARNING))
        if names.is_reserved(local):
            code = "user_name_reserved"
            found.append(Problem(line, "user_name", user_name, code, severity=WARNING))

    def _describe(self, typed: str, problem: str | None) -> tuple[str, dict[str, Any]]:
        local, _, domain = typed.partition("@")
        if "@" in domain:
            return "user_name_two_ats", {}
        if problem == "empty":
            return "user_name_missing", {}
        if problem in ("not_ascii", "bad_character"):
            # A blank is shown as the sign for one, as it would be invisible in the sentence.
            characters = names.bad_characters(local).replace(" ", "\u2423")
            return f"user_name_{problem}", {"characters": clean_text(characters) or "?"}
        if problem:
            return f"user_name_{problem}", {}
        if not domain:
            return "domain_missing", {}
        if domain.lower() not in self.domains:
            return "domain_unknown", {"domain": clean_text(domain)}
        return "user_name_too_long", {}

    def _report_taken(
        self, user_name: str, person: dict[str, Any], line: int, found: list[Problem]
    ) -> None:
        params = {"name": self.facts.taken[user_name]}
        # The same file a second time: a suggestion would lead to creating each user twice.
        if is_same_name(person, params["name"]):
            found.append(Problem(line, "user_name", user_name, "user_name_exists", params))
            return
        is_likely = not self.is_form and may_be_called(person, params["name"])
        code = "user_name_exists" if is_likely else "user_name_taken"
        suggestion = self.suggest(user_name, person)
        found.append(Problem(line, "user_name", user_name, code, params, suggestion))

    def suggest(self, typed: str, person: dict[str, Any], default: str = "") -> str:
        """A free user name for a person, or ''."""
        return self._suggestions.suggest(typed, person, default)

    @property
    def _default_domain(self) -> str:
        return self.facts.domain or next(iter(self.facts.domains), "").lower()

    def _nearest_domain(self, domain: str) -> str:
        if domain in self.domains:
            return domain
        if len(self.domains) == 1:
            return next(iter(self.domains))
        return self.nearest.find("domain", domain, self.domains, 0.6)

    def _check_products(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        location = person["location"]
        # An unknown location has been reported already.
        if not location and not any(problem.column == "location" for problem in found):
            found.append(Problem(line, "location", "", "location_missing"))
        ids = [product["subscription"] for product in person["products"]]
        for value, code, params in self.product_rules.check(location, ids):
            found.append(Problem(line, "products", value, code, params))


def _clean_names(person: dict[str, Any]) -> None:
    """Clean the texts of a row that is not checked further."""
    for field in ("user_name", *LIMITS):
        person[field] = clean_text(person[field])
    if not person["display_name"]:
        first, last = person["first_name"], person["last_name"]
        made = names.compose_display_name(first, last, person.get(names.SCRIPT, ""))
        person["display_name"] = names.clean_display_name(made)


def _clean(field: str, value: str, line: int, found: list[Problem]) -> str:
    cleaned = clean_text(value)
    if cleaned != value and has_invisible(value):
        code = "invisible_removed"
        found.append(Problem(line, field, cleaned, code, severity=WARNING))
    return cleaned


def _compose_display_name(person: dict[str, Any], line: int, found: list[Problem]) -> None:
    first, last = person["first_name"], person["last_name"]
    made = names.compose_display_name(first, last, person.get(names.SCRIPT, ""))
    if made:
        person["display_name"] = names.clean_display_name(made)
        return
    local = person["user_name"].partition("@")[0]
    guess = " ".join(part.capitalize() for part in re.split(r"[._-]+", local) if part)
    guess = names.clean_display_name(guess)
    found.append(Problem(line, "display_name", "", "name_missing", {}, guess))


def _check_email(person: dict[str, Any], line: int, found: list[Problem]) -> None:
    email = person["contact_email"]
    if not is_email(email):
        found.append(Problem(line, "contact_email", email, "contact_email_bad"))
    elif email.lower() == person.get("user_name"):
        code = "contact_email_is_own"
        found.append(Problem(line, "contact_email", email, code, severity=WARNING))


_EMPTY = {
    "user_name": "", "first_name": "", "last_name": "", "display_name": "", "location": "",
    "language": "", "contact_email": "", "job_title": "", "department": "", "phone": "",
}  # fmt: skip


def check_person(
    person: dict[str, Any], facts: Facts, line: int = 1
) -> tuple[dict[str, Any], list[Problem]]:
    """Check the person of a form; returns the person with cleaned values, and all problems."""
    cleaned = _EMPTY | {"permissions": [], "products": []} | person
    for field in ("user_name", *LIMITS):
        cleaned[field] = str(cleaned[field]).strip()
    found: list[Problem] = []
    Rules(facts, is_form=True).check(cleaned, line, found)
    return cleaned, found


# The fields of a user that a file can change; the user name identifies the user.
CHANGEABLE = (
    "first_name", "last_name", "display_name", "job_title", "department", "phone",
    "contact_email", "location", "language", "permissions", "is_blocked",
)  # fmt: skip


# What the check adds to the person of a row about an existing user.
_FOUND_OUT = ("user_id", "changes", "was", "add", "remove", "plans")


class Updates:
    """Checks rows about existing users."""

    def __init__(self, existing: ExistingUsers, rules: Rules):
        self.existing = existing
        self.rules = rules

    def check(self, person: dict[str, Any], line: int, found: list[Problem]) -> bool:
        """
        Check a row about an existing user, and add to the person what the row changes.

        Returns False where the row is about a new user.
        """
        for name in _FOUND_OUT:
            person.pop(name, None)
        user_name = person["user_name"].lower()
        known = self.find(person)
        if known is not None:
            self._update(person, known, line, found)
        elif self.existing.purpose == "update" and user_name and not is_accepted(person, user_name):
            self._report_unknown(person, line, found)
        else:
            return False
        return True

    def find(self, person: dict[str, Any]) -> ExistingUser | None:
        """The user with the user name of the row."""
        return self.existing.by_name.get(person["user_name"].lower())

    def _report_unknown(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        user_name = person["user_name"] = clean_text(person["user_name"])
        deleted = self.rules.facts.deleted.get(user_name.lower())
        code, params = ("user_deleted", {"name": deleted}) if deleted else ("user_unknown", {})
        near = self.rules.nearest.find("user", user_name.lower(), self.existing.by_name, 0.9)
        found.append(Problem(line, "user_name", user_name, code, params, near))

    def _update(
        self, person: dict[str, Any], known: ExistingUser, line: int, found: list[Problem]
    ) -> None:
        given = [field for field in CHANGEABLE if field in person["given"]]
        if self._read_sign_in(person):
            given.append("is_blocked")
        user_name = person["user_name"] = person["user_name"].lower()
        if known.values["permissions"] and not self.rules.grantable:
            found.append(Problem(line, "user_name", user_name, "administrator"))
        after = known.values | {field: person[field] for field in given}
        mine: list[Problem] = []
        self.rules.check_values(after, line, mine)
        found += [problem for problem in mine if problem.column in given]
        changes = {field: after[field] for field in given if _differs(field, after, known)}
        add, remove = self._licenses(person, known)
        self._check_licenses(after["location"], known, add, remove, line, found)
        person |= {
            "user_id": known.id,
            # A row may leave the display name empty.
            "display_name": after["display_name"],
            "changes": changes,
            "was": {field: known.values[field] for field in changes},
            **LicenseChange(add=list(map(Seat, add)), remove=remove).to_json(),
        }
        if sign_in.KEY in person:
            self._report_sign_in(person, known, line, found)

    def _read_sign_in(self, person: dict[str, Any]) -> bool:
        """Set whether sign-in is to be blocked; False if the file has nothing about it."""
        state = person.get(sign_in.KEY, {}).get("state", sign_in.UNKNOWN)
        person.pop("is_blocked", None)
        is_blocked = state not in {sign_in.ALLOWED, sign_in.UNKNOWN}
        if sign_in.KEY in person:
            is_withheld = is_blocked and state != sign_in.LICENSED
            sign_in.settle_products(person, is_withheld=is_withheld)
        if state == sign_in.UNKNOWN:
            return False
        person["is_blocked"] = is_blocked
        return True

    def _report_sign_in(
        self, person: dict[str, Any], known: ExistingUser, line: int, found: list[Problem]
    ) -> None:
        state = person[sign_in.KEY]["state"]
        if state == sign_in.UNKNOWN:
            sign_in.report(person, sign_in.NOT_KNOWN, line, found)
        elif state == sign_in.LEFT:
            sign_in.report(person, sign_in.LEFT_BLOCKED, line, found)
        elif known.held.issuperset(
            product["subscription"] for product in person.get(sign_in.WITHHELD, ())
        ):
            return
        else:
            sign_in.report(person, sign_in.WITHOUT_LICENSES, line, found)

    def _licenses(self, person: dict[str, Any], known: ExistingUser) -> tuple[list[str], list[str]]:
        # A blocked user gets none, and keeps those of before.
        if "products" not in person["given"] or sign_in.WITHHELD in person:
            return [], []
        wanted = [product["subscription"] for product in person["products"]]
        remove = sorted(known.held - set(wanted)) if self.existing.licenses == "exact" else []
        return [subscription for subscription in wanted if subscription not in known.held], remove

    def _check_licenses(
        self,
        location: str,
        known: ExistingUser,
        add: list[str],
        remove: list[str],
        line: int,
        found: list[Problem],
    ) -> None:
        """Add what is wrong with the licenses after the change, and not before it."""
        if add and not location:
            found.append(Problem(line, "location", "", "location_missing"))
            return
        rules, before = self.rules.product_rules, known.values["location"]
        for value, code, params in rules.check_change(
            before, known.held, add=add, remove=remove, moves_to=location
        ):
            found.append(Problem(line, "products", value, code, params))


def is_accepted(person: dict[str, Any], user_name: str) -> bool:
    """Whether a member has accepted a warning about this user name."""
    return person.get("accepted", {}).get("user_name", "").lower() == user_name.lower()


def act_of(person: dict[str, Any]) -> str:
    """The act of the line of a checked row: "update" or "restore" of an existing user, or "add"."""
    if person.get(RESTORED):
        return "restore"
    return "update" if "user_id" in person else "add"


def is_unchanged(person: dict[str, Any]) -> bool:
    """Whether a row changes nothing about its user."""
    return act_of(person) == "update" and not (
        person["changes"] or person["add"] or person["remove"]
    )


def _differs(field: str, after: dict[str, Any], known: ExistingUser) -> bool:
    if field == "permissions":
        return set(after[field]) != set(known.values[field])
    return after[field] != known.values[field]
