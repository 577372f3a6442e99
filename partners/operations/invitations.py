"""How somebody becomes a member: by an invitation, accepted once."""

import hashlib
import logging
import secrets
import smtplib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from partners import mails, queries, tenancy
from partners.models import Invitation, Member

from .members import PartnersError, lock_staff, record

log = logging.getLogger(__name__)

INVITATION_DAYS = 7


class IsMember(PartnersError):
    """The partner has a member with this address."""

    message = _("This person is a member already. Look for the address in the list of the staff.")


class IsInvited(PartnersError):
    """An invitation to this address waits."""

    message = _("This address is invited already. Send the invitation again, or withdraw it first.")


class InvitationGone(PartnersError):
    """There is no such invitation, or it was accepted, withdrawn, or its time is over."""

    message = _("This invitation does not work any more.")


class AddressInUse(PartnersError):
    """Somebody in the installation signs in with this address; who, is nobody's business."""

    message = _(
        "There is an account with this address already. Ask for an invitation to another address."
    )


@dataclass(frozen=True)
class Invited:
    """An invitation and where it is accepted; the path is a secret and stored nowhere."""

    invitation: Invitation
    path: str


@transaction.atomic
def invite_member(*, email: str, role: str, is_limited: bool, by: Member) -> Invited:
    """
    Invite somebody by mail to become a member; the answer holds the link, to be shown once.

    That somebody at another partner has the address is not told here.

    :raises IsMember: where the address is one of the partner's own members.
    :raises IsInvited: where an invitation to it waits.
    """
    lock_staff(by)
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
    Mail the invitation again with a new link; the one sent before stops working.

    :raises InvitationGone: where it does not wait any more.
    """
    lock_staff(by)
    token = secrets.token_urlsafe(24)
    waiting = queries.find_invitations(partner_id=by.partner_id)
    changed = waiting.filter(pk=invitation.pk).update(
        token_hash=hash_token(token), expires_at=_a_week_ahead(), mailed_at=None
    )
    if not changed:
        raise InvitationGone
    invitation.refresh_from_db()
    record("member.invited_again", invitation.pk, invitation.email, by=by)
    invited = Invited(invitation, _path(token))
    _mail(invited, by)
    return invited


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, by: Member) -> None:
    """
    Let nobody accept the invitation any more.

    :raises InvitationGone: where it does not wait any more.
    """
    lock_staff(by)
    waiting = queries.find_invitations(partner_id=by.partner_id)
    changed = waiting.filter(pk=invitation.pk).update(withdrawn_at=timezone.now())
    if not changed:
        raise InvitationGone
    record("member.invitation_withdrawn", invitation.pk, invitation.email, by=by)


def look_at_invitation(*, token: str) -> Invitation:
    """
    Return the invitation that a token opens, without accepting it.

    :raises InvitationGone: where it opens nothing, for whatever reason.
    """
    partner_id, token_hash = _partner_of(token), hash_token(token)
    with tenancy.tenant(partner_id), transaction.atomic():
        found = queries.find_open_invitations(token_hash, partner_id=partner_id)
        found = found.select_related("partner").first()
    if found is None:
        raise InvitationGone
    return found


def accept_invitation(*, token: str, name: str, password: str) -> Member:
    """
    Make the invited person a member; of many who try at once, one gets through.

    :raises InvitationGone: for everybody else, and where there is no such invitation.
    :raises AddressInUse: where the address signs in already; the invitation stays open.
    """
    partner_id, token_hash = _partner_of(token), hash_token(token)
    with tenancy.tenant(partner_id), transaction.atomic():
        found = queries.find_open_invitations(token_hash, partner_id=partner_id)
        invitation = found.select_for_update().first()
        if invitation is None:
            raise InvitationGone
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
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
        except IntegrityError as error:
            raise AddressInUse from error
        after = {"role": member.role, "is_limited": member.is_limited}
        record("member.joined", member.pk, member.name, after=after, by=member)
    return member


def hash_token(token: str) -> str:
    """What is stored of a token, and what it is found by."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def write_invitation(email: str, role: str, *, is_limited: bool, by: audit.Actor) -> Invited:
    """Write an invitation down and on record, without mailing it."""
    token = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        email=email,
        role=role,
        is_limited=is_limited,
        by_name=by.name,
        token_hash=hash_token(token),
        expires_at=_a_week_ahead(),
    )
    after = {"role": str(role), "is_limited": is_limited}
    record("member.invited", invitation.pk, email, after=after, by=by)
    return Invited(invitation, _path(token))


def _path(token: str) -> str:
    return reverse("partners:invitation", args=[token])


def _a_week_ahead():
    return timezone.now() + timedelta(days=INVITATION_DAYS)


def _partner_of(token: str) -> UUID:
    partner_id = queries.get_partner_of_invitation(hash_token(token))
    if partner_id is None:
        raise InvitationGone
    return partner_id


def _mail(invited: Invited, by: Member) -> None:
    letter = mails.write_invitation(invited.invitation, path=invited.path, by=by)
    transaction.on_commit(lambda: _send(invited.invitation, letter), robust=True)


def _send(invitation: Invitation, letter: EmailMessage) -> None:
    # Without a mail server the link is still passed on by hand; the list says that it has to be.
    try:
        letter.send()
    except (smtplib.SMTPException, OSError) as error:
        log.warning("invitation %s was not mailed: %s", invitation.pk, type(error).__name__)
        return
    with transaction.atomic():
        Invitation.objects.filter(pk=invitation.pk, token_hash=invitation.token_hash).update(
            mailed_at=timezone.now()
        )
