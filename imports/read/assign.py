"""Finds the customer of each row of a file: by the name in it, or by the domain of the user."""

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
    """The customer of a row, or the reason why there is none."""

    customer: Any = None
    # {"line", "user_name", "display_name", "value", "code", "suggestion"}
    unmatched: dict[str, Any] | None = None


class Assigner:
    """Finds the customers of one row after another."""

    def __init__(self, by_name: Mapping[str, Collection[Any]], by_domain: Mapping[str, Any]):
        self.by_name: dict[str, set[Any]] = {}
        self.names: dict[str, str] = {}
        for name, customers in by_name.items():
            plain = vocabulary.plain(name)
            self.by_name.setdefault(plain, set()).update(customers)
            self.names.setdefault(plain, name)
        self.by_domain = by_domain
        self.nearest = Nearest()

    def find(self, row: Row) -> Found:
        values = row.values
        name = values.get(columns.CUSTOMER, "")
        user_name = values.get("user_name", "")
        domain = values.get("domain", "").lstrip("@")
        if "@" in user_name:
            domain = user_name.rpartition("@")[2]
        if not name:
            customer = self.by_domain.get(domain.lower())
            if customer:
                return Found(customer)
            code = "domain_of_nobody" if domain else "customer_missing"
            return self._unmatched(row, domain.lower(), code)
        # Some files have the domain in the column of the customer.
        own = self.by_domain.get(name.lstrip("@").lower())
        customers = {own} if own else self.by_name.get(vocabulary.plain(name), set())
        if len(customers) == 1:
            return Found(next(iter(customers)))
        return self._unmatched(row, name, "customer_ambiguous" if customers else "customer_unknown")

    def _unmatched(self, row: Row, value: str, code: str) -> Found:
        near = ""
        if code == "customer_unknown":
            near = self.nearest.find("customer", vocabulary.plain(value), self.by_name, 0.75)
        values = row.values
        texts = {
            "user_name": values.get("user_name", ""),
            "display_name": values.get("display_name", ""),
            "value": value,
            "code": code,
            "suggestion": self.names.get(near, ""),
        }
        cleaned = {key: clean_text(text) for key, text in texts.items()}
        return Found(unmatched={"line": row.line} | cleaned)
