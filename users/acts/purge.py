"""Purging deleted users: complete, recorded, and never a restored user."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

import audit.operations as audit
from batches.acts import Act, Consequences, LineInput, Offer, OneText, Outcome, Texts, problem
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.counts import lock_customer
from customers.models import Customer, UserCount
from partners.access import require
from partners.models import Member
from partners.postgres import among
from partners.roles import Permission
from partners.tenancy import require_current
from users.acts.lines import MESSAGES, apply_to_present, find_present, plan_line
from users.acts.selection import select_users
from users.models import CustomerUser

# Users purged in one transaction, and users found with one query.
PURGE_BATCH_SIZE, FIND_BATCH_SIZE = 5_000, 100_000


def purge_due() -> int:
    """
    Purge this tenant's users on or after the day of their purge, in short transactions.

    Returns their number. Skips held users and users that a restore has locked.
    """
    with transaction.atomic():
        due = UserCount.objects.filter(deleted__gt=0).values_list("customer_id", flat=True)
        customers = list(due.order_by("customer_id"))
    purged = 0
    for customer_id in customers:
        while done := _purge_due_of(customer_id):
            purged += done
    return purged


def _purge_due_of(customer_id: UUID) -> int:
    # Found with one query: a query per transaction would first skip all users purged just before.
    # Users that were deleted together go in the order of their ids, like the indexes of the rows
    # that go with them, so that each page of an index is written for one slice only.
    with transaction.atomic():
        found = _find_due(customer_id).order_by("purge_at", "pk")
        due = list(found.values_list("pk", flat=True)[:FIND_BATCH_SIZE])
    starts = range(0, len(due), PURGE_BATCH_SIZE)
    slices = (due[start : start + PURGE_BATCH_SIZE] for start in starts)
    return sum(_purge_some(customer_id, some) for some in slices)


def _find_due(customer_id: UUID) -> QuerySet[CustomerUser]:
    return (
        CustomerUser.objects.filter(
            customer=customer_id, deleted_at__isnull=False, purge_at__lte=timezone.now()
        )
        # The nightly query for partners counts them, and so wakes this task in vain.
        .exclude(is_held=True)
    )


@transaction.atomic
def _purge_some(customer_id: UUID, ids: Sequence[UUID]) -> int:
    customer = Customer.objects.get(pk=customer_id)
    lock_customer(customer)
    still_due = _find_due(customer_id).filter(pk__in=among(ids)).order_by("pk")
    locked = still_due.select_for_update(of=("self",), skip_locked=True)
    due = list(locked.values_list("pk", "user_name"))
    _purge(customer, due, by=audit.System(require_current()))
    return len(due)


@transaction.atomic
def plan_purges(
    *, customer: Customer, users: Iterable[UUID], reason: str = "", by: Member
) -> Batch:
    """
    Plan to purge these deleted users before their day; it cannot be undone.

    The line of a user with a held purge is invalid.

    :raises NoUsersSelected: where none of the ids is a deleted user of the customer.
    :raises Refused: where the member may not purge.
    """
    require(by, Permission.PURGE_USERS)
    chosen = select_users(customer, users, deleted=True, fields=("is_held",))
    batch = create_batch(customer=customer, kind=PURGE.kind, reason=reason, by=by)
    lines = [plan_line(user, [problem("held")] if user["is_held"] else []) for user in chosen]
    save_lines(batch=batch, lines=lines)
    return batch


def apply_purges(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """Purge the users of the lines; lines of users restored or held meanwhile fail."""
    present = find_present(
        batch.customer_id, lines, deleted=True, lock=True, fields=["user_name", "is_held"]
    )
    held = {pk: "held" for pk, user in present.items() if user.is_held}

    def write(going: list[LineInput]) -> list[Outcome]:
        users = [(line.user_id, present[line.user_id].user_name) for line in going]
        _purge(batch.customer, users, batch_id=batch.pk, by=by)
        # `_purge` has emptied the lines.
        return [Outcome.done(line) for line in going]

    return apply_to_present(lines, present, held, write)


def _purge(
    customer: Customer, users: Sequence[tuple[UUID, str]], *, batch_id: UUID | None = None, by
) -> None:
    """Remove all personal data of these deleted users, which are locked."""
    if not users:
        return
    ids = [pk for pk, _name in users]
    names = [name for _pk, name in users]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Line._meta.db_table} SET problems = '[]', result = '{{}}', sealed = NULL,
                input = '{{"user_name": "", "display_name": ""}}'
            WHERE user_id = ANY(%s) AND partner_id = %s
            """,
            [ids, customer.partner_id],
        )
        # Foreign keys delete seats and sessions; triggers remove names from the audit trail, and
        # emails about passwords.
        cursor.execute(
            f"DELETE FROM {CustomerUser._meta.db_table} WHERE id = ANY(%s)"
            " AND deleted_at IS NOT NULL",
            [ids],
        )
    audit.record_many(
        "user.purged",
        subjects=[audit.Subject(pk, pseudonym(name)) for pk, name in zip(ids, names, strict=True)],
        customer_id=customer.pk,
        batch_id=batch_id,
        by=by,
    )


def pseudonym(user_name: str) -> str:
    """The name of a purged user in the audit trail: a hash, to check whether a name was purged."""
    return f"sha256:{hashlib.sha256(user_name.encode()).hexdigest()}"


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    return Consequences(
        facts=(
            _("Purged users can’t be restored."),
            _("Names are also removed from jobs and the activity log."),
        ),
        warning=_("This can’t be undone."),
    )


PURGE = Act(
    kind="purge",
    permission=Permission.PURGE_USERS,
    icon="trash",
    texts=Texts(
        label=gettext_lazy("Purge users"),
        button=lambda n: ngettext("Purge %(n)s user", "Purge %(n)s users", n),
        done=lambda n: ngettext("%(n)s user purged", "%(n)s users purged", n),
        one=OneText(
            question=gettext_lazy("Purge %(name)s now?"),
            button=gettext_lazy("Purge now"),
            done=gettext_lazy("%(name)s purged"),
        ),
    ),
    offer=Offer(path="purge", plan=plan_purges, tab="deleted", is_listed=False),
    apply=apply_purges,
    describe=_describe,
    messages=MESSAGES
    | {"held": gettext_lazy("The purge of this user is on hold. Release it first.")},
    is_dangerous=True,
    asks={"typed"},
    why_final=gettext_lazy("Purged users can’t be restored, so this can’t be undone."),
)
