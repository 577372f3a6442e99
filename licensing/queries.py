from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from customers.models import Customer
from customers.queries import find_customers
from licensing.models import Assignment, Product, ProductRule, Subscription, WaitingSeat
from licensing.rules import SubscriptionFacts
from partners.models import Member
from partners.postgres import execute

MAX_BUYERS = 100


def find_subscriptions(customer: Customer) -> QuerySet[Subscription]:
    """Return the customer's subscriptions by name, with products and plans prefetched."""
    return (
        customer.subscriptions.select_related("product")
        .prefetch_related("product__plans")
        .order_by("product__name", "pk")
    )


def count_in_line(subscriptions: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Annotate the number of waiting users as `in_line`."""
    line = WaitingSeat.objects.filter(subscription=OuterRef("pk")).order_by()
    number = line.values("subscription").annotate(number=Count("pk")).values("number")
    return subscriptions.annotate(in_line=Coalesce(Subquery(number), 0))


def get_subscription(customer: Customer, subscription_id: UUID) -> Subscription | None:
    found = customer.subscriptions.select_related("product")
    return found.filter(pk=subscription_id).first()


def find_products_to_buy(customer: Customer) -> QuerySet[Product]:
    products = Product.objects.filter(partner_id=customer.partner_id)
    return products.exclude(subscriptions__customer=customer).order_by("name", "pk")


def find_missing(customer: Customer, product: Product) -> list[str]:
    """Return the names of products that this one requires and the customer does not have."""
    required = ProductRule.objects.filter(product=product, kind=ProductRule.Kind.REQUIRES)
    missing = required.exclude(other__subscriptions__customer=customer)
    return list(missing.order_by("other__name").values_list("other__name", flat=True))


def find_products(*, member: Member, q: str = "") -> QuerySet[Product]:
    """
    The partner's catalog by name, with service plans at hand.

    Each has `customers`, `seats` and `assigned` of the customers that the member may see.
    """
    products = Product.objects.filter(partner_id=member.partner_id)
    if q:
        products = products.filter(Q(name__icontains=q) | Q(part_number__icontains=q))
    seen = Q()
    if member.is_limited:
        seen = Q(subscriptions__customer__in=find_customers(member=member))
    return (
        products.prefetch_related("plans")
        .annotate(
            customers=Count("subscriptions", filter=seen),
            seats=Coalesce(Sum("subscriptions__seats", filter=seen), 0),
            assigned=Coalesce(Sum("subscriptions__assigned", filter=seen), 0),
        )
        .order_by("name", "pk")
    )


def get_product(product_id: UUID, *, member: Member) -> Product | None:
    return Product.objects.filter(partner_id=member.partner_id, pk=product_id).first()


def find_other_products(*, member: Member, product: Product | None = None) -> QuerySet[Product]:
    products = Product.objects.filter(partner_id=member.partner_id)
    return products.exclude(pk=product and product.pk).order_by("name", "pk")


def find_buyers(product: Product, *, member: Member) -> QuerySet[Subscription]:
    """Return subscriptions of the product at customers that the member may see."""
    found = product.subscriptions.filter(customer__in=find_customers(member=member))
    return found.select_related("customer").order_by("customer__sort_key", "pk")[:MAX_BUYERS]


@dataclass(frozen=True)
class Others:
    """The products that one product requires, and those that it excludes or that exclude it."""

    requires: tuple[Product, ...]
    excludes: tuple[Product, ...]


def get_others(product: Product) -> Others:
    """Return the rules of a product, by name; an exclusion holds both ways."""
    excludes = ProductRule.Kind.EXCLUDES
    rules = ProductRule.objects.filter(Q(product=product) | Q(other=product, kind=excludes))
    found: dict[str, set[Product]] = {ProductRule.Kind.REQUIRES: set(), excludes: set()}
    for rule in rules.select_related("product", "other"):
        found[rule.kind].add(rule.other if rule.product_id == product.pk else rule.product)
    by_name = [
        tuple(sorted(some, key=lambda product: (product.name, product.pk)))
        for some in found.values()
    ]
    return Others(*by_name)


def count_held(customer: Customer, users: Iterable[UUID]) -> dict[str, int]:
    """Count the seats that these users hold, by the id of the subscription as text."""
    # Not `among`, as in `get_held`.
    counted = execute(
        f"""
        SELECT subscription_id::text, count(*) FROM {Assignment._meta.db_table}
        WHERE customer_id = %(customer)s AND user_id = ANY(%(users)s)
        GROUP BY subscription_id ORDER BY subscription_id
        """,
        customer=customer.pk,
        users=list(users),
    )
    return dict(counted)


Held = dict[str, list[str]]


def get_held(customer: Customer, users: Iterable[UUID]) -> dict[UUID, Held]:
    """
    Per user the subscriptions held, by id as text, with the service plans switched off.

    Users with the same licenses share one, so it must not be changed.
    """
    # Not `among`: while nothing is known of a table that has just been filled, Postgres joins
    # it row by row, which takes minutes for many.
    rows = execute(
        f"""
        SELECT user_id, string_agg(
            subscription_id || '/' || array_to_string(disabled_plans, ','), ';'
            ORDER BY subscription_id)
        FROM {Assignment._meta.db_table}
        WHERE customer_id = %(customer)s AND user_id = ANY(%(users)s)
        GROUP BY user_id
        """,
        customer=customer.pk,
        users=list(users),
    )
    # Thousands of users hold one of a few sets.
    read = cache(_read_held)
    return {user_id: read(text) for user_id, text in rows}


def _read_held(text: str) -> Held:
    seats = (seat.split("/") for seat in text.split(";"))
    return {subscription: off.split(",") if off else [] for subscription, off in seats}


def find_not_sold(*, customer: Customer, locations: Mapping[UUID, str]) -> dict[UUID, list[str]]:
    """Return the products of each user that are not sold at the user's given location."""
    unsold = defaultdict(list)
    rows = execute(
        f"""
        SELECT a.user_id, p.name FROM ROWS
            JOIN {Assignment._meta.db_table} a USING (user_id)
            JOIN {Subscription._meta.db_table} s ON s.id = a.subscription_id
            JOIN {Product._meta.db_table} p ON p.id = s.product_id
        WHERE a.customer_id = %(customer)s AND r.location = ANY(p.not_sold_in)
        ORDER BY a.user_id, p.name
        """,
        {"user_id uuid": list(locations), "location text": list(locations.values())},
        customer=customer.pk,
    )
    for user_id, product in rows:
        unsold[user_id].append(product)
    return dict(unsold)


@dataclass(frozen=True)
class Place:
    """A user's place in the line for a subscription, and the length of the line."""

    number: int
    of: int


def get_places(customer: Customer, users: Iterable[UUID]) -> dict[tuple[UUID, UUID], Place]:
    """Return the places of these users by (user, subscription); one statement."""
    places = execute(
        f"""
        WITH mine AS (
            SELECT user_id, subscription_id FROM {WaitingSeat._meta.db_table}
            WHERE customer_id = %(customer)s AND user_id = ANY(%(users)s)
        ), places AS (
            SELECT user_id, subscription_id,
                row_number() OVER (PARTITION BY subscription_id ORDER BY id) AS number,
                count(*) OVER (PARTITION BY subscription_id) AS of
            FROM {WaitingSeat._meta.db_table}
            WHERE subscription_id IN (SELECT subscription_id FROM mine)
        )
        SELECT user_id, subscription_id, number, of FROM places JOIN mine
            USING (user_id, subscription_id)
        """,
        customer=customer.pk,
        users=list(users),
    )
    return {(user, subscription): Place(number, of) for user, subscription, number, of in places}


def get_waits(customer: Customer, users: Iterable[UUID]) -> dict[UUID, dict[str, int]]:
    """Return per user the places in line, by the id of the subscription as text."""
    waits = defaultdict(dict)
    for (user_id, subscription_id), place in get_places(customer, users).items():
        waits[user_id][str(subscription_id)] = place.number
    return dict(waits)


def count_waiting(customer: Customer) -> dict[UUID, int]:
    """Count the waiting users per subscription; those without are missing."""
    rows = WaitingSeat.objects.filter(customer=customer).values_list("subscription_id")
    return dict(rows.annotate(users=Count("pk")).order_by("subscription_id"))


def has_assignable_seats(customer: Customer) -> bool:
    """Whether a user of the customer waits for a seat that is free."""
    return _find_served().filter(customer=customer).exists()


def find_customers_with_free_seats() -> list[Customer]:
    """Return the tenant's customers with free seats that users wait for."""
    return list(Customer.objects.filter(pk__in=_find_served().values("customer")).order_by("pk"))


def _find_served() -> QuerySet[WaitingSeat]:
    return WaitingSeat.objects.filter(subscription__assigned__lt=F("subscription__seats")).exclude(
        subscription__state=Subscription.State.SUSPENDED
    )


def find_product_names(customer: Customer) -> dict[str, str]:
    """Return the names of the customer's subscriptions, by id as text."""
    names = Subscription.objects.filter(customer=customer).values_list("pk", "product__name")
    return {str(pk): name for pk, name in names}


def find_bought(customer: Customer) -> tuple[SubscriptionFacts, ...]:
    """Return the customer's subscriptions as the product rules need them; two statements."""
    requires, excludes = defaultdict(set), defaultdict(set)
    rules = ProductRule.objects.filter(partner_id=customer.partner_id)
    for product, kind, other in rules.values_list("product_id", "kind", "other_id"):
        if kind == ProductRule.Kind.REQUIRES:
            requires[product].add(str(other))
        else:
            # An exclusion holds both ways.
            excludes[product].add(str(other))
            excludes[other].add(str(product))
    bought = customer.subscriptions.select_related("product").order_by("product__name", "pk")
    return tuple(
        SubscriptionFacts(
            id=str(subscription.pk),
            product=str(subscription.product_id),
            name=subscription.product.name,
            part_number=subscription.product.part_number,
            free=subscription.free,
            state=subscription.state,
            not_sold_in=frozenset(subscription.product.not_sold_in),
            requires=frozenset(requires[subscription.product_id]),
            excludes=frozenset(excludes[subscription.product_id]),
        )
        for subscription in bought
    )


def name_product(names: Mapping[str, str], subscription: object) -> str:
    """A product by its subscription, from the names of `find_product_names`."""
    return names.get(str(subscription)) or _("a product that’s no longer subscribed")
