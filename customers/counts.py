from collections.abc import Collection
from uuid import UUID

from customers.models import Customer, UserCount


def lock_customer(customer: Customer) -> UserCount:
    """
    Lock the customer's counter row: the first lock of every operation that writes users.

    Locks after it: subscriptions by id, then users by id.
    """
    return UserCount.objects.select_for_update(of=("self",), no_key=True).get(customer=customer)


def lock_customers(customers: Collection[UUID]) -> None:
    """Lock the counter rows of several customers in the order of their ids."""
    rows = UserCount.objects.select_for_update(of=("self",), no_key=True)
    list(rows.filter(customer__in=customers).order_by("customer"))
