"""What the grid of pasted rows shows about them, in the language of the reader."""

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from imports.operations.paste import CheckedRows
from users.rules.fields import label_of
from users.rules.problems import ERROR, NOTICE, Problem, describe


def describe_checked_rows(checked: CheckedRows) -> dict:
    """
    The state of the rows, as JSON.

    A problem is a list: the number of its line, the position of its column or -1, a tone, a
    sentence. `header` is the number of the header's line, or 0.
    """
    places: dict[str, int] = {}
    for column in checked.columns:
        places.setdefault(column.field, column.position)
    found = [problem for problem in checked.problems if problem.severity != NOTICE]
    bad = {problem.line for problem in found if problem.severity == ERROR}
    warned = {problem.line for problem in found} - bad
    return {
        "tone": "bad" if bad else "warn" if warned else "ok",
        "text": _summarize(checked, len(bad), len(warned)),
        "header": checked.header_line,
        "columns": [str(label_of(column.field)) for column in checked.columns],
        "problems": [
            [
                problem.line,
                places.get(problem.column, -1),
                "bad" if problem.severity == ERROR else "warn",
                _sentence(problem, places),
            ]
            for problem in found
        ],
    }


def describe_refused_rows(text: str) -> dict:
    """Why the rows cannot be read, as JSON of the same form."""
    return {
        "tone": "bad", "text": str(text), "header": 0, "columns": [], "problems": [],
    }  # fmt: skip


def _sentence(problem: Problem, places: dict[str, int]) -> str:
    text = describe(problem)
    if problem.suggestion:
        suggested = _("Suggestion: %(suggestion)s") % {"suggestion": problem.suggestion}
        text = f"{text} {suggested}"
    if problem.column and problem.column not in places:
        colon = pgettext("between a label and a value", ": ")
        return f"{label_of(problem.column)}{colon}{text}"
    return text


def _summarize(checked: CheckedRows, bad: int, warned: int) -> str:
    ready = checked.rows - bad - warned
    parts = [
        ngettext("%(n)s row ready.", "%(n)s rows ready.", ready) % {"n": intcomma(ready)},
    ]
    if warned:
        text = ngettext("%(n)s row with a warning.", "%(n)s rows with warnings.", warned)
        parts.append(text % {"n": intcomma(warned)})
    if bad:
        text = ngettext("%(n)s row with an error.", "%(n)s rows with errors.", bad)
        parts.append(text % {"n": intcomma(bad)})
    if checked.is_cut:
        text = _("Only the first %(n)s rows are checked here. The next step checks all of them.")
        parts.append(text % {"n": intcomma(checked.rows)})
    return " ".join(parts)
