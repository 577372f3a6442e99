"""Emails that hand passwords over: written into Postgres, sent from there, opened once."""

import logging
import smtplib
import time
from uuid import UUID

from django.core import mail
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from batches.errors import UsersError
from batches.models import Batch
from batches.operations.wake import wake_worker
from customers.counts import lock_customer
from handover import mails
from handover.models import Handover, Withheld
from handover.operations.link import LinkGone, read_row, require_sender
from handover.operations.sheet import NoSheet, NotYours, lock_sheet, record, require_some, unseal
from handover.queries import (
    find_due_emails,
    find_members_to_remind,
    find_recipients,
    find_sheets_to_remind_of,
)
from partners.access import require
from partners.models import Member
from partners.queries import find_members
from partners.roles import Permission
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


@transaction.atomic
def mail_users(*, batch: Batch, kind: str, by: Member) -> int:
    """
    Queue an email to each user of the sheet with a contact address and a valid password.

    A link that was sent before and not opened stops working; one that waits is not queued twice.
    Returns the number of emails.

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
    rows = [
        row
        for row in find_recipients(batch, member=by)
        if row.has_address and row.number not in waiting
    ]
    if not rows:
        raise NoRecipients
    batch.handovers.filter(
        kind=Handover.Kind.USER_LINK,
        line_number__in=[row.number for row in rows],
        opened_at=None,
    ).update(expires_at=timezone.now())
    emails = [
        Handover(
            kind=kind,
            line_number=row.number,
            user_id=row.user_id,
            to=row.contact_email,
            language=row.language or batch.customer.language,
        )
        for row in rows
    ]
    return _queue(batch, emails, after={"kind": str(kind), "mails": len(emails)}, by=by)


@transaction.atomic
def mail_sheet(*, batch: Batch, to: str, language: str, by: Member) -> int:
    """
    Queue an email with a link that opens the sheet once, to a member or the customer's contact.

    Where the address is a member's, only that member can open it, signed in. Returns the number
    of emails.

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
    kind = Handover.Kind.SHEET_LINK
    member = find_members(partner_id=batch.partner_id).filter(email=to.lower()).first()
    email = Handover(kind=kind, to=to, member_id=member and member.pk, language=language)
    after = {"kind": str(kind), "mails": 1, "to": to}
    return _queue(sheet.batch, [email], after=after, by=by)


def _queue(batch: Batch, emails: list[Handover], *, after: dict, by: Member) -> int:
    for email in emails:
        email.batch, email.sent_by, email.expires_at = batch, by.pk, batch.sheet_expires_at
        if email.kind != Handover.Kind.USER_TEXT:
            email.token_hash = passwords.link_token_hash(passwords.link_token(email.pk))
    Handover.objects.bulk_create(emails)
    record("sheet.mailed", batch, after=after, by=by)
    wake_worker("handover.send", batch_id=str(batch.pk))
    return len(emails)


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
    batches = ("batch__customer", "batch__partner")
    handover = locked.select_related(*batches).order_by("pk").first()
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
    handover.save(update_fields=["state", "attempts", "error", "sent_at"])
    return handover


def _write(handover: Handover) -> mail.EmailMessage:
    """
    Write the email; a password is opened only for the email that holds it.

    :raises NoSheet: where the password can no longer be handed over.
    :raises LinkGone: where the sending member could no longer send it.
    """
    batch = handover.batch
    if not batch.has_secrets or handover.expires_at <= timezone.now():
        raise NoSheet
    if handover.kind == Handover.Kind.USER_TEXT and not batch.customer.may_mail_passwords:
        raise NoSheet
    # A reminder holds no secret and was sent by no member.
    is_reminder = handover.kind == Handover.Kind.REMINDER
    may_all = not is_reminder and require_sender(handover)
    row = None
    if handover.line_number is not None:
        row = read_row(unseal(batch, may_all=may_all, number=handover.line_number))
    return mails.write(handover, row=row)


def sweep_emails() -> None:
    """Wake a worker for each batch of this tenant with emails that are due."""
    for batch_id in find_due_emails().order_by().values_list("batch_id", flat=True).distinct():
        wake_worker("handover.send", batch_id=str(batch_id))
