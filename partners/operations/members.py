"""Changes roles, limits and activity of members."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from partners import queries
from partners.access import Refused
from partners.errors import Refusal
from partners.models import Member
from partners.roles import Permission, Role


class LastOwner(Refusal):
    """No active owner with access to all customers would be left."""

    message = _(
        "This is the last active owner with access to all customers. Make another member an owner"
        " first."
    )


class OwnRights(Refusal):
    """Members cannot change their own rights."""

    message = _("You can’t change your own rights. Ask another owner.")


class BeyondOwnRights(Refusal):
    """A limited owner cannot act on access to customers that they do not see."""

    message = _(
        "This affects customers that you don’t have access to. Ask an owner with access to all"
        " customers."
    )


@transaction.atomic
def change_role(*, member: Member, role: str, by: Member) -> Member:
    """
    Give the member another role, and end all their sessions.

    :raises LastOwner: if no active owner with access to all customers would be left.
    :raises OwnRights: if it is the member's own role.
    :raises BeyondOwnRights: if the member sees customers that `by` does not see.
    """
    member, owners = lock_member(member, by)
    if member.role == role:
        return member
    if role != Role.OWNER:
        _keep_an_owner(member, owners)
    refuse_oneself(member, by)
    require_reach(member, by)
    before, member.role = member.role, role
    member.session_number += 1
    member.save(update_fields=["role", "session_number"])
    record(
        "member.role_changed",
        member.pk,
        member.name,
        before={"role": before},
        after={"role": str(role)},
        by=by,
    )
    _end_invitations(member, by)
    return member


@transaction.atomic
def deactivate_member(*, member: Member, by: Member) -> Member:
    """
    Stop the member from signing in, and end all their sessions.

    :raises LastOwner: if no active owner with access to all customers would be left.
    :raises OwnRights: if it is the member themselves.
    :raises BeyondOwnRights: if the member sees customers that `by` does not see.
    """
    member, owners = lock_member(member, by)
    if not member.is_active:
        return member
    _keep_an_owner(member, owners)
    refuse_oneself(member, by)
    require_reach(member, by)
    member.is_active = False
    member.session_number += 1
    member.save(update_fields=["is_active", "session_number"])
    record("member.deactivated", member.pk, member.name, by=by)
    _end_invitations(member, by)
    return member


@transaction.atomic
def reactivate_member(*, member: Member, by: Member) -> Member:
    """
    Let the member sign in again with the same password.

    :raises BeyondOwnRights: if the member sees customers that `by` does not see.
    """
    member, _owners = lock_member(member, by)
    if member.is_active:
        return member
    require_reach(member, by)
    member.is_active = True
    member.save(update_fields=["is_active"])
    record("member.reactivated", member.pk, member.name, by=by)
    return member


def set_limited(*, member: Member, is_limited: bool, by: Member) -> bool:
    """
    Limit the member to selected customers, or lift the limit; return whether it was set before.

    customers.limits calls it in its transaction, keeps the selection and records both.

    :raises LastOwner: if no active owner with access to all customers would be left.
    :raises OwnRights: if it is the member themselves.
    :raises BeyondOwnRights: if the member sees or will see all customers, and `by` does not.
    """
    member, owners = lock_member(member, by)
    if is_limited and not member.is_limited:
        _keep_an_owner(member, owners)
    refuse_oneself(member, by)
    if by.is_limited and not (member.is_limited and is_limited):
        raise BeyondOwnRights
    was_limited, member.is_limited = member.is_limited, is_limited
    member.save(update_fields=["is_limited"])
    _end_invitations(member, by)
    return was_limited


def lock_member(member: Member, by: Member) -> tuple[Member, list[Member]]:
    """
    Lock the member and all active owners, and return them; the owners without limited ones.

    Two owners cannot demote each other at the same time.
    """
    locked = lock_staff(by, Q(pk=member.pk))
    found = next(row for row in locked if row.pk == member.pk)
    owners = [
        row for row in locked if row.role == Role.OWNER and row.is_active and not row.is_limited
    ]
    return found, owners


def lock_staff(by: Member, also: Q | None = None) -> list[Member]:
    """
    Lock the active owners, and also the members of the condition.

    Updates `by.is_limited`: a limit that was set since the request began counts.

    :raises Refused: if the member is no longer an active owner.
    """
    condition = Q(role=Role.OWNER, is_active=True)
    members = queries.find_members(partner_id=by.partner_id).filter(
        condition | also if also else condition
    )
    locked = list(members.select_for_update(of=("self",), no_key=True).order_by("pk"))
    own = next((row for row in locked if row.pk == by.pk), None)
    if own is None or own.role != Role.OWNER or not own.is_active:
        raise Refused(Permission.MANAGE_STAFF)
    by.is_limited = own.is_limited
    return locked


def _keep_an_owner(member: Member, owners: list[Member]) -> None:
    if [owner.pk for owner in owners] == [member.pk]:
        raise LastOwner


def refuse_oneself(member: Member, by: Member) -> None:
    if member.pk == by.pk:
        raise OwnRights


def require_reach(member: Member, by: Member) -> None:
    """Raise BeyondOwnRights if the member sees customers that `by` does not see."""
    if not queries.is_within_reach(member, by=by):
        raise BeyondOwnRights


def _end_invitations(member: Member, by: Member) -> None:
    """Withdraw the open invitations that the member could no longer send."""
    waiting = queries.find_invitations(partner_id=member.partner_id)
    waiting = waiting.filter(invited_by=member.pk)
    if member.is_active and member.may(Permission.MANAGE_STAFF):
        if not member.is_limited:
            return
        waiting = waiting.filter(is_limited=False)
    for invitation in waiting.select_for_update(of=("self",)):
        invitation.withdrawn_at = timezone.now()
        invitation.save(update_fields=["withdrawn_at"])
        record("member.invitation_withdrawn", invitation.pk, invitation.email, by=by)


def record(
    action: str,
    subject_id: UUID,
    name: str,
    *,
    before: dict | None = None,
    after: dict | None = None,
    by: audit.Actor,
) -> None:
    subject = audit.Subject(subject_id, name, before or {}, after or {})
    audit.record(action, subject=subject, by=by)
