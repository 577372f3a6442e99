"""The demo's past: the batches of the last 30 days that added and deleted its users."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.plan import PlannedLine, create_batch, save_lines
from customers.models import Customer
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import uuid7
from users.models import CustomerUser

WINDOW = timedelta(days=30)
REASONS = ("Left the company", "", "Contract ended", "Account was added twice")


def write(customer: Customer, members: Sequence[Member], *, chance: random.Random) -> None:
    """Write the batches of the last 30 days that added and deleted the existing users."""
    actors = [member for member in members if member.may(Permission.DELETE_USERS)]
    since = timezone.now() - WINDOW
    people = customer.users.only("pk", "user_name", "display_name", "added_at", "deleted_at")
    for at, added in _by_day(people.filter(added_at__gte=since, deleted_at=None), "added_at"):
        kind = "import" if len(added) > 12 else "add"
        write_batch(customer, kind, at, added, by=chance.choice(actors))
    for at, deleted in _by_day(people.filter(deleted_at__gte=since), "deleted_at"):
        by = chance.choice(actors)
        bought = customer.subscriptions.filter(state="active").first()
        held = {"held": [{"subscription": str(bought.pk), "disabled_plans": []}]} if bought else {}
        reason = REASONS[at.day % len(REASONS)]
        batch = write_batch(customer, "delete", at, deleted, by=by, result=held, reason=reason)
        CustomerUser.objects.filter(pk__in=[user.pk for user in deleted]).update(deletion=batch.pk)


def _by_day(people, column: str):
    """The users of each day, with the moment of the first."""
    days: dict[object, list[CustomerUser]] = {}
    for user in people.order_by(column):
        days.setdefault(getattr(user, column).date(), []).append(user)
    return [(getattr(chosen[0], column), chosen) for chosen in days.values()]


def write_batch(
    customer: Customer,
    kind: str,
    at: datetime,
    people: Sequence[CustomerUser],
    *,
    by: Member,
    result: dict | None = None,
    reason: str = "",
) -> Batch:
    """Write a batch that was done at a moment of the past, with lines and events."""
    batch = create_batch(
        id=_id_at(at),
        customer=customer,
        kind=kind,
        state=Batch.State.DONE,
        source_name="people.csv" if kind == "import" else "",
        reason=reason,
        created_at=at,
        started_at=at,
        finished_at=at + timedelta(seconds=2 + len(people) // 50),
        handed_over_at=at + timedelta(minutes=9),
        handed_over_by=by.name,
        by=by,
    )
    lines = [
        PlannedLine(user.pk, {"user_name": user.user_name, "display_name": user.display_name})
        for user in people
    ]
    save_lines(batch=batch, lines=lines)
    batch.lines.update(state=Line.State.DONE, result=result or {})
    # After the commit, since the owner's connection has to see the members.
    transaction.on_commit(partial(_write_events, batch, at, people))
    return batch


def _id_at(moment: datetime) -> UUID:
    """A uuid7 of a moment of the past, because lists are in the order of ids."""
    random_bits = uuid7().int & ((1 << 80) - 1)
    return UUID(int=int(moment.timestamp() * 1000) << 80 | random_bits)


def _write_events(batch: Batch, at: datetime, people: Sequence[CustomerUser]) -> None:
    # As the owner of the tables: the portal itself cannot record the past.
    action = "user.deleted" if batch.kind == "delete" else "user.added"
    subjects = [(batch.pk, str(batch.kind), "batch.started")]
    subjects += [(user.pk, user.user_name, action) for user in people]
    Event.objects.using("owner").bulk_create(
        Event(
            id=_id_at(at),
            partner_id=batch.partner_id,
            at=at,
            by_id=batch.by_id,
            by_name=batch.by_name,
            by_email=batch.by.email,
            action=action,
            customer_id=batch.customer_id,
            batch_id=batch.pk,
            subject_id=subject_id,
            subject_name=name,
        )
        for subject_id, name, action in subjects
    )
