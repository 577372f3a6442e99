"""The values before and after of an event, in words."""

import re
from dataclasses import dataclass

from django.core.exceptions import FieldDoesNotExist
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from audit.models import Event
from batches.acts import get_acts
from customers import locations
from customers.models import Customer, Domain
from handover.models import Handover
from licensing.models import Product, Subscription
from partners.models import Member
from users.models import CustomerUser, UserPermission

MODELS = {
    "user": CustomerUser,
    "customer": Customer,
    "domain": Domain,
    "subscription": Subscription,
    "product": Product,
    "member": Member,
}
# Names of values that are no column of the subject, or a column without a form.
LABELS = {
    "assigned": gettext_lazy("Assigned"),
    "closed": gettext_lazy("Subscriptions closed"),
    "customers": gettext_lazy("Customers"),
    "events": gettext_lazy("Actions"),
    "everywhere": gettext_lazy("At all addresses"),
    "factor": gettext_lazy("Second factor"),
    "failed": gettext_lazy("Failed attempts"),
    "file": gettext_lazy("File"),
    "filter": gettext_lazy("Filter"),
    "had": gettext_lazy("Already assigned"),
    "held": gettext_lazy("Assigned licenses"),
    "kind": gettext_lazy("Kind"),
    "lines": gettext_lazy("Lines"),
    "mails": gettext_lazy("Mails"),
    "name": gettext_lazy("Name"),
    "not_sold_in": gettext_lazy("Not sold in"),
    "owner": gettext_lazy("Owner"),
    "passwords": gettext_lazy("Passwords"),
    "permissions": gettext_lazy("Permissions"),
    "product": gettext_lazy("Product"),
    "reason": gettext_lazy("Reason"),
    "removed": gettext_lazy("Removed"),
    "seats": gettext_lazy("Seats"),
    "short": gettext_lazy("Missing seats"),
    "slug": gettext_lazy("Short name in addresses"),
    "state": gettext_lazy("State"),
    "stopped": gettext_lazy("No longer waiting for licenses"),
    "subscriptions": gettext_lazy("Subscriptions"),
    "to": gettext_lazy("To"),
    "undoes": gettext_lazy("Undone job"),
    "users": gettext_lazy("Users"),
    "verified": gettext_lazy("Verified"),
    "waiting": gettext_lazy("Waiting for licenses"),
    "way": gettext_lazy("Way"),
}
PLACES = {"location", "not_sold_in"}
# Words for values that are no choices of the subject's fields.
WORDS = {
    "permissions": dict(UserPermission.choices),
    "factor": {
        "totp": gettext_lazy("Authenticator app"),
        "recovery_codes": gettext_lazy("Recovery codes"),
        "webauthn": gettext_lazy("Security key"),
    },
    "reason": {
        "blocked": gettext_lazy("Sign-in blocked"),
        "expired": gettext_lazy("Temporary password expired"),
    },
    "way": {
        "change": gettext_lazy("When changing the password"),
        "factor": gettext_lazy("Wrong second factor code"),
        "shown": gettext_lazy("On screen"),
        "printed": gettext_lazy("On paper"),
        "downloaded": gettext_lazy("As a file"),
        "link": gettext_lazy("One-time link"),
    },
}
_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOTHING = "–"
MAX_LENGTH = 120


@dataclass(frozen=True)
class Change:
    """One value; `before` is '' if there was none."""

    label: str
    before: str
    after: str

    def __str__(self):
        value = f"{self.before} → {self.after}" if self.before else self.after
        return _("%(label)s: %(value)s") % {"label": self.label, "value": value}


def of_event(event: Event) -> list[Change]:
    """The changed values of an event."""
    before, after = event.before or {}, event.after or {}
    model = MODELS.get(event.action.partition(".")[0])
    return [
        Change(
            label=_label(model, name),
            before=_say(model, name, before[name]) if name in before else "",
            after=_say(model, name, after[name]) if name in after else NOTHING,
        )
        for name in dict.fromkeys([*before, *after])
        # An empty value without one before is no change.
        if name in before or after.get(name) not in ([], "", None, {})
    ]


def subject_of(event: Event) -> str:
    """The name of the subject; of a batch, its kind in words."""
    if event.subject_id and event.subject_id == event.batch_id:
        return _kind(event.subject_name)
    return event.subject_name


def _field(model, name: str):
    try:
        return model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        return None


def _label(model, name: str) -> str:
    if name in LABELS:
        return str(LABELS[name])
    field = _field(model, name)
    text = getattr(field, "verbose_name", None) or name.replace("_", " ")
    return capfirst(str(text))


def _say(model, name: str, value) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, list):
        # Of keys and records only their number is shown.
        if not all(isinstance(item, str) and not _KEY.fullmatch(item) for item in value):
            return str(len(value))
        words = [_word(model, name, item) for item in value]
        return pgettext("between the parts of a list", ", ").join(words)[:MAX_LENGTH]
    if isinstance(value, dict):
        return str(len(value))
    return _word(model, name, value)[:MAX_LENGTH]


def _word(model, name: str, value) -> str:
    if name in PLACES:
        return str(locations.name_of(value))
    if name == "kind":
        return _kind(value)
    words = WORDS.get(name) or dict(getattr(_field(model, name), "flatchoices", ()))
    return str(words.get(value, value))


def _kind(value: str) -> str:
    """The kind of a batch or a hand-over in words."""
    words = {act.kind: act.texts.label for act in get_acts()} | dict(Handover.Kind.choices)
    return str(words.get(value, value))
