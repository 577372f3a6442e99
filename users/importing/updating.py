"""Rows about people who are there already: what a file changes, and nothing else."""

from typing import TYPE_CHECKING, Any

from users import names
from users.importing.facts import Known, People
from users.importing.problems import Problem

if TYPE_CHECKING:
    from users.importing.rules import Rules

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
        user_name = person["user_name"] = names.clean_text(person["user_name"])
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
        for value, code, params in rules.judge_change(
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
