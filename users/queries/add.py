"""What the page that adds a user has to know about the customer."""

from dataclasses import dataclass
from uuid import UUID

from batches.models import Batch, Line
from customers.models import Customer
from licensing import queries as licensing
from licensing.models import Subscription
from partners.models import Member

# More of a set than this is not shown beside the form; its own page shows all.
SHOWN_OF_SET = 20


def find_choices(customer: Customer) -> list[Subscription]:
    """Everything the customer bought, with products and service plans; two statements."""
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
        """The person who was added last."""
        return self.lines[0].input if self.lines else None

    @property
    def unseen(self) -> int:
        """How many lines of the set are not among those shown."""
        return self.batch.total - len(self.lines)


def find_open_set(customer: Customer, *, member: Member) -> Batch | None:
    """The set that the member has not finished at this customer, or None."""
    sets = customer.batches.filter(kind="add", state=Batch.State.OPEN, by=member)
    return sets.first()


def get_open_set(customer: Customer, *, member: Member) -> OpenSet | None:
    """The same set with its last users."""
    batch = find_open_set(customer, member=member)
    if batch is None:
        return None
    lines = Line.objects.filter(batch=batch).order_by("-number")
    # The sealed password stays where it is.
    return OpenSet(batch, list(lines.defer("sealed")[:SHOWN_OF_SET]))


def get_set(customer: Customer, batch_id: UUID, *, member: Member) -> Batch | None:
    """The set of this id that the member began, finished or not, or None."""
    return customer.batches.filter(pk=batch_id, kind="add", by=member).first()
