"""What a batch and its lines say about themselves, in the reader's language."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.models import Batch, Line
from handover.queries.due import WaitingSheet
from imports import texts
from imports.check import repair
from users import edits, holds, licenses, undo
from users.rules import problems as importing
from users.rules.fields import label_of

Kind, State = Batch.Kind, Batch.State

# What a finished batch did to so many users.
DONE: dict[str, Callable[[int], str]] = {
    Kind.ADD: lambda n: ngettext("%(n)s user added", "%(n)s users added", n),
    Kind.IMPORT: lambda n: ngettext("%(n)s user added", "%(n)s users added", n),
    **edits.DONE,
    Kind.RESET: lambda n: ngettext("%(n)s password reset", "%(n)s passwords reset", n),
    Kind.EDIT: lambda n: ngettext("%(n)s user changed", "%(n)s users changed", n),
    "location": lambda n: ngettext(
        "Location of %(n)s user changed", "Location of %(n)s users changed", n
    ),
    Kind.BLOCK: lambda n: ngettext(
        "Sign-in of %(n)s user blocked", "Sign-in of %(n)s users blocked", n
    ),
    Kind.UNBLOCK: lambda n: ngettext(
        "Sign-in of %(n)s user unblocked", "Sign-in of %(n)s users unblocked", n
    ),
    Kind.LICENSES: lambda n: ngettext(
        "Licenses of %(n)s user changed", "Licenses of %(n)s users changed", n
    ),
    Kind.DELETE: lambda n: ngettext("%(n)s user account deleted", "%(n)s user accounts deleted", n),
    Kind.RESTORE: lambda n: ngettext("%(n)s user restored", "%(n)s users restored", n),
    Kind.PURGE: lambda n: ngettext("%(n)s user purged", "%(n)s users purged", n),
    **holds.DONE,
    Kind.UNDO: undo.done,
    Kind.QUEUE: lambda n: ngettext(
        "%(n)s user got a license from the queue", "%(n)s users got licenses from the queue", n
    ),
}

# What the button says that starts the plan for so many users.
DO: dict[str, Callable[[int], str]] = {
    Kind.ADD: lambda n: ngettext("Add %(n)s user", "Add %(n)s users", n),
    Kind.IMPORT: lambda n: ngettext("Import %(n)s user", "Import %(n)s users", n),
    **edits.DO,
    Kind.RESET: lambda n: ngettext("Reset %(n)s password", "Reset %(n)s passwords", n),
    Kind.EDIT: lambda n: ngettext("Change %(n)s user", "Change %(n)s users", n),
    "location": lambda n: ngettext(
        "Change location of %(n)s user", "Change location of %(n)s users", n
    ),
    Kind.BLOCK: lambda n: ngettext(
        "Block sign-in of %(n)s user", "Block sign-in of %(n)s users", n
    ),
    Kind.UNBLOCK: lambda n: ngettext(
        "Unblock sign-in of %(n)s user", "Unblock sign-in of %(n)s users", n
    ),
    Kind.LICENSES: lambda n: ngettext(
        "Change licenses of %(n)s user", "Change licenses of %(n)s users", n
    ),
    Kind.DELETE: lambda n: ngettext("Delete %(n)s user account", "Delete %(n)s user accounts", n),
    Kind.RESTORE: lambda n: ngettext("Restore %(n)s user", "Restore %(n)s users", n),
    Kind.PURGE: lambda n: ngettext("Purge %(n)s user for good", "Purge %(n)s users for good", n),
    **holds.DO,
    Kind.UNDO: undo.do,
    Kind.QUEUE: lambda n: ngettext(
        "Give %(n)s waiting user a license", "Give %(n)s waiting users licenses", n
    ),
}

# Why a line failed as it ran: the codes of a line's result.
FAILURES = {
    "name_taken": gettext_lazy(
        "Somebody got this user name after the check. Nobody was added; choose another name."
    ),
    "gone": gettext_lazy(
        "This user was deleted, restored or purged meanwhile. Nothing was changed."
    ),
    "administrator": gettext_lazy(
        "This user has become an administrator meanwhile. Ask an owner or an admin agent of your"
        " organization."
    ),
    "last_administrator": gettext_lazy(
        "This is the last global administrator who can sign in, and nobody said that this one may"
        " go. Nothing was changed."
    ),
    "changed": gettext_lazy(
        "Somebody has changed this user in the same place since the plan was made. Nothing was"
        " overwritten."
    ),
    "not_sold": gettext_lazy(
        "This user holds a license that is not sold at that location. Take it away first."
    ),
    "internal": gettext_lazy(
        "Something went wrong on our side with this line, and nothing was changed. Try it again;"
        " if it happens again, tell your administrator the batch’s address."
    ),
    "held": holds.HELD,
    **licenses.FAILURES,
}

# What a restore says otherwise than an import.
NOT_RESTORED = gettext_lazy(
    "Somebody got this user name after the plan was made. Restore this user again and choose"
    " another name."
)

# Why a line of a plan cannot run, beyond what the check of a file finds.
PROBLEMS = {
    "administrator": gettext_lazy(
        "This user is an administrator. Ask an owner or an admin agent of your organization."
    ),
    "name_taken": gettext_lazy("Somebody else has this user name now. Choose a new one above."),
    "comes_back_as_user": gettext_lazy(
        "This administrator comes back as a plain user; your role may not grant more."
    ),
    **holds.PROBLEMS,
}

# The lists of subscriptions in a line's result, and the sentence about each one.
ABOUT_LICENSES = {
    "short": gettext_lazy("No license of %(product)s was free."),
    "closed": gettext_lazy("%(product)s is suspended, so its license was not given."),
}

TONES = {
    Line.State.FAILED: "bad",
    Line.State.PARTLY: "warn",
    Line.State.DONE: "ok",
    Line.State.TRYING: "info",
}


@dataclass(frozen=True)
class Said:
    """One thing about a line: the column it is about, what stands there, and what would do."""

    text: str
    column: str = ""
    value: str = ""
    suggestion: str = ""
    severity: str = "error"
    # What one click does about it in a planned import, and the problem that is meant.
    choices: tuple[tuple[str, str], ...] = ()
    kind: repair.Kind | None = None


@dataclass(frozen=True)
class ShownLine:
    """A line as the page shows it; it never holds a secret."""

    number: int
    # Its number in the batch; `number` is that in the file, where it came from one.
    position: int
    state: str
    # Whether it can be given other values: whoever is missing from a list has no row in it.
    is_row: bool
    # Whether what it held went with the file; its reasons are kept.
    is_wiped: bool
    name: str
    user_name: str
    tone: str
    label: str
    products: tuple[str, ...]
    act: str
    changes: tuple[str, ...]
    said: tuple[Said, ...]
    bad_columns: frozenset[str]


def count(sentence: Callable[[int], str], number: int) -> str:
    """Put a number into a sentence that has a singular and a plural."""
    return sentence(number) % {"n": intcomma(number)}


def heading(batch: Batch, progress) -> str:
    """What the page about the batch is headed by."""
    if batch.state not in {State.DONE, State.OPEN}:
        return str(batch.get_kind_display())
    number = progress.succeeded - progress.waiting
    if not progress.waiting:
        return count(DONE[_act_of(batch)], number)
    changed = count(DONE[_act_of(batch)], number) if number else ""
    return licenses.describe_done(changed, progress.waiting)


def title(batch: Batch) -> str:
    """What a batch is called in a list: what it did, or what it is to do."""
    if batch.state in {State.PLANNED, State.RUNNING, State.PAUSED} and batch.progress.runs:
        return count(DO[_act_of(batch)], served(batch, batch.progress.runs))
    return heading(batch, batch.progress)


def to_hand_over(sheet: WaitingSheet) -> str:
    """How many passwords of a batch can be handed over, and until when."""
    text = ngettext(
        "%(n)s password to hand over, until %(until)s",
        "%(n)s passwords to hand over, until %(until)s",
        sheet.passwords,
    )
    until = timezone.localtime(sheet.batch.sheet_expires_at)
    return text % {
        "n": intcomma(sheet.passwords),
        "until": date_format(until, "DATETIME_FORMAT"),
    }


def button(batch: Batch, number: int) -> str:
    """What the button that starts the plan says."""
    return count(DO[_act_of(batch)], served(batch, number))


def _act_of(batch: Batch) -> str:
    # A file that changes people is called by what it is for.
    return batch.options["purpose"] if batch.act == "update" else batch.act


def served(batch: Batch, number: int) -> int:
    """How many of so many planned users get anything; all of them, where nobody does."""
    return number - batch.plan.get("unserved", 0) or number


def seats(batch: Batch, products: Mapping[str, str]) -> list[dict]:
    """Per product of the plan: its name, the seats free before and after, and how many lack."""
    if batch.kind in {Kind.DELETE, Kind.RESTORE}:
        # Said as a consequence: seats come back, or are wanted back.
        return []
    return [
        # A file forecasts only what is short; where it queues, all of them wait.
        {"waits": one.get("short", 0)}
        | one
        | {"name": products.get(str(one.get("subscription")), one.get("name", ""))}
        for one in batch.plan.get("seats", ())
    ]


def notices(batch: Batch) -> list[Said]:
    """What the check has to say about the file as a whole."""
    return [_problem(one) for one in batch.plan.get("notices", ())]


def tabs(batch: Batch, progress, acts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """The filters of the lines: the word in the address, the label, the number of lines."""
    of_acts = [(word, str(edits.TABS[word]), acts[word]) for word in edits.TABS if acts.get(word)]
    return _tabs_by_state(batch, progress) + of_acts


def _tabs_by_state(batch: Batch, progress) -> list[tuple[str, str, int]]:
    if batch.state in {State.PLANNED, State.CANCELED}:
        return [
            ("", _("All"), progress.total),
            ("errors", _("Errors"), progress.invalid),
            ("warnings", _("Warnings"), progress.warned),
            ("left_out", _("Left out"), progress.left_out),
        ]
    return [
        ("", _("All"), progress.total),
        ("done", _("Done"), progress.done),
        ("partly", _("Done in part"), progress.partly),
        ("failed", _("Failed"), progress.failed),
        ("skipped", _("Left out"), progress.skipped),
    ]


def show(
    lines: Iterable[Line], products: Mapping[str, str], *, is_over: bool = True
) -> list[ShownLine]:
    """
    Everything the page says about the lines; `products` names subscriptions by id.

    A line that cannot run is an error of the plan and, once the batch `is_over`, was left out.
    """
    return [_show(line, products, is_over) for line in lines]


def as_rows(lines: Iterable[Line]) -> Iterator[tuple[dict, list[importing.Problem]]]:
    """The lines as a file of failed rows is made of: the person, and what is wrong."""
    for line in lines:
        if line.input.get("act") == "leave" or "products" not in line.input:
            # Who is to leave stands in no row of a file, and of who was purged nothing is left.
            continue
        problems = [_as_problem(one) for one in line.problems]
        if line.state == Line.State.FAILED:
            code = line.result.get("code", "internal")
            user_name = line.input.get("user_name", "")
            problems = [importing.Problem(line.number, "user_name", user_name, code)]
        yield line.input, [one for one in problems if one.severity == importing.ERROR]


def _show(line: Line, products: Mapping[str, str], is_over: bool) -> ShownLine:
    sentences = PROBLEMS | licenses.PROBLEMS if licenses.is_change(line) else PROBLEMS
    if line.batch.options.get("when_short") == "queue":
        sentences = sentences | licenses.QUEUED
    said = [_problem(one, sentences) for one in line.problems]
    if line.state in {Line.State.PARTLY, Line.State.FAILED, Line.State.DONE}:
        # A forecast of the plan; what really happened is said below.
        said = [one for one, raw in zip(said, line.problems, strict=True) if not _is_forecast(raw)]
        said = [*said, *_result(line, products)]
    bad = frozenset(one.get("column", "") for one in line.problems) - {""}
    tone, label = _state(line, is_over)
    return ShownLine(
        # Who is missing from a file stands in none of its lines.
        number=None if line.input.get("act") == "leave" else line.input.get("line") or line.number,
        position=line.number,
        state=line.state,
        is_row=line.input.get("act") != "leave",
        is_wiped=line.batch.rows_wiped_at is not None
        and not line.input.get("user_name")
        and line.state not in {Line.State.DONE, Line.State.PARTLY},
        name=line.input.get("display_name", ""),
        user_name=line.input.get("user_name", ""),
        tone=tone,
        label=label,
        products=_products(line, products),
        act=edits.act_of(line),
        changes=edits.describe(line),
        said=tuple(said),
        bad_columns=bad,
    )


def _state(line: Line, is_over: bool) -> tuple[str, str]:
    if line.state == Line.State.INVALID:
        return "bad", _("Left out") if is_over else _("Error")
    if line.state == Line.State.LEFT_OUT:
        return "muted", _("Left out")
    if line.state == Line.State.PLANNED:
        if any(one.get("severity") != "notice" for one in line.problems):
            return "warn", _("Warning")
        return "ok", _("Ready")
    return TONES[line.state], str(line.get_state_display())


def _products(line: Line, products: Mapping[str, str]) -> tuple[str, ...]:
    if licenses.is_change(line):
        return licenses.describe_changes(line, products)
    if line.state in {Line.State.DONE, Line.State.PARTLY}:
        given = line.result.get("assigned", ())
        # What a deletion has taken is shown as what was held.
        given = given or [one["subscription"] for one in line.result.get("held", ())]
    else:
        given = [one.get("subscription") for one in line.input.get("products", ())]
    return tuple(products.get(str(one), "") or _("a product no longer bought") for one in given)


def _is_forecast(problem: dict) -> bool:
    return problem.get("code") in {
        "comes_back_without",
        "seat_short",
        "seat_missing",
        "seat_awaited",
        "no_seat",
    }


def _problem(problem: dict, sentences: Mapping[str, str] = PROBLEMS) -> Said:
    code, severity = problem.get("code", ""), problem.get("severity", "error")
    if text := undo.say(problem):
        return Said(text, severity=severity)
    if code in sentences:
        return Said(str(sentences[code]) % (problem.get("params") or {}), severity=severity)
    found = _as_problem(problem)
    return Said(
        importing.describe(found),
        str(label_of(found.column)) if found.column else "",
        found.value,
        found.suggestion,
        severity,
        texts.offer_for_row(found),
        repair.Kind(found.code, found.column, repair.key_of(found)),
    )


def _as_problem(problem: dict) -> importing.Problem:
    # Kinds of batch other than an import say no more than a code.
    return importing.Problem(
        line=problem.get("line") or 0,
        column=problem.get("column") or "",
        value=problem.get("value") or "",
        code=problem.get("code", ""),
        params=problem.get("params") or {},
        suggestion=problem.get("suggestion") or "",
        severity=problem.get("severity", "error"),
    )


def _result(line: Line, products: Mapping[str, str]) -> list[Said]:
    result, said = line.result, []
    if code := result.get("code"):
        sentence = FAILURES.get(code, FAILURES["internal"])
        if code == "name_taken" and line.batch.kind in {Kind.RESTORE, Kind.UNDO}:
            sentence = NOT_RESTORED
        # Which product it was is said below, and that says it all.
        if code != "no_seat" or not any(result.get(word) for word in ABOUT_LICENSES):
            said.append(Said(str(sentence)))
    if result.get("unchanged"):
        said.append(Said(_("It was so already."), severity="notice"))
    for word, sentence in ABOUT_LICENSES.items():
        for one in result.get(word, ()):
            product = products.get(str(one)) or _("A product no longer bought")
            said.append(Said(str(sentence) % {"product": product}, severity="warning"))
    said += [Said(text, severity=tone) for text, tone in licenses.describe_waits(line, products)]
    return said
