"""Resetting passwords, for one or many."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from customers.models import Customer
from partners.models import Member
from partners.roles import Permission
from users.models import Batch, CustomerUser, Line, UserSession

from .batches import Outcome, PlannedLine, UsersError, applies, create_batch, save_lines
from .secrets import issue_passwords


class NobodyChosen(UsersError):
    """No user was chosen, or none of those chosen is there any more."""

    message = _("No user is chosen. Go back to the list and choose at least one.")


@transaction.atomic
def plan_resets(*, customer: Customer, users: Iterable[UUID], by: Member) -> Batch:
    """
    Plan a new temporary password for each of these active users; nothing happens yet.

    Administrators are planned as lines that cannot run where the member may not act on them.

    :raises NobodyChosen: where none of the ids is an active user of the customer.
    """
    chosen = list(
        customer.users.filter(
            # One array, however many: a hundred thousand placeholders take Postgres seconds.
            pk__in=RawSQL("SELECT unnest(%s::uuid[])", [list(users)]),
            deleted_at=None,
        )
        .order_by("sort_key", "pk")
        .values("pk", "user_name", "display_name", "is_administrator")
    )
    if not chosen:
        raise NobodyChosen
    may_all = by.may(Permission.ACT_ON_ADMINISTRATORS)
    batch = create_batch(customer=customer, kind=Batch.Kind.RESET, by=by)
    save_lines(
        batch=batch,
        lines=[
            PlannedLine(
                user["pk"],
                {"user_name": user["user_name"], "display_name": user["display_name"]},
                is_valid=may_all or not user["is_administrator"],
                problems=[]
                if may_all or not user["is_administrator"]
                else [{"code": "administrator", "severity": "error"}],
            )
            for user in chosen
        ],
    )
    return batch


@applies(Batch.Kind.RESET)
def apply_resets(*, batch: Batch, lines: Sequence[Line], by: Member) -> list[Outcome]:
    """
    Give the users of the lines new temporary passwords and end their sessions at /my/.

    A user who has become an administrator since the plan is left alone, where the member may not
    act on administrators.
    """
    issued = issue_passwords(batch=batch, lines=lines)
    users = [line.user_id for line in lines]
    # Locked in the order of their ids; a plain UPDATE would lock in any order.
    found = dict(
        CustomerUser.objects.select_for_update(of=("self",), no_key=True)
        .filter(customer=batch.customer_id, pk__in=users, deleted_at=None)
        .order_by("pk")
        .values_list("pk", "is_administrator")
    )
    may_all = by.may(Permission.ACT_ON_ADMINISTRATORS)
    present = {pk for pk, is_administrator in found.items() if may_all or not is_administrator}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {CustomerUser._meta.db_table} u SET password = n.password,
                password_state = 'temporary', password_expires_at = %s, password_batch = %s,
                tries = 0, tries_since = NULL, version = version + 1
            FROM unnest(%s::uuid[], %s::text[]) AS n(id, password)
            WHERE u.id = n.id AND u.id = ANY(%s) AND u.customer_id = %s
            """,
            [issued.expires_at, batch.pk, users, issued.hashes, list(present), batch.customer_id],
        )
    UserSession.objects.filter(user__in=present).delete()
    audit.record_many(
        "user.password_reset",
        subjects=[
            audit.Subject(line.user_id, line.input["user_name"])
            for line in lines
            if line.user_id in present
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return [
        Outcome(line.number, Line.State.DONE, {}, sealed)
        if line.user_id in present
        else Outcome(
            line.number,
            Line.State.FAILED,
            {"code": "administrator" if line.user_id in found else "gone"},
        )
        for line, sealed in zip(lines, issued.sealed, strict=True)
    ]
