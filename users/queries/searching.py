"""A page of those whom a search finds, at a price that hardly depends on how many they are."""

import json

from django.db import connection

from customers.models import Customer
from users import names
from users.models import CustomerUser

from .filters import Filters, read_limits
from .paging import Page, build_page

ARGUMENTS = ", ".join(["%s"] * 10)
SEARCH = f"SELECT ids, counted, counted < %s FROM app.search_page({ARGUMENTS})"
SEARCH_FILTERED = f"SELECT ids, counted, is_exact FROM app.search_filtered({ARGUMENTS}, %s)"


def search_page(
    customer: Customer, *, filters: Filters, list_size: int, count_to: int, **place
) -> tuple[Page, int, bool]:
    """
    The page of a list that is searched, how many are found, and whether they are no more.

    `place` is what `get_page` asks for. How many users the list has need not be exact; of those
    who are found no more than `count_to` are counted.
    """
    patterns = names.search_patterns(filters.q)
    if not patterns:
        # Only signs: they are not looked for.
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
        return [found[one] for one in ids if one in found]

    page = build_page(take, filters=filters, **place)
    return page, number, is_exact
