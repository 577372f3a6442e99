"""Mails that hand passwords over: written into Postgres, sent from there, opened once."""

import logging
import smtplib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core import mail
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import UsersError
from batches.models import Batch
from batches.operations.wake import poke
from customers.counts import lock_customer
from handover import mails
from handover.models import Handover
from handover.operations.link import LinkGone, read_row, require_sender
from handover.operations.sheet import NoSheet, lock_sheet, require_all_of, require_some, unseal
from handover.queries.sheet import (
    SheetLine,
    find_batches_with_mail,
    find_due_mails,
    find_sheet_lines,
)
from partners.access import require
from partners.models import Member
from partners.queries import find_members
from partners.roles import Permission
from partners.tenancy import uuid7
from users import passwords

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
# One task does not hold its worker longer; the rest is for the next one.
SENDS_FOR_SECONDS = 120


class MayNotMail(UsersError):
    """The customer's policy does not allow passwords as text in a mail."""

    message = _("This customer’s policy does not allow passwords in the text of a mail.")


class NobodyToMail(UsersError):
    """Nobody of the sheet has a contact address and a password still to be handed over."""

    message = _(
        "There is nobody to mail: no user of this sheet has both a contact address and a"
        " password that is still to be handed over, or their mails are already waiting to be sent."
    )


@dataclass(frozen=True)
class Mailed:
    """How many mails wait to be sent, and how many users got none for lack of an address."""

    queued: int
    without_address: int


@transaction.atomic
def mail_users(*, batch: Batch, kind: str, by: Member) -> Mailed:
    """
    Queue a mail to each user of the sheet who has a contact address and can still be handed over.

    A link that was sent before and not opened stops working; one that waits is not queued twice.

    :raises MayNotMail: where the passwords themselves are to be mailed and the policy forbids it.
    :raises NobodyToMail: where there is nobody to send a mail to.
    :raises NoSheet: where there is nothing to hand over any more.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    # A purge takes mails away, too, and holds the customer.
    lock_customer(batch.customer)
    batch = lock_sheet(batch)
    if kind == Handover.Kind.USER_TEXT and not batch.customer.may_mail_passwords:
        raise MayNotMail
    waiting = set(
        batch.handovers.filter(state=Handover.State.QUEUED).values_list("line_number", flat=True)
    )
    may_all = by.may(Permission.ACT_ON_ADMINISTRATORS)
    lines = [line for line in find_sheet_lines(batch, may_all=may_all) if not line.withheld]
    reached = [
        line for line in lines if line.number not in waiting and is_address(line.contact_email)
    ]
    if not reached:
        raise NobodyToMail
    _end_links(batch, reached)
    _queue(batch, kind, reached, by)
    _record_mails(batch, after={"kind": str(kind), "mails": len(reached)}, by=by)
    poke("handover.send", batch_id=str(batch.pk))
    return Mailed(
        queued=len(reached),
        without_address=sum(not is_address(line.contact_email) for line in lines),
    )


@transaction.atomic
def mail_sheet(*, batch: Batch, to: str, language: str, by: Member) -> Mailed:
    """
    Queue a mail with a link that opens the sheet once, to a member or the customer's contact.

    Where the address is a member's, only that member can open it, signed in.

    :raises NoSheet: where there is nothing to hand over any more.
    :raises NotYours: where the member may not see some of it.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    validate_email(to)
    batch = lock_sheet(batch)
    require_all_of(batch, by=by)
    require_some(unseal(batch, may_all=True))
    pk = uuid7()
    member = find_members(partner_id=batch.partner_id).filter(email=to.lower()).first()
    Handover.objects.create(
        pk=pk,
        batch=batch,
        kind=Handover.Kind.SHEET_LINK,
        to=to,
        member_id=member and member.pk,
        sent_by=by.pk,
        language=language,
        token_hash=passwords.link_token_hash(passwords.link_token(pk)),
        expires_at=batch.sheet_expires_at,
    )
    _record_mails(batch, after={"kind": "sheet_link", "mails": 1, "to": to}, by=by)
    poke("handover.send", batch_id=str(batch.pk))
    return Mailed(queued=1, without_address=0)


