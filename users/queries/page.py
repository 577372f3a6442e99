"""Keyset pagination of a list of users: any page is as fast as the first."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from django.db.models import DateTimeField, Q, QuerySet

from users.models import CustomerUser
from users.queries.filters import Filters

ROWS = 50

SORTS = {
    "": {"name": "sort_key", "user_name": "user_name", "added": "added_at"},
    "deleted": {
        "deleted": "deleted_at",
        "purge": "purge_at",
        "name": "sort_key",
        "user_name": "user_name",
    },
}
FIRST_SORT = {"": "name", "deleted": "-deleted"}


@dataclass(frozen=True)
class Page:
    """Users of a page in list order, with cursors, which are '' at the ends of the list."""

    users: list[CustomerUser]
    previous: str
    next: str


def read_sort(text: str, filters: Filters) -> str:
    """The order in the address, or the default one if it is unknown."""
    return text if text.removeprefix("-") in SORTS[filters.tab] else FIRST_SORT[filters.tab]


def get_page(
    users: QuerySet[CustomerUser], *, filters: Filters, sort: str, after: str = "", before: str = ""
) -> Page:
    """The page after or before the row of a cursor; the first page for an invalid cursor."""
    place = {"after": after, "before": before}
    return build_page(partial(_walk, users), filters=filters, sort=sort, **place)


def build_page(
    take: Callable[..., list[CustomerUser]],
    *,
    filters: Filters,
    sort: str,
    after: str = "",
    before: str = "",
) -> Page:
    """
    The page of the rows that `take(column, place, is_down=…, most=…)` returns.

    `place` is the key and the id of the row before the first, or None.
    """
    column = SORTS[filters.tab][sort.removeprefix("-")]
    is_down = sort.startswith("-")
    place = _read_cursor(after or before, column)
    is_back = place is not None and not after
    rows = take(column, place, is_down=is_down != is_back, most=ROWS + 1)
    if place is not None and (not rows or (is_back and len(rows) < ROWS)):
        # Rows were removed meanwhile, and fewer than a first page are left.
        return build_page(take, filters=filters, sort=sort)
    has_more, rows = len(rows) > ROWS, rows[:ROWS]
    if is_back:
        rows.reverse()
    has_previous = has_more if is_back else place is not None
    has_next = has_more or is_back
    return Page(
        rows,
        _write_cursor(rows[0], column) if has_previous else "",
        _write_cursor(rows[-1], column) if has_next else "",
    )


def _walk(users: QuerySet, column: str, place: tuple | None, *, is_down: bool, most: int) -> list:
    if place is not None:
        key, pk = place
        way = "lt" if is_down else "gt"
        # The first condition lets the scan of an index start at the key.
        users = users.filter(**{f"{column}__{way}e": key}).filter(
            Q(**{f"{column}__{way}": key}) | Q(**{f"pk__{way}": pk})
        )
    ordered = users.order_by(*(f"-{name}" if is_down else name for name in (column, "pk")))
    return list(ordered[:most])


def _write_cursor(user: CustomerUser, column: str) -> str:
    key = getattr(user, column)
    text = key.isoformat() if isinstance(key, datetime) else key
    return base64.urlsafe_b64encode(json.dumps([text, user.pk.hex]).encode()).decode().rstrip("=")


def _read_cursor(text: str, column: str) -> tuple | None:
    try:
        key, pk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if isinstance(CustomerUser._meta.get_field(column), DateTimeField):
            key = datetime.fromisoformat(key).astimezone(UTC)
        # Half of a surrogate pair cannot be encoded, and Postgres refuses NUL.
        elif "\0" in key.encode().decode():
            return None
        return key, UUID(pk)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return None
