"""Suggests user names that are free at the customer and in the file."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from customers import letters
from users.rules import names
from users.rules.facts import Facts


class Suggestions:
    """Gives each person another free user name."""

    def __init__(
        self,
        facts: Facts,
        *,
        nearest_domain: Callable[[str], str],
        typed_names: Callable[[], Iterable[str]],
    ):
        self.facts = facts
        self.nearest_domain = nearest_domain
        self._load_typed_names = typed_names
        # Loaded with the first suggestion: most files need none.
        self._taken: set[str] | None = None
        # The next number behind a name, so that a thousand namesakes take a thousand tries.
        self._numbers: dict[tuple[str, str], int] = defaultdict(lambda: 2)

    def suggest(self, typed: str, person: Mapping[str, Any], default: str = "") -> str:
        """A free user name for a person, or ''; at the default domain if the typed one says none."""
        local, _, domain = typed.partition("@")
        domain = self.nearest_domain(domain.rpartition("@")[2].lower()) or default
        if not domain:
            return ""
        display, first, last = spell(person)
        wanted = names.repair_local_part(local) or names.propose_local_part(display, first, last)
        wanted = wanted or _from_other_cells(person)
        for local in names.vary_local_part(wanted, first, last):
            if self._take(local, domain):
                return f"{local}@{domain}"
        base = wanted or names.propose_local_part("", first, last)
        if not base:
            return ""
        while True:
            number = self._numbers[base, domain]
            self._numbers[base, domain] += 1
            local = names.number_local_part(base, number)
            if names.check_local_part(local) or number > 1_000_000:
                return ""
            if self._take(local, domain):
                return f"{local}@{domain}"

    def _take(self, local: str, domain: str) -> bool:
        if self._taken is None:
            self._taken = {*self.facts.all_names(), *self.facts.taken, *self.facts.deleted}
            self._taken.update(self._load_typed_names())
        user_name = f"{local}@{domain}"
        if (
            user_name in self._taken
            or len(user_name) > names.USER_NAME_LIMIT
            or names.check_local_part(local)
        ):
            return False
        self._taken.add(user_name)
        return True


def spell(person: Mapping[str, Any]) -> tuple[str, str, str]:
    """
    Display name, first and last name of a person, as a user name can spell them.

    Characters of a Japanese name have several readings, so only its kana or Latin letters count.
    """
    if latin := person.get(names.LATIN):
        first, last = latin
        return "", first, last
    parts = person["display_name"], person["first_name"], person["last_name"]
    if names.is_japanese(*parts) or person.get(names.SCRIPT) == names.JAPANESE:
        return tuple("" if any(map(letters.is_han, part)) else part for part in parts)
    return parts


def _from_other_cells(person: Mapping[str, Any]) -> str:
    local = person["contact_email"].partition("@")[0]
    return names.repair_local_part(local) or names.repair_local_part(
        person.get("employee_number", "")
    )
