"""Search for customers by name or domain, and for users by name or user name."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection

from customers.queries import find_customers
from partners.models import Member
from portal.queries.customers import MAX_SEARCH_LENGTH, CustomerRow, get_customer_page
from users.models import CustomerUser
from users.rules import names

MAX_CUSTOMERS = 6
MAX_USERS = 8
# Fewer letters match too many users to be found quickly.
MIN_LETTERS = 3


@dataclass(frozen=True)
class Found:
    q: str = ""
    customers: Sequence[CustomerRow] = ()
    users: Sequence[CustomerUser] = field(default_factory=tuple)
    has_more_users: bool = False
    is_too_short: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.customers or self.users)


def find_everything(q: str, *, member: Member) -> Found:
    """Find a few customers and active users that the member can see."""
    # No text in PostgreSQL has a NUL.
    q = q.replace("\0", "").strip()[:MAX_SEARCH_LENGTH]
    if not q:
        return Found()
    customers = get_customer_page(member=member, q=q, state="all").rows[:MAX_CUSTOMERS]
    patterns = names.search_patterns(q)
    if not any(map(_is_telling, patterns)):
        return Found(q, customers, is_too_short=True)
    users = _find_users(patterns, member)
    return Found(q, customers, users[:MAX_USERS], has_more_users=len(users) > MAX_USERS)


def _is_telling(pattern: str) -> bool:
    letters = pattern.strip("% ")
    return len(letters) >= MIN_LETTERS or bool(letters) and not letters.isascii()


def _find_users(patterns: list[str], member: Member) -> list[CustomerUser]:
    within = None
    if member.is_limited:
        within = list(find_customers(member=member).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT app.search_people(%s, %s, %s)", [within, patterns, 100])
        ids = [row[0] for row in cursor]
    users = CustomerUser.objects.filter(pk__in=ids, deleted_at=None).select_related("customer")
    return list(users.order_by("sort_key", "pk")[: MAX_USERS + 1])
