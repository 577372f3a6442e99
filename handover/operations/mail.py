"""Emails that hand passwords over: written into Postgres, sent from there, opened once."""

import logging
import smtplib
import time
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
from batches.operations.wake import wake_worker
from customers.counts import lock_customer
from handover import mails
from handover.models import Handover, Withheld
from handover.operations.link import LinkGone, read_row, require_sender
from handover.operations.sheet import NoSheet, NotYours, lock_sheet, require_some, unseal
from handover.queries import (
    find_due_emails,
    find_members_to_remind,
    find_rows,
    find_sheets_to_remind_of,
)
from partners.access import require
from partners.models import Member
from partners.queries import find_members
from partners.roles import Permission
from partners.tenancy import uuid7
from users import passwords

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
# One task does not hold its worker longer; the rest is for the next one.
SEND_SECONDS = 120


class MayNotMail(UsersError):
    message = _("This customer’s policy doesn’t allow passwords in the text of an email.")


class NoRecipients(UsersError):
    """No user of the sheet has a contact address and a password that can be handed over."""

    message = _(
        "There are no users to email: none has both a contact address and a password to hand over,"
        " or their emails are already waiting to be sent."
    )


@dataclass(frozen=True)
class Mailed:
    """How many emails wait to be sent, and how many users got none for lack of an address."""

    queued: int
    without_address: int


@transaction.atomic
def mail_users(*, batch: Batch, kind: str, by: Member) -> Mailed:
    """
    Queue an email to each user of the sheet with a contact address and a valid password.

    A link that was sent before and not opened stops working; one that waits is not queued twice.

    :raises MayNotMail: where the passwords themselves are to be sent and the policy forbids it.
    :raises NoRecipients: where there is no user to send an email to.
    :raises NoSheet: where there is nothing to hand over.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    # A purge deletes emails, too, and holds the customer.
    lock_customer(batch.customer)
    batch = lock_sheet(batch)
    if kind == Handover.Kind.USER_TEXT and not batch.customer.may_mail_passwords:
        raise MayNotMail
    queued = batch.handovers.filter(state=Handover.State.QUEUED)
    waiting = set(queued.values_list("line_number", flat=True))
    may_all = by.may(Permission.ACT_ON_ADMINISTRATORS)
    rows = [row for row in find_rows(batch, may_all=may_all) if not row.withheld]
    with_address = [row for row in rows if is_address(row.contact_email)]
    reached = [row for row in with_address if row.number not in waiting]
    if not reached:
        raise NoRecipients
    numbers = [row.number for row in reached]
    batch.handovers.filter(
        kind=Handover.Kind.USER_LINK, line_number__in=numbers, opened_at=None
    ).update(expires_at=timezone.now())
    ids = [uuid7() for _row in reached]
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
                numbers,
                [row.user_id for row in reached],
                [row.contact_email for row in reached],
                [row.language or batch.customer.language for row in reached],
                [_hash_token(pk) if has_link else "" for pk in ids],
            ],
        )
    _record_and_wake(batch, after={"kind": str(kind), "mails": len(reached)}, by=by)
    return Mailed(queued=len(reached), without_address=len(rows) - len(with_address))


@transaction.atomic
def mail_sheet(*, batch: Batch, to: str, language: str, by: Member) -> Mailed:
    """
    Queue an email with a link that opens the sheet once, to a member or the customer's contact.

    Where the address is a member's, only that member can open it, signed in.

    :raises NoSheet: where there is nothing to hand over.
    :raises NotYours: where the member may not see some of it.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    validate_email(to)
    sheet = unseal(lock_sheet(batch), may_all=by.may(Permission.ACT_ON_ADMINISTRATORS))
    if Withheld.ADMINISTRATOR in sheet.withheld.values():
        raise NotYours
    require_some(sheet)
    batch, pk = sheet.batch, uuid7()
    member = find_members(partner_id=batch.partner_id).filter(email=to.lower()).first()
    Handover.objects.create(
        pk=pk,
        batch=batch,
        kind=Handover.Kind.SHEET_LINK,
        to=to,
        member_id=member and member.pk,
        sent_by=by.pk,
        language=language,
        token_hash=_hash_token(pk),
        expires_at=batch.sheet_expires_at,
    )
    _record_and_wake(batch, after={"kind": "sheet_link", "mails": 1, "to": to}, by=by)
    return Mailed(queued=1, without_address=0)


