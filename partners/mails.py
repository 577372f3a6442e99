"""Mails to members: plain text, in their language, with links from BASE_URL."""

import logging
import smtplib
import threading
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.models import Invitation, Member, Partner

log = logging.getLogger(__name__)

# Notices of changes to an account, by the names of the sign-in library and of operations.
NOTICES = {
    "account/email/password_changed": gettext_lazy("Your password was changed."),
    "account/email/password_reset": gettext_lazy(
        "A new password was chosen with a link that was sent to this address."
    ),
    "mfa/email/totp_activated": gettext_lazy("An authenticator app was set up."),
    "mfa/email/totp_deactivated": gettext_lazy("The authenticator app was removed."),
    "mfa/email/recovery_codes_generated": gettext_lazy("New recovery codes were created."),
    "mfa/email/webauthn_added": gettext_lazy("A security key was added."),
    "mfa/email/webauthn_removed": gettext_lazy("A security key was removed."),
    "address_changed": gettext_lazy("You now sign in with another email address."),
    "factor_reset": gettext_lazy(
        "Your second factor was reset. Until you set up a new one, your password alone is enough"
        " to sign in."
    ),
}


def write_invitation(invitation: Invitation, *, path: str, by: Member) -> EmailMessage:
    """Write the invitation in the inviting member's language, the only one known yet."""
    subject = _("%(partner)s invites you to the partner portal") % {"partner": by.partner.name}
    context = {
        "partner": by.partner.name,
        "by": by.name,
        "link": f"{settings.BASE_URL}{path}",
        "until": _moment(invitation.expires_at),
    }
    return _write("mail/invitation.txt", subject, context, to=invitation.email)


def write_has_account(invitation: Invitation, *, partner: Partner) -> EmailMessage:
    """Write to an address that was invited and already signs in."""
    subject = _("You already have an account in the partner portal")
    return _write("mail/has_account.txt", subject, {"partner": partner.name}, to=invitation.email)


def write_reset(member: Member, *, link: str) -> EmailMessage:
    with _language_of(member):
        context = {"name": member.name, "link": link, "until": _moment(_link_ends_at())}
        return _write("mail/reset.txt", _("Choose a new password"), context, to=member.email)


def write_address_link(member: Member, *, email: str, path: str) -> EmailMessage:
    """Write the link that confirms a new address."""
    with _language_of(member):
        link = f"{settings.BASE_URL}{path}"
        context = {"name": member.name, "link": link, "until": _moment(_link_ends_at())}
        return _write("mail/address.txt", _("Confirm your new email address"), context, to=email)


def write_notice(member: Member, notice: str, *, to: str = "") -> EmailMessage:
    """Write a notice of a change to the member's account; `notice` is a key of NOTICES."""
    with _language_of(member):
        context = {
            "name": member.name,
            "notice": NOTICES[notice],
            "at": _moment(timezone.now()),
            "link": f"{settings.BASE_URL}{reverse('account_change_password')}",
        }
        subject = _("Your account in the partner portal has changed")
        return _write("mail/notice.txt", subject, context, to=to or member.email)


def one_line(text: str) -> str:
    """Replace unprintable characters with blanks, so that no name can break a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def send(letter: EmailMessage) -> bool:
    """Send the mail, and return whether that worked; failures are logged, not raised."""
    try:
        letter.send()
    except (smtplib.SMTPException, OSError) as error:
        log.warning("a mail was not sent: %s", type(error).__name__)
        return False
    return True


def send_aside(letter: EmailMessage) -> None:
    """
    Send the mail in a thread.

    If only existing addresses waited for the mail server, response times would reveal them.
    """
    threading.Thread(target=send, args=[letter]).start()


def _write(name: str, subject: str, context: dict, *, to: str) -> EmailMessage:
    # Plain text has nothing to escape.
    template = get_template(name).template
    body = template.render(Context(context, autoescape=False))
    return EmailMessage(subject=one_line(subject), body=body.strip() + "\n", to=[to])


def _language_of(member: Member):
    return translation.override(member.language or translation.get_language())


def _link_ends_at() -> datetime:
    return timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def _moment(at: datetime) -> str:
    shown = timezone.localtime(at, timezone.get_default_timezone())
    return f"{date_format(shown, 'DATETIME_FORMAT')} UTC"
