"""Retrying what a batch could not do: a new plan with its failed and stopped lines."""

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.acts import get_act
from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.control import require_may_start
from batches.operations.plan import create_batch
from partners.models import Member

# Options that are confirmed for one plan only.
ASKED_ANEW = frozenset({"may_take_last_administrator"})
# Kept from the plan of a full list: the users to be deleted, with the share that was allowed.
FULL_LIST_FIELDS = ("missing_users", "retention_days")


class NothingToRetry(UsersError):
    """No line of the batch can be retried."""

    message = _("This job has nothing to retry.")


@transaction.atomic
def plan_retry(*, batch: Batch, by: Member) -> Batch:
    """
    Plan the failed and stopped lines of a batch again, with the same input and options.

    They are checked again when they run.

    :raises NothingToRetry: where there is no such line, or the batch has not ended.
    :raises Refused: where the member could not have started the batch.
    """
    require_may_start(batch, by)
    if not get_act(batch.kind).is_retryable or batch.state != Batch.State.DONE:
        raise NothingToRetry
    again = create_batch(
        customer=batch.customer,
        kind=batch.kind,
        options={name: value for name, value in batch.options.items() if name not in ASKED_ANEW},
        source_name=batch.source_name,
        reason=batch.reason,
        ticket=batch.ticket,
        undoes=batch.undoes,
        plan={"retries": str(batch.pk)}
        | {name: batch.plan[name] for name in FULL_LIST_FIELDS if name in batch.plan},
        by=by,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Line._meta.db_table} (partner_id, batch_id, number, state, act,
                user_id, input, problems, result)
            SELECT partner_id, %s, row_number() OVER (ORDER BY number), %s, act,
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
    kinds = set(again.lines.order_by().values_list("act", flat=True).distinct())
    for kind in kinds | {again.kind}:
        if replan := get_act(kind).replan:
            replan(again)
    again.save(update_fields=["total", "plan"])
    audit.record(
        "batch.retried",
        subject=audit.Subject(batch.pk, str(batch.kind), after={"lines": again.total}),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return again
