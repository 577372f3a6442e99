"""The list of users: a page, its rows, and the number of users."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from batches.acts import LineResult
from batches.models import Batch, Line
from customers import locations
from customers.filters import UnknownFilter
from customers.models import Customer, UserCount
from licensing import queries as licensing
from licensing.models import Subscription
from licensing.rules import Seat
from users.models import CustomerUser
from users.queries.filters import Filters, find_users, read_filters, read_limits
from users.queries.page import Page, build_page, get_page, read_sort
from users.rules import names

# Users beyond this are not counted; the page shows "10,000+".
MAX_COUNTED = 10_000
# Licenses named in a row; the others are only counted.
BADGES = 2


@dataclass(frozen=True)
class Total:
    """The number of users that match, or a number that they exceed if it is not exact."""

    number: int
    is_exact: bool = True


@dataclass(frozen=True)
class Row:
    """A user in the list."""

    user: CustomerUser
    licenses: tuple[str, ...]
    # The batch that deleted the user, if it still exists.
    deletion: Batch | None = None

    @property
    def badges(self) -> tuple[str, ...]:
        return self.licenses[:BADGES]

    @property
    def others(self) -> tuple[str, ...]:
        return self.licenses[BADGES:]

    @property
    def location(self) -> str:
        """The name of the country or region, or nothing."""
        return locations.name_of(self.user.location) if self.user.location else ""

    @property
    def days_left(self) -> int:
        """The days until the purge, rounded up: 30 at first, 1 on the last day."""
        return max(0, -((timezone.now() - self.user.purge_at) // timedelta(days=1)))


@dataclass(frozen=True)
class UserList:
    """A page of the customer's users, with filters and counts."""

    filters: Filters
    sort: str
    page: Page
    rows: list[Row]
    total: Total
    count: UserCount
    # The customer's subscriptions, by the product's name.
    subscriptions: list[Subscription]
    # The error for an unknown filter in the address; nothing is listed then.
    problem: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.problem or self.filters.set_names)


def get_list(customer: Customer, query: QueryDict) -> UserList:
    """The page for an address; without users where a filter is unknown."""
    count = UserCount.objects.get(customer=customer)
    subscriptions = list(licensing.find_subscriptions(customer).prefetch_related(None))
    try:
        filters = read_filters(customer, query)
    except UnknownFilter as error:
        filters = Filters(tab="deleted" if query.get("tab") == "deleted" else "")
        sort = read_sort("", filters)
        empty = (Page([], "", ""), [], Total(0))
        return UserList(filters, sort, *empty, count, subscriptions, problem=error.message)
    sort = read_sort(query.get("sort", ""), filters)
    place = {name: query.get(name, "") for name in ("after", "before")} | {"sort": sort}
    # A selection is no filter of the functions that search whole lists.
    if filters.q and not filters.selection:
        page, total = _search(customer, filters=filters, count=count, **place)
    else:
        users = find_users(customer, filters)
        page = get_page(users, filters=filters, **place)
        total = count_users(users, filters=filters, count=count, subscriptions=subscriptions)
    rows = get_rows(customer, page.users, filters=filters, subscriptions=subscriptions)
    return UserList(filters, sort, page, rows, total, count, subscriptions)


def _search(
    customer: Customer, *, filters: Filters, count: UserCount, **place
) -> tuple[Page, Total]:
    size = count.deleted if filters.is_deleted else count.active
    most = {"list_size": size, "count_to": MAX_COUNTED + 1}
    page, number, is_exact = search_page(customer, filters=filters, **most, **place)
    # An inexact number means "at least", and Total means "more than".
    return page, _total(number) if is_exact else Total(number - 1, is_exact=False)


def count_users(
    users: QuerySet[CustomerUser],
    *,
    filters: Filters,
    count: UserCount,
    subscriptions: Sequence[Subscription],
) -> Total:
    """The number of users that match, from stored counts or counted up to 10,000."""
    kept = _kept_number(filters, count, {s.pk: s.assigned for s in subscriptions})
    if kept is not None:
        return Total(kept)
    return _total(users.order_by()[: MAX_COUNTED + 1].count())


