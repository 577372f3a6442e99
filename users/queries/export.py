"""What is handed out as a file, fetched bit by bit: the list of users, the lines of a batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from batches.models import Batch, Line
from customers.models import Customer
from licensing import queries as licensing
from licensing.models import Assignment
from users.models import CustomerUser

AT_ONCE = 2_000


@dataclass(frozen=True)
class Bought:
    """A subscription of a customer, by the names that a file may call it."""

    id: str
    name: str
    part_number: str


# What is told of a user; as rows they take half the time that models take.
TOLD = (
    "user_name", "display_name", "last_name", "first_name", "location", "permissions",
    "job_title", "department", "phone", "contact_email", "language", "is_blocked",
    "added_at", "signed_in_at", "deleted_at", "purge_at",
)  # fmt: skip


def find_exported(users: QuerySet[CustomerUser]) -> Iterator[Any]:
    """
    The users in the order of their names, each a named tuple of what is TOLD.

    Each has `held` besides: the keys of the subscriptions they hold a seat of, by product.
    """
    held = (
        Assignment.objects.filter(user=OuterRef("pk"))
        .order_by("subscription__product__name", "subscription")
        .values("subscription")
    )
    return (
        users.annotate(held=ArraySubquery(held))
        .order_by("sort_key", "pk")
        .values_list(*TOLD, "held", named=True)
        .iterator(chunk_size=AT_ONCE)
    )


def find_bought(customer: Customer) -> Sequence[Bought]:
    """The subscriptions of the customer."""
    subscriptions = licensing.find_subscriptions(customer).prefetch_related(None)
    return [Bought(str(s.pk), s.product.name, s.product.part_number) for s in subscriptions]


def find_all_lines(batch: Batch) -> Iterator[Line]:
    """Every line of the batch in its order, without what is sealed."""
    return batch.lines.order_by("number").defer("sealed").iterator(chunk_size=AT_ONCE)
