"""Finds the users that a list names."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from customers import letters
from customers.models import Customer
from partners.postgres import execute
from users.rules.named import SIGNS, Entry

# Users to choose from; a list with more of one name is no choice.
MAX_CANDIDATES = 10

# Names that are searched for; with more of them, each user is compared with all.
MAX_SEARCHED = 20

# Why an entry selects no user.
ABSENT, DELETED, SEVERAL, PERHAPS, TWICE = "absent", "deleted", "several", "perhaps", "twice"


@dataclass(frozen=True, kw_only=True)
class Unmatched:
    """An entry of a list that selects no user, and why."""

    # 0 for an entry that was corrected on the page.
    line: int = 0
    text: str
    code: str
    # The ids of the users to choose from, or of the deleted one.
    users: Sequence[str] = ()
    # The line that names the same user before.
    first: int = 0

    def to_json(self) -> dict:
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Named:
    """The users that a list names, active or deleted, and the entries that need a decision."""

    users: list[UUID]
    unmatched: list[Unmatched]


# Columns that entries are compared with. Keys of names are made as in users.rules.named.name_key:
# of sorted words, or without blanks.
_PLAIN_KEY = "translate(sort_key, %(signs)s, %(blanks)s)"
_COLUMNS = {
    "user_name": "user_name",
    "contact": "lower(contact_email)",
    "local": "split_part(user_name, '@', 1)",
    "words": f"array_to_string(array_sort(array_remove(string_to_array({_PLAIN_KEY}, ' '), '')), ' ')",
    "joined": f"replace({_PLAIN_KEY}, ' ', '')",
}


def find_named(customer: Customer, entries: Sequence[Entry]) -> Named:
    """Find the customer's users that these entries name; one statement."""
    index = _Index(customer, entries)
    lines: dict[UUID, int] = {}
    unmatched = []
    for entry in index.split(entries):
        code, users = index.match(entry)
        about = {"line": entry.line, "text": entry.text}
        if code in ("", DELETED):
            first = lines.setdefault(users[0], entry.line)
            if len(lines) == index.matched:
                unmatched.append(Unmatched(**about, code=TWICE, first=first))
                continue
            index.matched = len(lines)
        if code:
            ids = [str(user) for user in users[:MAX_CANDIDATES]]
            unmatched.append(Unmatched(**about, code=code, users=ids))
    return Named(list(lines), unmatched)


class _Index:
    """The users of a customer that may be meant, by what entries say of them."""

    def __init__(self, customer: Customer, entries: Iterable[Entry]):
        self.matched = 0
        self.active = {column: defaultdict(list) for column in _COLUMNS}
        self.deleted = {column: defaultdict(list) for column in _COLUMNS}
        wanted = {column: set() for column in _COLUMNS}
        for entry in _with_parts(entries):
            wanted["user_name"].update(entry.addresses, entry.contacts)
            wanted["local"].add(entry.local)
            for name in entry.names:
                wanted[_column_of(name)].add(name)
        wanted["contact"] = wanted["user_name"]
        for values in wanted.values():
            values.discard("")
        values = {column: list(found) for column, found in wanted.items() if found}
        if values:
            self._read(customer, values)

    def _read(self, customer: Customer, values: dict[str, list[str]]) -> None:
        conditions = {
            column: f"{_COLUMNS[column]} = ANY(%({column})s::text[])" for column in values
        }
        patterns = _search_patterns(values.get("words", ()))
        if patterns:
            # To sort the words of all users takes seconds at a large customer.
            conditions["words"] = f"(search LIKE ANY(%(patterns)s) AND {conditions['words']})"
        rows = execute(
            f"SELECT id, deleted_at IS NOT NULL, {', '.join(_COLUMNS[name] for name in values)}"
            " FROM users_customeruser"
            f" WHERE customer_id = %(customer)s AND ({' OR '.join(conditions.values())})"
            # Of several deleted users with one user name, the last is meant.
            " ORDER BY deleted_at DESC, sort_key, id",
            customer=customer.pk,
            signs=SIGNS,
            blanks=" " * len(SIGNS),
            patterns=patterns,
            **values,
        )
        for pk, is_deleted, *found in rows:
            by_column = self.deleted if is_deleted else self.active
            for column, value in zip(values, found, strict=True):
                by_column[column][value].append(pk)

    def split(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries; the parts of one that is no user itself, if one of them is."""
        for entry in entries:
            is_several = entry.parts and self.match(entry)[0] == ABSENT
            if is_several and any(not self.match(part)[0] for part in entry.parts):
                yield from entry.parts
            else:
                yield entry

    def match(self, entry: Entry) -> tuple[str, list[UUID]]:
        """Why an entry selects no user, or '', and the users concerned."""
        exact = [("user_name", entry.addresses), ("contact", entry.addresses)]
        exact.append(("local", (entry.local,)))
        names = [(_column_of(name), (name,)) for name in entry.names]
        is_exact = entry.addresses or entry.is_exact
        for column, values in exact if is_exact else exact + names:
            if found := _find(self.active[column], values):
                return (SEVERAL if len(found) > 1 else ""), found
        for column, values in exact:
            if found := _find(self.deleted[column], values):
                return DELETED, found[:1]
        if is_exact:
            # Another address, or the name of someone else: only a member can decide.
            hints = [("user_name", entry.contacts), ("contact", entry.contacts), *names]
            for column, values in hints:
                if found := _find(self.active[column], values):
                    return PERHAPS, found
            return ABSENT, []
        for column, values in names:
            if found := _find(self.deleted[column], values):
                return (SEVERAL if len(found) > 1 else DELETED), found
        return ABSENT, []


def _find(users: dict[str, list[UUID]], values: Iterable[str]) -> list[UUID]:
    # A look-up in a defaultdict would keep every value.
    return list(dict.fromkeys(pk for value in values for pk in users.get(value, ())))


def _with_parts(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from entry.parts


def _search_patterns(names: Sequence[str]) -> list[str]:
    """What the search texts of users with these names have; [] for a long list."""
    if len(names) > MAX_SEARCHED:
        return []
    longest = (max(name.split(), key=len) for name in names)
    return ["%" + re.sub(r"([\\%_])", r"\\\1", word) + "%" for word in longest]


def _column_of(name: str) -> str:
    return "joined" if any(map(letters.is_cjk, name)) else "words"
