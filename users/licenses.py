"""What a line that changes licenses says: what is, or was, given and taken."""

from collections.abc import Mapping

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.models import Line

# Why a line of the plan cannot run, or will lack something.
PROBLEMS = {
    "location_missing": gettext_lazy(
        "This user has no usage location, without which no license can be given. Change the"
        " location first."
    ),
    "seat_missing": gettext_lazy("No license of “%(product)s” is left for this user."),
    "seat_awaited": gettext_lazy(
        "Will wait for a license of “%(product)s”, place %(place)s in line."
    ),
}

# What a file forecasts for whom no seat is left, where they are to wait for one.
QUEUED = {
    "seat_short": gettext_lazy(
        "No license of “%(product)s” is left; this user will wait in line for one."
    ),
}

# Why nothing was done for a line.
FAILURES = {
    "no_seat": gettext_lazy("No seat was free, so nothing was changed for this user."),
    "kept_old": gettext_lazy(
        "Not all of the new licenses were free, so this user keeps the old ones."
    ),
    "wait_ended": gettext_lazy(
        "A license became free, but this user may not have it now, and waits no longer. Correct"
        " what is said here, then give the license again."
    ),
}


def is_change(line: Line) -> bool:
    """Whether the line is one of a batch that manages licenses."""
    return "give" in line.input


def describe_done(changed: str, waiting: int) -> str:
    """What a batch did that put so many in line; `changed` says what it did else, '' if nothing."""
    if not changed:
        text = ngettext(
            "%(n)s user put in line for licenses", "%(n)s users put in line for licenses", waiting
        )
        return text % {"n": intcomma(waiting)}
    text = ngettext("%(n)s user put in line", "%(n)s users put in line", waiting)
    put = text % {"n": intcomma(waiting)}
    return _("%(changed)s, %(waiting)s") % {"changed": changed, "waiting": put}


def describe_waits(line: Line, products: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the line's user waits for now, or does not any more: sentences with how grave it is."""
    places = line.result.get("places", {})
    sentences = (
        ("waiting", "warning", _("Waits for a license of %(product)s, place %(place)s in line.")),
        ("stopped", "notice", _("Does not wait for a license of %(product)s any more.")),
    )
    return [
        (
            sentence
            % {
                "product": products.get(str(one)) or _("a product no longer bought"),
                "place": intcomma(places.get(str(one), "")),
            },
            severity,
        )
        for word, severity, sentence in sentences
        for one in line.result.get(word, ())
        # A wait that ended by a refusal is told by its reason.
        if line.state != Line.State.FAILED
    ]


def describe_changes(line: Line, products: Mapping[str, str]) -> tuple[str, ...]:
    """What the plan is to change or, once the line has run, what has changed, product by product."""
    if line.state == Line.State.FAILED:
        return ()
    if line.state in {Line.State.DONE, Line.State.PARTLY}:
        given, plans = line.result.get("assigned", ()), line.result.get("plans", ())
        taken = line.result.get("taken", ())
    else:
        given = [one["subscription"] for one in line.input["give"]]
        plans = [one["subscription"] for one in line.input["plans"]]
        taken = line.input["take"]
    sentences = (
        (_("+ %(product)s"), given),
        (_("− %(product)s"), taken),
        (_("Service plans of %(product)s"), plans),
    )
    return tuple(
        sentence % {"product": products.get(str(one)) or _("a product no longer bought")}
        for sentence, changed in sentences
        for one in changed
    )
