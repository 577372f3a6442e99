"""Failed sign-ins of a customer's users, as its page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from customers.models import Customer
from partners.queries import find_tries
from users.models import CustomerUser

FAILURES_WITHIN = timedelta(hours=1)
MAX_SHOWN = 5


@dataclass(frozen=True)
class SignInFailures:
    """The number of failed sign-ins of the last hour, and the locked users."""

    count: int
    since: datetime | None
    locked: Sequence[CustomerUser]
    # The number of further locked users.
    more: int


def failures_of(customer_id: UUID) -> tuple:
    """The key of the counter of failed sign-ins at a customer."""
    return ("failed in an hour", customer_id)


def get_failures(customer: Customer) -> SignInFailures:
    """The failed sign-ins at the customer in the last hour."""
    counted = find_tries(*failures_of(customer.pk))
    locked = customer.users.filter(locked_until__gt=timezone.now(), deleted_at=None)
    named = list(locked.order_by("-locked_until", "pk")[:MAX_SHOWN])
    return SignInFailures(
        count=counted.count if counted else 0,
        since=counted.expires_at - FAILURES_WITHIN if counted else None,
        locked=named,
        more=locked.count() - MAX_SHOWN if len(named) == MAX_SHOWN else 0,
    )
