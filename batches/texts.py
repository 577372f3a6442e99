"""Batches and their lines in words, in the reader's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import (
    Act,
    Consequences,
    LineMessage,
    LineResult,
    PlanFacts,
    count,
    get_act,
    get_acts,
    texts_of,
)
from batches.models import Batch, Line
from licensing.forecast import SeatForecast
from licensing.queries import name_product
from licensing.rules import Seat

State = Batch.State

INTERNAL = gettext_lazy(
    "Something went wrong on our side. Nothing was changed for this user. Try again. If it"
    " keeps happening, send your administrator the address of this page."
)
# Sentences about the subscriptions in a line's result.
ABOUT_LICENSES = {
    "short": gettext_lazy("No seat was free for %(product)s."),
    "closed": gettext_lazy("%(product)s is suspended, so its license wasn’t assigned."),
}
# Problems that are forecasts of a plan; after the run the result replaces them.
FORECASTS = {"comes_back_without", "seat_short", "seat_missing", "seat_awaited", "no_seat"}
TONES = {
    Line.State.FAILED: "bad",
    Line.State.PARTLY: "warn",
    Line.State.DONE: "ok",
    Line.State.TRYING: "info",
}


@dataclass(frozen=True)
class ShownLine:
    """A line as the page shows it; without secrets."""

    # Its number in the file, with the worksheet where several were read, or else in the batch.
    number: int | str | None
    # Its number in the batch.
    position: int
    user_id: UUID | None
    state: str
    # Whether it is a row of a file, which can be repaired.
    is_row: bool
    # Whether its values were deleted with the file; its problems are kept.
    is_wiped: bool
    name: str
    user_name: str
    tone: str
    label: str
    products: tuple[str, ...]
    act: str
    changes: tuple[str, ...]
    messages: tuple[LineMessage, ...]
    bad_columns: frozenset[str]


def heading(batch: Batch, progress) -> str:
    """The heading of the page about the batch."""
    if batch.state not in {State.DONE, State.OPEN}:
        return str(texts_of(batch).label)
    number = progress.succeeded - progress.waiting
    if not progress.waiting:
        return count(texts_of(batch).done, number)
    return _describe_waiting(
        count(texts_of(batch).done, number) if number else "", progress.waiting
    )


def _describe_waiting(changed: str, waiting: int) -> str:
    if not changed:
        text = ngettext(
            "%(n)s user added to the waitlist", "%(n)s users added to the waitlist", waiting
        )
        return text % {"n": intcomma(waiting)}
    text = ngettext("%(n)s user waiting", "%(n)s users waiting", waiting)
    put = text % {"n": intcomma(waiting)}
    return _("%(changed)s, %(waiting)s") % {"changed": changed, "waiting": put}


def describe_done(batch: Batch, name: str) -> str:
    """The heading of a batch that has done something to one user, with the user's name."""
    texts = texts_of(batch)
    return texts.one.done % {"name": name} if texts.one else count(texts.done, 1)


def title(batch: Batch) -> str:
    """The name of a batch in a list: its act with the number of users."""
    if batch.state in {State.PLANNED, State.RUNNING, State.PAUSED} and batch.progress.runs:
        return button(batch, batch.progress.runs)
    return heading(batch, batch.progress)


def button(batch: Batch, number: int) -> str:
    """The button that starts the plan."""
    return count(texts_of(batch).button, served(batch, number))


def question(batch: Batch, number: int) -> str:
    """The button as a question; '' where the plan is not waiting, or is an import."""
    if batch.state != State.PLANNED or not number or batch.kind == "import":
        return ""
    return _("%(act)s?") % {"act": button(batch, number)}


def served(batch: Batch, number: int) -> int:
    """The number of planned users that get a license; all of them, where none does."""
    return number - PlanFacts.from_json(batch.plan).unserved or number


def seats(batch: Batch, products: Mapping[str, str]) -> list[SeatForecast]:
    """The forecasts of the plan, with the names of the products of now."""
    if batch.kind == "restore":
        # Its seats are among the consequences.
        return []
    return [
        replace(seat, name=products.get(seat.subscription, seat.name))
        for seat in map(SeatForecast.from_json, PlanFacts.from_json(batch.plan).seats)
    ]


def consequences(batch: Batch, products: Mapping[str, str]) -> Consequences:
    """The consequences of running this plan; `products` are names by subscription id."""
    if batch.state != State.PLANNED:
        return Consequences()
    found = get_act(batch.kind).describe(batch, products)
    unchanged, sentence = PlanFacts.from_json(batch.plan).unchanged, texts_of(batch).unchanged
    if not unchanged or not sentence:
        return found
    fact = count(sentence, unchanged)
    return Consequences((fact, *found.facts), found.seats, found.warning)


def describe_moved(counted: int | None, found: int) -> str:
    """A notice if the list had counted another number of users than are found now; else ''."""
    if counted is None or counted == found:
        return ""
    text = _(
        "The number of selected users changed from %(before)s to %(now)s. Only the users listed"
        " here are included."
    )
    return text % {"before": intcomma(counted), "now": intcomma(found)}


