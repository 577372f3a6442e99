"""What shall become of the licenses of those who were chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from users.acts.licenses import Changes
from users.acts.selection import NobodyChosen
from users.queries.selection import Chosen, Held

KEEP, GIVE, TAKE = "keep", "give", "take"
# What can be asked for, as the product stands among the chosen.
OFFERED = {"all": (KEEP, TAKE), "some": (KEEP, GIVE, TAKE), "none": (KEEP, GIVE)}


@dataclass(frozen=True)
class Option:
    """One of the things that can become of a product."""

    value: str
    text: str
    is_chosen: bool
    # More seats are asked for than are free.
    is_short: bool = False


@dataclass(frozen=True)
class Card:
    """A product as the page shows it: what can become of it, and of its service plans."""

    held: Held
    field: forms.BoundField
    options: tuple[Option, ...]
    changes_plans: bool
    # Id, name, whether it is ticked, and for how many it is off now.
    plans: tuple[tuple[str, str, bool, int], ...]

    @property
    def id(self) -> str:
        """The id of the subscription."""
        return str(self.held.subscription.pk)


class ManageLicenses(forms.Form):
    """Per product: leave it, give it to all or take it from all of the chosen."""

    # The mark of those for whom the page was made.
    shown = forms.CharField(required=False, widget=forms.HiddenInput)
    change_plans = forms.MultipleChoiceField(label=_("Service plans"), required=False)
    plans = forms.MultipleChoiceField(label=_("Service plans"), required=False)
    when_short = forms.ChoiceField(
        label=_("If too few licenses are free"),
        choices=[
            ("first", _("First come, in the order of the list; the others get none")),
            (
                "queue",
                _("Queue: the others wait in line, and get one as soon as a seat is free"),
            ),
            ("none", _("Give nobody any license, and change nothing")),
        ],
        initial="first",
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=240,
        required=False,
        help_text=_("Stands in the batch, for your colleagues."),
    )

    def __init__(self, data=None, *, chosen: Chosen, held: Sequence[Held], **more):
        super().__init__(data, **more)
        self.chosen, self.held = chosen, held
        bought = [one.subscription for one in held]
        self.fields["change_plans"].choices = [(str(one.pk), one) for one in bought]
        self.fields["plans"].choices = [
            (str(plan.pk), plan) for one in held for plan, _off in one.plans
        ]
        for one in bought:
            self.fields[_name(one)] = forms.ChoiceField(
                label=one.product.name,
                choices=[
                    (value, value) for value in (KEEP, GIVE, TAKE) if one.is_open or value != GIVE
                ],
                required=False,
                initial=KEEP,
                widget=forms.RadioSelect,
                error_messages={
                    "invalid_choice": _(
                        "The subscription is suspended; nobody can be given it now."
                    )
                },
            )

    @property
    def cards(self) -> list[Card]:
        """What the page shows of each product, with what was chosen already."""
        changed = set(self["change_plans"].value() or ())
        ticked = set(self["plans"].value() or ())
        return [self._card(one, str(one.subscription.pk) in changed, ticked) for one in self.held]

    def _card(self, one: Held, changes_plans: bool, ticked: set[str]) -> Card:
        field = self[_name(one.subscription)]
        offered = [
            value for value in OFFERED[one.have] if one.subscription.is_open or value != GIVE
        ]
        chosen = field.value() if field.value() in offered else KEEP
        return Card(
            held=one,
            field=field,
            options=tuple(_option(one, value, chosen) for value in offered),
            changes_plans=changes_plans,
            plans=tuple(
                (
                    str(plan.pk),
                    plan.name,
                    # Off for everybody who has it: then it stays off unless it is ticked.
                    str(plan.pk) in ticked if changes_plans else not one.held or off < one.held,
                    off,
                )
                for plan, off in one.plans
            ),
        )

    def clean(self) -> dict:
        """Refuse to act on others than those whom the page has shown."""
        cleaned = super().clean()
        if not len(self.chosen):
            raise forms.ValidationError(NobodyChosen.message)
        if cleaned.get("shown") != self.chosen.mark:
            raise forms.ValidationError(self._say_changed(cleaned.get("shown", "")))
        return cleaned

    def _say_changed(self, shown: str) -> str:
        before = shown.partition("-")[0]
        now = len(self.chosen)
        # More digits are no number of users, and none that Python reads.
        if not before.isdecimal() or len(before) > 8 or int(before) == now:
            return _(
                "Whom you chose has changed since this page was shown; other users are among them"
                " now. Nothing was planned. Look again, then save."
            )
        text = _(
            "How many users you chose has changed since this page was shown: from %(before)s to"
            " %(now)s. Nothing was planned. Look again, then save."
        )
        return text % {"before": intcomma(int(before)), "now": intcomma(now)}

    @property
    def order(self) -> dict:
        """What the operation is told."""
        wanted = {value: frozenset(self._of(value)) for value in (GIVE, TAKE)}
        on = set(self.cleaned_data["plans"])
        return {
            "users": self.chosen.ids,
            "changes": Changes(
                give=wanted[GIVE],
                take=wanted[TAKE],
                plans_off={
                    str(one.subscription.pk): [
                        str(plan.pk) for plan, _off in one.plans if str(plan.pk) not in on
                    ]
                    for one in self.held
                    if str(one.subscription.pk) in self.cleaned_data["change_plans"]
                },
            ),
            "when_short": self.cleaned_data["when_short"],
            "reason": self.cleaned_data["reason"],
        }

    def _of(self, value: str) -> list[str]:
        return [
            str(one.subscription.pk)
            for one in self.held
            if self.cleaned_data[_name(one.subscription)] == value
        ]


def _name(subscription) -> str:
    return f"do_{subscription.pk}"


def _option(one: Held, value: str, chosen: str) -> Option:
    numbers = {
        "held": intcomma(one.held),
        "chosen": intcomma(one.chosen),
        "lacking": intcomma(one.lacking),
        "free": intcomma(one.subscription.free),
        "waiting": intcomma(one.waiting),
    }
    is_short = value == GIVE and one.lacking > one.subscription.free
    return Option(value, _text(one, value) % numbers, value == chosen, is_short)


def _text(one: Held, value: str) -> str:
    if value == GIVE:
        return ngettext(
            "Give to all: %(lacking)s seat needed, %(free)s free",
            "Give to all: %(lacking)s seats needed, %(free)s free",
            one.lacking,
        )
    if value == TAKE and one.waiting:
        return _("Take from all: %(held)s licensed, %(waiting)s waiting")
    if value == TAKE:
        return ngettext(
            "Take from all: %(held)s seat becomes free",
            "Take from all: %(held)s seats become free",
            one.held,
        )
    if one.waiting:
        return _("Leave as it is: %(held)s of %(chosen)s have it, %(waiting)s waiting")
    return {
        "all": _("Leave as it is: everybody has it"),
        "some": _("Leave as it is: %(held)s of %(chosen)s have it"),
        "none": _("Leave as it is: nobody has it"),
    }[one.have]
