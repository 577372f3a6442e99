"""Mails that remind of passwords that can be handed over for a short time only."""

from django.db import transaction

from batches.operations.wake import poke
from handover.models import Handover
from handover.queries.due import find_members_to_remind, find_sheets_to_remind_of


@transaction.atomic
def remind() -> int:
    """
    Queue one mail about each sheet of this tenant that expires soon; returns how many.

    It goes to the member who made the batch, or to the owners where that member can't open it.
    """
    queued = 0
    due = find_sheets_to_remind_of().select_for_update(skip_locked=True, of=("self",), no_key=True)
    for batch in due.order_by("pk"):
        mails_of = [
            Handover(
                batch=batch,
                kind=Handover.Kind.REMINDER,
                to=member.email,
                language=member.language or "en",
                expires_at=batch.sheet_expires_at,
            )
            for member in find_members_to_remind(batch)
        ]
        queued += len(Handover.objects.bulk_create(mails_of))
        if mails_of:
            poke("handover.send", batch_id=str(batch.pk))
    return queued
