"""The page of a multi-customer upload, in the language of the reader."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.models import Batch
from batches.operations.control import may_start
from batches.page import MOVING
from imports.act import explain_notices
from imports.models import Upload
from imports.queries import find_split_batches, find_unmatched_rows, shows_unmatched_rows
from imports.texts import describe, describe_rows, refusal
from imports.write import rows as export
from partners.models import Member
from partners.roles import Permission

# Rows without a customer that are shown; all of them can be downloaded.
MAX_SHOWN = 200

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


def page_of(upload: Upload, *, member: Member) -> dict:
    """The context of the page."""
    batches = find_split_batches(upload, member=member)
    ready = [
        batch
        for batch in batches
        if batch.state == Batch.State.PLANNED
        and batch.progress.planned
        and may_start(batch, member)
    ]
    is_shown = shows_unmatched_rows(upload, member)
    shown = find_unmatched_rows(upload)[:MAX_SHOWN] if is_shown else ()
    unmatched = [_describe(row.content) for row in shown]
    planned = [batch for batch in batches if batch.state == Batch.State.PLANNED]
    return {
        "nav": "customers",
        "upload": upload,
        "batches": batches,
        "rows": sum(batch.total for batch in batches),
        "ready": sum(batch.progress.planned for batch in ready),
        "errors": sum(batch.progress.invalid for batch in batches),
        "rows_read": describe_rows(planned),
        "button": count_imports(len(ready)) if ready else "",
        "refusal": refusal(upload) if upload.state == Upload.State.REFUSED else "",
        "notices": explain_notices(upload) if is_shown else [],
        "detected": describe(upload),
        "unmatched_count": upload.plan.get("unmatched", 0) if is_shown else 0,
        "may_download": bool(unmatched) and member.may(Permission.MANAGE_USERS),
        "unmatched": unmatched,
        "is_moving": upload.state == Upload.State.CHECKING
        or any(batch.state in MOVING for batch in batches),
    }


def unmatched_rows(upload: Upload, language: str) -> Iterator[list[str]]:
    """The cells of a file with the rows that belong to no customer, and the reasons."""
    contents = (row.content for row in find_unmatched_rows(upload).iterator())
    found = ((content["cells"], _describe(content)) for content in contents)
    rows = ((cells, f"{row.text} {row.suggestion}".strip()) for cells, row in found)
    return export.unmatched_rows(rows, language)


def count_imports(number: int) -> str:
    text = ngettext("Start %(n)s import", "Start %(n)s imports", number)
    return text % {"n": intcomma(number)}


def describe_started(number: int) -> str:
    text = ngettext("%(n)s import started.", "%(n)s imports started.", number)
    return text % {"n": intcomma(number)}


def _describe(row: Mapping) -> UnmatchedRow:
    text = UNMATCHED.get(row["code"], gettext_lazy("The row belongs to no customer."))
    return UnmatchedRow(
        row["line"],
        row["display_name"],
        row["user_name"],
        str(text) % {"value": row["value"]},
        row["suggestion"] and _("Suggestion: %(suggestion)s") % row,
    )
