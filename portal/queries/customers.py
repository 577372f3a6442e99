"""The list of customers with sums of their subscriptions, and the overview of one customer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Min, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from batches.models import Batch
from customers.models import Customer, Domain, UserCount
from customers.queries import find_called, find_customers, find_domains
from handover.panel import to_hand_over
from handover.queries import find_waiting_sheets
from licensing import queries as licensing
from licensing.models import Subscription
from partners.models import Member
from portal.queries.attention import FULL, GRACE, NEARLY_FULL, SUSPENDED, get_problem
from users.queries.failures import SignInFailures, get_failures

PAGE_SIZE = 50
MAX_SEARCH_LENGTH = 100
MAX_BATCHES = 5

# By their values in the URL.
CUSTOMER_STATES = {
    "": _("Active"),
    "archived": _("Archived"),
    "all": _("Any"),
}

TROUBLES = {
    SUSPENDED: ("bad", _("Subscription suspended")),
    GRACE: ("warn", _("In grace period")),
    FULL: ("bad", _("No free seats")),
    NEARLY_FULL: ("warn", _("Few free seats")),
}


@dataclass(frozen=True)
class CustomerRow:
    """A row of the list; `trouble` is a tone and a label."""

    customer: Customer
    domain: str = ""
    seats: int = 0
    assigned: int = 0
    trouble: tuple[str, str] | None = None


@dataclass(frozen=True)
class CustomerPage:
    """Customers by name; `before` and `after` are slugs for the previous and next page."""

    rows: Sequence[CustomerRow]
    total: int
    q: str = ""
    state: str = ""
    before: str = ""
    after: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.q or self.state)


def get_customer_page(
    *, member: Member, q: str = "", state: str = "", after: str = "", before: str = ""
) -> CustomerPage:
    """The page of customers after or before the customer of a slug; the first page without one."""
    q, state = q.strip()[:MAX_SEARCH_LENGTH], state if state in CUSTOMER_STATES else ""
    found = find_customers(member=member)
    if state != "all":
        found = found.filter(state=state or Customer.State.ACTIVE)
    if q:
        found = find_called(found, q)
    place = find_customers(member=member).filter(slug=after or before).first()
    is_back = place is not None and not after
    rows = list(_walk(found, place, is_back)[: PAGE_SIZE + 1])
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    if is_back:
        rows.reverse()
    has_previous = bool(rows) and (has_more if is_back else place is not None)
    has_next = bool(rows) and (has_more or is_back)
    return CustomerPage(
        rows=_describe(rows),
        total=found.count(),
        q=q,
        state=state,
        before=rows[0].slug if has_previous else "",
        after=rows[-1].slug if has_next else "",
    )


def _walk(customers: QuerySet[Customer], place: Customer | None, is_back: bool) -> QuerySet:
    if place is not None:
        way = "lt" if is_back else "gt"
        customers = customers.filter(**{f"sort_key__{way}e": place.sort_key}).filter(
            Q(**{f"sort_key__{way}": place.sort_key}) | Q(**{f"pk__{way}": place.pk})
        )
    order = ("-sort_key", "-pk") if is_back else ("sort_key", "pk")
    return customers.select_related("user_count").order_by(*order)


def _describe(customers: Sequence[Customer]) -> list[CustomerRow]:
    domains = dict(
        Domain.objects.filter(customer__in=customers, is_default=True).values_list(
            "customer_id", "name"
        )
    )
    sums = {
        row["customer_id"]: row
        for row in Subscription.objects.filter(customer__in=customers)
        .values("customer_id")
        .annotate(all_seats=Sum("seats"), all_assigned=Sum("assigned"), worst=Min(get_problem()))
    }
    nothing = {"all_seats": 0, "all_assigned": 0, "worst": None}
    return [
        CustomerRow(
            customer=customer,
            domain=domains.get(customer.pk, ""),
            seats=row["all_seats"],
            assigned=row["all_assigned"],
            trouble=TROUBLES.get(row["worst"]),
        )
        for customer in customers
        for row in [sums.get(customer.pk, nothing)]
    ]


@dataclass(frozen=True)
class Bought:
    """A subscription with its problem, if any, and the tone of that."""

    subscription: Subscription
    tone: str
    trouble: str = ""


@dataclass(frozen=True)
class Overview:
    domains: Sequence[Domain]
    count: UserCount
    administrators: int
    bought: Sequence[Bought]
    batches: Sequence[Batch] = field(default_factory=tuple)
    failures: SignInFailures | None = None
    # Batches with passwords that the member can hand over, each with a description.
    passwords: Sequence[tuple[Batch, str]] = field(default_factory=tuple)


def get_overview(customer: Customer, *, member: Member) -> Overview:
    """Read the customer's overview in a fixed number of statements."""
    bought = licensing.count_in_line(licensing.find_subscriptions(customer).prefetch_related(None))
    administrators = customer.users.filter(deleted_at=None, is_administrator=True)
    batches = customer.batches.order_by("-pk")[:MAX_BATCHES]
    return Overview(
        domains=list(find_domains(customer)),
        count=UserCount.objects.get(customer=customer),
        administrators=administrators.count(),
        bought=[
            Bought(subscription, tone, str(trouble))
            for subscription in bought.annotate(problem=get_problem())
            for tone, trouble in [TROUBLES.get(subscription.problem, ("", ""))]
        ],
        batches=list(batches),
        failures=get_failures(customer),
        passwords=[
            (sheet.batch, to_hand_over(sheet))
            for sheet in find_waiting_sheets(
                customer.batches.all(), member=member, limit=MAX_BATCHES
            )
        ],
    )
