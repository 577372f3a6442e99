"""Makes people of rows, with every problem of every row."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import filterfalse
from typing import Any, NamedTuple

from django.utils import timezone

from customers import locations
from imports.check import scripts
from imports.check.doubts import find_doubts
from imports.check.repair import SAME
from imports.check.sign_in import FIELDS as SIGN_IN_FIELDS
from imports.check.sign_in import read_sign_in
from imports.read import broken_letters, cells
from imports.read.table import Row
from licensing.rules import SubscriptionFacts
from partners.names import clean_text
from spreadsheets.xlsx_marks import ERRORS, NO_RESULT
from users.rules import names, sign_in, vocabulary
from users.rules.facts import Defaults, Facts, Person
from users.rules.person import Nearest, Rules, act_of, is_email, is_shortened_number
from users.rules.problems import ERROR, NOTICE, WARNING, Problem, leaves_out
from users.rules.same_person import OF_PERSON, Repeated, is_same_person

# Two rows with one user name, of two people.
REPEATED = "user_name_repeated"


class LookUp(NamedTuple):
    """What to look up in the database before rows are validated; in lower case."""

    user_names: list[str]
    contacts: list[str]
    # Of rows without a user name, as they are written.
    display_names: list[str]


def find_lookups(rows: Iterable[Row], defaults: Defaults, domains: Collection[str]) -> LookUp:
    """What to look up in the database before these rows are validated."""
    domain = _the_domain(defaults.domain, domains)
    own = frozenset(name.lower() for name in domains)
    found: dict[str, None] = {}
    contacts: dict[str, None] = {}
    display_names: dict[str, None] = {}
    for row in rows:
        get = _with_best_names(row, own).get
        user_name = _whole_name(get("user_name", ""), get("domain", ""), domain)
        if not user_name:
            first, last = get("first_name", ""), get("last_name", "")
            display_name = get("display_name", "")
            if display_name:
                display_names[display_name] = None
            elif first or last:
                display_names[f"{first} {last}"] = None
        # Neither a NUL nor a lone surrogate may reach the database.
        elif user_name.isascii() and user_name.isprintable():
            found[user_name.lower()] = None
        contact = get("contact_email", "")
        if contact and contact.isascii() and contact.isprintable():
            contacts[contact.lower()] = None
    return LookUp(list(found), list(contacts), list(display_names))


def validate(
    rows: Sequence[Row],
    facts: Facts,
    defaults: Defaults,
    notices: list[Problem] | None = None,
    *,
    language: str = "",
) -> tuple[list[Person], list[Problem]]:
    """
    Make a person of each row, including bad ones, and list all problems in file order.

    Notices about the whole file are added to `notices`. `language` is that of its header.
    """
    nearest = Nearest()
    reader = _Reader(facts, defaults, nearest, rows, language)
    rules = Rules(facts, typed_names=lambda: reader.typed_names(rows), nearest=nearest)
    people: list[Person] = []
    problems: list[Problem] = []
    firsts: dict[str, Person] = {}
    people_before = Repeated()
    for row in rows:
        line = row.line
        found: list[Problem] = []
        person = reader.read(_without_errors(row, found), found)
        rules.check(person, line, found)
        made = Person(line, person)
        # A row that is skipped takes no name from another.
        if not (found and leaves_out(found)):
            first = firsts.get(person["user_name"]) if person["user_name"] else None
            if first:
                # One suggestion for a row is enough.
                if not any(one.column == "user_name" and one.severity == ERROR for one in found):
                    found.append(repeated(first, made, rules))
            elif act_of(person) == "add":
                _find_again(person, line, people_before, found)
            if not first and not (found and leaves_out(found)):
                firsts[person["user_name"]] = made
        elif not person["user_name"]:
            # Another row like it is about the same person.
            _find_again(person, line, people_before, [])
        problems += found
        people.append(made)
    if notices is not None:
        notices += reader.find_notices()
    return people, problems


def _without_errors(row: Row, found: list[Problem]) -> Row:
    """
    The row without the errors of a spreadsheet.

    The text of a further column stands in their place; where there is none, they are reported.
    """
    if not row.contains("#"):
        return row
    for place, (field, text) in enumerate(zip(row.fields, row.texts, strict=True)):
        if text not in ERRORS:
            continue
        other = next((one for one in row.others(field) if one not in ERRORS), "")
        row.put(place, other)
        if not other:
            code = "formula_without_result" if text == NO_RESULT else "cell_error"
            found.append(Problem(row.line, field, text, code))
    return row


def _find_again(person: dict[str, Any], line: int, before: Repeated, found: list[Problem]) -> None:
    """Report a person who was in an earlier row with another user name."""
    keys = [(field, person[field].lower()) for field in OF_PERSON if person.get(field)]
    if not person["user_name"]:
        # Two rows without any difference are about one person.
        keys.append(("", "\n".join(map(person.get, _DIFFERENCES)).lower()))
    # A text that is no address is no sign.
    elif not keys or found and any(problem.column == "contact_email" for problem in found):
        return
    first = before.find(person, line, keys)
    if first:
        params = {"first": first}
        value = person["user_name"]
        found.append(Problem(line, "user_name", value, "person_repeated", params, severity=WARNING))


# Fields that distinguish people of one name, where the file has no user names.
_DIFFERENCES = ("contact_email", "department", "job_title", "phone", "location")


def repeated(first: Person, second: Person, rules: Rules) -> Problem:
    """The problem of the second row with a user name."""
    user_name = second.input["user_name"]
    code = SAME if is_same_person(first.input, second.input) else REPEATED
    suggestion = rules.suggest(user_name, second.input)
    return Problem(second.line, "user_name", user_name, code, {"first": first.line}, suggestion)


def _the_domain(default: str, domains: Collection[str]) -> str:
    if default:
        return default.lower()
    return next(iter(domains)) if len(domains) == 1 else ""


def _whole_name(user_name: str, domain_column: str, default: str) -> str:
    if not user_name or "@" in user_name:
        return user_name
    domain = domain_column.lstrip("@") or default
    return f"{user_name}@{domain}" if domain else user_name


def _with_best_names(row: Row, domains: Collection[str]) -> dict[str, str]:
    """
    The texts of a row, with the first user name and contact address that can be used.

    Where the file has several columns for them, a bad cell falls back to the next column.
    """
    values = row.values
    if not row.has_others and not _SEVERAL.search(values.get("contact_email", "")):
        # Most user names are one word.
        name, email = values.get("user_name", ""), values.get("contact_email", "")
        if "@" in email and (not name or " " in name) and _is_usable(email, domains):
            values["user_name"], values["contact_email"] = email, ""
        return values
    user_names = [values.get("user_name", ""), *row.others("user_name")]
    if len(user_names) > 1:
        usable = (name for name in user_names if _is_usable(name, domains))
        values["user_name"] = next(usable, user_names[0])
    if not _is_usable(values.get("user_name", ""), domains):
        mails = [values.get("contact_email", ""), *row.others("contact_email")]
        own_mails = (mail for mail in mails if "@" in mail and _is_usable(mail, domains))
        values["user_name"] = next(own_mails, values.get("user_name", ""))
    own = values.get("user_name", "").lower()
    # An address that is no user name is where to reach the person.
    strange = [name for name in user_names if name.rpartition("@")[2].lower() not in domains]
    contacts = [values.get("contact_email", ""), *row.others("contact_email")]
    emails = [email for cell in contacts for email in _split_addresses(cell)] + strange
    mine = {own} if "@" in own else {f"{own}@{domain}" for domain in domains}
    good = (email for email in emails if is_email(email) and email.lower() not in mine)
    if len(emails) > 1:
        values["contact_email"] = next(good, emails[0])
    phones = [values.get("phone", ""), *row.others("phone")]
    if len(phones) > 1:
        values["phone"] = next(filterfalse(is_shortened_number, phones), phones[0])
    return values


def _split_addresses(cell: str) -> list[str]:
    """The addresses in a cell; the whole text where it is something else."""
    addresses = [part for part in _SEVERAL.split(cell) if part]
    return addresses if len(addresses) > 1 and all(map(is_email, addresses)) else [cell]


_SEVERAL = re.compile(r"[;,|\s]+")


def _is_usable(user_name: str, domains: Collection[str]) -> bool:
    local, at, domain = user_name.partition("@")
    return names.check_local_part(local) is None and (not at or domain.lower() in domains)


class _Reader:
    """Turns the texts of rows into the values of people: names of things into their ids."""

    def __init__(
        self,
        facts: Facts,
        defaults: Defaults,
        nearest: Nearest,
        rows: Sequence[Row],
        language: str = "",
    ):
        self.language = language
        self.defaults = defaults
        self.rows = rows
        self.today = timezone.localdate()
        self.nearest = nearest
        # Which fields a row fills matters only where it may be about an existing user.
        self.keeps_given = facts.existing is not None
        self.domains = frozenset(domain.lower() for domain in facts.domains)
        self.domain = _the_domain(defaults.domain, facts.domains)
        self.default_products = [dict(product) for product in defaults.products]
        self.default_permissions = list(defaults.permissions)
        self.subscriptions: dict[str, list[SubscriptionFacts]] = {}
        for bought in facts.subscriptions:
            for name in {vocabulary.plain(bought.name), vocabulary.plain(bought.part_number)}:
                self.subscriptions.setdefault(name, []).append(bought)
        # Texts repeat in files: each is read once.
        self.known: dict[tuple[str, str], tuple[Any, list[tuple]]] = {}
        # Said once: the roles of another system, and addresses that aren't kept.
        self.other_roles: Counter[str] = Counter()
        self.own_addresses = 0

    def typed_names(self, rows: Iterable[Row]) -> Iterator[str]:
        """The user names in the file."""
        for row in rows:
            get = _with_best_names(row, self.domains).get
            user_name = _whole_name(get("user_name", ""), get("domain", ""), self.domain)
            # Lowered, a KELVIN SIGN would become the name with a plain k.
            if user_name.isascii():
                yield user_name.lower()

    def read(self, row: Row, found: list[Problem]) -> dict[str, Any]:
        """The person of a row, in the form of a line's input."""
        values = _with_best_names(row, self.domains)
        if row.has_others:
            self._take_known(row, values)
        get = values.get
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
        contact = get("contact_email", "")
        if contact and contact.lower() == user_name.lower():
            contact = ""
            self.own_addresses += 1
        person = {"given": self._find_given(row, contact)} if self.keeps_given else {}
        person |= {
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
            "contact_email": contact,
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
        if permissions and (roles := self._find_other_roles(permissions)):
            # For the file of rows with errors.
            person["other_roles"] = roles
        if not _SIGN_IN_FIELDS.isdisjoint(values):
            self._read_sign_in(row, values, person)
        if not scripts.FIELDS.isdisjoint(values) and (latin := scripts.read_latin(values)):
            person[names.LATIN] = [*map(clean_text, latin)]
        if number := get("employee_number"):
            person["employee_number"] = clean_text(number)
        own = person["first_name"] + person["last_name"] + person["display_name"]
        if not own.isascii() and self.is_japanese:
            person[names.SCRIPT] = names.JAPANESE
        find_doubts(person, line, found)
        if _MAY_HAVE_LOST.search(own):
            for field in _NAMES:
                self._report_lost_letters(field, person[field], line, found)
        return person

    def _find_other_roles(self, text: str) -> str:
        found = self._look_up("permissions", text)[1]
        return "; ".join(clean_text(role) for role, code, *_rest in found if code in _OTHER_ROLES)

    def _find_given(self, row: Row, contact: str) -> list[str]:
        """The fields that a row fills. Of an existing user, only these are changed."""
        nothing = set() if contact else {"contact_email"}
        values = row.values
        nothing |= {
            field for field in ("products", "permissions") if values.get(field) == cells.NONE
        }
        return [field for field in row.filled if field not in nothing]

    def _read_sign_in(self, row: Row, values: dict[str, str], person: dict[str, Any]) -> None:
        texts = {
            field: [text for text in (values.get(field, ""), *row.others(field)) if text]
            for field in SIGN_IN_FIELDS
        }
        said = read_sign_in(texts, self.today)
        # Of a new user, "allowed" is nothing to remember.
        if said and (self.keeps_given or said[0] != sign_in.ALLOWED):
            person[sign_in.KEY] = {"state": said[0], "word": clean_text(said[1])[:_LONGEST_WORD]}

    def _report_lost_letters(self, field: str, text: str, line: int, found: list[Problem]) -> None:
        if broken_letters.has_lost_letters(text):
            likely = broken_letters.guess(text, self.whole_names)
            found.append(
                Problem(line, field, clean_text(text), "letters_lost", {}, likely, WARNING)
            )

    @cached_property
    def is_japanese(self) -> bool:
        """Whether names in Han characters are Japanese."""
        return self.language == "ja" or scripts.has_japanese_names(row.values for row in self.rows)

    @cached_property
    def whole_names(self) -> list[str]:
        """The words of names in the file with letters other than a–z."""
        texts = {row.values.get(field, "") for row in self.rows for field in _NAMES}
        found = {word for text in texts if not text.isascii() for word in text.split()}
        return sorted(word for word in found if not broken_letters.has_lost_letters(word))

    def find_notices(self) -> list[Problem]:
        """What is said once about all rows that were read."""
        notices = []
        if self.other_roles:
            named = ", ".join(f"“{role}” ({n})" for role, n in self.other_roles.most_common(5))
            more = " …" if len(self.other_roles) > 5 else ""
            notices.append(
                Problem(0, "", "", "roles_ignored", {"words": named + more}, severity=NOTICE)
            )
        if self.own_addresses:
            params = {"count": self.own_addresses}
            notices.append(Problem(0, "", "", "own_addresses", params, severity=NOTICE))
        return notices

    def _take_known(self, row: Row, values: dict[str, str]) -> None:
        """Take the text of the next column of a field where the first one is not understood."""
        for column in ("products", "permissions", "location", "language"):
            if others := row.others(column):
                texts = (values[column], *others)
                known = (text for text in texts if not self._look_up(column, text)[1])
                values[column] = next(known, values[column])

    def _look_up(self, column: str, text: str) -> tuple[Any, list[tuple]]:
        """What a text means in a column, and what is wrong with it."""
        known = self.known.get((column, text))
        if known is None:
            problems: list[tuple] = []
            known = getattr(self, f"_read_{column}")(text, problems), problems
            self.known[column, text] = known
        return known

    def _known(self, column: str, text: str, line: int, found: list[Problem]) -> Any:
        known = self._look_up(column, text)
        for value, code, suggestion, severity in known[1]:
            value = clean_text(value)
            if severity == NOTICE:
                self.other_roles[value[:_LONGEST_WORD]] += 1
                continue
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
        for part in vocabulary.split_loosely(text) if text != cells.NONE else ():
            code = vocabulary.find_permission(part)
            if code:
                codes[code] = None
            elif code is None:
                plain = vocabulary.plain(part)
                near = self.nearest.find("permission", plain, vocabulary.ADMINISTRATORS, 0.9)
                # A misspelled permission, or a role of another system.
                if near or not _ROLE.fullmatch(part):
                    suggestion = vocabulary.find_permission(near) or ""
                    problems.append((part, "permission_unknown", suggestion, ERROR))
                elif any(word in plain for word in vocabulary.WORDS_FOR_ADMINISTRATORS):
                    problems.append((part, "role_unknown", "", WARNING))
                else:
                    problems.append((part, "role_of_others", "", NOTICE))
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
        if text == cells.NONE:
            return
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


_SIGN_IN_FIELDS = frozenset(SIGN_IN_FIELDS)
_NAMES = ("first_name", "last_name", "display_name")
_MAY_HAVE_LOST = re.compile(broken_letters.SIGNS_OF_LOSS)
_LONGEST_WORD = 60
_OTHER_ROLES = frozenset({"role_of_others", "role_unknown"})
# What can be the name of a role.
_ROLE = re.compile(r"(?=.*[^\W\d_])\w(?:[\w /.,:&'’()#+-]{0,60}[\w.)+#])?")
_LOCATION_NAMES = [name.casefold() for pair in locations.LOCATIONS.values() for name in pair]


def _compare_domains(user_name: str, domain: str, line: int, found: list[Problem]) -> None:
    own = user_name.rpartition("@")[2]
    if own.lower() != domain.lstrip("@").lower():
        domain = clean_text(domain)
        params = {"domain": clean_text(own), "other": domain}
        found.append(Problem(line, "domain", domain, "domain_differs", params))
