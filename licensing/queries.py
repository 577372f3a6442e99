from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet
from django.db.models.expressions import RawSQL

from customers.models import Customer

from .models import Assignment, ProductRule, Subscription


def find_subscriptions(customer: Customer) -> QuerySet[Subscription]:
    """What the customer bought, by the product's name, with products and plans at hand."""
    return (
        customer.subscriptions.select_related("product")
        .prefetch_related("product__plans")
        .order_by("product__name", "pk")
    )


@dataclass(frozen=True)
class Rules:
    """Which products require and exclude which, by id."""

    requires: dict[UUID, frozenset[UUID]]
    excludes: dict[UUID, frozenset[UUID]]


def get_rules(*, partner_id: UUID) -> Rules:
    """The rules among the partner's products; an exclusion holds both ways."""
    requires, excludes = defaultdict(set), defaultdict(set)
    rules = ProductRule.objects.filter(partner_id=partner_id)
    for product, kind, other in rules.values_list("product_id", "kind", "other_id"):
        if kind == ProductRule.Kind.REQUIRES:
            requires[product].add(other)
        else:
            excludes[product].add(other)
            excludes[other].add(product)
    return Rules(
        {product: frozenset(others) for product, others in requires.items()},
        {product: frozenset(others) for product, others in excludes.items()},
    )


def count_held(customer: Customer, users: Iterable[UUID]) -> dict[str, int]:
    """How many seats of each subscription, by its id as text, these users hold."""
    rows = (
        Assignment.objects.filter(
            customer=customer, user__in=RawSQL("SELECT unnest(%s::uuid[])", [list(users)])
        )
        .values_list("subscription_id")
        .annotate(seats=Count("pk"))
        .order_by("subscription_id")
    )
    return {str(subscription_id): seats for subscription_id, seats in rows}


def get_held(customer: Customer, users: Iterable[UUID]) -> dict[UUID, dict[str, list[str]]]:
    """Per user the subscriptions held, by id as text, with the service plans switched off."""
    held = defaultdict(dict)
    rows = Assignment.objects.filter(
        customer=customer, user__in=RawSQL("SELECT unnest(%s::uuid[])", [list(users)])
    )
    for user_id, subscription_id, off in rows.values_list(
        "user_id", "subscription_id", "plans_off"
    ):
        held[user_id][str(subscription_id)] = [str(plan) for plan in off]
    return held


def find_not_sold(
    *, customer: Customer, users: Iterable[UUID], location: str
) -> dict[UUID, list[str]]:
    """The products that each of these users holds though they are not sold at the location."""
    held = Assignment.objects.filter(
        customer=customer,
        user__in=RawSQL("SELECT unnest(%s::uuid[])", [list(users)]),
        subscription__product__not_sold_in__contains=[location],
    ).order_by("user", "subscription__product__name")
    unsold = defaultdict(list)
    for user, product in held.values_list("user", "subscription__product__name"):
        unsold[user].append(product)
    return dict(unsold)
