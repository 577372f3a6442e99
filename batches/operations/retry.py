"""Trying again what a batch could not do: a planned batch of its own with the lines left over."""

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.control import require_may_start
from batches.operations.plan import create_batch
from licensing import queries as licensing
from licensing.forecast import Forecast
from licensing.rules import ProductRules
from partners.models import Member
from users.acts.selection import is_last_administrator
from users.rules.gather import gather_facts

# What these did, or could not do, is not for a repetition to decide.
NEVER_RETRIED = frozenset({Batch.Kind.ADD, Batch.Kind.QUEUE})
# What was said about one plan is not said about another.
ASKED_ANEW = frozenset({"may_take_last_administrator"})
# What the plan of a complete list says of those who leave: the share that was allowed is kept.
OF_ROSTERS = ("leavers", "retention_days")
# Kinds of batches, and acts of lines, after which somebody cannot sign in.
ENDS_SIGN_IN = ("delete", "leave", "block")


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
            INSERT INTO {Line._meta.db_table} (partner_id, batch_id, number, state,
                user_id, input, problems, result)
            SELECT partner_id, %s, row_number() OVER (ORDER BY number), %s,
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
    going = again.lines.all()
    if again.kind not in ENDS_SIGN_IN:
        going = going.filter(input__act__in=ENDS_SIGN_IN)
    again.plan["takes_last_administrator"] = is_last_administrator(
        batch.customer_id, going.values_list("user_id", flat=True)
    )
    if again.kind == Batch.Kind.LICENSES:
        again.plan |= _forecast(again)
    again.save(update_fields=["total", "plan"])
    audit.record(
        "batch.retried",
        subject=audit.Subject(batch.pk, str(batch.kind), after={"lines": again.total}),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return again


def _forecast(batch: Batch) -> dict:
    """What the plan says of the seats, as these are now."""
    customer = batch.customer
    facts = gather_facts(customer=customer, user_names=[], by=batch.by)
    rules = ProductRules(facts.subscriptions)
    forecast = Forecast(
        facts,
        rules,
        lengths=licensing.count_waiting(customer),
        is_queue=batch.options.get("when_short") == "queue",
    )
    lines = dict(batch.lines.order_by("number").values_list("user_id", "input"))
    held, waits = licensing.get_held(customer, lines), licensing.get_waits(customer, lines)
    for user_id, change in lines.items():
        has = held.get(user_id, {})
        give = [
            one
            for one in change["give"]
            if one["subscription"] in rules.by_id and one["subscription"] not in has
        ]
        take = [one for one in change["take"] if one in has]
        forecast.add(change | {"give": give, "take": take}, waits.get(user_id))
    return {"seats": forecast.seats, "unserved": forecast.unserved}
