"""The users that a member has selected: their licenses, and the list that named them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from uuid import UUID

from django.db.models import Count, F, Func, IntegerField, Q, UUIDField, Window
from django.db.models.functions import RowNumber

from customers.models import Customer
from licensing.models import Assignment, ServicePlan, Subscription
from partners import postgres
from partners.models import Member
from partners.roles import Permission
from users.models import CustomerUser, Selection
from users.queries.add import find_choices

# Names shown of the selected users, and of the holders of a product.
MAX_NAMES = 20


@dataclass(frozen=True)
class Chosen:
    """The selected active users, in list order."""

    ids: tuple[UUID, ...]
    names: tuple[str, ...]
    # Users that cannot get a license, and the number of users that the member may not change.
    without_location: tuple[UUID, ...]
    administrators: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def unnamed(self) -> int:
        return len(self.ids) - len(self.names)

    @cached_property
    def mark(self) -> str:
        """Their number and a digest of their ids, to notice another selection."""
        digest = sha256(b"".join(sorted(pk.bytes for pk in self.ids))).hexdigest()
        return f"{len(self.ids)}-{digest[:20]}"


@dataclass(frozen=True)
class Held:
    """A subscription, and how many of the selected users have it."""

    subscription: Subscription
    chosen: int
    held: int
    # The first of them, in the order of the list.
    holders: tuple[str, ...]
    # For how many of them each service plan is switched off.
    off: dict[UUID, int]
    # Selected users in line for it, and others.
    waiting: int = 0
    others: int = 0

    @property
    def have(self) -> str:
        """ "all", "some" or "none": how many of the selected users have it, or wait for it."""
        if self.held >= self.chosen:
            return "all"
        return "some" if self.held or self.waiting else "none"

    @property
    def lacking(self) -> int:
        return self.chosen - self.held

    @property
    def unnamed(self) -> int:
        return self.held - len(self.holders)

    @property
    def plans(self) -> list[tuple[ServicePlan, int]]:
        """The service plans by name, with the number of holders without them."""
        plans = sorted(self.subscription.product.plans.all(), key=lambda plan: plan.name)
        return [(plan, self.off.get(plan.pk, 0)) for plan in plans]


def get_chosen(customer: Customer, ids: Iterable[UUID], *, member: Member) -> Chosen:
    """Return the active users of the customer among these ids; one statement."""
    users = list(
        customer.users.filter(pk__in=postgres.among(ids), deleted_at=None)
        .order_by("sort_key", "pk")
        .values_list("pk", "display_name", "location", "is_administrator")
    )
    may_all = member.may(Permission.ACT_ON_ADMINISTRATORS)
    return Chosen(
        ids=tuple(pk for pk, *_rest in users),
        names=tuple(name for _pk, name, *_rest in users[:MAX_NAMES]),
        without_location=tuple(pk for pk, _name, location, _is in users if not location),
        administrators=0
        if may_all
        else sum(is_administrator for *_rest, is_administrator in users),
    )


def find_held(customer: Customer, chosen: Chosen) -> list[Held]:
    """Return all subscriptions of the customer, and which selected users have them; five statements."""
    held = Assignment.objects.filter(user__in=postgres.among(chosen.ids), customer=customer)
    numbers, holders = _find_holders(held)
    off = defaultdict(dict)
    plans = Func(F("disabled_plans"), function="unnest", output_field=UUIDField())
    rows = held.annotate(plan=plans).values_list("subscription", "plan")
    for subscription, plan, number in rows.annotate(n=Count("pk")).order_by():
        off[subscription][plan] = number
    waiting = _count_waiting(customer, chosen)
    return [
        Held(
            bought,
            len(chosen),
            numbers.get(bought.pk, 0),
            tuple(holders[bought.pk]),
            off[bought.pk],
            *waiting.get(bought.pk, (0, 0)),
        )
        for bought in find_choices(customer)
    ]


def _count_waiting(customer: Customer, chosen: Chosen) -> dict[UUID, tuple[int, int]]:
    among = Q(user__in=postgres.among(chosen.ids))
    rows = customer.waitingseats.values_list("subscription").order_by()
    return {
        subscription: (number, total - number)
        for subscription, number, total in rows.annotate(
            number=Count("pk", filter=among), total=Count("pk")
        )
    }


def _find_holders(held) -> tuple[dict[UUID, int], dict[UUID, list[str]]]:
    numbers, holders = {}, defaultdict(list)
    place = Window(
        RowNumber(), partition_by="subscription", order_by=[F("user__sort_key"), F("user")]
    )
    number = Window(Count("pk"), partition_by="subscription")
    rows = held.annotate(place=place, number=number).filter(place__lte=MAX_NAMES)
    for subscription, name, total in rows.order_by("subscription", "place").values_list(
        "subscription", "user__display_name", "number"
    ):
        numbers[subscription] = total
        holders[subscription].append(name)
    return numbers, holders


@dataclass(frozen=True)
class Selected:
    """How many of the selected users are there, active and deleted."""

    active: int
    deleted: int


def find_selection(customer: Customer, pk: UUID, *, member: Member) -> Selection | None:
    """The selection, if the member made it."""
    return customer.selections.filter(pk=pk, by=member).first()


def count_selected(selection: Selection) -> Selected:
    """Count the users of a selection as they are now."""
    users = selection.customer.users.filter(pk__in=postgres.among(selection.users))
    counts = users.aggregate(
        active=Count("pk", filter=Q(deleted_at=None)),
        deleted=Count("pk", filter=Q(deleted_at__isnull=False)),
    )
    return Selected(**counts)


def find_candidates(selection: Selection, entries: Iterable[dict]) -> dict[str, CustomerUser]:
    """The users that these unmatched entries may mean, by id."""
    ids = {UUID(pk) for entry in entries for pk in entry.get("users", ())}
    users = selection.customer.users.filter(pk__in=postgres.among(ids))
    return {str(user.pk): user for user in users.defer("search", "password")}


def count_unmatched(customer: Customer, pk: UUID | str, *, member: Member) -> int:
    """How many entries of the member's list select no user; 0 for the lists of others."""
    if not pk:
        return 0
    number = Func("unmatched", function="jsonb_array_length", output_field=IntegerField())
    own = customer.selections.filter(pk=pk, by=member)
    return own.values_list(number, flat=True).first() or 0
