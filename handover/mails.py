"""The mails that hand passwords over or remind of them, in the recipient's language."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from batches.models import Batch
from handover.models import Handover
from handover.sheet import Row, sign_in_address
from partners.mails import one_line
from users import passwords

TEMPLATES = {
    Handover.Kind.USER_LINK: "mail/user_link.txt",
    Handover.Kind.USER_TEXT: "mail/user_text.txt",
    Handover.Kind.REMINDER: "mail/sheet_reminder.txt",
    Handover.Kind.SHEET_LINK: "mail/sheet_link.txt",
}


def write(handover: Handover, *, batch: Batch, row: Row | None) -> EmailMessage:
    """Write the mail: plain text, with a password in it only where its kind says so."""
    with translation.override(handover.language or batch.customer.language):
        template = get_template(TEMPLATES[Handover.Kind(handover.kind)]).template
        # Plain text has nothing to escape.
        body = template.render(Context(_context(handover, batch, row), autoescape=False))
        subject = _subject(handover, batch)
    return EmailMessage(subject=one_line(subject), body=body.strip() + "\n", to=[handover.to])


def link_address(handover: Handover) -> str:
    """Where the one-time link leads; its token is derived, not stored."""
    path = reverse("handover:link", args=[passwords.link_token(handover.pk)])
    return f"{settings.BASE_URL}{path}"


def _subject(handover: Handover, batch: Batch) -> str:
    if handover.kind == Handover.Kind.REMINDER:
        return _("Passwords not handed over yet: %(customer)s") % {"customer": batch.customer.name}
    if handover.kind == Handover.Kind.SHEET_LINK:
        return _("Passwords to hand over: %(customer)s") % {"customer": batch.customer.name}
    return _("Your account at %(customer)s") % {"customer": batch.customer.name}


def _context(handover: Handover, batch: Batch, row: Row | None) -> dict:
    is_text = handover.kind == Handover.Kind.USER_TEXT
    page = reverse("batches:batch", args=[batch.customer.slug, batch.pk])
    if is_text:
        link = ""
    elif handover.kind == Handover.Kind.REMINDER:
        # Of a page that asks to sign in; it has no token.
        link = f"{settings.BASE_URL}{page}"
    else:
        link = link_address(handover)
    return {
        "customer": batch.customer.name,
        "to": handover.to,
        "is_member": handover.member_id is not None,
        "partner": batch.partner.name,
        "name": row.name if row else "",
        "user_name": row.user_name if row else "",
        "password": row.password.reveal() if is_text else "",
        "link": link,
        "sign_in": sign_in_address(),
        "link_until": _moment(handover.expires_at),
        "password_until": _moment(row.valid_until) if row else "",
    }


def _moment(at) -> str:
    """A moment in UTC, and said so: nobody knows where a mail is read."""
    return f"{date_format(timezone.localtime(at, timezone.get_default_timezone()), 'DATETIME_FORMAT')} UTC"
