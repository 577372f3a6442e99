"""Batches, their progress and their lines, for the pages that show them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from batches.acts import waits_for_seats
from batches.models import Batch, Line
from customers.models import Customer
from customers.queries import find_verified_domains

PAGE = 50

# Lines with places in the waitlist and no other change.
ONLY_WAITS = Q(
    state=Line.State.PARTLY,
    result__has_key="waiting",
) & ~Q(result__has_any_keys=["assigned", "removed", "plans", "stopped"])
# The seats ran out, and the member chose to assign them in list order.
UNSERVED = Q(trouble=Line.State.FAILED, result__code="no_seat")
NOT_RUN = Q(state__in=[Line.State.INVALID, Line.State.LEFT_OUT])
NOTHING_DONE = Q(trouble__in=[Line.State.INVALID, Line.State.FAILED])

# Which lines a page shows, by the value in its URL.
SHOWS = {
    "": Q(),
    "errors": NOTHING_DONE,
    "warnings": Q(state=Line.State.PLANNED) & ~Q(problems=[]),
    "ready": Q(state=Line.State.PLANNED, problems=[]),
    "done": Q(state=Line.State.DONE),
    "partly": Q(trouble=Line.State.PARTLY),
    "failed": Q(trouble=Line.State.FAILED) & ~UNSERVED,
    "unserved": UNSERVED,
    **{act: Q(act=act) & ~NOT_RUN for act in ("add", "update", "restore", "leave")},
    "skipped": Q(trouble__in=[Line.State.INVALID, Line.State.LEFT_OUT]),
    "left_out": Q(trouble=Line.State.LEFT_OUT),
}


@dataclass(frozen=True)
class Progress:
    """Numbers of a batch's lines by state, and its speed."""

    planned: int = 0
    warned: int = 0
    done: int = 0
    partly: int = 0
    failed: int = 0
    # Those of the failed ones for which no seat was left.
    unserved: int = 0
    invalid: int = 0
    left_out: int = 0
    # The partly done lines with ONLY_WAITS.
    waiting: int = 0
    seconds: float = 0

    @property
    def total(self) -> int:
        return self.runs + self.skipped

    @property
    def skipped(self) -> int:
        """Lines that cannot run or were taken out of the plan."""
        return self.invalid + self.left_out

    @property
    def runs(self) -> int:
        """Lines that have run or will run."""
        return self.planned + self.finished

    @property
    def finished(self) -> int:
        return self.done + self.partly + self.failed

    @property
    def succeeded(self) -> int:
        return self.done + self.partly

    @property
    def broken(self) -> int:
        """The lines that failed although the plan was to do them."""
        return self.failed - self.unserved

    @property
    def not_done(self) -> int:
        return self.failed + self.invalid

    @property
    def percent(self) -> int:
        return self.finished * 100 // self.runs if self.runs else 100

    @property
    def per_second(self) -> int:
        return round(self.finished / self.seconds) if self.seconds else 0

    @property
    def seconds_left(self) -> int | None:
        """The time for the rest at this speed; None while nothing is finished."""
        if not self.finished or not self.seconds:
            return None
        return max(1, round(self.planned * self.seconds / self.finished))

    @property
    def minutes_left(self) -> int:
        """`seconds_left` in whole minutes; 0 below 90 seconds."""
        return round(self.seconds_left / 60) if (self.seconds_left or 0) >= 90 else 0


@dataclass(frozen=True)
class Page:
    """Rows of a longer list, with the keys where the pages before and after begin."""

    rows: Sequence
    before: object = None
    after: object = None


def get_batch(customer: Customer, batch_id: UUID) -> Batch | None:
    batch = customer.batches.select_related("by").filter(pk=batch_id).first()
    if batch is not None:
        batch.customer = customer
    return batch


def get_progress(batch: Batch) -> Progress:
    """Count the lines of the batch by state, in one statement."""
    counts = Counter()
    warned = waiting = unserved = 0
    rows = batch.lines.values_list("state").annotate(
        n=Count("number"),
        warned=Count("number", filter=~Q(problems=[])),
        waiting=_count_waiting([batch]),
        unserved=Count("number", filter=UNSERVED),
    )
    for state, number, with_problems, only_wait, without_seat in rows.order_by("state"):
        counts[state] = number
        waiting += only_wait
        unserved += without_seat
        if state == Line.State.PLANNED:
            warned = with_problems
    return _make_progress(batch, counts, warned=warned, unserved=unserved, waiting=waiting)


