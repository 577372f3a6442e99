"""What members may do, and whether they may sign in."""

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
    """Nobody would be left who may manage the staff."""

    message = _(
        "This is the last active owner who sees all customers. Make somebody else an owner first."
    )


class OwnRights(Refusal):
    """Members do not change what they themselves may do."""

    message = _("Nobody can change their own rights. Ask another owner.")


class BeyondOwnRights(Refusal):
    """Owners who see chosen customers only give no more than they have, and take no more."""

    message = _(
        "You see selected customers only, and this is about customers that you do not see. Ask an"
        " owner who sees all customers."
    )


@transaction.atomic
def change_role(*, member: Member, role: str, by: Member) -> Member:
    """
    Give the member another role; all their sessions end.

    :raises LastOwner: and changes nothing, where no owner who sees everything would be left.
    :raises OwnRights: where it is the member's own role.
    :raises BeyondOwnRights: where the member sees customers that `by` does not.
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
    Let the member sign in no more; all their sessions end.

    :raises LastOwner: and changes nothing, where no owner who sees everything would be left.
    :raises OwnRights: where it is the member themselves.
    :raises BeyondOwnRights: where the member sees customers that `by` does not.
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
    Let the member sign in again, with the password they had.

    :raises BeyondOwnRights: where the member sees customers that `by` does not.
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
    Mark the member as limited to chosen customers, or not, and return what they were before.

    customers.limiting keeps which customers. Inside the transaction of the caller, who also
    records it.

    :raises LastOwner: and changes nothing, where no owner who sees everything would be left.
    :raises OwnRights: where it is the member themselves.
    :raises BeyondOwnRights: where the member sees all customers, or is to see them, and `by`
        does not.
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
    """Lock the member with all owners, so that two cannot take each other's place at once."""
    locked = lock_staff(by, Q(pk=member.pk))
    found = next(one for one in locked if one.pk == member.pk)
    owners = [
        one for one in locked if one.role == Role.OWNER and one.is_active and not one.is_limited
    ]
    return found, owners


def lock_staff(by: Member, also: Q | None = None) -> list[Member]:
    """
    Lock the active owners, and refuse a member who no longer is one.

    `by` is brought up to date: a limit that was set since the request began counts, too.

    :raises Refused: where the member may not manage the staff.
    """
    wanted = Q(role=Role.OWNER, is_active=True)
    members = queries.find_members(partner_id=by.partner_id).filter(
        wanted | also if also else wanted
    )
    locked = list(members.select_for_update(of=("self",), no_key=True).order_by("pk"))
    own = next((one for one in locked if one.pk == by.pk), None)
    if own is None or own.role != Role.OWNER or not own.is_active:
        raise Refused(Permission.MANAGE_STAFF)
    by.is_limited = own.is_limited
    return locked


def _keep_an_owner(member: Member, owners: list[Member]) -> None:
    if [one.pk for one in owners] == [member.pk]:
        raise LastOwner


def refuse_oneself(member: Member, by: Member) -> None:
    """
    Let an act on another member pass.

    :raises OwnRights: where it is the member themselves.
    """
    if member.pk == by.pk:
        raise OwnRights


def require_reach(member: Member, by: Member) -> None:
    """
    Let an act pass on a member who sees no customer that `by` does not see.

    :raises BeyondOwnRights: where the member does.
    """
    if not queries.is_within_reach(member, by=by):
        raise BeyondOwnRights


def _end_invitations(member: Member, by: Member) -> None:
    """Withdraw what the member has invited to and could no longer invite to."""
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
    """Record an act of the staff's office."""
    subject = audit.Subject(subject_id, name, before or {}, after or {})
    audit.record(action, subject=subject, by=by)
