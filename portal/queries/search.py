"""What the palette finds: customers by name or domain, users by name or user name."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection

from customers.queries import find_customers
from partners.models import Member
from portal.queries.customers import LONGEST_SEARCH, CustomerRow, get_customer_page
from users.models import CustomerUser
from users.rules import names

MOST_CUSTOMERS = 6
MOST_USERS = 8
# Two letters begin so many names of so many customers that finding them takes too long.
SHORTEST = 3


@dataclass(frozen=True)
class Found:
    """What matches a few typed letters."""

    q: str = ""
    customers: Sequence[CustomerRow] = ()
    users: Sequence[CustomerUser] = field(default_factory=tuple)
    has_more_users: bool = False
    is_too_short: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.customers or self.users)


def find_everything(q: str, *, member: Member) -> Found:
    """Find customers and active users that the member may see; a few of each."""
    # No text in Postgres holds a NUL.
    q = q.replace("\0", "").strip()[:LONGEST_SEARCH]
    if not q:
        return Found()
    customers = get_customer_page(member=member, q=q, state="all").rows[:MOST_CUSTOMERS]
    patterns = names.search_patterns(q)
    if not any(map(_is_telling, patterns)):
        return Found(q, customers, is_too_short=True)
    users = _find_users(patterns, member)
    return Found(q, customers, users[:MOST_USERS], has_more_users=len(users) > MOST_USERS)


def _is_telling(pattern: str) -> bool:
    letters = pattern.strip("% ")
    return len(letters) >= SHORTEST or bool(letters) and not letters.isascii()


def _find_users(patterns: list[str], member: Member) -> list[CustomerUser]:
    within = None
    if member.is_limited:
        within = list(find_customers(member=member).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT app.search_people(%s, %s, %s)", [within, patterns, 100])
        ids = [row[0] for row in cursor]
    users = CustomerUser.objects.filter(pk__in=ids, deleted_at=None).select_related("customer")
    return list(users.order_by("sort_key", "pk")[: MOST_USERS + 1])
