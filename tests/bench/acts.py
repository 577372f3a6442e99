"""Rows about acts on everybody: the batch, plan and record included, against one bare statement."""

from collections.abc import Callable, Iterator

from django.db import transaction

from customers.models import Customer
from tests.bench import datasets, floor, ours, rounds
from tests.bench.surroundings import Ground
from tests.bench.table import Row, compare
from users.acts.delete import plan_deletes
from users.acts.licenses import Changes, plan_licenses
from users.acts.purge import purge_due
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores

# What the bare statement leaves undone.
BESIDES = {
    "delete": "; only ours frees their three seats",
    "restore": "; only ours gives them three seats",
    "purge": "; only ours clears lines and record of their names",
}
# In this order: each finds the users as the one before leaves them.
TARGETS = {"assign": 5, "reset": 4, "delete": 4, "restore": 4, "purge": 3}


def run(ground: Ground, kept: dict[str, str]) -> Iterator[Row]:
    """Measure the acts on two customers who are alike, each round in a fresh copy of both."""
    times: dict[str, tuple] = {name: ([], []) for name in TARGETS}
    for number in range(ground.scale.rounds):
        with ground.fresh(kept["twins"]), datasets.inside() as member:
            _go_round(ground, member, times, is_ours_first=number % 2 == 0)
    for name, target in TARGETS.items():
        note = f"{ground.scale.rows:,} users{BESIDES.get(name, '')}"
        yield compare(f"{name}_vs_sql", *times[name], target=target, unit="s", note=note)


def _go_round(ground: Ground, member, times, *, is_ours_first: bool) -> None:
    count = ground.scale.rows
    with transaction.atomic():
        one, other = datasets.get_customer("ours"), datasets.get_customer("bare")
        users = list(one.users.order_by("sort_key", "pk").values_list("pk", flat=True))
    acts = make(one, users, member, count)
    for name in TARGETS:
        if name == "purge":
            delete_again(one, other)
        sides = [(acts[name], times[name][0]), (_bare(name, other, count), times[name][1])]
        for act, taken in sides if is_ours_first else reversed(sides):
            ground.settle()
            taken.append(rounds.seconds(act))


def make(customer: Customer, users: list, member, count: int) -> dict[str, Callable]:
    """Our own acts on these users, to be called in this order."""
    third = customer.bought[2]
    changes = Changes(add=frozenset([str(third.pk)]))
    plans = {
        "assign": (plan_licenses, {"changes": changes}),
        "reset": (plan_resets, {}),
        "delete": (plan_deletes, {}),
        "restore": (plan_restores, {}),
    }

    def as_batch(plan, more):
        def act():
            batch = ours.act(plan, customer=customer, users=users, by=member, **more)
            ours.prove(batch, count)

        return act

    def purge():
        purged = purge_due()
        if purged != count:
            raise RuntimeError(f"{purged} of {count} users were purged.")

    return {name: as_batch(*plan) for name, plan in plans.items()} | {"purge": purge}


def _bare(name: str, customer: Customer, count: int) -> Callable:
    def act():
        more = [customer.bought[2]] if name == "assign" else []
        changed = getattr(floor, name)(customer, *more)
        if changed != count:
            raise RuntimeError(f"{name} changed {changed} of {count} rows.")

    return act


def delete_again(one: Customer, other: Customer) -> None:
    """Delete everybody, for a purge that is due at one of them."""
    # Both alike, with no seats left; what stands on lines and on record is ours to clear besides.
    for customer in (one, other):
        floor.execute(f"DELETE FROM {floor.ASSIGNMENTS} WHERE customer_id = %s", customer.pk)
        floor.delete(customer)
    floor.make_due(one)
