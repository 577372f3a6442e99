"""A page of those whom a search finds, at a price that hardly depends on how many they are."""

from django.db import connection

from customers.models import Customer
from users import names
from users.models import CustomerUser

from .filters import Filters
from .paging import Page, build_page

SEARCH = "SELECT ids, counted FROM app.search_page(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


def search_page(
    customer: Customer, *, filters: Filters, list_size: int, count_to: int, **place
) -> tuple[Page, int]:
    """
    The page of a list without other filters, and how many are found; no more are counted.

    `place` is what `get_page` asks for. How many users the list has need not be exact.
    """
    patterns = names.search_patterns(filters.q)
    if not patterns:
        # Only signs: they are not looked for.
        return Page([], "", ""), 0
    number = 0
    users = customer.users.filter(deleted_at__isnull=not filters.is_deleted)

    def take(column: str, place: tuple | None, *, is_down: bool, most: int) -> list[CustomerUser]:
        nonlocal number
        key, pk = place or (None, None)
        asked = [customer.pk, filters.is_deleted, patterns, list_size, column, is_down]
        with connection.cursor() as cursor:
            cursor.execute(SEARCH, [*asked, key and str(key), pk, most, count_to])
            ids, number = cursor.fetchone()
        found = users.in_bulk(ids)
        return [found[one] for one in ids if one in found]

    page = build_page(take, filters=filters, **place)
    return page, number
