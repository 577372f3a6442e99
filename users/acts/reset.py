"""Resetting passwords, for one or many."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction

import audit.operations as audit
from batches.acts import Asked, Outcome, applies
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.issue import give_passwords
from users.acts.selection import choose, find_active, find_barred, plan_line, problems_of


@transaction.atomic
def plan_resets(*, customer: Customer, users: Iterable[UUID], by: Member) -> Batch:
    """
    Plan a new temporary password for each of these active users; nothing happens yet.

    Administrators are planned as lines that cannot run where the member may not act on them.

    :raises NobodyChosen: where none of the ids is an active user of the customer.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    chosen = choose(customer, users)
    batch = create_batch(customer=customer, kind=Batch.Kind.RESET, by=by)
    lines = [plan_line(user, problems_of(user, by=by)) for user in chosen]
    save_lines(batch=batch, lines=lines)
    return batch


@applies(Batch.Kind.RESET)
def apply_resets(*, batch: Batch, lines: Sequence[Asked], by: Member) -> list[Outcome]:
    """
    Give the users of the lines new temporary passwords and end their sessions at /my/.

    A user who has become an administrator since the plan is left alone, where the member may not
    act on administrators.
    """
    present = find_active(batch.customer_id, lines)
    going = present.keys() - find_barred(present, by=by)
    sealed = give_passwords(batch=batch, lines=[line for line in lines if line.user_id in going])
    audit.record_many(
        "user.password_reset",
        subjects=[
            audit.Subject(line.user_id, line.input["user_name"])
            for line in lines
            if line.user_id in going
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return [
        Outcome(line.number, Line.State.DONE, {}, sealed[line.user_id])
        if line.user_id in going
        else Outcome.failed(line, "administrator" if line.user_id in present else "gone")
        for line in lines
    ]
