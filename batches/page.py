"""What the page of a batch and the list of batches show; several views answer with it."""

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from batches import consequences, texts
from batches.forms import FilterBatches, Place, StartBatch
from batches.models import Batch
from batches.operations import control
from batches.operations.retry import NEVER_RETRIED
from batches.queries.batch import Progress, count_acts, find_blocked, find_lines, get_progress
from batches.queries.list import get_batch_list
from batches.queries.undo import find_undone, get_undoing
from customers.models import Customer
from handover.queries.due import find_waiting_sheets
from handover.queries.sheet import get_handover
from imports import lost_repairs
from imports import texts as import_texts
from imports.texts import describe, refusal
from licensing.queries import find_product_names
from partners.models import Member
from partners.roles import Permission
from users import edits, undo
from users.queries.restore import find_taken_names

IMPORT_STEPS = [_("Upload"), _("Check"), _("Import"), _("Hand over")]
# Lines of these kinds hold licenses: those that come, and those that a deletion has freed.
WITH_LICENSES = {"add", "import", "licenses", "delete", "restore", "queue", "undo"}
# Lines of these say what becomes what.
WITH_CHANGES = {"update", "edit", "location", "hold", "release", "extend", "undo"}
STEP_OF = {
    "checking": 2,
    "refused": 1,
    "planned": 2,
    "running": 3,
    "paused": 3,
    "done": 4,
    "canceled": 2,
}


# The pages of these change by themselves.
MOVING = {Batch.State.CHECKING, Batch.State.RUNNING, Batch.State.PAUSED}


def page_of(batch: Batch, place: Place, *, member: Member) -> dict:
    """Everything the page about a batch shows."""
    progress = get_progress(batch)
    page = find_lines(batch, show=place.show, after=place.after, before=place.before)
    products = find_product_names(batch.customer)
    acts = count_acts(batch)
    undoings = get_undoing(batch, member=member)
    may_start = control.may_start(batch, member)
    may_unblock = member.may(Permission.MANAGE_USERS)
    blocked = consequences.describe_blocked(
        batch, find_blocked(batch).count(), may_unblock=may_unblock
    )
    return {
        "nav": "customer-batches",
        "customer": batch.customer,
        "batch": batch,
        "progress": progress,
        "heading": consequences.question(batch, progress.planned) or texts.heading(batch, progress),
        "button": texts.button(batch, progress.planned),
        "refusal": refusal(batch) if batch.state == "refused" else "",
        "seats": texts.seats(batch, products),
        "overview": edits.overview(batch, acts),
        "leavers": edits.describe_leavers(batch, acts),
        "stop": edits.stop(batch, acts),
        "consequences": consequences.describe(batch, products, blocked),
        "blocked": blocked,
        "may_unblock": may_unblock,
        "start": StartBatch(batch=batch, number=progress.planned),
        "taken_names": find_taken_names(batch),
        "detected": describe(batch),
        "notices": texts.notices(batch),
        "repairs": import_texts.offer(batch, products),
        "repaired": import_texts.tell(batch),
        "lost": lost_repairs.tell(batch, products),
        "may_repair": batch.kind == "import" and batch.state == "planned" and may_start,
        "lines": texts.show(page.rows, products, is_over=batch.started_at is not None),
        "shows_licenses": batch.kind in WITH_LICENSES
        and (batch.kind, batch.state) != ("delete", "planned")
        and undo.shows_licenses(batch),
        "page": page,
        "place": place,
        "tabs": texts.tabs(batch, progress, acts),
        "shows_changes": batch.act in WITH_CHANGES,
        "steps": IMPORT_STEPS if batch.kind == Batch.Kind.IMPORT else [],
        "step": STEP_OF.get(batch.state, 1),
        "is_held": batch.options.get("mode") == "all" and progress.invalid > 0,
        "may_start": may_start,
        "may_retry": _may_retry(batch, progress, member),
        "may_mark_seen": batch.kind == Batch.Kind.QUEUE
        and batch.by_id == member.pk
        and not batch.options.get("seen"),
        "may_import": member.may(Permission.MANAGE_USERS),
        "has_result": member.may(Permission.EXPORT_LISTS) and _has_run(batch),
        "has_errors": member.may(Permission.MANAGE_USERS) and _has_errors(batch, progress),
        "may_open_sheet": member.may(Permission.RESET_PASSWORDS),
        "may_restore": member.may(Permission.RESTORE_USERS),
        "handover": get_handover(batch, member=member),
        "undoing": undoings,
        "why_not_undone": undo.refusal(undoings.refusal),
    }


def _may_retry(batch: Batch, progress: Progress, member: Member) -> bool:
    left = progress.failed + batch.plan.get("stopped", {}).get("lines", 0)
    is_over = batch.state == Batch.State.DONE and batch.kind not in NEVER_RETRIED
    # Rows that only add users are gone with the file.
    is_there = batch.rows_wiped_at is None or batch.act == "update"
    return is_over and is_there and left > 0 and control.may_start(batch, member)


def _has_run(batch: Batch) -> bool:
    return batch.started_at is not None and batch.state != Batch.State.RUNNING


def _has_errors(batch: Batch, progress: Progress) -> bool:
    # While they are checked anew nobody can say which rows have errors.
    is_open = batch.state in {Batch.State.CHECKING, Batch.State.REFUSED}
    has_rows = batch.kind == Batch.Kind.IMPORT and batch.rows_wiped_at is None
    return has_rows and not is_open and progress.not_done > 0


def list_of(customer: Customer | None, query: QueryDict, *, member: Member) -> dict:
    """Everything the list of batches shows, those of one customer or of all."""
    found = get_batch_list(member=member, of=customer, query=query)
    rows, choice = found.page.rows, found.customers
    offered = choice.choices if choice and not choice.is_search else ()
    listed = Batch.objects.filter(pk__in=[one.pk for one in rows])
    sheets = find_waiting_sheets(listed, member=member, limit=len(rows))
    waiting = {sheet.batch.pk: texts.to_hand_over(sheet) for sheet in sheets}
    for one in rows:
        one.to_hand_over = waiting.get(one.pk, "")
    return {
        "nav": "customer-batches" if customer else "batches",
        "customer": customer,
        "list": found,
        "filters": FilterBatches(
            query, customers=offered, may_hand_over=member.may(Permission.RESET_PASSWORDS)
        ),
        "batches": [(one, texts.title(one)) for one in rows],
        "undone": find_undone(rows),
        "is_moving": any(one.state in MOVING for one in rows),
    }