def _total(number: int) -> Total:
    return Total(min(number, MAX_COUNTED), is_exact=number <= MAX_COUNTED)


def _kept_number(filters: Filters, count: UserCount, assigned: dict[UUID, int]) -> int | None:
    if not filters.set_names:
        return count.deleted if filters.is_deleted else count.active
    if len(filters.set_names) > 1 or filters.is_deleted:
        return None
    if filters.lacks:
        return count.active - assigned[filters.lacks]
    if isinstance(filters.license, UUID):
        return assigned[filters.license]
    return {
        "none": count.unlicensed,
        "some": count.active - count.unlicensed,
        "blocked": count.blocked,
        "allowed": count.active - count.blocked,
    }.get(filters.license or filters.status)


def get_rows(
    customer: Customer,
    users: Sequence[CustomerUser],
    *,
    filters: Filters,
    subscriptions: Sequence[Subscription],
) -> list[Row]:
    """The users with their licenses of now, or of before the deletion, in at most two statements."""
    if filters.is_deleted:
        return _deleted_rows(customer, users, subscriptions)
    held = defaultdict(set)
    seats = customer.assignments.filter(user__in=[user.pk for user in users])
    for user, subscription in seats.values_list("user", "subscription"):
        held[user].add(subscription)
    return [Row(user, _products(subscriptions, held[user.pk])) for user in users]


def _deleted_rows(
    customer: Customer, users: Sequence[CustomerUser], subscriptions: Sequence[Subscription]
) -> list[Row]:
    deletions = customer.batches.in_bulk([user.deletion for user in users if user.deletion])
    lines = Line.objects.filter(
        batch__in=list(deletions), user_id__in=[user.pk for user in users]
    ).values_list("batch", "user_id", "result")
    held = {
        (batch, user): {
            UUID(Seat.from_json(seat).subscription) for seat in LineResult.from_json(result).held
        }
        for batch, user, result in lines
    }
    return [
        Row(
            user,
            _products(subscriptions, held.get((user.deletion, user.pk), ())),
            deletions.get(user.deletion),
        )
        for user in users
    ]


def _products(subscriptions: Sequence[Subscription], held: Collection[UUID]) -> tuple[str, ...]:
    return tuple(s.product.name for s in subscriptions if s.pk in held)


ARGUMENTS = ", ".join(["%s"] * 10)


SEARCH = f"SELECT ids, counted, counted < %s FROM app.search_page({ARGUMENTS})"


SEARCH_FILTERED = f"SELECT ids, counted, is_exact FROM app.search_filtered({ARGUMENTS}, %s)"


def search_page(
    customer: Customer, *, filters: Filters, list_size: int, count_to: int, **place
) -> tuple[Page, int, bool]:
    """
    Return a page of a search, the number of matches, and whether the number is exact.

    `place` has arguments of `get_page`. `list_size` can be an estimate; at most `count_to` matches
    are counted.
    """
    patterns = names.search_patterns(filters.q)
    if not patterns:
        # The search has only signs, which are not in the search text.
        return Page([], "", ""), 0, True
    number, is_exact = 0, True
    users = customer.users.filter(deleted_at__isnull=not filters.is_deleted)
    limits = read_limits(filters)

    def take(column: str, place: tuple | None, *, is_down: bool, most: int) -> list[CustomerUser]:
        nonlocal number, is_exact
        key, pk = place or (None, None)
        asked = [customer.pk, filters.is_deleted, patterns, list_size, column, is_down]
        asked += [key and str(key), pk, most, count_to]
        with connection.cursor() as cursor:
            if limits:
                cursor.execute(SEARCH_FILTERED, [*asked, json.dumps(limits)])
            else:
                cursor.execute(SEARCH, [count_to, *asked])
            ids, number, is_exact = cursor.fetchone()
        found = users.in_bulk(ids)
        return [found[pk] for pk in ids if pk in found]

    page = build_page(take, filters=filters, **place)
    return page, number, is_exact