def _make_progress(batch: Batch, counts: Counter[str], **more: int) -> Progress:
    seconds = 0
    if batch.started_at is not None:
        seconds = ((batch.finished_at or timezone.now()) - batch.started_at).total_seconds()
    planned = counts["planned"] + counts["trying"]
    states = {name: counts[name] for name in ("done", "partly", "failed", "invalid", "left_out")}
    return Progress(planned=planned, seconds=seconds, **states, **more)


def _count_waiting(batches: Sequence[Batch]) -> Count:
    queued = [batch.pk for batch in batches if batch.kind == "licenses" and waits_for_seats(batch)]
    return Count("number", filter=Q(batch__in=queued) & ONLY_WAITS)


def count_acts(batch: Batch) -> dict[str, int]:
    """How many lines of an import add, update or delete users; {} where it only adds."""
    if not batch.has_several_acts:
        return {}
    lines = batch.lines.exclude(NOT_RUN)
    rows = lines.values_list("act").annotate(n=Count("number")).order_by()
    return dict(rows)


def find_lines(
    batch: Batch, *, show: str = "", after: int | None = None, before: int | None = None
) -> Page:
    """One page of the lines of a batch, in their order."""
    lines = batch.lines.filter(SHOWS.get(show, Q())).defer("sealed")
    return get_page_by_key(lines, "number", after=after, before=before)


def find_failed_lines(batch: Batch) -> QuerySet[Line]:
    """The failed and invalid lines, in their order."""
    return batch.lines.filter(SHOWS["errors"]).order_by("number").defer("sealed")


def get_default_domain(customer: Customer) -> str:
    """The customer's default domain, or its first; '' where none is verified."""
    return next(iter(find_verified_domains(customer)), "")


def count_lines(batches: Sequence[Batch]) -> None:
    """Set `progress` on each of the batches, with one statement."""
    # Lines with trouble are few and indexed; all lines are counted only of running batches.
    counts = {batch.pk: Counter() for batch in batches}
    begun = {Batch.State.RUNNING, Batch.State.PAUSED}
    running = [batch.pk for batch in batches if batch.state in begun]
    rows = Line.objects.filter(
        Q(batch__in=running) | Q(trouble__isnull=False), batch__in=list(counts)
    ).values_list("batch_id", "state")
    rows = rows.annotate(
        n=Count("number"),
        waiting=_count_waiting(batches),
        unserved=Count("number", filter=UNSERVED),
    )
    waiting, unserved = Counter(), Counter()
    for batch_id, state, number, only_wait, without_seat in rows.order_by("batch_id", "state"):
        counts[batch_id][str(state)] = number
        waiting[batch_id] += only_wait
        unserved[batch_id] += without_seat
    for batch in batches:
        found = counts[batch.pk]
        is_over = batch.state in {Batch.State.DONE, Batch.State.OPEN}
        # The lines that were not counted.
        found["done" if is_over else "planned"] += batch.total - found.total()
        batch.progress = _make_progress(
            batch, found, unserved=unserved[batch.pk], waiting=waiting[batch.pk]
        )


def get_page_by_key(
    rows: QuerySet, key: str, *, after, before, is_newest_first: bool = False
) -> Page:
    """The page of rows after or before a key."""
    # By key, not by offset: any page is as fast as the first.
    is_back = before is not None
    cursor = before if is_back else after
    is_descending = is_back != is_newest_first
    if cursor is not None:
        rows = rows.filter(**{f"{key}__{'lt' if is_descending else 'gt'}": cursor})
    found = list(rows.order_by(f"-{key}" if is_descending else key)[: PAGE + 1])
    has_more = len(found) > PAGE
    found = found[:PAGE]
    if is_back:
        found.reverse()
    if not found:
        return Page([])
    return Page(
        found,
        before=getattr(found[0], key) if (has_more if is_back else after is not None) else None,
        after=getattr(found[-1], key) if (is_back or has_more) else None,
    )
