"""Blocking and unblocking sign-in, for one or many."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.acts import Asked, Outcome, applies
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from partners.access import require
from partners.models import Member
from partners.postgres import among
from partners.roles import Permission
from users.acts.selection import (
    NothingToChange,
    choose,
    find_barred,
    is_last_administrator,
    kept_administrators,
    lock_active,
    plan_line,
    problems_of,
)
from users.models import CustomerUser, UserSession

# Keyed by whether they were to be blocked.
AS_WANTED = {
    True: _("Nothing would change: sign-in is already blocked."),
    False: _("Nothing would change: sign-in is not blocked."),
}


@transaction.atomic
def plan_blocks(
    *, customer: Customer, users: Iterable[UUID], block: bool, reason: str = "", by: Member
) -> Batch:
    """
    Plan to block these active users from signing in, or to let them sign in again.

    Users who are in that state already get no line; the plan says how many they are.

    :raises NobodyChosen: where none of the ids is an active user of the customer.
    :raises NothingToChange: where no line is left.
    :raises Refused: where the member may not manage users.
    """
    require(by, Permission.MANAGE_USERS)
    chosen = choose(customer, users, fields=["is_blocked"])
    lines = [
        plan_line(user, problems_of(user, by=by)) for user in chosen if user["is_blocked"] != block
    ]
    if not lines:
        raise NothingToChange(AS_WANTED[block])
    going = [line.user_id for line in lines if line.is_valid]
    batch = create_batch(
        customer=customer,
        kind=Batch.Kind.BLOCK if block else Batch.Kind.UNBLOCK,
        reason=reason,
        plan={
            "unchanged": len(chosen) - len(lines),
            "takes_last_administrator": block and is_last_administrator(customer.pk, going),
        },
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


@applies(Batch.Kind.BLOCK)
def apply_blocks(*, batch: Batch, lines: Sequence[Asked], by: Member) -> list[Outcome]:
    """Block the users of the lines, and end their sessions."""
    return _switch(batch, lines, block=True, by=by)


@applies(Batch.Kind.UNBLOCK)
def apply_unblocks(*, batch: Batch, lines: Sequence[Asked], by: Member) -> list[Outcome]:
    """Let the users of the lines sign in again."""
    return _switch(batch, lines, block=False, by=by)


def _switch(batch: Batch, lines: Sequence[Asked], *, block: bool, by: Member) -> list[Outcome]:
    """
    Block or unblock.

    Who is in that state already stays so, and counts as done. Who has become an administrator
    since the plan is left alone, where the member may not act on administrators.
    """
    present = lock_active(batch.customer_id, lines, fields=["is_blocked"])
    kept = kept_administrators(batch, present) if block else set()
    refused = dict.fromkeys(kept, "last_administrator")
    refused |= dict.fromkeys(find_barred(present, by=by), "administrator")
    going = [pk for pk in present if pk not in refused]
    changed = {pk for pk in going if present[pk].is_blocked != block}
    CustomerUser.objects.filter(pk__in=among(changed)).update(
        is_blocked=block, version=F("version") + 1
    )
    if block:
        UserSession.objects.filter(user__in=among(going)).delete()
    audit.record_many(
        "user.blocked" if block else "user.unblocked",
        subjects=[
            audit.Subject(line.user_id, line.input["user_name"])
            for line in lines
            if line.user_id in changed
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return [_outcome(line, present, refused, changed) for line in lines]


def _outcome(line: Asked, present: dict, refused: dict, changed: set) -> Outcome:
    if line.user_id not in present:
        return Outcome.failed(line, "gone")
    if line.user_id in refused:
        return Outcome.failed(line, refused[line.user_id])
    return Outcome(line.number, Line.State.DONE, {"unchanged": line.user_id not in changed})
