import json
from dataclasses import dataclass

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from batches.models import Batch
from licensing import queries as licensing
from licensing.models import ServicePlan, Subscription
from partners.models import Member
from partners.roles import Permission
from users.acts.licenses import Changes
from users.acts.selection import NoUsersSelected
from users.forms.act import ActForm, Unanswered
from users.queries.add import find_choices
from users.queries.selection import Held, find_held, get_chosen

KEEP, GIVE, TAKE = "keep", "give", "take"
# Users without a location that fit into the link to the page that sets it.
MAX_HANDED_ON = 1_000
# The options by how many of the selected users have the product.
OFFERED = {"all": (KEEP, TAKE), "some": (KEEP, GIVE, TAKE), "none": (KEEP, GIVE)}


@dataclass(frozen=True)
class Option:
    """One of the things to do with a product."""

    value: str
    text: str
    is_chosen: bool
    # More seats are needed than are free.
    is_short: bool = False


@dataclass(frozen=True)
class Card:
    """A product on the page: what to do with it, and with its service plans."""

    held: Held
    field: forms.BoundField
    options: tuple[Option, ...]
    changes_plans: bool
    # Id, name, whether it is checked, and for how many users it is off now.
    plans: tuple[tuple[str, str, bool, int], ...]

    @property
    def id(self) -> str:
        return str(self.held.subscription.pk)


class ManageLicenses(ActForm):
    """Per product: keep it, assign it to all or remove it from all of the selected users."""

    # The mark of the users that the page showed.
    shown = forms.CharField(required=False, widget=forms.HiddenInput)
    change_plans = forms.MultipleChoiceField(label=_("Service plans"), required=False)
    plans = forms.MultipleChoiceField(label=_("Service plans"), required=False)
    when_short = forms.ChoiceField(
        label=_("If there aren’t enough seats"),
        choices=[
            ("first", _("Assign in list order until the seats run out")),
            (
                "queue",
                _("Assign in list order. The other users wait and get a seat when one is free"),
            ),
            ("none", _("Don’t change anything")),
        ],
        initial="first",
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=240,
        required=False,
        help_text=_("Your colleagues see it in the job."),
    )

    def __init__(self, data=None, **more):
        """
        :raises NoUsersSelected: where it is not sent yet, and no selected user is active.
        """
        super().__init__(data, **more)
        self.chosen = get_chosen(self.customer, self.users, member=self.member)
        if data is None and not self.chosen.ids:
            raise NoUsersSelected
        self.held = find_held(self.customer, self.chosen)
        bought = [holding.subscription for holding in self.held]
        self.fields["change_plans"].choices = [
            (str(subscription.pk), subscription) for subscription in bought
        ]
        self.fields["plans"].choices = [
            (str(plan.pk), plan) for holding in self.held for plan, _off in holding.plans
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
                        "The subscription is suspended, so no licenses can be assigned."
                    )
                },
            )

    @property
    def cards(self) -> list[Card]:
        """The products, with what was chosen already."""
        changed = set(self["change_plans"].value() or ())
        checked = set(self["plans"].value() or ())
        return [
            self._card(holding, str(holding.subscription.pk) in changed, checked)
            for holding in self.held
        ]

    def _card(self, one: Held, changes_plans: bool, checked: set[str]) -> Card:
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
                    # A plan that is off for all holders of the product stays off by default.
                    str(plan.pk) in checked if changes_plans else not one.held or off < one.held,
                    off,
                )
                for plan, off in one.plans
            ),
        )

    def clean(self) -> dict:
        """Refuse a selection that has changed since the page was shown."""
        cleaned = super().clean()
        if not len(self.chosen):
            raise forms.ValidationError(NoUsersSelected.message)
        if cleaned.get("shown") != self.chosen.mark:
            raise forms.ValidationError(self._describe_change(cleaned.get("shown", "")))
        return cleaned

    def _describe_change(self, shown: str) -> str:
        before, now = shown.partition("-")[0], len(self.chosen)
        # More digits are no number of users, and none that Python reads.
        if not before.isdecimal() or len(before) > 8 or int(before) == now:
            return _(
                "The selection contains other users than when you opened this page. Nothing was"
                " saved. Check the page, then continue."
            )
        text = ngettext(
            "The selection changed from %(before)s to %(now)s user after you opened this page."
            " Nothing was saved. Check the page, then continue.",
            "The selection changed from %(before)s to %(now)s users after you opened this page."
            " Nothing was saved. Check the page, then continue.",
            now,
        )
        return text % {"before": intcomma(int(before)), "now": intcomma(now)}

    @property
    def context(self) -> dict:
        without = self.chosen.without_location
        may_move = self.member.may(Permission.MANAGE_USERS) and len(without) <= MAX_HANDED_ON
        return {
            "chosen": self.chosen,
            "cards": self.cards,
            "may_move": may_move,
            "without_location": ",".join(map(str, without)),
        }

    @property
    def arguments(self) -> dict:
        """The arguments of `plan_licenses`."""
        on = set(self.cleaned_data["plans"])
        return {
            "changes": Changes(
                add=self._of(GIVE),
                remove=self._of(TAKE),
                disabled_plans={
                    str(holding.subscription.pk): [
                        str(plan.pk) for plan, _off in holding.plans if str(plan.pk) not in on
                    ]
                    for holding in self.held
                    if str(holding.subscription.pk) in self.cleaned_data["change_plans"]
                },
            ),
            "when_short": self.cleaned_data["when_short"],
            "reason": self.cleaned_data["reason"],
        }

    def _of(self, value: str) -> frozenset[str]:
        return frozenset(
            str(holding.subscription.pk)
            for holding in self.held
            if self.cleaned_data[_name(holding.subscription)] == value
        )


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
            "Assign to all: %(lacking)s seat needed, %(free)s free",
            "Assign to all: %(lacking)s seats needed, %(free)s free",
            one.lacking,
        )
    if value == TAKE and one.waiting:
        return _("Remove from all: %(held)s licensed, %(waiting)s waiting")
    if value == TAKE:
        return ngettext(
            "Remove from all: %(held)s seat becomes free",
            "Remove from all: %(held)s seats become free",
            one.held,
        )
    if one.waiting:
        return _("No change: %(held)s of %(chosen)s have it, %(waiting)s waiting")
    return {
        "all": _("No change: all have it"),
        "some": _("No change: %(held)s of %(chosen)s have it"),
        "none": _("No change: none have it"),
    }[one.have]


