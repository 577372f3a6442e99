"""Trying again what a batch could not do: a planned batch of its own with the lines left over."""

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from partners.models import Member
from users.models import Batch, Line

from .batches import UsersError, create_batch, require_may_start

# What these did, or could not do, is not for a repetition to decide.
NEVER_RETRIED = frozenset({Batch.Kind.ADD, Batch.Kind.QUEUE})


class NothingToRetry(UsersError):
    """Everything was done, or what was not cannot be done by repeating it."""

    message = _("There is nothing in this batch that could be tried again.")


@transaction.atomic
def plan_retry(*, batch: Batch, by: Member) -> Batch:
    """
    Plan once more the lines that failed or that a stop has left over; nothing happens yet.

    They are planned as they were, with the same choices, and judged anew as they run.

    :raises NothingToRetry: where no such line is there, or the batch still runs.
    :raises Refused: where the member could not have started the batch.
    """
    require_may_start(batch, by)
    if batch.kind in NEVER_RETRIED or batch.state != Batch.State.DONE:
        raise NothingToRetry
    again = create_batch(
        customer=batch.customer,
        kind=batch.kind,
        options=batch.options,
        source_name=batch.source_name,
        reason=batch.reason,
        ticket=batch.ticket,
        undoes=batch.undoes,
        plan={"retries": str(batch.pk)},
        by=by,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Line._meta.db_table} (partner_id, batch_id, number, chunk, state,
                user_id, input, problems, result)
            SELECT partner_id, %s, row_number() OVER (ORDER BY number), 0, %s,
                user_id, input, '[]', '{{}}'
            FROM {Line._meta.db_table}
            WHERE batch_id = %s AND (state = %s OR state = %s AND result ->> 'code' = 'stopped')
                AND input ->> 'user_name' <> ''
            """,
            [
                again.pk,
                Line.State.PLANNED,
                batch.pk,
                Line.State.FAILED,
                Line.State.LEFT_OUT,
            ],
        )
        again.total = cursor.rowcount
    if not again.total:
        raise NothingToRetry
    again.save(update_fields=["total"])
    audit.record(
        "batch.retried",
        subject=audit.Subject(batch.pk, str(batch.kind), after={"lines": again.total}),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return again
