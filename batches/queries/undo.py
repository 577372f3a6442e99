"""Whether a batch can be undone, the permission for it, and the undo of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from batches.acts import get_act
from batches.errors import CannotUndo
from batches.models import Batch, Line
from partners.models import Member
from partners.roles import Permission

# A rule of the product: a batch can be undone within this many days after its end.
DAYS_TO_UNDO = 30

State = Batch.State

DONE = [Line.State.DONE, Line.State.PARTLY]


@dataclass(frozen=True)
class Undoing:
    """The undo of a batch, for its page."""

    # The undo of this batch.
    by: Batch | None
    # The batch that this one undoes.
    of: Batch | None
    # Why it cannot be undone; None where it can be, or has not ended.
    refusal: CannotUndo | None
    # Whether the member may undo it.
    is_allowed: bool
    # Rounded up: 30 at first, 1 on the last day.
    days_left: int

    @property
    def is_offered(self) -> bool:
        """Whether the page has an undo button."""
        return self.days_left > 0 and self.is_allowed and not self.refusal and self.by is None


def get_undoing(batch: Batch, *, member: Member) -> Undoing:
    """Return whether this member can undo the batch; at most two statements."""
    is_over = _is_over(batch)
    left = undone_until(batch) - timezone.now() if is_over else timedelta()
    of = Batch.objects.filter(pk=batch.undoes, customer=batch.customer_id) if batch.undoes else None
    return Undoing(
        by=find_undo(batch) if is_over else None,
        of=of.first() if of is not None else None,
        refusal=find_refusal(batch) if is_over else None,
        is_allowed=may_undo(batch, member),
        days_left=max(0, -(-left // timedelta(days=1))),
    )


def may_undo(batch: Batch, member: Member) -> bool:
    return member.may(right_to_undo(batch, member))


def right_to_undo(batch: Batch, member: Member) -> Permission:
    """The permission that the member needs to undo this batch."""
    is_own = batch.by_id == member.pk
    return Permission.UNDO_OWN_BATCHES if is_own else Permission.UNDO_ALL_BATCHES


def find_refusal(batch: Batch) -> CannotUndo | None:
    """Why the batch cannot be undone by any member; None where it can be."""
    if not _is_over(batch):
        return CannotUndo("not_over")
    if why_final := get_act(batch.kind).why_final:
        return CannotUndo(batch.kind, why_final)
    return CannotUndo("too_late") if undone_until(batch) <= timezone.now() else None


def _is_over(batch: Batch) -> bool:
    # Also a stopped batch, which has done some of its lines.
    return batch.state == State.DONE and batch.finished_at is not None


def undone_until(batch: Batch) -> datetime:
    return batch.finished_at + timedelta(days=DAYS_TO_UNDO)


def find_undone(batches: Sequence[Batch]) -> set[UUID]:
    """The ids of those of these batches that were undone, at least in part."""
    undos = Batch.objects.filter(
        _has_done_something(), undoes__in=[batch.pk for batch in batches], state=State.DONE
    )
    return set(undos.values_list("undoes", flat=True))


def _has_done_something() -> Exists:
    return Exists(Line.objects.filter(batch=OuterRef("pk"), state__in=DONE))


def find_undo(batch: Batch) -> Batch | None:
    """The undo of this batch that waits, runs, or has undone something; None without one."""
    waiting = [State.CHECKING, State.PLANNED, State.RUNNING, State.PAUSED]
    undos = Batch.objects.filter(customer=batch.customer_id, undoes=batch.pk)
    return undos.filter(Q(state__in=waiting) | _has_done_something()).order_by("-pk").first()
