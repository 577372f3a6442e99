"""Editing users: one by its page, or the usage location of many."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from customers.models import Customer
from licensing import queries as licensing
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.models import Batch, CustomerUser, Line, UserPermission

from .adding import TEXTS, NameTaken, search_of, sort_key_of
from .batches import (
    LastAdministrator,
    Outcome,
    UsersError,
    applies,
    create_batch,
    lock_customer,
    save_lines,
)
from .choosing import (
    choose,
    find_barred,
    is_last_administrator,
    lock_active,
    plan_line,
    problems_of,
)


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

    Returns the names of what has changed. `version` is the one that the member has seen.

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
    if changed:
        _save(saved, person, changed, by)
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


@transaction.atomic
def plan_edits(*, customer: Customer, users: Iterable[UUID], location: str, by: Member) -> Batch:
    """
    Plan a new usage location for these active users; nothing happens yet.

    Whoever holds a license that is not sold there is planned as a line that cannot run.

    :raises NobodyChosen: where none of the ids is an active user of the customer.
    :raises Refused: where the member may not manage users.
    """
    require(by, Permission.MANAGE_USERS)
    chosen = choose(customer, users)
    unsold = licensing.find_not_sold(
        customer=customer, users=[user["pk"] for user in chosen], location=location
    )
    lines = [
        plan_line(
            user,
            [*problems_of(user, by=by), *_not_sold(unsold.get(user["pk"], ()), location)],
        )
        for user in chosen
    ]
    batch = create_batch(
        customer=customer, kind=Batch.Kind.EDIT, options={"location": location}, by=by
    )
    save_lines(batch=batch, lines=lines)
    return batch


def _not_sold(products: Iterable[str], location: str) -> list[dict]:
    return [
        {
            "code": "product_not_sold",
            "column": "products",
            "value": product,
            "params": {"product": product, "location": location},
            "severity": "error",
        }
        for product in products
    ]


@applies(Batch.Kind.EDIT)
def apply_edits(*, batch: Batch, lines: Sequence[Line], by: Member) -> list[Outcome]:
    """
    Give the users of the lines their new usage location.

    Who was deleted, became an administrator or got a license that is not sold there since the
    plan is left alone; who has that location already counts as done.
    """
    location = batch.options["location"]
    present = lock_active(batch.customer_id, lines)
    unsold = licensing.find_not_sold(
        customer=batch.customer, users=list(present), location=location
    )
    refused = dict.fromkeys(find_barred(present, by=by), "administrator")
    refused |= dict.fromkeys(unsold, "not_sold")
    changed = {pk for pk, one in present.items() if pk not in refused and one.location != location}
    CustomerUser.objects.filter(pk__in=changed).update(location=location, version=F("version") + 1)
    audit.record_many(
        "user.edited",
        subjects=[
            audit.Subject(
                line.user_id,
                line.input["user_name"],
                before={"location": present[line.user_id].location},
                after={"location": location},
            )
            for line in lines
            if line.user_id in changed
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return [_outcome(line, present, refused, changed) for line in lines]


def _outcome(line: Line, present: dict, refused: dict, changed: set) -> Outcome:
    code = "gone" if line.user_id not in present else refused.get(line.user_id)
    if code:
        return Outcome.failed(line, code)
    return Outcome(line.number, Line.State.DONE, {"unchanged": line.user_id not in changed})
