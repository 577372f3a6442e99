"""Figures of the dashboard, from kept counters and the batches of the last days."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from audit.queries import first_key_at
from batches.models import Batch, Line
from batches.queries.batch import NOTHING_DONE
from customers.models import Customer
from customers.queries import find_customers
from licensing.models import Subscription
from partners.models import Member
from partners.roles import Permission
from portal.queries.activity import Act, find_acts
from portal.queries.attention import NEARLY_FULL_SHARE, Need, find_needs
from portal.queries.scope import seen_by

DAYS = 30
# Waiting batches are searched no further back: an index ends there.
WAITING_DAYS = 90
MAX_POOLS = 6

CHART_WIDTH, CHART_HEIGHT = 640, 130


@dataclass(frozen=True)
class Pool:
    """The seats of one product at all customers."""

    name: str
    seats: int
    assigned: int

    @property
    def tone(self) -> str:
        if self.assigned >= self.seats:
            return "bad"
        return "warn" if self.assigned >= NEARLY_FULL_SHARE * self.seats else ""


@dataclass(frozen=True)
class Figures:
    customers: int
    active: int
    blocked: int
    unlicensed: int
    pools: Sequence[Pool]
    batches_today: int
    waiting: int
    running: int

    @property
    def seats(self) -> int:
        return sum(pool.seats for pool in self.pools)

    @property
    def assigned(self) -> int:
        return sum(pool.assigned for pool in self.pools)

    @property
    def percent_assigned(self) -> int:
        return self.assigned * 100 // self.seats if self.seats else 0

    @property
    def largest_pools(self) -> Sequence[Pool]:
        return self.pools[:MAX_POOLS]


@dataclass(frozen=True)
class Day:
    """A day of the chart: its numbers and bars, which end at CHART_HEIGHT + 1."""

    x: int
    added: int
    deleted: int
    top: int

    @property
    def added_height(self) -> int:
        return _height(self.added, self.top)

    @property
    def added_y(self) -> int:
        return CHART_HEIGHT + 1 - self.added_height

    @property
    def deleted_height(self) -> int:
        return _height(self.deleted, self.top)

    @property
    def deleted_y(self) -> int:
        return CHART_HEIGHT + 1 - self.deleted_height


def _height(number: int, top: int) -> int:
    # Small numbers have a visible bar too.
    return max(2, round(CHART_HEIGHT * number / top)) if number else 0


@dataclass(frozen=True)
class Chart:
    """Users added and deleted on each of the last days."""

    days: Sequence[Day]
    first: date
    middle: date
    last: date
    top: int

    @property
    def half(self) -> int:
        return self.top // 2

    @property
    def added(self) -> int:
        return sum(day.added for day in self.days)

    @property
    def deleted(self) -> int:
        return sum(day.deleted for day in self.days)

    @property
    def growth(self) -> int:
        """Users added minus users deleted."""
        return self.added - self.deleted


@dataclass(frozen=True)
class Dashboard:
    figures: Figures
    needs: Sequence[Need]
    chart: Chart
    acts: Sequence[Act]
    # Whether `acts` are of all members; else they are the member's own.
    is_of_all: bool


def get_dashboard(*, member: Member) -> Dashboard:
    """Read the member's dashboard in a fixed number of statements."""
    return Dashboard(
        figures=get_figures(member=member),
        needs=find_needs(member=member),
        chart=get_chart(member=member),
        acts=find_acts(member=member),
        is_of_all=member.may(Permission.VIEW_ALL_ACTIVITY),
    )


def get_figures(*, member: Member) -> Figures:
    """Sum up the counters of the customers that the member can see."""
    totals = find_customers(member=member).aggregate(
        customers=Count("pk", filter=Q(state=Customer.State.ACTIVE)),
        active=Coalesce(Sum("user_count__active"), 0),
        blocked=Coalesce(Sum("user_count__blocked"), 0),
        unlicensed=Coalesce(Sum("user_count__unlicensed"), 0),
    )
    pools = (
        seen_by(Subscription.objects.all(), member)
        .values("product__name")
        .annotate(all_seats=Sum("seats"), all_assigned=Sum("assigned"))
        .order_by("-all_seats", "product__name")
    )
    return Figures(
        **totals,
        **_count_batches(member),
        pools=[Pool(row["product__name"], row["all_seats"], row["all_assigned"]) for row in pools],
    )


def _count_batches(member: Member) -> dict[str, int]:
    now = timezone.now()
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    waiting = [Batch.State.PLANNED, Batch.State.REFUSED, Batch.State.OPEN]
    moving = [Batch.State.RUNNING, Batch.State.PAUSED, Batch.State.CHECKING]
    recent = seen_by(Batch.objects, member).filter(
        pk__gte=first_key_at(now - timedelta(days=WAITING_DAYS))
    )
    return recent.aggregate(
        batches_today=Count("pk", filter=Q(pk__gte=first_key_at(midnight))),
        waiting=Count("pk", filter=Q(state__in=waiting)),
        running=Count("pk", filter=Q(state__in=moving)),
    )


KINDS = {"add": "added", "import": "added", "delete": "deleted"}


def get_chart(*, member: Member) -> Chart:
    """Count added and deleted users per day in the member's time zone."""
    last = timezone.localdate()
    first = last - timedelta(days=DAYS - 1)
    # Failed lines are few and indexed, so they are subtracted instead of counting all lines.
    batches = seen_by(Batch.objects, member).filter(
        pk__gte=first_key_at(timezone.now() - timedelta(days=DAYS + 1)),
        kind__in=list(KINDS),
        state__in=[Batch.State.DONE, Batch.State.OPEN],
    )
    counts = Counter()
    rows = batches.values_list(TruncDate("started_at"), "kind").annotate(number=Sum("total"))
    for day, kind, number in rows.order_by():
        counts[day, KINDS[kind]] += number
    wrong = Line.objects.filter(NOTHING_DONE, batch__in=batches).values_list(
        TruncDate("batch__started_at"), "batch__kind"
    )
    for day, kind, number in wrong.annotate(number=Count("number")).order_by():
        counts[day, KINDS[kind]] -= number
    days = [first + timedelta(days=number) for number in range(DAYS)]
    top = _top_of(max(counts[day, word] for day in days for word in ("added", "deleted")))
    width = CHART_WIDTH // DAYS
    return Chart(
        days=[
            Day(number * width + 4, counts[day, "added"], counts[day, "deleted"], top)
            for number, day in enumerate(days)
        ],
        first=first,
        middle=days[DAYS // 2],
        last=last,
        top=top,
    )


def _top_of(most: int) -> int:
    """The next round even number."""
    size = 1
    while True:
        for step in (2, 4, 10):
            if most <= step * size:
                return step * size
        size *= 10
