"""The selected users of an act, with what its plan needs of them."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from batches.acts import PlanFacts
from batches.errors import UsersError
from batches.models import Batch
from customers.models import Customer
from partners.models import Member
from partners.postgres import IsOneOf
from users.models import Selection
from users.queries.named import Unmatched

# What a list has of other people stays no longer than an uploaded file.
SELECTIONS_KEPT = timedelta(days=1)


class NoUsersSelected(UsersError):
    """No user was selected, or none of the selected users exists now."""

    message = _("No users are selected. Go back to the list and select at least one.")
    are_gone = _(
        "The selected users were deleted, restored or purged in the meantime. Nothing was"
        " changed. Select users again."
    )


class NothingToChange(UsersError):
    """All selected users have the wanted values already."""

    message = _("Nothing to change for the selected users.")


SELECTED_FIELDS = (
    "pk",
    "user_name",
    "display_name",
    "is_administrator",
    "location",
    "deletion",
)


def select_users(
    customer: Customer,
    users: Iterable[UUID],
    *,
    deleted: bool = False,
    fields: Iterable[str] = (),
) -> list[dict]:
    """
    Return the active (or `deleted`) users among these ids, in list order.

    Each is a dict of SELECTED_FIELDS and the given fields.

    :raises NoUsersSelected: where none of the ids is such a user of the customer.
    """
    users = list(users)
    chosen = list(
        customer.users.filter(IsOneOf("pk", users), deleted_at__isnull=not deleted)
        .order_by("sort_key", "pk")
        .values(*{*SELECTED_FIELDS, *fields})
    )
    if not chosen:
        raise NoUsersSelected(NoUsersSelected.are_gone if users else None)
    return chosen


@transaction.atomic
def record_selected_count(*, batch: Batch, counted: int | None, by: Member) -> None:
    """
    Note on a plan that the list had counted another number of users at the time of the selection.

    The plan has the users of now; its page shows both numbers.
    """
    found = batch.total + PlanFacts.from_json(batch.plan).unchanged
    if counted in {None, found} or batch.by_id != by.pk:
        return
    batch.plan["moved"] = {"counted": counted, "found": found}
    batch.save(update_fields=["plan"])


@transaction.atomic
def keep_selection(
    *, customer: Customer, users: Sequence[UUID], unmatched: Sequence[Unmatched], by: Member
) -> Selection:
    """Keep the users that a list names for the address of the list of users."""
    return Selection.objects.create(
        customer=customer,
        users=list(users),
        unmatched=[entry.to_json() for entry in unmatched],
        by=by,
    )


@transaction.atomic
def delete_old_selections() -> None:
    """Delete this tenant's selections past their time."""
    Selection.objects.filter(created_at__lt=timezone.now() - SELECTIONS_KEPT).delete()
