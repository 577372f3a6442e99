"""The facts that the rules need to check people of a file or a form."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from licensing.rules import SubscriptionFacts


@dataclass(frozen=True, slots=True)
class ExistingUser:
    """An existing user with everything that a row of a file can change."""

    id: str
    # By field, in the form of a line's input.
    values: Mapping[str, Any]
    # Ids of subscriptions.
    held: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ExistingUsers:
    """The existing users in a file, and what the file does with them."""

    # "create" adds users; "update" changes existing ones; "both" does both; "full_list" does both
    # and deletes the users missing from the file.
    purpose: str
    # By user name in lower case.
    by_name: Mapping[str, ExistingUser]
    # Whether the licenses of a row are assigned in addition ("add"), or replace others ("exact").
    licenses: str = "add"


@dataclass(frozen=True)
class Facts:
    """The customer and the permissions of the member, as far as the rules need them."""

    domains: Collection[str]
    # User names in lower case with the display names of their present or former owners.
    taken: Mapping[str, str]
    deleted: Mapping[str, str]
    subscriptions: Sequence[SubscriptionFacts]
    # The permissions that the member may assign.
    grantable: Collection[str]
    # None where a file only adds users.
    existing: ExistingUsers | None = None


@dataclass(frozen=True)
class Defaults:
    """Values for the empty cells of a file."""

    domain: str = ""
    location: str = ""
    products: Sequence[dict[str, Any]] = ()
    permissions: Sequence[str] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """The person of a row in the form of a line's input. Read only: rows share parts of it."""

    line: int
    input: dict[str, Any]
