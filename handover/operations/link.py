"""One-time links: which members may open one, and what it opens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
from handover.queries import Row, find_rows
from handover.routes import get_partner_of_link
from partners import tenancy
from partners.models import Member
from partners.queries import find_members
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
    """What a one-time link opened: the whole sheet, or the row of one user."""

    sheet: Sheet
    row: Row | None = None


def check_link(*, token: str, by: Member | None = None) -> str:
    """
    Return the kind of a link, without opening it; `by` is the signed-in member, if any.

    :raises LinkNeedsSignIn: where it was sent to a member, and no member is signed in.
    :raises LinkGone: where it opens nothing, for whatever reason.
    """
    with _find(token) as handover:
        may_all = _authorize(handover, by)
        if handover.line_number is not None:
            rows = find_rows(handover.batch, may_all=may_all, numbers=[handover.line_number])
            if any(row.withheld for row in rows):
                raise LinkGone
        return handover.kind


def open_link(*, token: str, by: Member | None = None) -> OpenedLink:
    """
    Open what a one-time link hands over; of several attempts at once, one succeeds.

    :param by: the signed-in member, if any.
    :raises LinkNeedsSignIn: where it was sent to a member, and no member is signed in.
    :raises LinkGone: for the other attempts, and where there is no such link: one answer for all.
    """
    with _find(token) as handover:
        # The first lock is the batch's, as where it is handed over.
        handover.batch = lock_sheet(handover.batch)
        may_all = _authorize(handover, by)
        # The update decides which attempt is first.
        now = timezone.now()
        unopened = Handover.objects.filter(pk=handover.pk, opened_at=None, expires_at__gt=now)
        if not unopened.update(opened_at=now, state=Handover.State.OPENED):
            raise LinkGone
        sheet = unseal(handover.batch, may_all=may_all, number=handover.line_number)
        require_some(sheet)
        opener = by if handover.member_id else audit.System(handover.partner_id, "one-time link")
        if handover.kind != Handover.Kind.USER_LINK:
            record_opening(sheet, after={"way": "link", "to": handover.to}, by=opener)
            return OpenedLink(sheet)
        row = read_row(sheet)
        user = handover.user_id, row.user_name
        record_opening(sheet, after={"way": "link"}, user=user, by=opener)
        return OpenedLink(sheet, row)


@contextmanager
def _find(token: str) -> Iterator[Handover]:
    """Find the email of a link, as its partner and in one transaction."""
    token_hash = passwords.link_token_hash(token)
    partner_id = get_partner_of_link(token_hash)
    if partner_id is None:
        raise LinkGone
    with tenancy.tenant(partner_id), transaction.atomic():
        unopened = Handover.objects.filter(opened_at=None, expires_at__gt=timezone.now())
        found = unopened.exclude(batch__sheet_key="").select_related("batch__customer")
        handover = found.filter(token_hash=token_hash).first()
        if handover is None:
            raise LinkGone
        try:
            yield handover
        except (NoSheet, NotYours) as error:
            raise LinkGone from error


def _authorize(handover: Handover, by: Member | None) -> bool:
    """
    Let anyone open a link or, if it was sent to a member, only that member.

    Returns whether the passwords of administrators are among what it opens.
    """
    may_all = require_sender(handover)
    if handover.member_id is None:
        return may_all
    if by is None:
        raise LinkNeedsSignIn
    if by.pk != handover.member_id or not _may_open(by, handover.batch.customer):
        raise LinkGone
    return may_all and by.may(Permission.ACT_ON_ADMINISTRATORS)


def read_row(sheet: Sheet) -> Row:
    """
    Read the row of the only line that was opened.

    :raises NoSheet: where it no longer has a password to hand over.
    """
    row = next(read_rows(sheet), None)
    if row is None or row.password is None:
        raise NoSheet
    return row


def require_sender(handover: Handover) -> bool:
    """
    Whether the sending member may act on administrators.

    :raises LinkGone: where they left, or may no longer hand over passwords of this customer.
    """
    customer = handover.batch.customer
    sender = find_members(partner_id=handover.partner_id).filter(pk=handover.sent_by).first()
    if customer.is_archived or not _may_open(sender, customer):
        raise LinkGone
    return sender.may(Permission.ACT_ON_ADMINISTRATORS)


def _may_open(member: Member | None, customer: Customer) -> bool:
    if member is None or not member.is_active or not member.may(Permission.RESET_PASSWORDS):
        return False
    return find_customers(member=member).filter(pk=customer.pk).exists()
