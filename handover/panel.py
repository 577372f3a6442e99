"""What the page and the list of batches show of passwords."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import ngettext

from batches.models import Batch
from batches.page import Facts, Panel
from handover.queries import WaitingSheet, find_waiting_sheets, get_handover
from partners.models import Member
from partners.roles import Permission


def _values(batch: Batch, facts: Facts) -> dict:
    return {"handover": get_handover(batch, member=facts.member)}


def _notes(batches: Iterable[Batch], *, member: Member) -> dict[UUID, str]:
    """How many passwords of each of these batches the member can hand over, as a sentence."""
    listed = [batch.pk for batch in batches]
    waiting = find_waiting_sheets(
        Batch.objects.filter(pk__in=listed), member=member, limit=len(listed)
    )
    return {sheet.batch.pk: to_hand_over(sheet) for sheet in waiting}


def to_hand_over(sheet: WaitingSheet) -> str:
    """How many passwords of a batch can be handed over, and until when."""
    text = ngettext(
        "%(n)s password to hand over, until %(until)s",
        "%(n)s passwords to hand over, until %(until)s",
        sheet.passwords,
    )
    until = timezone.localtime(sheet.batch.sheet_expires_at)
    return text % {
        "n": intcomma(sheet.passwords),
        "until": date_format(until, "DATETIME_FORMAT"),
    }


def _steps(batch: Batch, *, member: Member) -> dict[str, str]:
    handover = get_handover(batch, member=member)
    if not (handover and handover.is_offered and member.may(Permission.RESET_PASSWORDS)):
        return {}
    return {"sheet": reverse("handover:sheet", args=[batch.customer.slug, batch.pk])}


PANEL = Panel(_values, notes=_notes, steps=_steps)
