"""What the page of a file for many customers says, in the reader's language."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches import texts
from batches.models import Batch
from batches.operations.control import may_start
from batches.page import MOVING
from imports.models import Bundle
from imports.queries import find_bundle_batches, find_strays, has_strays, shows_strays
from imports.texts import describe, refusal
from imports.write import rows as export
from partners.models import Member
from partners.roles import Permission

STRAYS = {
    "customer_unknown": gettext_lazy("“%(value)s” is not one of your customers."),
    "customer_ambiguous": gettext_lazy(
        "Several of your customers are called “%(value)s”. Write the name in their address instead."
    ),
    "customer_missing": gettext_lazy(
        "The row names no customer, and its user name has no domain that would tell."
    ),
    "domain_of_nobody": gettext_lazy(
        "%(value)s is not a verified domain of any customer of yours."
    ),
}


@dataclass(frozen=True)
class Stray:
    """A row that belongs to no customer."""

    line: int
    name: str
    user_name: str
    text: str
    suggestion: str


def page_of(bundle: Bundle, *, member: Member) -> dict:
    """Everything the page about a bundle shows."""
    batches = find_bundle_batches(bundle, member=member)
    waiting = [one for one in batches if one.state == Batch.State.PLANNED and one.progress.planned]
    ready = [one for one in waiting if may_start(one, member)]
    is_shown = shows_strays(bundle, member)
    return {
        "nav": "customers",
        "bundle": bundle,
        "batches": batches,
        "rows": sum(one.total for one in batches),
        "ready": sum(one.progress.planned for one in ready),
        "errors": sum(one.progress.invalid for one in batches),
        "button": count_imports(len(ready)) if ready else "",
        "refusal": refusal(bundle) if bundle.state == Bundle.State.REFUSED else "",
        "notices": texts.notices(bundle) if is_shown else [],
        "detected": describe(bundle),
        "stray_count": bundle.plan.get("strays", 0) if is_shown else 0,
        "has_strays": is_shown and member.may(Permission.MANAGE_USERS) and has_strays(bundle),
        "strays": [_say(one) for one in bundle.plan.get("shown_strays", ())] if is_shown else [],
        "is_moving": bundle.state == Bundle.State.CHECKING
        or any(one.state in MOVING for one in batches),
    }


def stray_rows(bundle: Bundle, language: str) -> Iterator[list[str]]:
    """The rows that belong to no customer as the cells of a file, with the reasons."""
    said = ((one["cells"], _say(one)) for one in find_strays(bundle))
    rows = ((cells, f"{stray.text} {stray.suggestion}".strip()) for cells, stray in said)
    return export.stray_rows(rows, language)


def count_imports(number: int) -> str:
    """What the button says that starts so many imports."""
    text = ngettext("Start %(n)s import", "Start %(n)s imports", number)
    return text % {"n": intcomma(number)}


def say_started(number: int) -> str:
    """That so many imports were started."""
    text = ngettext("%(n)s import was started.", "%(n)s imports were started.", number)
    return text % {"n": intcomma(number)}


def _say(stray: dict) -> Stray:
    text = STRAYS.get(stray["code"], gettext_lazy("The row belongs to no customer."))
    return Stray(
        stray["line"],
        stray["display_name"],
        stray["user_name"],
        str(text) % {"value": stray["value"]},
        stray["suggestion"] and _("Suggestion: %(suggestion)s") % stray,
    )
