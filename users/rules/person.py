"""The rules that every person must keep, wherever they come from."""

import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from customers import locations
from licensing.rules import ProductRules
from partners.names import clean_text, has_invisible
from users.rules import names, vocabulary
from users.rules.facts import Facts, Known, People
from users.rules.problems import WARNING, Problem

# As wide as the columns of users.models.CustomerUser.
LIMITS = {
    "display_name": names.DISPLAY_NAME_LIMIT,
    "first_name": 64,
    "last_name": 64,
    "job_title": 120,
    "department": 120,
    "phone": 40,
    "contact_email": 254,
}

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")
_SHORTENED_NUMBER = re.compile(r"\d[.,]\d+E\+?\d+", re.IGNORECASE)


class Nearest:
    """Finds what a slip of the pen may have meant; each word once, and not without end."""

    def __init__(self, budget: int = 200):
        self.budget = budget
        self.known: dict[tuple[str, str], str] = {}

    def find(self, kind: str, word: str, possible: Collection[str], cutoff: float) -> str:
        """The likeliest of the possible words, or nothing."""
        key = kind, word
        if key not in self.known:
            # A file of 100,000 different slips is no slip, and comparing is slow.
            if self.budget <= 0 or not 0 < len(word) <= 80:
                return ""
            self.budget -= 1
            self.known[key] = next(iter(get_close_matches(word, possible, 1, cutoff)), "")
        return self.known[key]


