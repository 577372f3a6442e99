"""Makes people of rows, with every problem of every row."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from customers import locations
from imports.read.table import Row
from licensing.rules import SubscriptionFacts
from partners.names import clean_text
from spreadsheets.xlsx_marks import NO_RESULT
from users.models import UserPermission
from users.rules import names, vocabulary
from users.rules.facts import Defaults, Facts, Person
from users.rules.person import Nearest, Rules
from users.rules.problems import ERROR, WARNING, Problem

REPEATED = "user_name_repeated"
# What spreadsheets show instead of a value, also in files that they write.
ERRORS = frozenset(
    {
        "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
        "#FIELD!", "#BLOCKED!", "#CONNECT!", "#BUSY!", "#UNKNOWN!", "#GETTING_DATA", NO_RESULT,
    }
)  # fmt: skip


def names_to_look_up(
    rows: Iterable[Row], defaults: Defaults, domains: Collection[str]
) -> list[str]:
    """The user names to look up in the database before these rows are validated."""
    domain = _the_domain(defaults.domain, domains)
    found: dict[str, None] = {}
    for row in rows:
        get = row.values.get
        user_name = _whole_name(get("user_name", ""), get("domain", ""), domain)
        if not user_name:
            local = names.propose_local_part(
                get("display_name", ""), get("first_name", ""), get("last_name", "")
            )
            user_name = f"{local}@{domain}" if local else ""
        # Neither a NUL nor a lone surrogate may reach the database.
        if user_name and user_name.isascii() and user_name.isprintable():
            found[user_name.lower()] = None
    return list(found)


def validate(
    rows: Sequence[Row], facts: Facts, defaults: Defaults
) -> tuple[list[Person], list[Problem]]:
    """Make a person of each row, including bad ones, and list all problems in file order."""
    nearest = Nearest()
    reader = _Reader(facts, defaults, nearest)
    rules = Rules(facts, typed_names=lambda: reader.typed_names(rows), nearest=nearest)
    people: list[Person] = []
    problems: list[Problem] = []
    firsts: dict[str, Person] = {}
    for row in rows:
        line = row.line
        found: list[Problem] = []
        person = reader.read(_without_errors(row, found), found)
        rules.check(person, line, found)
        made = Person(line, person)
        first = firsts.setdefault(person["user_name"], made)
        if first is not made and person["user_name"]:
            found.append(repeated(first, made, rules))
        if found:
            problems += found
        people.append(made)
    return people, problems


def _without_errors(row: Row, found: list[Problem]) -> Row:
    """The row with empty cells in place of the errors of a spreadsheet, which are reported."""
    if not row.contains("#"):
        return row
    values = row.values
    errors = {field: text for field, text in values.items() if text in ERRORS}
    for field, text in errors.items():
        code = "formula_without_result" if text == NO_RESULT else "cell_error"
        found.append(Problem(row.line, field, text, code))
    return Row(row.line, values | dict.fromkeys(errors, ""), row.extra)


def repeated(first: Person, second: Person, rules: Rules) -> Problem:
    """The problem of the second row with a user name."""
    user_name = second.input["user_name"]
    # A person that occurs twice is skipped, not created under another name.
    is_other = first.input["display_name"] != second.input["display_name"]
    suggestion = rules.suggest(user_name, second.input) if is_other else ""
    params = {"first": first.line}
    return Problem(second.line, "user_name", user_name, REPEATED, params, suggestion)


def _the_domain(default: str, domains: Collection[str]) -> str:
    if default:
        return default.lower()
    return next(iter(domains)) if len(domains) == 1 else ""


def _whole_name(user_name: str, domain_column: str, default: str) -> str:
    if not user_name or "@" in user_name:
        return user_name
    domain = domain_column.lstrip("@") or default
    return f"{user_name}@{domain}" if domain else user_name


class _Reader:
    """Turns the texts of rows into the values of people: names of things into their ids."""

    def __init__(self, facts: Facts, defaults: Defaults, nearest: Nearest):
        self.defaults = defaults
        self.nearest = nearest
        # Which fields a row fills matters only where it may be about an existing user.
        self.keeps_given = facts.existing is not None
        self.domain = _the_domain(defaults.domain, facts.domains)
        self.default_products = [dict(product) for product in defaults.products]
        self.default_permissions = list(defaults.permissions)
        self.subscriptions: dict[str, list[SubscriptionFacts]] = {}
        for bought in facts.subscriptions:
            for name in {vocabulary.plain(bought.name), vocabulary.plain(bought.part_number)}:
                self.subscriptions.setdefault(name, []).append(bought)
        # Texts repeat in files: each is read once.
        self.known: dict[tuple[str, str], tuple[Any, list[tuple]]] = {}

    def typed_names(self, rows: Iterable[Row]) -> Iterator[str]:
        """The user names in the file."""
        for row in rows:
            get = row.values.get
            user_name = _whole_name(get("user_name", ""), get("domain", ""), self.domain)
            # Lowered, a KELVIN SIGN would become the name with a plain k.
            if user_name.isascii():
                yield user_name.lower()

    def read(self, row: Row, found: list[Problem]) -> dict[str, Any]:
        """The person of a row, in the form of a line's input."""
        get = row.values.get
        line = row.line
        if row.extra:
            found.append(Problem(line, "", "", "cells_too_many"))
        user_name = get("user_name", "")
        domain = get("domain", "")
        if "@" not in user_name:
            user_name = _whole_name(user_name, domain, self.domain)
        elif domain:
            _compare_domains(user_name, domain, line, found)
        products = get("products", "")
        permissions = get("permissions", "")
        location = get("location", "")
        language = get("language", "")
        given = {"given": [*row.filled]} if self.keeps_given else {}
        return given | {
            "user_name": user_name,
            "first_name": get("first_name", ""),
            "last_name": get("last_name", ""),
            "display_name": get("display_name", ""),
            "location": self._known("location", location, line, found)
            if location
            else self.defaults.location,
            "language": self._known("language", language, line, found)
            if language
            else self.defaults.language,
            "contact_email": get("contact_email", ""),
            "job_title": get("job_title", ""),
            "department": get("department", ""),
            "phone": get("phone", ""),
            "permissions": self._known("permissions", permissions, line, found)
            if permissions
            else self.default_permissions,
            "products": self._known("products", products, line, found)
            if products
            else self.default_products,
        }

    def _known(self, column: str, text: str, line: int, found: list[Problem]) -> Any:
        known = self.known.get((column, text))
        if known is None:
            problems: list[tuple] = []
            known = getattr(self, f"_read_{column}")(text, problems), problems
            self.known[column, text] = known
        for value, code, suggestion, severity in known[1]:
            value = clean_text(value)
            found.append(Problem(line, column, value, code, {}, suggestion, severity))
        return known[0]

    def _read_location(self, text: str, problems: list[tuple]) -> str:
        code = locations.find_location(text)
        if code is None:
            near = self.nearest.find("location", text.casefold(), _LOCATION_NAMES, 0.75)
            problems.append((text, "location_unknown", locations.find_location(near) or "", ERROR))
        return code or ""

    def _read_language(self, text: str, problems: list[tuple]) -> str:
        code = vocabulary.find_language(text)
        if code is None:
            problems.append((text, "language_unknown", "", WARNING))
        return self.defaults.language if code is None else code

    def _read_permissions(self, text: str, problems: list[tuple]) -> list[str]:
        codes: dict[str, None] = {}
        for part in vocabulary.split_loosely(text):
            code = vocabulary.find_permission(part)
            if code is None:
                slug = part.casefold().replace(" ", "_")
                near = self.nearest.find("permission", slug, UserPermission.values, 0.75)
                problems.append((part, "permission_unknown", near, ERROR))
            elif code:
                codes[code] = None
        return list(codes)

    def _read_products(self, text: str, problems: list[tuple]) -> list[dict[str, Any]]:
        chosen: dict[str, None] = {}
        for part in self._split_products(text):
            matches = self.subscriptions.get(vocabulary.plain(part), [])
            if len(matches) == 1:
                chosen[matches[0].id] = None
            elif matches:
                problems.append((part, "product_ambiguous", matches[0].part_number, ERROR))
            else:
                plain = vocabulary.plain(part)
                near = self.nearest.find("product", plain, self.subscriptions, 0.7)
                name = self.subscriptions[near][0].name if near else ""
                problems.append((part, "product_unknown", name, ERROR))
        return [{"subscription": id, "disabled_plans": []} for id in chosen]

    def _split_products(self, text: str) -> Iterator[str]:
        # A product name can contain a comma, a plus sign or a semicolon: names are not split.
        if vocabulary.plain(text) in self.subscriptions:
            yield text
            return
        for part in vocabulary.split_list(text):
            if vocabulary.plain(part) in self.subscriptions:
                yield part
                continue
            pieces = vocabulary.split_loosely(part)
            if any(vocabulary.plain(piece) in self.subscriptions for piece in pieces):
                yield from pieces
            else:
                yield part


_LOCATION_NAMES = [name.casefold() for pair in locations.LOCATIONS.values() for name in pair]


def _compare_domains(user_name: str, domain: str, line: int, found: list[Problem]) -> None:
    own = user_name.rpartition("@")[2]
    if own.lower() != domain.lstrip("@").lower():
        domain = clean_text(domain)
        params = {"domain": clean_text(own), "other": domain}
        found.append(Problem(line, "domain", domain, "domain_differs", params))
