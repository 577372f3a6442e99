"""What the page of a batch and the list of batches show; other apps add panels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.http import QueryDict

from batches import texts
from batches.acts import get_act
from batches.forms import FilterBatches, Place, StartBatch
from batches.models import Batch, Line
from batches.operations import control
from batches.queries.batch import Progress, count_acts, find_lines, get_progress
from batches.queries.list import get_batch_list
from batches.queries.undo import find_undone, get_undoing
from customers.models import Customer
from licensing.queries import find_product_names
from partners.models import Member
from partners.roles import Permission

# The pages of batches in these states refresh themselves.
MOVING = {Batch.State.CHECKING, Batch.State.RUNNING, Batch.State.PAUSED}


class Facts(NamedTuple):
    """Facts about a batch that its page and the panels share."""

    member: Member
    progress: Progress
    # The names of products by subscription.
    products: Mapping[str, str]
    # The numbers of lines by act, of a batch with several.
    acts: Mapping[str, int]
    # The lines that the page shows.
    lines: Sequence[Line]
    may_start: bool


@dataclass(frozen=True)
class Panel:
    """What an app adds to the page of a batch and to the list of batches."""

    values: Callable[[Batch, Facts], dict]
    # A sentence for some batches of a list, by batch id.
    notes: Callable[..., Mapping[UUID, str]] | None = None
    # Addresses to post to after a batch of one user, by the name of the notice's button.
    steps: Callable[..., Mapping[str, str]] | None = None


_PANELS: list[Panel] = []


def add_panel(panel: Panel) -> None:
    """Called by AppConfig.ready()."""
    _PANELS.append(panel)


def page_of(batch: Batch, place: Place, *, member: Member) -> dict:
    """The context of the page about a batch."""
    progress = get_progress(batch)
    page = find_lines(batch, show=place.show, after=place.after, before=place.before)
    act = get_act(batch.kind)
    facts = Facts(
        member=member,
        progress=progress,
        products=find_product_names(batch.customer),
        acts=count_acts(batch),
        lines=page.rows,
        may_start=control.may_start(batch, member),
    )
    tabs = [
        (word, label, number)
        for word, label, number in texts.tabs(batch, progress, facts.acts)
        if number or word in {"", place.show}
    ]
    context = {
        "nav": "customer-batches",
        "customer": batch.customer,
        "batch": batch,
        "act": act,
        "progress": progress,
        "heading": texts.question(batch, progress.planned) or texts.heading(batch, progress),
        "button": texts.button(batch, progress.planned),
        "seats": texts.seats(batch, facts.products),
        "consequences": texts.consequences(batch, facts.products),
        "moved": texts.describe_moved(**batch.plan["moved"]) if "moved" in batch.plan else "",
        "start": StartBatch(batch=batch, number=progress.planned),
        "lines": texts.show(page.rows, facts.products, is_over=batch.started_at is not None),
        "shows": act.shows(batch),
        "page": page,
        "place": place,
        "tabs": tabs if place.show or any(0 < tab[2] < progress.total for tab in tabs) else [],
        "may_start": facts.may_start,
        "may_retry": facts.may_start and _may_retry(batch, progress),
        "has_result": member.may(Permission.EXPORT_LISTS)
        and batch.started_at is not None
        and batch.state != Batch.State.RUNNING,
        "undoing": get_undoing(batch, member=member),
    }
    for panel in _PANELS:
        context |= panel.values(batch, facts)
    return context


def next_steps(batch: Batch, *, member: Member) -> dict[str, str]:
    """What the member can do after a batch of one user: the steps of all panels."""
    found = {}
    for panel in _PANELS:
        if panel.steps:
            found |= panel.steps(batch, member=member)
    return found


def _may_retry(batch: Batch, progress: Progress) -> bool:
    left = progress.failed + batch.plan.get("stopped", {}).get("lines", 0)
    is_over = batch.state == Batch.State.DONE and get_act(batch.kind).is_retryable
    # Rows that only add users are deleted with the file.
    is_there = batch.rows_wiped_at is None or batch.changes_users
    return is_over and is_there and left > 0


def list_of(customer: Customer | None, query: QueryDict, *, member: Member) -> dict:
    """The context of the list of batches, of one customer or of all."""
    found = get_batch_list(member=member, of=customer, query=query)
    rows, choice = found.page.rows, found.customers
    offered = choice.choices if choice and not choice.is_search else ()
    notes = [panel.notes(rows, member=member) for panel in _PANELS if panel.notes]
    for one in rows:
        one.notes = [found[one.pk] for found in notes if one.pk in found]
    return {
        "nav": "customer-batches" if customer else "batches",
        "customer": customer,
        "list": found,
        "filters": FilterBatches(
            query, customers=offered, may_hand_over=member.may(Permission.RESET_PASSWORDS)
        ),
        "batches": [(row, texts.title(row)) for row in rows],
        "undone": find_undone(rows),
        "is_moving": any(row.state in MOVING for row in rows),
    }
