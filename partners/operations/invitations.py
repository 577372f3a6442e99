"""Invitations, by which members join."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from partners import mails, queries, tenancy
from partners.errors import Refusal
from partners.models import Invitation, Member
from partners.operations.members import BeyondOwnRights, lock_staff, record

INVITATION_AGE = timedelta(days=7)


class IsMember(Refusal):
    """The partner has a member with this address."""

    message = _("This address already belongs to a member.")


class IsInvited(Refusal):
    """There is an open invitation to this address."""

    message = _("This address is already invited. Resend or withdraw that invitation.")


class InvitationGone(Refusal):
    """There is no such invitation, or it was accepted, withdrawn, or has expired."""

    message = _("This invitation no longer works.")


@dataclass(frozen=True)
class Invited:
    """
    An invitation and the path at which it is accepted.

    The path is a secret and not stored: it proves that the address is the new member's, so it is
    mailed only there. The operator sees that of a partner's first owner.
    """

    invitation: Invitation
    path: str


@transaction.atomic
def invite_member(*, email: str, role: str, is_limited: bool, by: Member) -> Invited:
    """
    Invite a person by mail to become a member.

    Whether the address signs in at another partner makes no difference.

    :raises IsMember: if the address is that of a member of this partner.
    :raises IsInvited: if there is an open invitation to it.
    :raises BeyondOwnRights: if the new member will see all customers, and `by` does not.
    """
    lock_staff(by)
    if by.is_limited and not is_limited:
        raise BeyondOwnRights
    email = email.lower()
    if queries.find_members(partner_id=by.partner_id).filter(email=email).exists():
        raise IsMember
    if queries.find_invitations(partner_id=by.partner_id).filter(email=email).exists():
        raise IsInvited
    invited = write_invitation(email, role, is_limited=is_limited, by=by)
    _mail(invited, by)
    return invited


@transaction.atomic
def resend_invitation(*, invitation: Invitation, by: Member) -> Invited:
    """
    Mail the invitation again with a new link; the previous link stops working.

    :raises InvitationGone: if it is no longer open.
    :raises BeyondOwnRights: if the new member will see all customers, and `by` does not.
    """
    _lock_invitation(invitation, by)
    waiting = queries.find_invitations(partner_id=by.partner_id)
    columns, path = _make_link(by)
    if not waiting.filter(pk=invitation.pk).update(mailed_at=None, **columns):
        raise InvitationGone
    invitation.refresh_from_db()
    record("member.invited_again", invitation.pk, invitation.email, by=by)
    invited = Invited(invitation, path)
    _mail(invited, by)
    return invited


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, by: Member) -> None:
    """
    End an open invitation.

    :raises InvitationGone: if it is no longer open.
    :raises BeyondOwnRights: if the new member would see all customers, and `by` does not.
    """
    _lock_invitation(invitation, by)
    waiting = queries.find_invitations(partner_id=by.partner_id)
    if not waiting.filter(pk=invitation.pk).update(withdrawn_at=timezone.now()):
        raise InvitationGone
    record("member.invitation_withdrawn", invitation.pk, invitation.email, by=by)


def look_at_invitation(*, token: str) -> Invitation:
    """
    Return the invitation of a token without accepting it.

    :raises InvitationGone: if there is no open invitation with it.
    """
    partner_id, token_hash = _partner_of(token), hash_token(token)
    with tenancy.tenant(partner_id), transaction.atomic():
        found = queries.find_open_invitations(token_hash, partner_id=partner_id)
        found = found.select_related("partner").first()
    if found is None:
        raise InvitationGone
    return found


def accept_invitation(*, token: str, name: str, password: str) -> Member | None:
    """
    Create the member; of several concurrent calls, one succeeds.

    Return None if the address already signs in, here or at another partner: the page must not
    reveal it, so the address gets a mail instead, and the invitation stays open.

    :raises InvitationGone: if there is no open invitation with this token.
    """
    partner_id, token_hash = _partner_of(token), hash_token(token)
    with tenancy.tenant(partner_id), transaction.atomic():
        found = queries.find_open_invitations(token_hash, partner_id=partner_id)
        invitation = found.select_related("partner").select_for_update(of=("self",)).first()
        if invitation is None:
            raise InvitationGone
        try:
            with transaction.atomic():
                member = Member.objects.create_user(
                    invitation.email,
                    password,
                    partner_id=invitation.partner_id,
                    name=name,
                    role=invitation.role,
                    is_limited=invitation.is_limited,
                )
        except IntegrityError:
            mails.send_aside(mails.write_has_account(invitation, partner=invitation.partner))
            return None
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        after = {"role": member.role, "is_limited": member.is_limited}
        record("member.joined", member.pk, member.name, after=after, by=member)
    return member


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def write_invitation(email: str, role: str, *, is_limited: bool, by: audit.Actor) -> Invited:
    """Create and record an invitation without mailing it."""
    columns, path = _make_link(by)
    invitation = Invitation.objects.create(email=email, role=role, is_limited=is_limited, **columns)
    after = {"role": str(role), "is_limited": is_limited}
    record("member.invited", invitation.pk, email, after=after, by=by)
    return Invited(invitation, path)


def _make_link(by: audit.Actor) -> tuple[dict, str]:
    """The columns of an invitation with a new link of this sender, and the path of the link."""
    token = secrets.token_urlsafe(24)
    columns = {
        "token_hash": hash_token(token),
        "expires_at": timezone.now() + INVITATION_AGE,
        "invited_by": by.pk,
        "by_name": by.name,
    }
    return columns, reverse("partners:invitation", args=[token])


def _lock_invitation(invitation: Invitation, by: Member) -> None:
    lock_staff(by)
    if by.is_limited and not invitation.is_limited:
        raise BeyondOwnRights


def _partner_of(token: str) -> UUID:
    partner_id = queries.get_partner_of_invitation(hash_token(token))
    if partner_id is None:
        raise InvitationGone
    return partner_id


def _mail(invited: Invited, by: Member) -> None:
    invitation = invited.invitation
    letter = mails.write_invitation(invitation, path=invited.path, by=by)

    def send() -> None:
        # The list of members shows an invitation that was not mailed.
        if mails.send(letter):
            mailed = Invitation.objects.filter(token_hash=invitation.token_hash)
            with transaction.atomic():
                mailed.filter(pk=invitation.pk).update(mailed_at=timezone.now())

    transaction.on_commit(send, robust=True)
