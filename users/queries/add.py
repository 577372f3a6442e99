"""Queries of the page that adds a user."""

from dataclasses import dataclass
from uuid import UUID

from batches.models import Batch, Line
from customers.models import Customer
from licensing import queries as licensing
from licensing.models import Subscription
from partners.models import Member

# Users of a set shown beside the form; the page of the batch shows all.
MAX_SHOWN = 20


def find_choices(customer: Customer) -> list[Subscription]:
    """The customer's subscriptions with products and service plans; two statements."""
    return list(licensing.find_subscriptions(customer))


def is_user(customer: Customer, user_id: UUID | None) -> bool:
    """Whether the customer has, or had, a user of this id."""
    return user_id is not None and customer.users.filter(pk=user_id).exists()


@dataclass(frozen=True)
class OpenSet:
    """The set that a member is adding to: the batch and its last lines, newest first."""

    batch: Batch
    lines: list[Line]

    @property
    def last(self) -> dict | None:
        """The input of the user added last."""
        return self.lines[0].input if self.lines else None

    @property
    def unseen(self) -> int:
        return self.batch.total - len(self.lines)


def find_open_set(customer: Customer, *, member: Member) -> Batch | None:
    """The member's open set at this customer."""
    sets = customer.batches.filter(kind="add", state=Batch.State.OPEN, by=member)
    return sets.first()


def get_open_set(customer: Customer, *, member: Member) -> OpenSet | None:
    """The member's open set with its last users."""
    batch = find_open_set(customer, member=member)
    if batch is None:
        return None
    lines = Line.objects.filter(batch=batch).order_by("-number")
    return OpenSet(batch, list(lines.defer("sealed")[:MAX_SHOWN]))


def get_set(customer: Customer, batch_id: UUID, *, member: Member) -> Batch | None:
    """The member's set with this id, open or not."""
    return customer.batches.filter(pk=batch_id, kind="add", by=member).first()
