"""One-time links: which members may open one, and what it opens."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import UsersError
from customers.models import Customer
from customers.queries import find_customers
from handover.models import Handover
from handover.operations.sheet import (
    NoSheet,
    NotYours,
    Sheet,
    lock_sheet,
    read_rows,
    record_opening,
    require_some,
    unseal,
)
from handover.queries import Row, find_seals
from handover.routes import get_partner_of_link
from partners import tenancy
from partners.models import Member
from partners.roles import Permission
from users import passwords


class LinkGone(UsersError):
    """There is no such link, it was opened, its time is over, or its password is not valid."""

    message = _("This link no longer works.")


class LinkNeedsSignIn(UsersError):
    """The link was sent to a member, and opens only after sign-in."""

    message = _("Sign in to open this link.")


@dataclass(frozen=True)
class OpenedLink:
    """What a one-time link opened: the row of one user, or the whole sheet."""

    sheet: Sheet
    kind: str
    # Of a link to a user.
    row: Row | None


def check_link(*, token: str, by: Member | None = None) -> str:
    """
    Return the kind of a link, without opening it; `by` is the signed-in member, if any.

    :raises LinkNeedsSignIn: where it was sent to a member, and no member is signed in.
    :raises LinkGone: where it opens nothing, for whatever reason.
    """
    token_hash = passwords.link_token_hash(token)
    with tenancy.tenant(_get_partner(token_hash)), transaction.atomic():
        handover = (
            Handover.objects.filter(
                token_hash=token_hash, opened_at=None, expires_at__gt=timezone.now()
            )
            .exclude(batch__sheet_key="")
            .select_related("batch__customer")
            .first()
        )
        if handover is None:
            raise LinkGone
        may_all = require_sender(handover, handover.batch.customer)
        _require_recipient(handover, by)
        if handover.line_number is not None:
            number = handover.line_number
            lines = find_seals(handover.batch, may_all=may_all, number=number)
            if any(withheld for *_seal, withheld in lines):
                raise LinkGone
        return handover.kind


def open_link(*, token: str, by: Member | None = None) -> OpenedLink:
    """
    Open what a one-time link hands over; of several attempts at once, one succeeds.

    :param by: the signed-in member, if any.
    :raises LinkNeedsSignIn: where it was sent to a member, and no member is signed in.
    :raises LinkGone: for the other attempts, and where there is no such link: one answer for all.
    """
    token_hash = passwords.link_token_hash(token)
    with tenancy.tenant(_get_partner(token_hash)), transaction.atomic():
        handover = Handover.objects.filter(token_hash=token_hash).select_related("batch").first()
        if handover is None:
            raise LinkGone
        try:
            # The first lock is the batch's, as where it is handed over.
            handover.batch = lock_sheet(handover.batch)
            _require_recipient(handover, by)
            # The update decides which attempt is first.
            now = timezone.now()
            unopened = Handover.objects.filter(pk=handover.pk, opened_at=None, expires_at__gt=now)
            if not unopened.update(opened_at=now, state=Handover.State.OPENED):
                raise LinkGone
            return _open(handover, by)
        except (NoSheet, NotYours) as error:
            raise LinkGone from error


def _open(handover: Handover, by: Member | None) -> OpenedLink:
    may_all = require_sender(handover, handover.batch.customer)
    opener = audit.System(handover.partner_id, name="one-time link")
    if handover.member_id:
        may_all = may_all and by.may(Permission.ACT_ON_ADMINISTRATORS)
        opener = by
    sheet = unseal(handover.batch, may_all=may_all, number=handover.line_number)
    require_some(sheet)
    if handover.kind != Handover.Kind.USER_LINK:
        record_opening(sheet, after={"way": "link", "to": handover.to}, by=opener)
        return OpenedLink(sheet, handover.kind, None)
    row = read_row(sheet)
    user = handover.user_id, row.user_name
    record_opening(sheet, after={"way": "link"}, user=user, by=opener)
    return OpenedLink(sheet, handover.kind, row)


def read_row(sheet: Sheet) -> Row:
    """
    Read the row of the only line that was opened.

    :raises NoSheet: where it no longer has a password to hand over.
    """
    row = next(read_rows(sheet), None)
    if row is None or row.password is None:
        raise NoSheet
    return row


def require_sender(handover: Handover, customer: Customer) -> bool:
    """
    Whether the sending member may act on administrators.

    :raises LinkGone: where they left, or may no longer hand over passwords of this customer.
    """
    sender = Member.objects.filter(pk=handover.sent_by, partner_id=handover.partner_id).first()
    if customer.is_archived or not _may_open(sender, customer):
        raise LinkGone
    return sender.may(Permission.ACT_ON_ADMINISTRATORS)


def _require_recipient(handover: Handover, by: Member | None) -> None:
    """Allow anyone with the link or, if it was sent to a member, only that member."""
    if handover.member_id is None:
        return
    if by is None:
        raise LinkNeedsSignIn
    if by.pk != handover.member_id or not _may_open(by, handover.batch.customer):
        raise LinkGone


def _may_open(member: Member | None, customer: Customer) -> bool:
    if member is None or not member.is_active or not member.may(Permission.RESET_PASSWORDS):
        return False
    return find_customers(member=member).filter(pk=customer.pk).exists()


def _get_partner(token_hash: str) -> UUID:
    partner_id = get_partner_of_link(token_hash)
    if partner_id is None:
        raise LinkGone
    return partner_id
