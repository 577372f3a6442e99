"""What is handed out as a file, fetched bit by bit: the list of users, the lines of a batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from customers.models import Customer
from licensing import queries as licensing
from licensing.models import Assignment
from users.models import Batch, CustomerUser, Line

AT_ONCE = 2_000


@dataclass(frozen=True)
class Bought:
    """A subscription of a customer, by the names that a file may call it."""

    id: str
    name: str
    part_number: str


def find_exported(users: QuerySet[CustomerUser]) -> Iterator[CustomerUser]:
    """The users in the order of their names, each with `held`: the subscriptions by product."""
    held = (
        Assignment.objects.filter(user=OuterRef("pk"))
        .order_by("subscription__product__name", "subscription")
        .values("subscription")
    )
    return (
        users.annotate(held=ArraySubquery(held))
        .defer("search", "password")
        .order_by("sort_key", "pk")
        .iterator(chunk_size=AT_ONCE)
    )


def find_bought(customer: Customer) -> Sequence[Bought]:
    """The subscriptions of the customer."""
    subscriptions = licensing.find_subscriptions(customer).prefetch_related(None)
    return [Bought(str(s.pk), s.product.name, s.product.part_number) for s in subscriptions]


def find_all_lines(batch: Batch) -> Iterator[Line]:
    """Every line of the batch in its order, without what is sealed."""
    return batch.lines.order_by("number").defer("sealed").iterator(chunk_size=AT_ONCE)
