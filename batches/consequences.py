"""What a plan will mean beyond its lines, said before it runs, in the reader's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches import texts
from batches.models import Batch
from customers import locations
from users import holds, undo

Kind = Batch.Kind

# The question that the page of a plan asks, with the number of users.
QUESTIONS: dict[str, Callable[[int], str]] = {
    Kind.RESET: lambda n: ngettext(
        "Reset the password of %(n)s user?", "Reset the passwords of %(n)s users?", n
    ),
    Kind.EDIT: lambda n: ngettext("Change %(n)s user?", "Change %(n)s users?", n),
    "location": lambda n: ngettext(
        "Change location of %(n)s user?", "Change location of %(n)s users?", n
    ),
    Kind.BLOCK: lambda n: ngettext(
        "Block sign-in of %(n)s user?", "Block sign-in of %(n)s users?", n
    ),
    Kind.UNBLOCK: lambda n: ngettext(
        "Unblock sign-in of %(n)s user?", "Unblock sign-in of %(n)s users?", n
    ),
    Kind.LICENSES: lambda n: ngettext(
        "Change licenses of %(n)s user?", "Change licenses of %(n)s users?", n
    ),
    Kind.DELETE: lambda n: ngettext("Delete %(n)s user account?", "Delete %(n)s user accounts?", n),
    Kind.RESTORE: lambda n: ngettext("Restore %(n)s user?", "Restore %(n)s users?", n),
    Kind.PURGE: lambda n: ngettext("Purge %(n)s user for good?", "Purge %(n)s users for good?", n),
    **holds.QUESTIONS,
    Kind.UNDO: undo.question,
}


# What is written into everybody's field, and that it is emptied.
BECOMES = {
    "location": gettext_lazy("Their usage location becomes %(value)s."),
    "language": gettext_lazy("Their language becomes %(value)s."),
    "department": gettext_lazy("Their department becomes “%(value)s”."),
    "job_title": gettext_lazy("Their job title becomes “%(value)s”."),
}
EMPTIED = {
    "location": gettext_lazy("Their usage location is emptied."),
    "language": gettext_lazy("Their language becomes that of the customer."),
    "department": gettext_lazy("Their department is emptied."),
    "job_title": gettext_lazy("Their job title is emptied."),
}
LANGUAGES = dict(settings.LANGUAGES)

# Why users who were chosen have no line in the plan of an act.
UNCHANGED: dict[str, Callable[[int], str]] = {
    Kind.BLOCK: lambda n: ngettext(
        "%(n)s of those chosen is blocked already and is left out.",
        "%(n)s of those chosen are blocked already and are left out.",
        n,
    ),
    Kind.UNBLOCK: lambda n: ngettext(
        "%(n)s of those chosen is not blocked and is left out.",
        "%(n)s of those chosen are not blocked and are left out.",
        n,
    ),
    Kind.EDIT: lambda n: ngettext(
        "%(n)s of those chosen has these values already and is left out.",
        "%(n)s of those chosen have these values already and are left out.",
        n,
    ),
    Kind.LICENSES: lambda n: ngettext(
        "%(n)s of those chosen has exactly these licenses already and is left out.",
        "%(n)s of those chosen have exactly these licenses already and are left out.",
        n,
    ),
    **holds.UNCHANGED,
}


@dataclass(frozen=True)
class Seats:
    """What a plan does to the seats of a product."""

    name: str
    text: str
    short: str = ""


@dataclass(frozen=True)
class Consequences:
    """What happens if the plan runs: sentences, and the seats product by product."""

    facts: tuple[str, ...] = ()
    seats: tuple[Seats, ...] = ()
    # What cannot be undone.
    warning: str = ""
    # That other users are meant than those whom the list had counted.
    moved: str = ""
    # That some of the users cannot sign in, whatever the plan gives them.
    blocked: str = ""


def question(batch: Batch, number: int) -> str:
    """What the page of a plan asks; '' where the plan is not waiting, or is an import."""
    if batch.state != Batch.State.PLANNED or not number or batch.act not in QUESTIONS:
        return ""
    return texts.count(QUESTIONS[batch.act], texts.served(batch, number))


def describe_moved(counted: int | None, found: int) -> str:
    """That more or fewer users are there now than the list had counted; '' where it is as many."""
    if counted is None or counted == found:
        return ""
    text = _(
        "How many users you chose has changed since you chose them: from %(before)s to %(now)s."
        " Only those who are listed here are meant."
    )
    return text % {"before": intcomma(counted), "now": intcomma(found)}


def describe(batch: Batch, products: Mapping[str, str], blocked: str = "") -> Consequences:
    """What running this plan means; `products` names subscriptions by id."""
    if batch.state != Batch.State.PLANNED:
        return Consequences()
    found = _describe(batch, products)
    if unchanged := batch.plan.get("unchanged", 0):
        act = batch.act if batch.act in UNCHANGED else batch.kind
        found = replace(found, facts=(texts.count(UNCHANGED[act], unchanged), *found.facts))
    moved = batch.plan.get("moved")
    return replace(found, moved=describe_moved(**moved) if moved else "", blocked=blocked)


def describe_blocked(batch: Batch, number: int, *, may_unblock: bool) -> str:
    """That so many users of a plan or a result cannot sign in; '' where all can."""
    if not number:
        return ""
    if batch.total == 1:
        text = _("Sign-in is blocked for this user.")
    else:
        text = _("Sign-in is blocked for %(n)s of these users.") % {"n": intcomma(number)}
    if batch.state != Batch.State.PLANNED:
        return text
    stays = _("This does not change it.")
    if may_unblock:
        stays = _("This does not change it; you can unblock sign-in on the page that follows.")
    return _("%(blocked)s %(stays)s") % {"blocked": text, "stays": stays}


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    if batch.kind == Kind.PURGE:
        return Consequences(
            facts=(
                _("Who is purged cannot be restored by anybody."),
                _("Their names are taken out of batches and of the activity log, too."),
            ),
            warning=_("This cannot be undone."),
        )
    if batch.kind == Kind.UNDO:
        return Consequences(undo.describe(batch))
    if batch.kind == Kind.HOLD:
        return Consequences(holds.describe(batch))
    describe_kind = {
        Kind.DELETE: _describe_delete,
        Kind.RESTORE: _describe_restore,
        Kind.BLOCK: _describe_block,
        Kind.UNBLOCK: _describe_unblock,
        Kind.EDIT: _describe_edit,
        Kind.RESET: _describe_reset,
        Kind.LICENSES: _describe_licenses,
    }.get(batch.kind)
    return describe_kind(batch, products) if describe_kind else Consequences()


def _describe_delete(batch: Batch, products: Mapping[str, str]) -> Consequences:
    seats = batch.plan.get("seats", {})
    administrators = batch.plan.get("administrators", 0)
    days = batch.plan.get("retention_days", batch.customer.retention_days)
    last_day = formats.date_format(
        timezone.localtime(timezone.now() + timedelta(days=days)), "DATE_FORMAT"
    )
    restorable = ngettext(
        "They can be restored for %(days)s day, until %(day)s. Then they are purged.",
        "They can be restored for %(days)s days, until %(day)s. Then they are purged.",
        days,
    )
    facts = [_("Sign-in ends at once, open sessions included.")]
    if administrators:
        facts.append(
            ngettext(
                "%(n)s of them is an administrator.",
                "%(n)s of them are administrators.",
                administrators,
            )
            % {"n": intcomma(administrators)}
        )
    facts.append(restorable % {"days": days, "day": last_day})
    if waiting := batch.plan.get("waiting", 0):
        text = ngettext(
            "%(n)s of them waits in line for a license and leaves it. A restore does not bring the"
            " place back.",
            "%(n)s of them wait in line for a license and leave it. A restore does not bring the"
            " places back.",
            waiting,
        )
        facts.append(text % {"n": intcomma(waiting)})
    return Consequences(
        tuple(facts),
        tuple(Seats(_name(products, pk), _freed(number)) for pk, number in seats.items()),
    )


def _freed(number: int) -> str:
    text = ngettext("%(n)s seat becomes free", "%(n)s seats become free", number)
    return text % {"n": intcomma(number)}


def _describe_restore(batch: Batch, products: Mapping[str, str]) -> Consequences:
    seats = [_wanted(one, products) for one in batch.plan.get("seats", ())]
    facts = (
        _("They reappear with the licenses they had, as far as seats are free."),
        _("Who comes back without a license is named on the page that follows."),
    )
    return Consequences(facts if any(one.short for one in seats) else facts[:1], tuple(seats))


def _wanted(seat: dict, products: Mapping[str, str]) -> Seats:
    short = ngettext(
        "%(n)s user comes back without", "%(n)s users come back without", seat["short"]
    )
    return Seats(
        products.get(seat["subscription"]) or seat["name"],
        _("%(wanted)s wanted, %(free)s free")
        % {"wanted": intcomma(seat["wanted"]), "free": intcomma(seat["free"])},
        short % {"n": intcomma(seat["short"])} if seat["short"] else "",
    )


def _describe_block(batch: Batch, products: Mapping[str, str]) -> Consequences:
    return Consequences(
        (
            _("They cannot sign in any more, and open sessions end at once."),
            _("Licenses and data stay as they are."),
        )
    )


def _describe_unblock(batch: Batch, products: Mapping[str, str]) -> Consequences:
    return Consequences((_("They can sign in again with the password they have."),))


def _describe_reset(batch: Batch, products: Mapping[str, str]) -> Consequences:
    days = batch.customer.password_days
    valid = ngettext(
        "The new ones are temporary: valid for %(days)s day, and changed at the first sign-in.",
        "The new ones are temporary: valid for %(days)s days, and changed at the first sign-in.",
        days,
    )
    return Consequences(
        (
            _("The passwords they have end at once, and so do open sessions."),
            _("The old passwords cannot come back; a reset has no undo."),
            valid % {"days": days},
            _("The page that follows shows, prints or mails the new passwords."),
        )
    )


def _describe_edit(batch: Batch, products: Mapping[str, str]) -> Consequences:
    facts = []
    for name, value in batch.options.get("changes", {}).items():
        if not value:
            facts.append(EMPTIED[name])
        else:
            shown = locations.name_of(value) if name == "location" else value
            facts.append(BECOMES[name] % {"value": LANGUAGES.get(shown, shown)})
    return Consequences((*map(str, facts), _("Licenses stay as they are.")))


def _describe_licenses(batch: Batch, products: Mapping[str, str]) -> Consequences:
    seats = batch.plan.get("seats", ())
    facts = []
    if unserved := batch.plan.get("unserved", 0):
        text = ngettext(
            "No seat is left for %(n)s user, for whom nothing changes.",
            "No seat is left for %(n)s users, for whom nothing changes.",
            unserved,
        )
        facts.append(text % {"n": intcomma(unserved)})
    if any(one["short"] for one in seats):
        facts.append(_("Seats are too few: they go to the first in the order of the list."))
        is_queue = batch.options.get("when_short") == "queue"
        if is_queue:
            facts.append(_("The others wait in line, and get a license as soon as a seat is free."))
        if any(one["freed"] for one in seats):
            facts.append(
                _("Who has to wait keeps the old licenses until then.")
                if is_queue
                else _("Who cannot get everything new keeps the old licenses.")
            )
    if any(one.get("line") and one["wanted"] for one in seats):
        facts.append(
            _(
                "Others wait for the same licenses already. Seats that are free now are given here"
                " nevertheless; who waits gets the next ones."
            )
        )
    return Consequences(tuple(facts))


def _name(products: Mapping[str, str], pk: str) -> str:
    return products.get(pk) or _("a product no longer bought")
