"""One-time links: who may open one, and what it opens."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
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
    lock_sheet,
    read_rows,
    record_opening,
    require_some,
    unseal,
)
from handover.routes import get_partner_of_link
from handover.sheet import Row, Sheet
from partners import tenancy
from partners.models import Member
from partners.roles import Permission
from users import passwords


class LinkGone(UsersError):
    """There is no such link, it has been opened, its time is over, or its password is not valid."""

    message = _("This link does not work any more.")


class LinkNeedsSignIn(UsersError):
    """The link was sent to a member, who has to sign in to open it."""

    message = _("Sign in to open this link.")


@dataclass(frozen=True)
class Opened:
    """What a one-time link opened: one user's row, or the whole sheet."""

    sheet: Sheet
    kind: str
    # Of a user's own link.
    row: Row | None


def look_at_link(*, token: str, by: Member | None = None) -> str:
    """
    Return what kind of link this is, without opening it; `by` is the member who is signed in.

    :raises LinkNeedsSignIn: where it was sent to a member, and no member is signed in.
    :raises LinkGone: where it opens nothing, for whatever reason.
    """
    token_hash = passwords.link_token_hash(token)
    with tenancy.tenant(_partner_of(token_hash)), transaction.atomic():
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
        require_sender(handover, handover.batch.customer)
        _require_recipient(handover, by)
    return handover.kind


def open_link(*, token: str, by: Member | None = None) -> Opened:
    """
    Open what a one-time link hands over; of several attempts at once, one succeeds.

    `by` is the member who is signed in, if any.

    :raises LinkNeedsSignIn: where it was sent to a member, and no member is signed in.
    :raises LinkGone: for the other attempts, and where there is no such link: one answer for all.
    """
    token_hash = passwords.link_token_hash(token)
    with tenancy.tenant(_partner_of(token_hash)), transaction.atomic():
        try:
            return _open(_consume(token_hash, by), by)
        except NoSheet as error:
            raise LinkGone from error


def require_sender(handover: Handover, customer: Customer) -> bool:
    """
    Whether the member who sent it may act on administrators.

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


def _partner_of(token_hash: str) -> UUID:
    partner_id = get_partner_of_link(token_hash)
    if partner_id is None:
        raise LinkGone
    return partner_id


def _consume(token_hash: str, by: Member | None) -> Handover:
    # The first lock is the batch's, as where it is handed over; the update decides who is first.
    found = Handover.objects.filter(token_hash=token_hash).select_related("batch").first()
    if found is None:
        raise LinkGone
    found.batch = lock_sheet(found.batch)
    _require_recipient(found, by)
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Handover._meta.db_table} SET opened_at = %s, state = 'opened'
            WHERE token_hash = %s AND opened_at IS NULL AND expires_at > %s
            RETURNING id
            """,
            [now, token_hash, now],
        )
        if cursor.fetchone() is None:
            raise LinkGone
    return found


def _open(handover: Handover, by: Member | None) -> Opened:
    may_all = require_sender(handover, handover.batch.customer)
    if handover.member_id:
        may_all = may_all and by.may(Permission.ACT_ON_ADMINISTRATORS)
    sheet = unseal(handover.batch, may_all=may_all, number=handover.line_number)
    try:
        require_some(sheet)
    except NotYours as error:
        raise LinkGone from error
    after = {"way": "link"}
    row = user = None
    if handover.kind == Handover.Kind.USER_LINK:
        row = read_row(sheet)
        user = handover.user_id, row.user_name
    else:
        after["to"] = handover.to
    opener = by if handover.member_id else audit.System(handover.partner_id, name="one-time link")
    record_opening(sheet, after=after, user=user, by=opener)
    return Opened(sheet=sheet, kind=handover.kind, row=row)


def read_row(sheet: Sheet) -> Row:
    """
    Read the row of the only line that was opened.

    :raises NoSheet: where it no longer has a password to hand over.
    """
    row = next(read_rows(sheet), None)
    if row is None or row.password is None:
        raise NoSheet
    return row
