"""Deleting user accounts: sign-in stops, seats are freed, nothing else is lost."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection, transaction

import audit.operations as audit
from batches.acts import Asked, Outcome, applies
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from licensing import queries as licensing_queries
from licensing.operations.seats import revoke_all
from licensing.operations.waitlist import stop_all_waiting
from partners.access import require
from partners.models import Member
from partners.postgres import IsOneOf, among
from partners.roles import Permission
from users.acts.selection import (
    choose,
    find_active,
    find_barred,
    is_last_administrator,
    kept_administrators,
    plan_line,
    problems_of,
)
from users.models import CustomerUser, UserSession


@transaction.atomic
def plan_deletes(
    *, customer: Customer, users: Iterable[UUID], reason: str = "", by: Member
) -> Batch:
    """
    Plan the deletion of these active users; nothing happens yet.

    The batch's plan says how many seats of which subscription will be free, how many of the
    users are administrators, how many wait for a seat, and whether the last global administrator
    is among them.

    :raises NobodyChosen: where none of the ids is an active user of the customer.
    :raises Refused: where the member may not delete users.
    """
    require(by, Permission.DELETE_USERS)
    chosen = choose(customer, users)
    lines = [plan_line(user, problems_of(user, by=by)) for user in chosen]
    going = [line.user_id for line in lines if line.is_valid]
    batch = create_batch(
        customer=customer,
        kind=Batch.Kind.DELETE,
        reason=reason,
        plan={
            "seats": licensing_queries.count_held(customer, going),
            "administrators": sum(user["is_administrator"] for user in chosen),
            "waiting": len(licensing_queries.get_waits(customer, going)),
            "takes_last_administrator": is_last_administrator(customer.pk, going),
            "retention_days": customer.retention_days,
        },
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


@applies(Batch.Kind.DELETE)
def apply_deletes(*, batch: Batch, lines: Sequence[Asked], by: Member) -> list[Outcome]:
    """
    Delete the users of the lines: free their seats, end their sessions, set the day of the purge.

    What they held is frozen on their lines, for a later restore; what they waited for is not, as
    nobody comes back to the same place in line. Where the last global
    administrator would go and nobody has said so, that line fails; so does one of a user who has
    become an administrator since the plan, where the member may not act on administrators.
    """
    present = find_active(batch.customer_id, lines)
    refused = dict.fromkeys(kept_administrators(batch, present), "last_administrator")
    refused |= dict.fromkeys(find_barred(present, by=by), "administrator")
    going = [pk for pk in present if pk not in refused]
    held = revoke_all(customer=batch.customer, users=going)
    waited = stop_all_waiting(customer=batch.customer, users=going)
    deletions = {line.user_id: line.input.get("deletion") for line in lines}
    on_hold = {line.user_id for line in lines if line.input.get("was_held")}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {CustomerUser._meta.db_table} u SET deleted_at = now(),
                purge_at = now() + make_interval(days => %s), deletion = g.deletion,
                is_held = g.is_held, version = u.version + 1
            FROM unnest(%s::uuid[], %s::uuid[], %s::boolean[]) AS g(id, deletion, is_held)
            WHERE u.id = g.id AND u.customer_id = %s AND u.deleted_at IS NULL
            """,
            [
                batch.customer.retention_days,
                going,
                # Who is deleted again as a restore is undone has what was held before it.
                [deletions.get(pk) or str(batch.pk) for pk in going],
                [pk in on_hold for pk in going],
                batch.customer_id,
            ],
        )
    UserSession.objects.filter(user__in=among(going)).delete()
    deleted = set(going)
    audit.record_many(
        "user.deleted",
        subjects=[
            audit.Subject(
                line.user_id,
                line.input["user_name"],
                before={"held": held.get(line.user_id, [])},
                after={"is_held": True} if line.user_id in on_hold else {},
            )
            for line in lines
            if line.user_id in deleted
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return [_outcome(line, present, refused, held, waited) for line in lines]


def _outcome(line: Asked, present: dict, refused: dict, held: dict, waited: dict) -> Outcome:
    if line.user_id not in present:
        return Outcome.failed(line, "gone")
    if line.user_id in refused:
        return Outcome.failed(line, refused[line.user_id])
    result = {"held": held.get(line.user_id, [])}
    if line.user_id in waited:
        result["stopped"] = waited[line.user_id]
    if deletion := line.input.get("deletion"):
        result["deletion"] = deletion
    return Outcome(line.number, Line.State.DONE, result)


def get_holdings(batch_ids: Iterable[UUID], users: Iterable[UUID]) -> dict[UUID, list[dict]]:
    """What each deleted user held, from the lines that deleted them."""
    of_users = IsOneOf("user_id", users)
    lines = Line.objects.filter(of_users, batch__in=set(batch_ids))
    return {user_id: held or [] for user_id, held in lines.values_list("user_id", "result__held")}
