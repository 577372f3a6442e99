"""Whom an act is on: the chosen users as a plan needs them."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from batches.errors import UsersError
from batches.models import Batch
from customers.models import Customer
from partners.models import Member
from partners.postgres import IsOneOf


class NoUsersSelected(UsersError):
    """No user was chosen, or none of those chosen is there any more."""

    message = _("No user is chosen. Go back to the list and choose at least one.")
    are_gone = _(
        "The users you chose were deleted, restored or purged meanwhile. Nothing was changed;"
        " choose again in the list."
    )


class NothingToChange(UsersError):
    """All chosen users are as wanted already."""

    message = _("Nothing would change for the users you chose.")


OF_EVERYBODY = (
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
    The chosen users of the customer that are there, in the order of the list.

    Each as what a plan needs of everybody, and these further fields.

    :raises NoUsersSelected: where none of the ids is such a user.
    """
    users = list(users)
    chosen = list(
        customer.users.filter(IsOneOf("pk", users), deleted_at__isnull=not deleted)
        .order_by("sort_key", "pk")
        .values(*{*OF_EVERYBODY, *fields})
    )
    if not chosen:
        raise NoUsersSelected(NoUsersSelected.are_gone if users else None)
    return chosen


@transaction.atomic
def note_counted(*, batch: Batch, counted: int | None, by: Member) -> None:
    """
    Note how many users the list had counted when they were chosen, where it is not whom it found.

    The plan is of those who are there now; its page says that the number has moved.
    """
    found = batch.total + batch.plan.get("unchanged", 0)
    if counted in {None, found} or batch.by_id != by.pk:
        return
    batch.plan["moved"] = {"counted": counted, "found": found}
    batch.save(update_fields=["plan"])
