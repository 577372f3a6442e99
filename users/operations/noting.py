"""What is said for the record about a plan, before it is started."""

from django.db import transaction

from partners.models import Member
from users.models import Batch

from .batches import require_may_start


@transaction.atomic
def keep_note(*, batch: Batch, reason: str, ticket: str, by: Member) -> None:
    """
    Keep what was typed on a plan that waits, so that it stands there again; no more than that.

    :raises Refused: where the member could not have started the batch.
    """
    require_may_start(batch, by)
    batch.reason, batch.ticket = reason, ticket
    Batch.objects.filter(pk=batch.pk, state=Batch.State.PLANNED).update(
        reason=reason, ticket=ticket
    )
