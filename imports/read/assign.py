"""Whose a row is: the customer that it names, or whose domain its user name has."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from imports.read import columns
from imports.read.table import Row
from partners.names import clean_text
from users.rules import vocabulary
from users.rules.person import Nearest


@dataclass(frozen=True, slots=True)
class Found:
    """The customer of a row or, where none was found, what is said about the row."""

    customer: Any = None
    # {"line", "user_name", "display_name", "value", "code", "suggestion"}
    stray: dict[str, Any] | None = None


class Assigner:
    """Finds the customers of one row after another."""

    def __init__(self, by_name: Mapping[str, Collection[Any]], by_domain: Mapping[str, Any]):
        """Take the customers by what they are called, and by the domains that are theirs."""
        self.by_name: dict[str, set[Any]] = {}
        self.names: dict[str, str] = {}
        for name, customers in by_name.items():
            plain = vocabulary.plain(name)
            self.by_name.setdefault(plain, set()).update(customers)
            self.names.setdefault(plain, name)
        self.by_domain = by_domain
        self.nearest = Nearest()

    def find(self, row: Row) -> Found:
        """Say whose this row is."""
        values = row.values
        called = values.get(columns.CUSTOMER, "")
        domain = self._domain_of(values)
        if not called:
            customer = self.by_domain.get(domain)
            code = "domain_of_nobody" if domain else "customer_missing"
            return Found(customer) if customer else self._stray(row, values, domain, code)
        # Some write the domain where the customer is asked for.
        own = self.by_domain.get(called.lstrip("@").lower())
        customers = {own} if own else self.by_name.get(vocabulary.plain(called), set())
        if len(customers) == 1:
            return Found(next(iter(customers)))
        code = "customer_ambiguous" if customers else "customer_unknown"
        return self._stray(row, values, called, code)

    def _domain_of(self, values: Mapping[str, str]) -> str:
        domain = values.get("user_name", "").rpartition("@")[2]
        if "@" not in values.get("user_name", ""):
            domain = values.get("domain", "").lstrip("@")
        return domain.lower()

    def _stray(self, row: Row, values: Mapping[str, str], value: str, code: str) -> Found:
        near = ""
        if code == "customer_unknown":
            near = self.nearest.find("customer", vocabulary.plain(value), self.by_name, 0.75)
        stray = {
            "line": row.line,
            "user_name": values.get("user_name", ""),
            "display_name": values.get("display_name", ""),
            "value": value,
            "code": code,
            "suggestion": self.names.get(near, ""),
        }
        clean = {
            key: clean_text(one) if isinstance(one, str) else one for key, one in stray.items()
        }
        return Found(stray=clean)
