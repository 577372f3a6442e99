"""What a line that changes somebody says: what becomes what, and which act it is."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from batches.models import Batch, Line
from customers import locations
from imports.operations.roster import find_stop
from users import holds
from users.models import UserPermission
from users.rules.fields import label_of

# What a line of an import, or of an undo, does with its user.
ACTS = {
    "add": gettext_lazy("New"),
    "update": gettext_lazy("Change"),
    "leave": gettext_lazy("Delete"),
    "delete": gettext_lazy("Delete"),
    "restore": gettext_lazy("Restore"),
    "edit": gettext_lazy("Change"),
    "licenses": gettext_lazy("Licenses"),
    "block": gettext_lazy("Block sign-in"),
    "unblock": gettext_lazy("Unblock sign-in"),
    "hold": gettext_lazy("Purge"),
}

# What a finished file did to so many users, by what it is for: nobody deletes behind a milder word.
DONE = {
    "update": lambda n: ngettext(
        "%(n)s user brought up to date", "%(n)s users brought up to date", n
    ),
    "both": lambda n: ngettext(
        "%(n)s user added or brought up to date", "%(n)s users added or brought up to date", n
    ),
    "roster": lambda n: ngettext(
        "%(n)s user added, brought up to date or deleted",
        "%(n)s users added, brought up to date or deleted",
        n,
    ),
}
# What the button says that starts it.
DO = {
    "update": lambda n: ngettext("Bring %(n)s user up to date", "Bring %(n)s users up to date", n),
    "both": lambda n: ngettext("Add or change %(n)s user", "Add or change %(n)s users", n),
    "roster": lambda n: ngettext(
        "Add, change or delete %(n)s user", "Add, change or delete %(n)s users", n
    ),
}
# The acts by which the lines of an import can be looked through.
TABS = {"add": ACTS["add"], "update": ACTS["update"], "leave": ACTS["leave"]}


def act_of(line: Line) -> str:
    """What the line does, where lines of its batch do different things."""
    act = line.input.get("act", "")
    is_plain = act == "add" and "given" not in line.input
    return "" if is_plain else str(ACTS.get(act, ""))


def describe(line: Line) -> tuple[str, ...]:
    """What becomes, or has become, what: field by field."""
    changes = line.input.get("changes") or {}
    is_over = line.state in {Line.State.DONE, Line.State.PARTLY}
    if is_over:
        # The day of a purge is not always the one that was planned.
        changes = changes | line.result.get("after", {})
    before = line.result.get("before", {}) if is_over else line.input.get("was", {})
    return tuple(
        _("%(field)s: %(was)s → %(becomes)s")
        % {
            "field": holds.LABELS.get(field) or label_of(field),
            "was": say_value(field, before[field]),
            "becomes": say_value(field, value),
        }
        for field, value in changes.items()
        if field in before
    )


def say_value(field: str, value: Any) -> str:
    """What stands in a field, as the reader calls it."""
    if field in holds.LABELS:
        return holds.say(field, value)
    if not value:
        return _("User") if field == "permissions" else _("empty")
    if field == "permissions":
        return pgettext("between the parts of a list", ", ").join(
            str(UserPermission(one).label) for one in value
        )
    if field == "location":
        return str(locations.name_of(value))
    if field == "language":
        return str(dict(settings.LANGUAGES).get(value, value))
    return str(value)


def overview(batch: Batch, acts: Mapping[str, int]) -> list[tuple[str, int]]:
    """How many of an import's users are added, changed and deleted, and how many stay as is."""
    if not acts:
        return []
    leaving = [(_("Deleted"), acts.get("leave", 0))] if "leavers" in batch.plan else []
    return [
        (_("Added"), acts.get("add", 0)),
        (_("Changed"), acts.get("update", 0)),
        *leaving,
        (_("As they are"), batch.plan.get("idle", 0)),
    ]


def stop(batch: Batch, acts: Mapping[str, int]) -> str:
    """Why a complete list cannot be applied; '' where it can."""
    if batch.state != Batch.State.PLANNED:
        return ""
    refusal = find_stop(batch, acts.get("leave", 0))
    return str(refusal.message) if refusal else ""


def describe_leavers(batch: Batch, acts: Mapping[str, int]) -> str:
    """How many of the users are missing from a complete list, and what becomes of them."""
    share = batch.plan.get("leavers")
    leaving = acts.get("leave", 0)
    if not share or not leaving:
        return ""
    text = ngettext(
        "%(n)s of %(active)s users is not in the file and is deleted, to be restored within"
        " %(days)s days.",
        "%(n)s of %(active)s users are not in the file and are deleted, to be restored within"
        " %(days)s days.",
        leaving,
    )
    return text % {
        "n": intcomma(leaving),
        "active": intcomma(share["active"]),
        "days": batch.plan.get("retention_days", batch.customer.retention_days),
    }
