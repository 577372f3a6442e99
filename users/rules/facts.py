"""What is true before anything is created, and what was chosen for the whole file."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from licensing.rules import SubscriptionFacts


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is there already, as far as a row can change it."""

    id: str
    # By field, as the person of a line writes them.
    values: Mapping[str, Any]
    # The ids of the subscriptions held.
    held: frozenset[str] = frozenset()


@dataclass(frozen=True)
class People:
    """Who of a file's people is there already, and what the file is to do with them."""

    # "create" adds people; "update" changes those who are there; "both" does; "roster" does, and
    # whoever is not in the file leaves.
    purpose: str
    # By user name in lower case.
    known: Mapping[str, Known]
    # Whether the licenses of a row are given in addition ("add"), or are all ("exact").
    licenses: str = "add"


@dataclass(frozen=True)
class Facts:
    """What is true of the customer and of the member before anything is created."""

    domains: Collection[str]
    # User names in lower case, with the display name of whoever has or had them.
    taken: Mapping[str, str]
    deleted: Mapping[str, str]
    subscriptions: Sequence[SubscriptionFacts]
    # The permissions that this member may give.
    grantable: Collection[str]
    # None where a file only adds people.
    people: People | None = None


@dataclass(frozen=True)
class Defaults:
    """What was chosen once for all rows that say nothing themselves."""

    domain: str = ""
    location: str = ""
    products: Sequence[dict[str, Any]] = ()
    permissions: Sequence[str] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A row's person, in the form that a batch's line stores. Read only: rows share parts of it."""

    line: int
    input: dict[str, Any]