class Rules:
    """Checks one person after another against the same facts."""

    def __init__(
        self, facts: Facts, *, typed_names: Callable[[], Iterable[str]] = tuple, nearest=None
    ):
        self.facts = facts
        self.domains = frozenset(domain.lower() for domain in facts.domains)
        self.grantable = frozenset(facts.grantable)
        self.product_rules = ProductRules(facts.subscriptions)
        self.nearest = nearest or Nearest()
        # Asked for with the first suggestion: most files need none.
        self._typed_names = typed_names
        self._given: set[str] | None = None
        self._updates = Updates(facts.people, self) if facts.people else None

    def check(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        """Clean a person in place and report everything that is wrong."""
        if self._updates is not None and self._updates.take(person, line, found):
            return
        self._check_texts(person, line, found)
        if not person["display_name"]:
            _compose_display_name(person, line, found)
        self._check_user_name(person, line, found)
        self._check_rest(person, line, found)
        if person["products"]:
            self._check_products(person, line, found)

    def check_values(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        """Clean what is written about a person, each value by itself, and report what is wrong."""
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
        if person["phone"] and _SHORTENED_NUMBER.fullmatch(person["phone"]):
            value = person["phone"]
            found.append(Problem(line, "phone", value, "phone_damaged", severity=WARNING))
        for code in person["permissions"]:
            if code not in vocabulary.PERMISSIONS:
                found.append(Problem(line, "permissions", code, "permission_unknown"))
            elif code not in self.grantable:
                params = {"permission": code}
                found.append(Problem(line, "permissions", code, "permission_not_yours", params))
        location = person["location"]
        if location and location not in locations.LOCATIONS:
            found.append(Problem(line, "location", location, "location_unknown"))

    # User names

    def _check_user_name(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        typed = person["user_name"]
        local, _, domain = typed.partition("@")
        problem = names.check_local_part(local)
        domain = domain.lower()
        if problem or domain not in self.domains or len(typed) > names.USER_NAME_LIMIT:
            code, params = self._say_what_is_wrong(typed, problem)
            shown = person["user_name"] = clean_text(typed)
            # A name that is wrong itself is suggested in the default domain rather than not at all.
            is_name = code not in {"domain_unknown", "domain_missing"}
            default = next(iter(self.facts.domains), "").lower() if is_name else ""
            suggestion = self._suggest(typed, person, default)
            found.append(Problem(line, "user_name", shown, code, params, suggestion))
            return
        user_name = person["user_name"] = typed.lower()
        if user_name in self.facts.taken:
            self._report_taken(user_name, person, line, found)
            return
        if is_accepted(person, user_name):
            return
        if user_name in self.facts.deleted:
            params = {"name": self.facts.deleted[user_name]}
            code = "user_name_deleted"
            found.append(Problem(line, "user_name", user_name, code, params, severity=WARNING))
        if names.is_reserved(local):
            code = "user_name_reserved"
            found.append(Problem(line, "user_name", user_name, code, severity=WARNING))

    def _say_what_is_wrong(self, typed: str, problem: str | None) -> tuple[str, dict[str, Any]]:
        local, _, domain = typed.partition("@")
        if "@" in domain:
            return "user_name_two_ats", {}
        if problem == "empty":
            return "user_name_missing", {}
        if problem in ("not_ascii", "bad_character"):
            # A blank is shown as the sign for one, else the sentence shows nothing.
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
        # The same file a second time: nobody is to be led to create everybody twice.
        if params["name"] == person["display_name"]:
            found.append(Problem(line, "user_name", user_name, "user_name_exists", params))
            return
        suggestion = self._suggest(user_name, person)
        found.append(Problem(line, "user_name", user_name, "user_name_taken", params, suggestion))

    def _suggest(self, typed: str, person: dict[str, Any], default: str = "") -> str:
        local, _, domain = typed.partition("@")
        domain = self._nearest_domain(domain.rpartition("@")[2].lower()) or default
        if not domain:
            return ""
        first, last = person["first_name"], person["last_name"]
        wanted = names.repair_local_part(local)
        wanted = wanted or names.propose_local_part(person["display_name"], first, last)
        taken = _Taken(domain, self.facts.taken, self._given_names())
        for local in names.suggest_local_parts(wanted, first, last, taken):
            suggestion = f"{local}@{domain}"
            if len(suggestion) <= names.USER_NAME_LIMIT:
                # Two people of one name get different suggestions.
                self._given_names().add(suggestion)
                return suggestion
        return ""

    def suggest_another(self, user_name: str, person: dict[str, Any]) -> str:
        """A user name for whoever comes second with one."""
        return self._suggest(user_name, person)

    def _given_names(self) -> set[str]:
        if self._given is None:
            self._given = set(self._typed_names())
        return self._given

    def _nearest_domain(self, domain: str) -> str:
        if domain in self.domains:
            return domain
        if len(self.domains) == 1:
            return next(iter(self.domains))
        return self.nearest.find("domain", domain, self.domains, 0.6)

    # Products

    def _check_products(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        location = person["location"]
        # An unknown one has been reported already.
        if not location and not any(problem.column == "location" for problem in found):
            found.append(Problem(line, "location", "", "location_missing"))
        ids = [product["subscription"] for product in person["products"]]
        for value, code, params in self.product_rules.check(location, ids):
            found.append(Problem(line, "products", value, code, params))


class _Taken:
    """The local parts of a domain that somebody has, or has been given in this file."""

    def __init__(self, domain: str, *places: Collection[str]):
        self.domain = domain
        self.places = places

    def __contains__(self, local: object) -> bool:
        user_name = f"{local}@{self.domain}"
        return any(user_name in place for place in self.places)


def _clean(field: str, value: str, line: int, found: list[Problem]) -> str:
    cleaned = clean_text(value)
    if has_invisible(value):
        code = "invisible_removed"
        found.append(Problem(line, field, cleaned, code, severity=WARNING))
    return cleaned


def _compose_display_name(person: dict[str, Any], line: int, found: list[Problem]) -> None:
    made = names.compose_display_name(person["first_name"], person["last_name"])
    if made:
        person["display_name"] = names.clean_display_name(made)
        return
    local = person["user_name"].partition("@")[0]
    guess = " ".join(part.capitalize() for part in re.split(r"[._-]+", local) if part)
    guess = names.clean_display_name(guess)
    found.append(Problem(line, "display_name", "", "name_missing", {}, guess))


def _check_email(person: dict[str, Any], line: int, found: list[Problem]) -> None:
    email = person["contact_email"]
    if not _EMAIL.fullmatch(email):
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
    """Check one person who was typed or repaired: the person as cleaned, and all problems."""
    cleaned = _EMPTY | {"permissions": [], "products": []} | person
    for field in ("user_name", *LIMITS):
        cleaned[field] = str(cleaned[field]).strip()
    found: list[Problem] = []
    Rules(facts).check(cleaned, line, found)
    return cleaned, found


if TYPE_CHECKING:
    pass


# What a file can change about somebody; the user name is who it is.
CHANGEABLE = (
    "first_name", "last_name", "display_name", "job_title", "department", "phone",
    "contact_email", "location", "language", "permissions",
)  # fmt: skip


# What a row's person has beyond its values, once it is known what the row does.
_FOUND_OUT = ("user_id", "changes", "was", "give", "take", "plans")


class Updates:
    """Finds out for one row after another whether it is about somebody who is there."""

    def __init__(self, people: People, rules: "Rules"):
        self.people = people
        self.rules = rules

    def take(self, person: dict[str, Any], line: int, found: list[Problem]) -> bool:
        """
        Check a row about somebody who is there, and say in the person what it changes.

        False where the row is about somebody new, whom the rules for new people are for.
        """
        for name in _FOUND_OUT:
            person.pop(name, None)
        person["act"] = "add"
        user_name = person["user_name"].lower()
        known = self.people.known.get(user_name)
        if known is not None:
            self._update(person, known, line, found)
        elif self.people.purpose == "update" and user_name and not is_accepted(person, user_name):
            self._report_unknown(person, line, found)
        else:
            return False
        return True

    def _report_unknown(self, person: dict[str, Any], line: int, found: list[Problem]) -> None:
        user_name = person["user_name"] = clean_text(person["user_name"])
        deleted = self.rules.facts.deleted.get(user_name.lower())
        code, params = ("user_deleted", {"name": deleted}) if deleted else ("user_unknown", {})
        near = self.rules.nearest.find("user", user_name.lower(), self.people.known, 0.9)
        found.append(Problem(line, "user_name", user_name, code, params, near))

    def _update(
        self, person: dict[str, Any], known: Known, line: int, found: list[Problem]
    ) -> None:
        given = [field for field in CHANGEABLE if field in person["given"]]
        user_name = person["user_name"] = person["user_name"].lower()
        if known.values["permissions"] and not self.rules.grantable:
            found.append(Problem(line, "user_name", user_name, "administrator"))
        after = known.values | {field: person[field] for field in given}
        mine: list[Problem] = []
        self.rules.check_values(after, line, mine)
        found += [problem for problem in mine if problem.column in given]
        changes = {field: after[field] for field in given if _differs(field, after, known)}
        give, take = self._licenses(person, known)
        self._judge(after["location"], known, give, take, line, found)
        person |= {
            "act": "update",
            "user_id": known.id,
            # A row need not repeat the name that everybody reads.
            "display_name": after["display_name"],
            "changes": changes,
            "was": {field: known.values[field] for field in changes},
            "give": [{"subscription": one, "plans_off": []} for one in give],
            "take": take,
            "plans": [],
        }

    def _licenses(self, person: dict[str, Any], known: Known) -> tuple[list[str], list[str]]:
        if "products" not in person["given"]:
            return [], []
        wanted = [one["subscription"] for one in person["products"]]
        take = sorted(known.held - set(wanted)) if self.people.licenses == "exact" else []
        return [one for one in wanted if one not in known.held], take

    def _judge(
        self,
        location: str,
        known: Known,
        give: list[str],
        take: list[str],
        line: int,
        found: list[Problem],
    ) -> None:
        """What is wrong with the licenses afterwards that is not wrong already."""
        if give and not location:
            found.append(Problem(line, "location", "", "location_missing"))
            return
        rules, before = self.rules.product_rules, known.values["location"]
        for value, code, params in rules.check_change(
            before, known.held, give=give, take=take, moves_to=location
        ):
            found.append(Problem(line, "products", value, code, params))


def is_accepted(person: dict[str, Any], user_name: str) -> bool:
    """Whether a member wants the row imported although something is said about this user name."""
    return person.get("accepted", {}).get("user_name", "").lower() == user_name.lower()


def is_idle(person: dict[str, Any]) -> bool:
    """Whether a row asks for nothing that is not so already."""
    return person.get("act") == "update" and not (
        person["changes"] or person["give"] or person["take"]
    )


def _differs(field: str, after: dict[str, Any], known: Known) -> bool:
    if field == "permissions":
        return set(after[field]) != set(known.values[field])
    return after[field] != known.values[field]
