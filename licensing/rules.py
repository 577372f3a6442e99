"""Which products a user may hold together, and where."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class SubscriptionFacts:
    """What a plan needs to know of a product that the customer bought. Ids are texts."""

    id: str
    product: str
    name: str
    part_number: str
    free: int
    state: str = "active"
    not_sold_in: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    excludes: frozenset[str] = frozenset()


class Seat(NamedTuple):
    """A license, and its service plans that are off; ids are texts, as in JSON."""

    subscription: str
    disabled_plans: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        return {"subscription": self.subscription, "disabled_plans": list(self.disabled_plans)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Seat":
        return cls(values["subscription"], values.get("disabled_plans", ()))


# Not frozen, as one is made for each of 100,000 lines; lines share them, so they stay as they are.
@dataclass(slots=True)
class LicenseChange:
    """What a line of a batch changes about the licenses of its user."""

    add: Sequence[Seat] = ()
    remove: Sequence[str] = ()
    # Licenses that stay, with other service plans.
    plans: Sequence[Seat] = ()
    # Subscriptions that the user no longer waits for.
    stop: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.remove or self.plans or self.stop)

    @property
    def added(self) -> list[str]:
        return [seat.subscription for seat in self.add]

    def to_json(self) -> dict[str, Any]:
        values = {
            "add": [seat.to_json() for seat in self.add],
            "remove": list(self.remove),
            "plans": [seat.to_json() for seat in self.plans],
        }
        return values | {"stop": list(self.stop)} if self.stop else values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "LicenseChange":
        """Read the input of a line, which may have other keys too."""
        return cls(
            tuple(map(Seat.from_json, values.get("add", ()))),
            values.get("remove", ()),
            tuple(map(Seat.from_json, values.get("plans", ()))),
            values.get("stop", ()),
        )


# The value that a conflict is about, its code, and the parameters of its text.
Conflict = tuple[str, str, dict]


class ProductRules:
    """
    The rules among the products that a customer bought.

    Remembers its answers: many users of a plan have the same few sets of licenses.
    """

    def __init__(self, subscriptions: Sequence[SubscriptionFacts]):
        self.by_id = {subscription.id: subscription for subscription in subscriptions}
        self.by_product = {subscription.product: subscription for subscription in subscriptions}
        self.known: dict[tuple, list[Conflict]] = {}

    def check(self, location: str, ids: Iterable[str]) -> list[Conflict]:
        """Return the conflicts of these subscriptions at the location: (value, code, params)."""
        key = (location, *ids)
        if key not in self.known:
            self.known[key] = self._check(location, key[1:])
        return self.known[key]

    def check_change(
        self,
        location: str,
        held: Collection[str],
        *,
        add: Collection[str] = (),
        remove: Collection[str] = (),
        moves_to: str | None = None,
    ) -> list[Conflict]:
        """Return the conflicts after adding and removing licenses, or moving, that are new then."""
        before = self.check(location, sorted(held))
        there = location if moves_to is None else moves_to
        after = self.check(there, sorted((set(held) - set(remove)) | set(add)))
        return [conflict for conflict in after if conflict not in before]

    def _check(self, location: str, ids: Sequence[str]) -> list[Conflict]:
        conflicts = [(id, "product_unknown", {}) for id in ids if id not in self.by_id]
        chosen = [self.by_id[id] for id in dict.fromkeys(ids) if id in self.by_id]
        products = {subscription.product for subscription in chosen}
        for place, subscription in enumerate(chosen):
            params = {"product": subscription.name}
            if subscription.state == "suspended":
                conflicts.append((subscription.name, "product_suspended", params))
            if location in subscription.not_sold_in:
                conflicts.append(
                    (subscription.name, "product_not_sold", params | {"location": location})
                )
            for missing in sorted(subscription.requires - products):
                other = self.by_product.get(missing)
                name = other.name if other else missing
                conflicts.append((subscription.name, "product_requires", params | {"other": name}))
            for other in chosen[place + 1 :]:
                if other.product in subscription.excludes or subscription.product in other.excludes:
                    conflicts.append(
                        (subscription.name, "product_excludes", params | {"other": other.name})
                    )
        return conflicts


def find_conflicts(
    rules: ProductRules,
    location: str,
    held: Collection[str],
    change: LicenseChange,
    *,
    moves_to: str | None = None,
) -> list[dict]:
    """Return what forbids a change of licenses, or a move, as problems of a line."""
    if change.add and not (location if moves_to is None else moves_to):
        return [{"code": "location_missing", "column": "location", "severity": "error"}]
    return [
        {"code": code, "column": "products", "value": value, "params": params, "severity": "error"}
        for value, code, params in rules.check_change(
            location, held, add=change.added, remove=change.remove, moves_to=moves_to
        )
    ]
