"""The form that starts a plan, and the filters of the list of batches."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from batches.acts import get_act, get_acts
from batches.errors import LastAdministrator
from batches.models import Batch
from customers.filters import ANY, select
from customers.models import Customer


class Note(forms.Form):
    """Reason and ticket number of a plan; sent along with each repair of its rows."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=240,
        required=False,
        help_text=_("Your colleagues see it in the job and on the users’ pages."),
        widget=forms.TextInput(attrs={"data-carry": True}),
    )
    ticket = forms.CharField(
        label=_("Ticket number"),
        max_length=60,
        required=False,
        help_text=_("The case number in your ticket system."),
        widget=forms.TextInput(attrs={"data-carry": True}),
    )

    @property
    def is_sent(self) -> bool:
        """Whether both fields were on the page, with valid values."""
        return {"reason", "ticket"} <= self.data.keys() and self.is_valid()


class StartBatch(Note):
    """The questions before a plan runs; its act and its state decide which of them are asked."""

    may_take_last_administrator = forms.BooleanField(
        label=_("Leave this customer without a global administrator with sign-in"),
        required=False,
    )
    new_passwords = forms.TypedChoiceField(
        label=_("Password"),
        choices=[
            ("old", _("Keep the previous passwords")),
            ("new", _("Set new temporary passwords, which you hand over")),
        ],
        coerce=lambda choice: choice == "new",
        widget=forms.RadioSelect,
    )
    when_short = forms.ChoiceField(
        label=_("If there aren’t enough seats"),
        choices=[
            ("first", _("Assign in list order until the seats run out")),
            (
                "queue",
                _("Assign in list order. The other users wait and get a seat when one is free"),
            ),
        ],
        required=False,
        widget=forms.RadioSelect,
    )
    typed = forms.CharField()

    def __init__(self, *args, batch: Batch, number: int = 1, is_at_once: bool = False, **more):
        """Ask about a plan for this number of users, or about one user without its page."""
        super().__init__(*args, **more)
        self.number = number
        self.initial.setdefault("reason", batch.reason)
        self.initial.setdefault("ticket", batch.ticket)
        is_new = batch.options.get("new_passwords")
        self.initial.setdefault("new_passwords", "new" if is_new else "old")
        self.initial.setdefault("when_short", batch.options.get("when_short", "first"))
        is_waiting = batch.state == Batch.State.PLANNED
        asks = get_act(batch.kind).asks
        wanted = {
            "may_take_last_administrator": batch.plan.get("takes_last_administrator"),
            "new_passwords": "new_passwords" in asks,
            "when_short": "when_short" in asks
            and any(seat["short"] for seat in batch.plan.get("seats", ())),
            "reason": True,
            "ticket": True,
            "typed": "typed" in asks and not is_at_once,
        }
        for name, is_asked in wanted.items():
            if not (is_waiting and is_asked):
                del self.fields[name]
        if number == 1:
            self._use_singular()
        if "typed" in self.fields:
            label = ngettext(
                "Type %(n)s, the number of users to purge",
                "Type %(n)s, the number of users to purge",
                number,
            )
            self.fields["typed"].label = label % {"n": intcomma(number)}
            self.fields["typed"].error_messages["required"] = self.refusal
            self.fields["typed"].widget.attrs |= {"inputmode": "numeric", "autocomplete": "off"}

    def _use_singular(self) -> None:
        if "new_passwords" in self.fields:
            self.fields["new_passwords"].choices = [
                ("old", _("Keep the previous password")),
                ("new", _("Set a new temporary password, which you hand over")),
            ]
        if "when_short" in self.fields:
            self.fields["when_short"].label = _("If no seat is free")
            self.fields["when_short"].choices = [
                ("first", _("Continue without the license")),
                ("queue", _("Put the user on the waitlist")),
            ]

    def clean_may_take_last_administrator(self) -> bool:
        is_meant = self.cleaned_data["may_take_last_administrator"]
        if not is_meant:
            raise forms.ValidationError(LastAdministrator.message)
        return is_meant

    def clean_typed(self) -> str:
        typed = re.sub(r"[\s.,]", "", self.cleaned_data["typed"])
        if typed != str(self.number):
            raise forms.ValidationError(self.refusal)
        return typed

    @property
    def refusal(self) -> str:
        """The error for a missing or a wrong number."""
        text = _("No users were purged. Type %(n)s to confirm.")
        return text % {"n": intcomma(self.number)}

    @property
    def choices(self) -> dict:
        """The arguments for `start_batch`."""
        unsent = {name for name in Note.base_fields if name not in self.data}
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in unsent | {"typed"}
        }


@dataclass(frozen=True)
class Place:
    """Which lines of a batch its page shows: a filter and the number where the page begins."""

    show: str = ""
    after: int | None = None
    before: int | None = None

    @classmethod
    def of(cls, query: QueryDict, shows: Container[str]) -> "Place":
        """Read it from the address; invalid values mean the first page of all lines."""
        show = query.get("show", "")
        return cls(
            show=show if show in shows else "",
            after=_read(query.get("after")),
            before=_read(query.get("before")),
        )


def _read(text: str | None) -> int | None:
    try:
        number = int(text) if text else None
    except ValueError:
        return None
    # No line has a higher number; Postgres would refuse it.
    return number if number is not None and 0 <= number < 2**31 else None


class FilterBatches(forms.Form):
    """The filters over a list of batches; filled from the address, which batches.queries reads."""

    q = forms.CharField(required=False)
    show = select(
        _("State"),
        [
            ANY,
            ("running", _("Running")),
            ("paused", _("Paused")),
            ("waiting", _("Waiting")),
            ("done", _("Done")),
            ("canceled", _("Canceled")),
        ],
        is_bare=True,
    )
    kind = select(_("Action"), [], is_bare=True)
    customer = select(_("Customer"), [], is_bare=True)
    by = select(_("Started by"), [("", _("Anyone")), ("me", _("Me"))], is_bare=True)

    passwords = select(_("Passwords"), [ANY, ("waiting", _("To hand over"))], is_bare=True)

    def __init__(self, query: QueryDict, *, customers: Sequence[Customer], may_hand_over: bool):
        """Offer these customers; without any, the field is removed."""
        super().__init__(initial=query.dict(), auto_id="filter-%s")
        kinds = [(act.kind, act.texts.label) for act in get_acts() if act.has_batches]
        self.fields["kind"].choices = [ANY, *kinds]
        self.fields["customer"].choices = [
            ANY,
            *((customer.slug, customer.name) for customer in customers),
        ]
        if not customers:
            del self.fields["customer"]
        if not may_hand_over:
            del self.fields["passwords"]

    @property
    def chips(self) -> list[forms.BoundField]:
        """The filters with choices."""
        return [self[name] for name in self.fields if name != "q"]
