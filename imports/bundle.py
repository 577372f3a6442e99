"""The page of a file for several customers, in the language of the reader."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.models import Batch
from batches.operations.control import may_start
from batches.page import MOVING
from imports.act import explain_notices
from imports.models import Bundle
from imports.queries import (
    find_bundle_batches,
    find_unmatched_rows,
    has_unmatched_rows,
    shows_unmatched_rows,
)
from imports.texts import describe, refusal
from imports.write import rows as export
from partners.models import Member
from partners.roles import Permission

UNMATCHED = {
    "customer_unknown": gettext_lazy("“%(value)s” is not one of your customers."),
    "customer_ambiguous": gettext_lazy(
        "Several of your customers are named “%(value)s”. Use the name in their web address"
        " instead."
    ),
    "customer_missing": gettext_lazy("The row names no customer, and its user name has no domain."),
    "domain_of_nobody": gettext_lazy("%(value)s isn’t a verified domain of your customers."),
}


@dataclass(frozen=True)
class UnmatchedRow:
    """A row that belongs to no customer."""

    line: int
    name: str
    user_name: str
    text: str
    suggestion: str


def page_of(bundle: Bundle, *, member: Member) -> dict:
    """The context of the page."""
    batches = find_bundle_batches(bundle, member=member)
    ready = [
        batch
        for batch in batches
        if batch.state == Batch.State.PLANNED
        and batch.progress.planned
        and may_start(batch, member)
    ]
    is_shown = shows_unmatched_rows(bundle, member)
    return {
        "nav": "customers",
        "bundle": bundle,
        "batches": batches,
        "rows": sum(batch.total for batch in batches),
        "ready": sum(batch.progress.planned for batch in ready),
        "errors": sum(batch.progress.invalid for batch in batches),
        "button": count_imports(len(ready)) if ready else "",
        "refusal": refusal(bundle) if bundle.state == Bundle.State.REFUSED else "",
        "notices": explain_notices(bundle) if is_shown else [],
        "detected": describe(bundle),
        "unmatched_count": bundle.plan.get("unmatched", 0) if is_shown else 0,
        "has_unmatched_rows": is_shown
        and member.may(Permission.MANAGE_USERS)
        and has_unmatched_rows(bundle),
        "unmatched": [_describe(one) for one in bundle.plan.get("shown_unmatched", ())]
        if is_shown
        else [],
        "is_moving": bundle.state == Bundle.State.CHECKING
        or any(batch.state in MOVING for batch in batches),
    }


def unmatched_rows(bundle: Bundle, language: str) -> Iterator[list[str]]:
    """The cells of a file with the rows that belong to no customer, and the reasons."""
    found = ((row["cells"], _describe(row)) for row in find_unmatched_rows(bundle))
    rows = ((cells, f"{row.text} {row.suggestion}".strip()) for cells, row in found)
    return export.unmatched_rows(rows, language)


def count_imports(number: int) -> str:
    text = ngettext("Start %(n)s import", "Start %(n)s imports", number)
    return text % {"n": intcomma(number)}


def describe_started(number: int) -> str:
    text = ngettext("%(n)s import started.", "%(n)s imports started.", number)
    return text % {"n": intcomma(number)}


def _describe(row: dict) -> UnmatchedRow:
    text = UNMATCHED.get(row["code"], gettext_lazy("The row belongs to no customer."))
    return UnmatchedRow(
        row["line"],
        row["display_name"],
        row["user_name"],
        str(text) % {"value": row["value"]},
        row["suggestion"] and _("Suggestion: %(suggestion)s") % row,
    )
