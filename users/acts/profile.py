"""The profile of one user, which is no batch."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy

import audit.operations as audit
from batches.errors import LastAdministrator, UsersError
from customers.counts import lock_customer
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.add import TEXTS, NameTaken, search_of, sort_key_of
from users.acts.edit import GLOBAL_ADMINISTRATOR
from users.acts.issue import end_temporary_passwords
from users.acts.lines import is_last_administrator
from users.models import CustomerUser


class UserGone(UsersError):
    """The user was deleted or purged meanwhile."""

    message = gettext_lazy(
        "This user was deleted in the meantime. Nothing was saved. Restore the user first."
    )


class EditedMeanwhile(UsersError):
    """Another member has saved the same user meanwhile; `user` has the saved values."""

    message = gettext_lazy(
        "Someone else changed this user while you were editing. Your changes aren’t saved yet."
        " Compare them, then save again."
    )

    def __init__(self, user: CustomerUser):
        super().__init__()
        self.user = user


@transaction.atomic
def edit_user(
    *,
    user: CustomerUser,
    person: dict,
    version: int,
    may_take_last_administrator: bool = False,
    by: Member,
) -> list[str]:
    """
    Write the values of `person`, with the keys of a line's input, to an active user.

    Licenses stay. Returns the names of the changed fields. A new administrator loses a temporary
    password, and "temporary_password" is then among the names.

    :param version: the version of the user that the member has seen.
    :raises UserGone: where the user was deleted or purged meanwhile.
    :raises EditedMeanwhile: where another member has saved since; nothing is overwritten.
    :raises NameTaken: where another active user has the user name.
    :raises LastAdministrator: where the customer's last global administrator would be demoted
        without `may_take_last_administrator`.
    :raises Refused: where the member may not manage users, or may not act on administrators and
        this one is or becomes one.
    """
    require(by, Permission.MANAGE_USERS)
    lock_customer(user.customer)
    current = CustomerUser.objects.select_for_update(of=("self",), no_key=True).filter(pk=user.pk)
    saved = current.filter(customer=user.customer_id, deleted_at=None).first()
    if saved is None:
        raise UserGone
    if saved.is_administrator or person["permissions"]:
        require(by, Permission.ACT_ON_ADMINISTRATORS)
    if saved.version != version:
        raise EditedMeanwhile(saved)
    changed = [name for name in TEXTS if getattr(saved, name) != person[name]]
    if set(saved.permissions) != set(person["permissions"]):
        changed.append("permissions")
    is_demoted = GLOBAL_ADMINISTRATOR in set(saved.permissions) - set(person["permissions"])
    if (
        is_demoted
        and not may_take_last_administrator
        and is_last_administrator(saved.customer_id, [saved.pk])
    ):
        raise LastAdministrator
    is_promoted = "permissions" in changed and not saved.permissions
    if changed:
        before = {name: getattr(saved, name) for name in changed}
        after = {name: person[name] for name in changed}
        _save(saved, after)
        audit.record(
            "user.edited",
            subject=audit.Subject(saved.pk, saved.user_name, before, after),
            customer_id=saved.customer_id,
            by=by,
        )
    if is_promoted and end_temporary_passwords(
        customer_id=saved.customer_id, users={saved.pk: saved.user_name}, by=by
    ):
        changed.append("temporary_password")
    return changed


def _save(user: CustomerUser, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(user, name, value)
    person = {name: getattr(user, name) for name in TEXTS}
    user.sort_key, user.search = sort_key_of(person), search_of(person)
    user.version += 1
    try:
        with transaction.atomic():
            user.save(update_fields=[*values, "sort_key", "search", "version"])
    except IntegrityError as error:
        if "user_name_once" not in str(error):
            raise
        raise NameTaken from error
