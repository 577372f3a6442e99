"""Imports as the engine and the pages know them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import (
    Act,
    Consequences,
    LineMessage,
    LineResult,
    PlanFacts,
    Texts,
    waits_for_seats,
)
from batches.models import Batch, Line
from imports import texts
from imports.check import repair
from imports.models import Upload
from imports.operations.full_list import find_stop, refuse_unsafe
from imports.operations.upload import forget_file
from imports.read.table import name_lines
from partners.roles import Permission
from users.acts.licenses import ADDS_LICENSES
from users.acts.lines import explain_cell
from users.acts.update import UPDATE
from users.rules import problems
from users.rules.problems import Problem

QUEUED = gettext_lazy("No “%(product)s” seat is left. This user will wait for one.")


def read_sheets(file: Batch | Upload) -> Sequence[str]:
    """The worksheets that were read of the file."""
    return file.plan.get("book", {}).get("read", ())


def _explain(found: Mapping, batch: Batch | Upload) -> LineMessage:
    if found.get("code") == "seat_short" and waits_for_seats(batch):
        return LineMessage(str(QUEUED) % found["params"], severity=found["severity"])
    cell = name_lines(Problem.from_line(found), read_sheets(batch))
    return replace(
        explain_cell(cell.as_json(), batch),
        choices=texts.find_choices(cell),
        kind=repair.Kind(cell.code, cell.column, repair.key_of(cell)),
    )


def explain_notices(file: Batch | Upload, without: Collection[str] = ()) -> list[LineMessage]:
    """
    The sentences about the whole file, of an import or of a multi-customer upload.

    :param without: codes of sentences that the page has elsewhere.
    """
    notices = file.plan.get("notices", ())
    return [_explain(notice, file) for notice in notices if notice["code"] not in without]


def to_rows(lines: Iterable[Line]) -> Iterator[tuple[dict, list[Problem]]]:
    """The rows of a file of failed lines: each person with its errors."""
    for line in lines:
        if line.act == "leave" or "products" not in line.input:
            # A user missing from a file has no row, and a purged one no values.
            continue
        found = [Problem.from_line(problem) for problem in line.problems]
        if line.state == Line.State.FAILED:
            code = LineResult.from_json(line.result).code or "internal"
            found = [Problem(line.number, "user_name", line.input.get("user_name", ""), code)]
        sheets = read_sheets(line.batch)
        yield (
            line.input,
            [name_lines(one, sheets) for one in found if one.severity == problems.ERROR],
        )


def overview(batch: Batch, acts: Mapping[str, int]) -> list[tuple[str, int]]:
    """How many of an import's users are added, changed and deleted, and how many stay as is."""
    if not acts:
        return []
    leaving = [(_("Deleted"), acts.get("leave", 0))] if "missing_users" in batch.plan else []
    return [
        (_("Added"), acts.get("add", 0)),
        (_("Restored"), acts.get("restore", 0)),
        (_("Changed"), acts.get("update", 0)),
        *leaving,
        (_("Unchanged"), PlanFacts.from_json(batch.plan).unchanged),
    ]


def stop(batch: Batch, acts: Mapping[str, int]) -> str:
    """Why a complete list cannot be applied; '' where it can."""
    if batch.state != Batch.State.PLANNED:
        return ""
    refusal = find_stop(batch, acts.get("leave", 0))
    return str(refusal.message) if refusal else ""


def describe_missing_users(batch: Batch, acts: Mapping[str, int]) -> str:
    """The number of users missing from a full list, and what happens to them."""
    share = batch.plan.get("missing_users")
    leaving = acts.get("leave", 0)
    if not share or not leaving:
        return ""
    text = ngettext(
        "%(n)s of %(active)s users isn’t in the file, or has left, and will be deleted. You can"
        " restore the user within %(days)s days.",
        "%(n)s of %(active)s users aren’t in the file, or have left, and will be deleted. You can"
        " restore them within %(days)s days.",
        leaving,
    )
    return text % {
        "n": intcomma(leaving),
        "active": intcomma(share["active"]),
        "days": batch.plan.get("retention_days", batch.customer.retention_days),
    }


def _needs(batch: Batch) -> Iterator[Permission]:
    # Users missing from a full list are deleted.
    if batch.options.get("purpose") == "full_list":
        yield Permission.DELETE_USERS
    if batch.plan.get("restores"):
        yield Permission.RESTORE_USERS


# By the purpose of a file that also changes or deletes users.
TEXTS = {
    "update": replace(UPDATE.texts, label=gettext_lazy("Import users")),
    "both": Texts(
        label=gettext_lazy("Import users"),
        button=lambda n: ngettext("Add or update %(n)s user", "Add or update %(n)s users", n),
        done=lambda n: ngettext("%(n)s user added or updated", "%(n)s users added or updated", n),
    ),
    # Of a file that only adds users.
    "restore": Texts(
        label=gettext_lazy("Import users"),
        button=lambda n: ngettext("Add or restore %(n)s user", "Add or restore %(n)s users", n),
        done=lambda n: ngettext("%(n)s user added or restored", "%(n)s users added or restored", n),
    ),
    "full_list": Texts(
        label=gettext_lazy("Import users"),
        button=lambda n: ngettext(
            "Add, update or delete %(n)s user", "Add, update or delete %(n)s users", n
        ),
        done=lambda n: ngettext(
            "%(n)s user added, updated or deleted",
            "%(n)s users added, updated or deleted",
            n,
        ),
    ),
}
IMPORT = Act(
    kind="import",
    permission=Permission.MANAGE_USERS,
    icon="file-import",
    texts=Texts(
        label=gettext_lazy("Import users"),
        button=lambda n: ngettext("Import %(n)s user", "Import %(n)s users", n),
        done=lambda n: ngettext("%(n)s user added", "%(n)s users added", n),
    ),
    special_texts=lambda batch: (
        TEXTS.get(batch.options.get("purpose"))
        or (TEXTS["restore"] if batch.plan.get("restores") else None)
    ),
    needs=_needs,
    usual_act="add",
    describe=lambda batch, _products: Consequences(
        texts.describe_sign_in(batch) + texts.describe_restored(batch)
    ),
    guard=refuse_unsafe,
    # The lines hold everything from then on.
    release=lambda batch: forget_file(Q(pk=batch.pk)),
    explain=_explain,
    shows=lambda batch: {"licenses", "changes"} if batch.has_several_acts else {"licenses"},
    needs_sign_in=ADDS_LICENSES,
)
