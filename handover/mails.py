"""The emails that hand passwords over or remind of them, in the recipient's language."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from handover.models import Handover
from handover.queries import Row
from partners.mails import one_line
from users import passwords
from users.my.routes import sign_in_address

Kind = Handover.Kind

TEMPLATES = {
    Kind.USER_LINK: "mail/user_link.txt",
    Kind.USER_TEXT: "mail/user_text.txt",
    Kind.REMINDER: "mail/sheet_reminder.txt",
    Kind.SHEET_LINK: "mail/sheet_link.txt",
}


def write(handover: Handover, *, row: Row | None) -> EmailMessage:
    """Write the email: plain text, with a password in it only where that is its kind."""
    kind, batch = Kind(handover.kind), handover.batch
    if kind == Kind.REMINDER:
        # A page that asks to sign in: it needs no token.
        path = reverse("batches:batch", args=[batch.customer.slug, batch.pk])
    else:
        path = reverse("handover:link", args=[passwords.link_token(handover.pk)])
    with translation.override(handover.language or batch.customer.language):
        context = {
            "customer": batch.customer.name,
            "to": handover.to,
            "is_member": handover.member_id is not None,
            "partner": batch.partner.name,
            "name": row.name if row else "",
            "user_name": row.user_name if row else "",
            "password": row.password.reveal() if kind == Kind.USER_TEXT else "",
            "link": "" if kind == Kind.USER_TEXT else f"{settings.BASE_URL}{path}",
            "sign_in": sign_in_address(),
            "link_until": _in_utc(handover.expires_at),
            "password_until": _in_utc(row.valid_until) if row else "",
        }
        subjects = {
            Kind.REMINDER: _("Passwords not handed over yet: %(customer)s"),
            Kind.SHEET_LINK: _("Passwords to hand over: %(customer)s"),
        }
        subject = subjects.get(kind, _("Your account at %(customer)s")) % context
        # Plain text has nothing to escape.
        template = get_template(TEMPLATES[kind]).template
        body = template.render(Context(context, autoescape=False))
    return EmailMessage(subject=one_line(subject), body=body.strip() + "\n", to=[handover.to])


def _in_utc(moment) -> str:
    """The reader's time zone is not known, so the text names it."""
    moment = timezone.localtime(moment, timezone.get_default_timezone())
    return f"{date_format(moment, 'DATETIME_FORMAT')} UTC"
