"""Which products somebody may hold together, and where."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SubscriptionFacts:
    """A product that the customer bought, as far as a plan must know it. Ids are texts."""

    id: str
    product: str
    name: str
    part_number: str
    free: int
    state: str = "active"
    not_sold_in: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    excludes: frozenset[str] = frozenset()


class ProductRules:
    """The rules among the products that a customer bought, asked many times with few answers."""

    def __init__(self, subscriptions: Sequence[SubscriptionFacts]):
        self.by_id = {one.id: one for one in subscriptions}
        self.by_product = {one.product: one for one in subscriptions}
        self.judged: dict[tuple, list[tuple[str, str, dict]]] = {}

    def judge(self, location: str, ids: Iterable[str]) -> list[tuple[str, str, dict]]:
        """
        What speaks against holding these subscriptions in this location.

        As (value, code, params) of users.rules.problems; nothing where all is well.
        """
        key = (location, *ids)
        if key not in self.judged:
            self.judged[key] = self._judge(location, key[1:])
        return self.judged[key]

    def judge_change(
        self,
        location: str,
        held: Collection[str],
        *,
        give: Collection[str] = (),
        take: Collection[str] = (),
        moves_to: str | None = None,
    ) -> list[tuple[str, str, dict]]:
        """
        What is wrong after somebody is given and loses these subscriptions, or moves.

        As `judge` says it; what was wrong before already is not held against the change.
        """
        before = self.judge(location, sorted(held))
        there = location if moves_to is None else moves_to
        after = self.judge(there, sorted((set(held) - set(take)) | set(give)))
        return [one for one in after if one not in before]

    def _judge(self, location: str, ids: Sequence[str]) -> list[tuple[str, str, dict]]:
        problems = [(id, "product_unknown", {}) for id in ids if id not in self.by_id]
        chosen = [self.by_id[id] for id in dict.fromkeys(ids) if id in self.by_id]
        products = {one.product for one in chosen}
        for place, one in enumerate(chosen):
            params = {"product": one.name}
            if one.state == "suspended":
                problems.append((one.name, "product_suspended", params))
            if location in one.not_sold_in:
                problems.append((one.name, "product_not_sold", params | {"location": location}))
            for missing in sorted(one.requires - products):
                other = self.by_product.get(missing)
                name = other.name if other else missing
                problems.append((one.name, "product_requires", params | {"other": name}))
            for other in chosen[place + 1 :]:
                if other.product in one.excludes or one.product in other.excludes:
                    problems.append((one.name, "product_excludes", params | {"other": other.name}))
        return problems
