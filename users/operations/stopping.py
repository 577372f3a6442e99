"""Batches that have begun: a member lets them wait, go on, or end where they are."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from partners.models import Member
from users.models import Batch, Chunk, Line

from . import halting
from .batches import UsersError, lock_customer, require_may_start

# Why the lines that a stop leaves over were not done.
STOPPED = {"code": "stopped"}


class NotRunning(UsersError):
    """The batch has ended, or stands still already, or was resumed meanwhile."""

    message = _("This batch is not in that state any more. Its page shows where it stands.")


@transaction.atomic
def pause_batch(*, batch: Batch, by: Member) -> None:
    """
    Let a running batch wait after the lines that are being done, until somebody resumes it.

    :raises NotRunning: where it does not run.
    :raises Refused: where the member could not have started it.
    """
    require_may_start(batch, by)
    if not halting.pause(batch_id=batch.pk, because=Batch.HaltedBy.MEMBER):
        raise NotRunning
    _record("batch.paused", batch, by)


@transaction.atomic
def resume_batch(*, batch: Batch, by: Member) -> None:
    """
    Let a batch that a member has paused go on where it stood.

    :raises NotRunning: where no member has paused it.
    :raises Refused: where the member could not have started it.
    """
    require_may_start(batch, by)
    if not halting.resume(batch=batch, because=Batch.HaltedBy.MEMBER):
        raise NotRunning
    _record("batch.resumed", batch, by)


@transaction.atomic
def stop_batch(*, batch: Batch, by: Member) -> int:
    """
    End a batch where it is: what is done stays, what is left is left out. Gives how many lines.

    Waits for the lines that are being done, so that none of them is done in half.

    :raises NotRunning: where it has ended already.
    :raises Refused: where the member could not have started it.
    """
    require_may_start(batch, by)
    # Whoever does a chunk holds this lock to its end, and finds no lines after it.
    lock_customer(batch.customer)
    begun = Batch.objects.select_for_update(of=("self",), no_key=True).filter(
        pk=batch.pk, state__in=[Batch.State.RUNNING, Batch.State.PAUSED]
    )
    running = begun.first()
    if running is None:
        raise NotRunning
    left = Line.objects.filter(
        batch=batch, state__in=[Line.State.PLANNED, Line.State.TRYING]
    ).update(state=Line.State.LEFT_OUT, result=STOPPED)
    free = Chunk.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        batch=batch, state=Chunk.State.PENDING
    )
    numbers = list(free.values_list("number", flat=True))
    Chunk.objects.filter(batch=batch, number__in=numbers).delete()
    running.state, running.halted_by, running.finished_at = Batch.State.DONE, "", timezone.now()
    running.plan["stopped"] = {"by": by.name, "lines": left}
    running.save(update_fields=["state", "halted_by", "finished_at", "plan"])
    _record("batch.stopped", batch, by, lines=left)
    return left


def _record(action: str, batch: Batch, by: Member, **after) -> None:
    audit.record(
        action,
        subject=audit.Subject(batch.pk, str(batch.kind), after=after),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