def is_address(text: str) -> bool:
    """Whether a mail can be sent there; an address with a line break in it is none."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _end_links(batch: Batch, lines: Sequence[SheetLine]) -> None:
    Handover.objects.filter(
        batch=batch,
        kind=Handover.Kind.USER_LINK,
        line_number__in=[line.number for line in lines],
        opened_at=None,
    ).update(expires_at=timezone.now())


def _queue(batch: Batch, kind: str, lines: Sequence[SheetLine], by: Member) -> None:
    ids = [uuid7() for _line in lines]
    has_link = kind == Handover.Kind.USER_LINK
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Handover._meta.db_table} (id, partner_id, batch_id, kind, state,
                line_number, user_id, "to", sent_by, language, token_hash, attempts, error,
                expires_at)
            SELECT h.id, %s, %s, %s, 'queued', h.number, h.user_id, h.address, %s, h.language,
                h.token_hash, 0, '', %s
            FROM unnest(%s::uuid[], %s::integer[], %s::uuid[], %s::text[], %s::text[], %s::text[])
                AS h(id, number, user_id, address, language, token_hash)
            """,
            [
                batch.partner_id,
                batch.pk,
                str(kind),
                by.pk,
                batch.sheet_expires_at,
                ids,
                [line.number for line in lines],
                [line.user_id for line in lines],
                [line.contact_email for line in lines],
                [line.language or batch.customer.language for line in lines],
                [
                    passwords.link_token_hash(passwords.link_token(pk)) if has_link else ""
                    for pk in ids
                ],
            ],
        )


def _record_mails(batch: Batch, *, after: dict, by: Member) -> None:
    audit.record(
        "sheet.mailed",
        subject=audit.Subject(batch.pk, str(batch.kind), after=after),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


# --- Sending -----------------------------------------------------------------------------------


def send_handovers(*, batch_id: UUID | str) -> int:
    """
    Send the mails of a batch that are due, and return how many were sent.

    Each is claimed by its row lock and marked in the same transaction, so two workers send it
    once; one that dies between the mail server's answer and the commit sends it again: at least
    once. The second mail holds the same link, which still opens once.
    """
    until = time.monotonic() + SENDS_FOR_SECONDS
    sent, last = 0, None
    server = mail.get_connection()
    try:
        while time.monotonic() < until:
            tried = _send_next(batch_id, server, after=last)
            if tried is None:
                return sent
            last = tried.pk
            sent += tried.state == Handover.State.SENT
            if tried.state == Handover.State.QUEUED:
                # The mail server is away: the sweep comes back to the rest of them.
                return sent
    finally:
        server.close()
    poke("handover.send", batch_id=str(batch_id))
    return sent


@transaction.atomic
def _send_next(batch_id: UUID | str, server, *, after: UUID | None) -> Handover | None:
    """Try one mail and mark what became of it; None where none is due."""
    due = find_due_mails(batch_id)
    if after is not None:
        # Those before it need not be looked at again.
        due = due.filter(pk__gt=after)
    handover = (
        due.select_for_update(skip_locked=True, of=("self",), no_key=True).order_by("pk").first()
    )
    if handover is None:
        return None
    for name, value in _send(handover, server).items():
        setattr(handover, name, value)
    handover.save(update_fields=["state", "attempts", "error", "sent_at"])
    return handover


def _send(handover: Handover, server) -> dict:
    """Send the mail, and return what is to be written about it."""
    state = Handover.State
    try:
        letter = _write(handover)
    except NoSheet:
        return {"state": state.FAILED, "error": "outdated"}
    except LinkGone:
        return {"state": state.FAILED, "error": "revoked"}
    attempts = handover.attempts + 1
    try:
        # Opened once for all of them; an open one stays as it is.
        server.open()
        server.send_messages([letter])
    except smtplib.SMTPRecipientsRefused:
        return {"state": state.FAILED, "attempts": attempts, "error": "refused"}
    except (smtplib.SMTPException, OSError) as error:
        log.warning("mail %s was not sent: %s", handover.pk, type(error).__name__)
        if attempts < MOST_ATTEMPTS:
            return {"state": state.QUEUED, "attempts": attempts}
        return {"state": state.FAILED, "attempts": attempts, "error": "unreachable"}
    return {"state": state.SENT, "attempts": attempts, "sent_at": timezone.now()}


def _write(handover: Handover) -> mail.EmailMessage:
    """
    Write the mail; a password is opened only for the mail that holds it.

    :raises NoSheet: where the password is not to be handed over any more.
    :raises LinkGone: where the sending member could no longer send it.
    """
    batch = Batch.objects.select_related("customer", "partner").get(pk=handover.batch_id)
    if not batch.has_secrets or handover.expires_at <= timezone.now():
        raise NoSheet
    # A reminder holds nothing and was sent by no member.
    is_reminder = handover.kind == Handover.Kind.REMINDER
    may_all = not is_reminder and require_sender(handover, batch.customer)
    row = None
    if handover.line_number is not None:
        row = read_row(unseal(batch, may_all=may_all, number=handover.line_number))
    if handover.kind == Handover.Kind.USER_TEXT and not batch.customer.may_mail_passwords:
        raise NoSheet
    return mails.write(handover, batch=batch, row=row)


def sweep_mails() -> None:
    """Wake a worker for each batch of this tenant with emails that are due."""
    for batch_id in find_batches_with_mail():
        poke("handover.send", batch_id=str(batch_id))
