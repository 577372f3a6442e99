"""Trying again what a batch could not do: a planned batch of its own with the lines left over."""

from collections.abc import Iterator

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.acts import Act, get_act
from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.control import require_may_start
from batches.operations.plan import create_batch
from partners.models import Member

# What was said about one plan is not said about another.
ASKED_ANEW = frozenset({"may_take_last_administrator"})
# What the plan of a complete list says of those who leave: the share that was allowed is kept.
OF_ROSTERS = ("leavers", "retention_days")


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
    if not get_act(batch.kind).is_retryable or batch.state != Batch.State.DONE:
        raise NothingToRetry
    again = create_batch(
        customer=batch.customer,
        kind=batch.kind,
        # Whether the last administrator may go is asked anew.
        options={name: one for name, one in batch.options.items() if name not in ASKED_ANEW},
        source_name=batch.source_name,
        reason=batch.reason,
        ticket=batch.ticket,
        undoes=batch.undoes,
        plan={"retries": str(batch.pk)}
        | {name: batch.plan[name] for name in OF_ROSTERS if name in batch.plan},
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
    for act in {get_act(again.kind), *_acts_of(again)}:
        if act.replan:
            act.replan(again)
    again.save(update_fields=["total", "plan"])
    audit.record(
        "batch.retried",
        subject=audit.Subject(batch.pk, str(batch.kind), after={"lines": again.total}),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return again


def _acts_of(batch: Batch) -> Iterator[Act]:
    kinds = batch.lines.order_by().values_list("act", flat=True).distinct()
    return map(get_act, kinds)
