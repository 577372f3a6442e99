"""What an undo says: what it takes back, and why some of it stays as it is."""

from collections.abc import Mapping

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.models import Batch
from users.acts.undo import CannotUndo
from users.rules.fields import label_of

# Why a line, or a part of one, cannot be undone; and what is worth knowing where it can.
PROBLEMS = {
    "nothing_done": gettext_lazy(
        "The batch changed nothing about this user, so there is nothing to undo."
    ),
    "purged_since": gettext_lazy("This user has been purged meanwhile. Nothing is left of it."),
    "deleted_since": gettext_lazy(
        "This user has been deleted meanwhile. Restore it first, then undo this for it."
    ),
    "back_already": gettext_lazy("This has been taken back already."),
    "deleted_again": gettext_lazy(
        "This user has been restored and deleted again meanwhile. Undo the later deletion instead."
    ),
    "comes_back_without": gettext_lazy(
        "No license of “%(product)s” is left, so this user comes back without it."
    ),
    "closed_since": gettext_lazy("“%(product)s” is suspended, so its license does not come back."),
    "in_use": gettext_lazy("This user has signed in since, and will not be able to any more."),
    "field_back_already": gettext_lazy("%(field)s: it is as it was before already."),
    "field_changed_since": gettext_lazy(
        "%(field)s: it has been changed again since, and stays as it is."
    ),
    "would_grant": gettext_lazy(
        "This user would become an administrator again, which your role does not allow."
    ),
    "restored_since": gettext_lazy(
        "This user has been restored meanwhile, so there is no purge any more."
    ),
    "purge_changed_since": gettext_lazy(
        "The purge of this user has been changed again since, and stays as it is."
    ),
    "purge_day_past": gettext_lazy(
        "The day on which this user was to be purged has passed, so it becomes the one in 7 days."
    ),
    "license_gone_since": gettext_lazy("The license of “%(product)s” has been taken away already."),
    "license_back_already": gettext_lazy("The license of “%(product)s” is back already."),
    "license_changed_since": gettext_lazy(
        "The service plans of “%(product)s” have been changed again since, and stay as they are."
    ),
    "wait_lost": gettext_lazy(
        "The wait for a license of “%(product)s” has ended, and nobody gets a place in line back."
    ),
    "license_came_since": gettext_lazy(
        "A license of “%(product)s” came from the queue since. Undo that batch to take it away."
    ),
}

# What will happen, by act.
FACTS = {
    "delete": lambda n: ngettext(
        "%(n)s user account is deleted. It can be restored like any other.",
        "%(n)s user accounts are deleted. They can be restored like any others.",
        n,
    ),
    "restore": lambda n: ngettext(
        "%(n)s user comes back, with the password and the licenses from before.",
        "%(n)s users come back, with the passwords and the licenses from before.",
        n,
    ),
    "edit": lambda n: ngettext(
        "What was written about %(n)s user before stands there again.",
        "What was written about %(n)s users before stands there again.",
        n,
    ),
    "licenses": lambda n: ngettext(
        "%(n)s user has the licenses from before again.",
        "%(n)s users have the licenses from before again.",
        n,
    ),
    "update": lambda n: ngettext(
        "%(n)s user has the profile and the licenses from before again.",
        "%(n)s users have the profiles and the licenses from before again.",
        n,
    ),
    "hold": lambda n: ngettext(
        "The purge of %(n)s user is as it was before.",
        "The purge of %(n)s users is as it was before.",
        n,
    ),
    "block": lambda n: ngettext(
        "%(n)s user cannot sign in any more.", "%(n)s users cannot sign in any more.", n
    ),
    "unblock": lambda n: ngettext(
        "%(n)s user can sign in again.", "%(n)s users can sign in again.", n
    ),
}


def say(problem: Mapping) -> str:
    """What a problem of the undo means; '' where it is none of those."""
    sentence = PROBLEMS.get(problem.get("code", ""))
    if sentence is None:
        return ""
    params = dict(problem.get("params") or {})
    if "field" in params:
        params["field"] = label_of(params["field"])
    if "subscription" in params:
        params.setdefault("product", _("a product no longer bought"))
    return str(sentence) % params


def describe(batch: Batch) -> tuple[str, ...]:
    """What happens if this undo runs."""
    acts = batch.plan.get("acts", {})
    facts = [_count(FACTS[act], acts[act]) for act in FACTS if acts.get(act)]
    if acts.keys() & {"licenses", "update"} and any(one["short"] for one in batch.plan["seats"]):
        facts.append(
            _("Who cannot get back everything, as no seat is free, keeps what they have now.")
        )
    if nothing := batch.plan.get("nothing_done", 0):
        facts.append(
            _count(
                lambda n: ngettext(
                    "%(n)s line of that batch was not done, so nothing of it is undone.",
                    "%(n)s lines of that batch were not done, so nothing of them is undone.",
                    n,
                ),
                nothing,
            )
        )
    return tuple(facts)


def shows_licenses(batch: Batch) -> bool:
    """Whether a batch that is an undo changes the licenses of anybody."""
    return batch.kind != Batch.Kind.UNDO or bool(batch.plan.get("seats"))


def _count(sentence, number: int) -> str:
    return sentence(number) % {"n": intcomma(number)}


def done(number: int) -> str:
    """What an undo that has run did to so many users."""
    return ngettext("Undone for %(n)s user", "Undone for %(n)s users", number)


def do(number: int) -> str:
    """What the button says that starts an undo."""
    return ngettext("Undo for %(n)s user", "Undo for %(n)s users", number)


def question(number: int) -> str:
    """What the page of a planned undo asks."""
    return ngettext("Undo this for %(n)s user?", "Undo this for %(n)s users?", number)


def refusal(code: str) -> str:
    """Why a batch that is over cannot be undone; '' where it can."""
    return str(CannotUndo.REASONS[code]) if code not in {"", "not_over"} else ""
