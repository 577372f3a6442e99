"""The mails that members get."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template import Context
from django.template.loader import get_template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from .models import Invitation, Member


def write_invitation(invitation: Invitation, *, path: str, by: Member) -> EmailMessage:
    """Write the invitation in the language of who invites: the invited one's is not known yet."""
    expires_at = timezone.localtime(invitation.expires_at, timezone.get_default_timezone())
    context = {
        "partner": by.partner.name,
        "by": by.name,
        "link": f"{settings.BASE_URL}{path}",
        "until": f"{date_format(expires_at, 'DATETIME_FORMAT')} UTC",
    }
    # Plain text has nothing to escape.
    template = get_template("mail/invitation.txt").template
    body = template.render(Context(context, autoescape=False))
    subject = _("%(partner)s invites you to the partner portal") % {"partner": by.partner.name}
    # No name of anybody can break a header: blanks for whatever is not printable.
    subject = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    return EmailMessage(subject=subject, body=body.strip() + "\n", to=[invitation.email])
