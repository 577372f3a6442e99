"""What is said as a plan is started, and what a restored user is called."""

import re

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from users import operations
from users.importing import problems as importing
from users.models import Batch


class Note(forms.Form):
    """What is said for the record about a plan; it goes along with every repair of the plan."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=240,
        required=False,
        help_text=_("Stands beside the users and in the batch, for your colleagues."),
        widget=forms.TextInput(attrs={"data-carry": True}),
    )
    ticket = forms.CharField(
        label=_("Ticket number"),
        max_length=60,
        required=False,
        help_text=_("The number of the case in your help desk."),
        widget=forms.TextInput(attrs={"data-carry": True}),
    )

    @property
    def is_sent(self) -> bool:
        """Whether both fields stood on the page, and hold what can be kept."""
        return {"reason", "ticket"} <= self.data.keys() and self.is_valid()


class StartBatch(Note):
    """What must be said before a plan runs; which of it is asked depends on the plan."""

    may_take_last_administrator = forms.BooleanField(
        label=_("Yes, leave this customer without a global administrator who can sign in"),
        required=False,
    )
    new_passwords = forms.TypedChoiceField(
        label=_("Password"),
        choices=[
            ("old", _("Everybody keeps the password they had")),
            ("new", _("Everybody gets a new temporary password, handed over on a sheet")),
        ],
        coerce=lambda choice: choice == "new",
        widget=forms.RadioSelect,
    )
    when_short = forms.ChoiceField(
        label=_("If too few licenses are free"),
        choices=[
            ("first", _("First come, in the order of the list; the others get none")),
            ("queue", _("Queue: the others wait in line, and get one as soon as a seat is free")),
        ],
        required=False,
        widget=forms.RadioSelect,
    )
    typed = forms.CharField()

    def __init__(self, *args, batch: Batch, number: int, **more):
        super().__init__(*args, **more)
        self.number = number
        self.initial.setdefault("reason", batch.reason)
        self.initial.setdefault("ticket", batch.ticket)
        is_new = batch.options.get("new_passwords")
        self.initial.setdefault("new_passwords", "new" if is_new else "old")
        self.initial.setdefault("when_short", batch.options.get("when_short", "first"))
        is_waiting = batch.state == Batch.State.PLANNED
        is_restore = batch.kind == Batch.Kind.RESTORE
        wanted = {
            "may_take_last_administrator": batch.plan.get("takes_last_administrator"),
            "new_passwords": is_restore,
            "when_short": is_restore and any(one["short"] for one in batch.plan.get("seats", ())),
            "reason": True,
            "ticket": True,
            "typed": batch.kind == Batch.Kind.PURGE,
        }
        for name, is_asked in wanted.items():
            if not (is_waiting and is_asked):
                del self.fields[name]
        if "typed" in self.fields:
            label = ngettext(
                "Type %(n)s, the number of users that are purged for good",
                "Type %(n)s, the number of users that are purged for good",
                number,
            )
            self.fields["typed"].label = label % {"n": intcomma(number)}
            self.fields["typed"].error_messages["required"] = self.refusal
            self.fields["typed"].widget.attrs |= {"inputmode": "numeric", "autocomplete": "off"}

    def clean_may_take_last_administrator(self) -> bool:
        """Refuse what takes the last global administrator, unless it was said to be meant."""
        is_meant = self.cleaned_data["may_take_last_administrator"]
        if not is_meant:
            raise forms.ValidationError(operations.LastAdministrator.message)
        return is_meant

    def clean_typed(self) -> str:
        """Compare the number that was typed with the number of users."""
        typed = re.sub(r"[\s.,]", "", self.cleaned_data["typed"])
        if typed != str(self.number):
            raise forms.ValidationError(self.refusal)
        return typed

    @property
    def refusal(self) -> str:
        """What is said where the number was not typed."""
        text = _("Nobody was purged. Type %(n)s here if these users are to go for good.")
        return text % {"n": intcomma(self.number)}

    @property
    def choices(self) -> dict:
        """What the operation is told."""
        unsaid = {name for name in Note.base_fields if name not in self.data}
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in unsaid | {"typed"}
        }


class RenameRestored(forms.Form):
    """A new name for a user who comes back, since somebody else has the old one."""

    number = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    local_part = forms.CharField(label=_("New user name"), required=False, strip=True)
    # The pressed button of a suggestion; it wins over what was typed.
    suggestion = forms.CharField(required=False)

    @property
    def wanted(self) -> str:
        """The local part that was typed or taken from a suggestion."""
        return self.cleaned_data["suggestion"] or self.cleaned_data["local_part"]

    def refuse(self, codes: list[str]) -> None:
        """Say what is wrong with the name."""
        for code in codes:
            self.add_error("local_part", _say(code, self.wanted))


def _say(code: str, typed: str) -> str:
    if code == "name_taken":
        return _("Somebody has this user name already. Choose another one.")
    known = {"empty": "user_name_missing"}.get(code, f"user_name_{code}")
    bad = "".join(dict.fromkeys(re.findall(r"[^A-Za-z0-9._'-]", typed))).replace(" ", "\u2423")
    problem = importing.Problem(0, "user_name", typed, known, {"characters": bad})
    return importing.describe(problem)
