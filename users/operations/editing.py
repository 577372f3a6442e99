"""Editing one user by its page."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.models import CustomerUser, UserPermission

from .adding import TEXTS, NameTaken, search_of, sort_key_of
from .batches import LastAdministrator, UsersError, lock_customer
from .choosing import is_last_administrator
from .secrets import end_temporary_passwords


class UserGone(UsersError):
    """The user was deleted or purged while somebody edited."""

    message = _("This user has been deleted meanwhile. Restore the user first; nothing was saved.")


class EditedMeanwhile(UsersError):
    """Somebody else saved the same user meanwhile; `user` is as they saved it."""

    message = _(
        "Somebody else has saved this user meanwhile. Nothing of yours was lost or saved: compare"
        " below, and save again."
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
    Change an active user to the person, who has the keys of a line's input; licenses stay.

    Returns the names of what has changed. `version` is the one that the member has seen. A user who
    becomes an administrator loses a temporary password, which is then among what has changed.

    :raises UserGone: where the user was deleted or purged meanwhile.
    :raises EditedMeanwhile: where somebody else saved since; nothing is overwritten.
    :raises NameTaken: where another active user has the user name.
    :raises LastAdministrator: where the customer's last global administrator would be demoted and
        `may_take_last_administrator` does not say that this is meant.
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
    changed = _find_changed(saved, person)
    if "permissions" in changed and not may_take_last_administrator:
        _keep_last_administrator(saved, person)
    is_promoted = "permissions" in changed and not saved.permissions
    if changed:
        _save(saved, person, changed, by)
    if is_promoted and end_temporary_passwords(
        customer_id=saved.customer_id, users={saved.pk: saved.user_name}, by=by
    ):
        changed.append("temporary_password")
    return changed


def _find_changed(saved: CustomerUser, person: dict) -> list[str]:
    changed = [name for name in TEXTS if getattr(saved, name) != person.get(name, "")]
    if set(saved.permissions) != set(person["permissions"]):
        changed.append("permissions")
    return changed


def _keep_last_administrator(saved: CustomerUser, person: dict) -> None:
    was, becomes = saved.permissions, person["permissions"]
    is_demoted = UserPermission.GLOBAL_ADMINISTRATOR in set(was) - set(becomes)
    if is_demoted and is_last_administrator(saved.customer_id, [saved.pk]):
        raise LastAdministrator


def _save(saved: CustomerUser, person: dict, changed: list[str], by: Member) -> None:
    before = {name: getattr(saved, name) for name in changed}
    for name in changed:
        setattr(saved, name, person[name])
    saved.sort_key, saved.search = sort_key_of(person), search_of(person)
    saved.version += 1
    try:
        with transaction.atomic():
            saved.save(update_fields=[*changed, "sort_key", "search", "version"])
    except IntegrityError as error:
        if "user_name_once" not in str(error):
            raise
        raise NameTaken from error
    audit.record(
        "user.edited",
        subject=audit.Subject(
            saved.pk,
            saved.user_name,
            before=before,
            after={name: person[name] for name in changed},
        ),
        customer_id=saved.customer_id,
        by=by,
    )
