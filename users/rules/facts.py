"""The facts that the rules need to check people of a file or a form."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from licensing.rules import SubscriptionFacts

# Pairs of user name and display name by a text that both have.
Users = Mapping[str, Sequence[tuple[str, str]]]


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


@dataclass(frozen=True, slots=True)
class DeletedUser:
    """A deleted user that a row can restore."""

    id: str
    # The licenses before the deletion, as `products` of a line's input.
    held: Sequence[Mapping[str, Any]] = ()
    is_administrator: bool = False


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
    # The domain that was chosen for user names without one.
    domain: str = ""
    # By user name in lower case, the user that was deleted last.
    restorable: Mapping[str, DeletedUser] = field(default_factory=dict)
    # Active users by contact address, and by the forms of their names.
    by_contact: Users = field(default_factory=dict)
    by_name: Users = field(default_factory=dict)
    # Deleted users that can be restored, in the same way.
    deleted_by_contact: Users = field(default_factory=dict)
    deleted_by_name: Users = field(default_factory=dict)
    # Loads the user names of all users, also of deleted ones.
    all_names: Callable[[], Collection[str]] = frozenset


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