def is_address(text: str) -> bool:
    """Whether an email can be sent there; an address with a line break in it is none."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _hash_token(pk: UUID) -> str:
    return passwords.link_token_hash(passwords.link_token(pk))


def _record_and_wake(batch: Batch, *, after: dict, by: Member) -> None:
    audit.record(
        "sheet.mailed",
        subject=audit.Subject(batch.pk, str(batch.kind), after=after),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    wake_worker("handover.send", batch_id=str(batch.pk))


@transaction.atomic
def remind() -> int:
    """
    Queue one email about each sheet of this tenant that expires soon; returns how many.

    It goes to the member who made the batch, or to the owners where that member can't open it.
    """
    queued = 0
    due = find_sheets_to_remind_of().select_for_update(skip_locked=True, of=("self",), no_key=True)
    for batch in due.order_by("pk"):
        reminders = [
            Handover(
                batch=batch,
                kind=Handover.Kind.REMINDER,
                to=member.email,
                language=member.language or "en",
                expires_at=batch.sheet_expires_at,
            )
            for member in find_members_to_remind(batch)
        ]
        queued += len(Handover.objects.bulk_create(reminders))
        if reminders:
            wake_worker("handover.send", batch_id=str(batch.pk))
    return queued


# --- Sending -----------------------------------------------------------------------------------


def send_handovers(*, batch_id: UUID | str) -> int:
    """
    Send the emails of a batch that are due, and return how many were sent.

    Each is claimed by its row lock and marked in the same transaction, so two workers send it
    once; one that dies between the mail server's answer and the commit sends it again: at least
    once. The second email holds the same link, which still opens once.
    """
    until = time.monotonic() + SEND_SECONDS
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
    wake_worker("handover.send", batch_id=str(batch_id))
    return sent


@transaction.atomic
def _send_next(batch_id: UUID | str, server, *, after: UUID | None) -> Handover | None:
    """Try one email and mark what became of it; None where none is due."""
    due = find_due_emails().filter(batch_id=batch_id)
    if after is not None:
        due = due.filter(pk__gt=after)
    locked = due.select_for_update(skip_locked=True, of=("self",), no_key=True)
    handover = locked.order_by("pk").first()
    if handover is None:
        return None
    handover.state, handover.error = Handover.State.FAILED, ""
    try:
        message = _write(handover)
    except NoSheet:
        handover.error = Handover.Error.OUTDATED
    except LinkGone:
        handover.error = Handover.Error.REVOKED
    else:
        _send(handover, message, server)
    handover.save(update_fields=["state", "attempts", "error", "sent_at"])
    return handover


def _send(handover: Handover, message: mail.EmailMessage, server) -> None:
    handover.attempts += 1
    try:
        # Opened once for all of them; an open one stays as it is.
        server.open()
        server.send_messages([message])
    except smtplib.SMTPRecipientsRefused:
        handover.error = Handover.Error.REFUSED
    except (smtplib.SMTPException, OSError) as error:
        log.warning("email %s was not sent: %s", handover.pk, type(error).__name__)
        if handover.attempts < MAX_ATTEMPTS:
            handover.state = Handover.State.QUEUED
        else:
            handover.error = Handover.Error.UNREACHABLE
    else:
        handover.state, handover.sent_at = Handover.State.SENT, timezone.now()


def _write(handover: Handover) -> mail.EmailMessage:
    """
    Write the email; a password is opened only for the email that holds it.

    :raises NoSheet: where the password can no longer be handed over.
    :raises LinkGone: where the sending member could no longer send it.
    """
    batch = Batch.objects.select_related("customer", "partner").get(pk=handover.batch_id)
    if not batch.has_secrets or handover.expires_at <= timezone.now():
        raise NoSheet
    if handover.kind == Handover.Kind.USER_TEXT and not batch.customer.may_mail_passwords:
        raise NoSheet
    # A reminder holds no secret and was sent by no member.
    is_reminder = handover.kind == Handover.Kind.REMINDER
    may_all = not is_reminder and require_sender(handover, batch.customer)
    row = None
    if handover.line_number is not None:
        row = read_row(unseal(batch, may_all=may_all, number=handover.line_number))
    return mails.write(handover, batch=batch, row=row)


def sweep_emails() -> None:
    """Wake a worker for each batch of this tenant with emails that are due."""
    for batch_id in find_due_emails().order_by().values_list("batch_id", flat=True).distinct():
        wake_worker("handover.send", batch_id=str(batch_id))