@dataclass(frozen=True)
class OneLicense:
    """A product in the question about the licenses of one user."""

    subscription: Subscription
    is_held: bool
    is_chosen: bool
    # The service plans, and whether each is on.
    plans: tuple[tuple[ServicePlan, bool], ...]
    # The place in the waitlist.
    place: licensing.Place | None

    @property
    def is_closed(self) -> bool:
        """Whether it can be neither assigned nor removed."""
        return not self.subscription.is_open and not self.is_held

    @property
    def is_short(self) -> bool:
        return not self.is_held and self.subscription.is_open and self.subscription.free <= 0


CHANGED = _(
    "The licenses of this user were changed after you opened this. Nothing was saved. Check what’s"
    " selected now, then save."
)


class LicensesOfOne(ActForm):
    """The products of one user, and their service plans."""

    # The licenses that the question has shown.
    shown = forms.CharField(required=False, widget=forms.HiddenInput)
    products = forms.MultipleChoiceField(label=_("Licenses"), required=False)
    plans = forms.MultipleChoiceField(label=_("Service plans"), required=False)
    when_short = forms.ChoiceField(
        label=_("If no seat is free"),
        choices=[
            ("first", _("Don’t assign the license")),
            ("queue", _("Put the user on the waitlist")),
        ],
        initial="first",
        required=False,
        widget=forms.RadioSelect,
    )

    def __init__(self, data=None, **more):
        super().__init__(data, **more)
        self.held = self._find_held()
        self.places = licensing.get_places(self.customer, self.users)
        self.subscriptions = find_choices(self.customer)
        self.fields["products"].choices = [(str(one.pk), one) for one in self.subscriptions]
        self.fields["plans"].choices = [
            (str(plan.pk), plan) for one in self.subscriptions for plan in one.product.plans.all()
        ]

    def _find_held(self) -> dict[str, list[str]]:
        (user_id,) = self.users
        held = licensing.get_held(self.customer, self.users).get(user_id, {})
        return {one: sorted(map(str, off)) for one, off in sorted(held.items())}

    @property
    def mark(self) -> str:
        return json.dumps(self.held)

    @property
    def context(self) -> dict:
        return {"licenses": self.licenses}

    @property
    def licenses(self) -> list[OneLicense]:
        chosen = set(self["products"].value() or ()) if self.is_bound else self.held
        return [self._license(one, str(one.pk) in chosen) for one in self.subscriptions]

    @property
    def is_short(self) -> bool:
        """Whether there is a product without a free seat for the user."""
        return any(one.is_short for one in self.licenses)

    def _license(self, one: Subscription, is_chosen: bool) -> OneLicense:
        off = self._off(one) if self.is_bound else self.held.get(str(one.pk), ())
        plans = sorted(one.product.plans.all(), key=lambda plan: plan.name)
        return OneLicense(
            subscription=one,
            is_held=str(one.pk) in self.held,
            is_chosen=is_chosen,
            plans=tuple((plan, str(plan.pk) not in off) for plan in plans),
            place=self.places.get((self.users[0], one.pk)),
        )

    def _off(self, one: Subscription) -> list[str]:
        on = set(self["plans"].value() or ())
        return sorted(str(plan.pk) for plan in one.product.plans.all() if str(plan.pk) not in on)

    def clean(self) -> dict:
        """Refuse licenses that have changed since the question was asked."""
        cleaned = super().clean()
        if cleaned.get("shown") != self.mark:
            raise forms.ValidationError(CHANGED)
        return cleaned

    def prepare(self, batch: Batch, *, by: Member) -> None:
        """Refuse licenses that have changed until the customer was locked."""
        held = self._find_held()
        if held != self.held:
            self.held = held
            self.add_error(None, CHANGED)
            raise Unanswered

    @property
    def arguments(self) -> dict:
        """The arguments of `plan_licenses`."""
        chosen = set(self.cleaned_data["products"])
        return {
            "changes": Changes(
                add=frozenset(chosen - self.held.keys()),
                remove=frozenset(self.held.keys() - chosen),
                disabled_plans={
                    str(subscription.pk): self._off(subscription)
                    for subscription in self.subscriptions
                    if str(subscription.pk) in chosen
                },
            ),
            "when_short": self.cleaned_data["when_short"] or "first",
        }
