"""What is said about holding a purge, letting it go and putting it off."""

from collections.abc import Callable

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.models import Batch

Sentences = dict[str, Callable[[int], str]]

DONE: Sentences = {
    "hold": lambda n: ngettext("Purge of %(n)s user held", "Purge of %(n)s users held", n),
    "release": lambda n: ngettext(
        "Purge of %(n)s user released", "Purge of %(n)s users released", n
    ),
    "extend": lambda n: ngettext("Purge of %(n)s user put off", "Purge of %(n)s users put off", n),
}
DO: Sentences = {
    "hold": lambda n: ngettext("Hold purge of %(n)s user", "Hold purge of %(n)s users", n),
    "release": lambda n: ngettext("Release purge of %(n)s user", "Release purge of %(n)s users", n),
    "extend": lambda n: ngettext("Put off purge of %(n)s user", "Put off purge of %(n)s users", n),
}
QUESTIONS: Sentences = {
    "hold": lambda n: ngettext("Hold purge of %(n)s user?", "Hold purge of %(n)s users?", n),
    "release": lambda n: ngettext(
        "Release purge of %(n)s user?", "Release purge of %(n)s users?", n
    ),
    "extend": lambda n: ngettext(
        "Put off purge of %(n)s user?", "Put off purge of %(n)s users?", n
    ),
}

# Why users who were chosen have no line in the plan.
UNCHANGED: Sentences = {
    "hold": lambda n: ngettext(
        "The purge of %(n)s of those chosen is held already; this user is left out.",
        "The purge of %(n)s of those chosen is held already; these users are left out.",
        n,
    ),
    "release": lambda n: ngettext(
        "The purge of %(n)s of those chosen is not held; this user is left out.",
        "The purge of %(n)s of those chosen is not held; these users are left out.",
        n,
    ),
}

# Why a purge cannot run, in the plan and as it runs.
HELD = gettext_lazy("The purge of this user is held. Release it first.")

PROBLEMS = {
    "held": HELD,
    "stays_held": gettext_lazy(
        "The purge of this user is held, and stays so until somebody releases it."
    ),
}

# What stands in a line about the purge, beside the fields of a user.
LABELS = {"is_held": gettext_lazy("Purge held"), "purge_at": gettext_lazy("To be purged")}


def describe(batch: Batch) -> tuple[str, ...]:
    """What happens if this plan runs."""
    if batch.act == "hold":
        return (
            _("They are not purged until somebody releases them, not on their day either."),
            _("Until then nobody can purge them early."),
        )
    if batch.act == "release":
        facts = [_("They are purged on their day.")]
        if near := batch.plan.get("near", 0):
            text = ngettext(
                "The day of %(n)s user has passed or is near, and becomes the one in 7 days.",
                "The days of %(n)s users have passed or are near, and become the one in 7 days.",
                near,
            )
            facts.append(text % {"n": intcomma(near)})
        return tuple(facts)
    days = batch.options.get("days", 0)
    text = ngettext(
        "They are purged %(days)s day later than now planned, and can be restored until then.",
        "They are purged %(days)s days later than now planned, and can be restored until then.",
        days,
    )
    return (text % {"days": intcomma(days)},)


def say(field: str, value: bool | str) -> str:
    """Whether a purge is held, or its day, in words."""
    if field == "is_held":
        return _("Yes") if value else _("No")
    day = parse_datetime(str(value))
    return formats.date_format(timezone.localtime(day), "DATETIME_FORMAT") if day else str(value)