def tabs(batch: Batch, progress, acts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """The filters of the lines: value in the address, label, number of lines."""
    of_acts = [
        (act.kind, str(act.word), acts[act.kind]) for act in get_acts() if acts.get(act.kind)
    ]
    return _tabs_by_state(batch, progress) + of_acts


def _tabs_by_state(batch: Batch, progress) -> list[tuple[str, str, int]]:
    if batch.state in {State.PLANNED, State.CANCELED}:
        return [
            ("", _("All"), progress.total),
            ("errors", _("Errors"), progress.invalid),
            ("warnings", _("Warnings"), progress.warned),
            ("left_out", _("Skipped"), progress.left_out),
        ]
    return [
        ("", _("All"), progress.total),
        ("done", _("Done"), progress.done),
        ("partly", _("Partly done"), progress.partly),
        ("failed", _("Failed"), progress.broken),
        ("unserved", _("No license"), progress.unserved),
        ("skipped", _("Skipped"), progress.skipped),
    ]


def show(
    lines: Iterable[Line], products: Mapping[str, str], *, is_over: bool = True
) -> list[ShownLine]:
    """
    Return the lines as the page shows them; `products` are names by subscription id.

    An invalid line is shown as an error of the plan, or as skipped if the batch `is_over`.
    """
    return [_show(line, products, is_over) for line in lines]


def _show(line: Line, products: Mapping[str, str], is_over: bool) -> ShownLine:
    act = get_act(line.act or line.batch.kind)
    has_run = line.state in {Line.State.PARTLY, Line.State.FAILED, Line.State.DONE}
    result = LineResult.from_json(line.result)
    messages = [
        explain(problem, line.batch, act)
        for problem in line.problems
        if not (has_run and problem.get("code") in FORECASTS)
    ]
    if has_run:
        messages += _explain_result(line.state, result, act, products)
    bad = frozenset(problem.get("column", "") for problem in line.problems) - {""}
    tone, label = _describe_state(line, result, is_over)
    is_of_file = line.act != "leave"
    return ShownLine(
        number=(line.input.get("place") or line.input.get("line") or line.number)
        if is_of_file
        else None,
        position=line.number,
        user_id=line.user_id,
        state=line.state,
        # Nothing of a restored user is changed.
        is_row=is_of_file and line.act != "restore",
        is_wiped=line.batch.rows_wiped_at is not None
        and not line.input.get("user_name")
        and line.state not in {Line.State.DONE, Line.State.PARTLY},
        name=line.input.get("display_name", ""),
        user_name=line.input.get("user_name", ""),
        tone=tone,
        label=label,
        products=(act.licenses or describe_licenses)(line, products),
        act=_word(line, act),
        changes=act.changes(line),
        messages=tuple(messages),
        bad_columns=bad,
    )


def _word(line: Line, act: Act) -> str:
    """The act of the line, where the lines of its batch have several."""
    is_mixed = line.act not in {"", line.batch.kind}
    is_plain = line.act == "add" and "given" not in line.input
    return str(act.word) if is_mixed and not is_plain else ""


def _describe_state(line: Line, result: LineResult, is_over: bool) -> tuple[str, str]:
    if line.state == Line.State.INVALID:
        return ("warn", _("Skipped")) if is_over else ("bad", _("Error"))
    if line.state == Line.State.LEFT_OUT:
        return "muted", _("Skipped")
    if line.state == Line.State.PLANNED:
        if any(problem.get("severity") != "notice" for problem in line.problems):
            return "warn", _("Warning")
        return "ok", _("Ready")
    if line.state == Line.State.FAILED and result.code == "no_seat":
        return "warn", _("No license")
    return TONES[line.state], str(line.get_state_display())


def describe_licenses(line: Line, products: Mapping[str, str]) -> tuple[str, ...]:
    """The licenses that a line assigns, or has assigned; those removed by a deletion."""
    if line.state in {Line.State.DONE, Line.State.PARTLY}:
        result = LineResult.from_json(line.result)
        shown = result.assigned or [Seat.from_json(seat).subscription for seat in result.held]
    else:
        shown = [Seat.from_json(seat).subscription for seat in line.input.get("products", ())]
    return tuple(name_product(products, subscription) for subscription in shown)


def explain(problem: Mapping, batch: Batch, act: Act | None = None) -> LineMessage:
    """The sentence for a problem of a line of this act, or of a plan."""
    code, severity = problem.get("code", ""), problem.get("severity", "error")
    if act and code in act.messages:
        return LineMessage(
            str(act.messages[code]) % (problem.get("params") or {}), severity=severity
        )
    return get_act(batch.kind).explain(problem, batch) or LineMessage(
        str(INTERNAL), severity=severity
    )


def _explain_result(
    state: str, result: LineResult, act: Act, products: Mapping[str, str]
) -> list[LineMessage]:
    messages = []
    # A line without a seat is explained by the names of the products below.
    is_explained = result.code == "no_seat" and (result.short or result.closed)
    if result.code and not is_explained:
        messages.append(LineMessage(explain_failure(result.code, act)))
    if result.unchanged:
        messages.append(LineMessage(_("No change was needed."), severity="notice"))
    for name, sentence in ABOUT_LICENSES.items():
        for subscription in getattr(result, name):
            product = products.get(subscription) or _("A product that’s no longer subscribed")
            messages.append(LineMessage(str(sentence) % {"product": product}, severity="warning"))
    # A wait that ended with a refusal is explained by its reason.
    if state == Line.State.FAILED:
        return messages
    for subscription in result.waiting:
        text = _("Waiting for %(product)s, place %(place)s.") % {
            "product": name_product(products, subscription),
            "place": intcomma(result.places.get(subscription, "")),
        }
        messages.append(LineMessage(text, severity="warning"))
    for subscription in result.stopped:
        text = _("No longer waiting for %(product)s.")
        product = name_product(products, subscription)
        messages.append(LineMessage(text % {"product": product}, severity="notice"))
    return messages


def explain_failure(code: str, act: Act) -> str:
    return str(act.failures.get(code) or act.messages.get(code) or INTERNAL)
