"""The panel about users on the page of a batch."""

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import gettext as _

from batches.models import Batch
from batches.page import Facts, Panel
from batches.queries.undo import get_undoing
from partners.models import Member
from partners.roles import Permission
from users.queries.restore import find_blocked, find_taken_names


def _values(batch: Batch, facts: Facts) -> dict:
    may = facts.member.may
    may_unblock = may(Permission.MANAGE_USERS)
    number = find_blocked(batch).count()
    shown = [line.user_id for line in facts.lines if line.user_id]
    return {
        # Users who were purged, or are yet to be added, have no page.
        "present": set(batch.customer.users.filter(pk__in=shown).values_list("pk", flat=True)),
        "blocked": describe_blocked(batch, number, may_unblock=may_unblock),
        "may_unblock": may_unblock,
        "taken_names": find_taken_names(batch),
        "may_mark_seen": batch.kind == "queue"
        and batch.by_id == facts.member.pk
        and not batch.options.get("seen"),
        "may_import": may(Permission.MANAGE_USERS),
        "may_restore": may(Permission.RESTORE_USERS),
    }


def describe_blocked(batch: Batch, number: int, *, may_unblock: bool) -> str:
    """A notice if sign-in is blocked for users of the batch; '' otherwise."""
    if not number:
        return ""
    if batch.total == 1:
        text = _("Sign-in is blocked for this user.")
    else:
        text = _("Sign-in is blocked for %(n)s of these users.") % {"n": intcomma(number)}
    if batch.state != Batch.State.PLANNED:
        return text
    stays = _("This job doesn’t unblock it.")
    if may_unblock:
        stays = _("This job doesn’t unblock it. You can do that on the result page.")
    return _("%(blocked)s %(stays)s") % {"blocked": text, "stays": stays}


def _steps(batch: Batch, *, member: Member) -> dict[str, str]:
    if not get_undoing(batch, member=member).is_offered:
        return {}
    return {"undo": reverse("users:undo", args=[batch.customer.slug, batch.pk])}


PANEL = Panel(_values, steps=_steps)
