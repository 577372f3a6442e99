"""The partners of the demo, their members, products and customers; the data is in catalog.json."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from partners.roles import Role

# Public: members with this password exist only where LOCAL_DEMO is set.
PASSWORD = "demo halden 2026"

PARTNER = ("halden", "Halden Cloud Services")
RIVAL = ("rival", "CANARY Rival Hosting")


@dataclass(frozen=True)
class Colleague:
    """A member of the partner; `customers` are the slugs of the only ones that they see."""

    name: str
    email: str
    role: Role
    customers: tuple[str, ...] = ()
    language: str = ""
    time_zone: str = "Europe/London"


@dataclass(frozen=True)
class Offer:
    """A product of the catalog; the products that it requires and excludes come before it."""

    name: str
    part_number: str
    description: str
    plans: tuple[str, ...]
    requires: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    not_sold_in: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bought:
    """A subscription: seats, and how many of them are assigned."""

    product: str
    seats: int
    assigned: int
    state: str = "active"
    # Days from now, negative for the past.
    renews_in: int = 200


@dataclass(frozen=True)
class Company:
    """A customer; `users`, `deleted` and `blocked` are numbers of users."""

    slug: str
    name: str
    domains: tuple[str, ...]
    users: int
    # The scripts of the names of its users, with their weights.
    scripts: dict[str, int] = field(default_factory=lambda: {"english": 6, "accents": 2})
    location: str = "GB"
    language: str = "en"
    contact: tuple[str, str] = ("", "")
    bought: tuple[Bought, ...] = ()
    deleted: int = 0
    blocked: int = 0
    state: str = "active"
    policies: dict = field(default_factory=dict)


def _read_members(rows: list[dict]) -> tuple[Colleague, ...]:
    return tuple(Colleague(**row | {"role": Role(row["role"])}) for row in rows)


def _read_customers(rows: list[dict]) -> tuple[Company, ...]:
    return tuple(
        Company(**row | {"bought": tuple(Bought(**bought) for bought in row.get("bought", ()))})
        for row in rows
    )


_DATA = json.loads(Path(__file__).with_name("catalog.json").read_text(encoding="utf-8"))

MEMBERS = _read_members(_DATA["members"])
PRODUCTS = tuple(Offer(**row) for row in _DATA["products"])
CUSTOMERS = _read_customers(_DATA["customers"])
RIVAL_MEMBERS = _read_members(_DATA["rival"]["members"])
RIVAL_CUSTOMERS = _read_customers(_DATA["rival"]["customers"])
