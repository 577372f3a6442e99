from django import forms
from django.utils.translation import gettext_lazy as _

from audit.queries import GROUPS
from customers.queries import find_customers
from partners.models import Member
from portal.queries.customers import CUSTOMER_STATES
from portal.queries.log import PERIODS


class FindCustomers(forms.Form):
    """Filters of the list of customers; invalid values are ignored."""

    q = forms.CharField(required=False)
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=list(CUSTOMER_STATES.items()),
        widget=forms.Select(attrs={"class": "bare"}),
    )
    after = forms.SlugField(required=False, widget=forms.HiddenInput)
    before = forms.SlugField(required=False, widget=forms.HiddenInput)

    def values(self) -> dict[str, str]:
        """The valid values, '' for the others."""
        self.full_clean()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}


class FindEvents(forms.Form):
    """Filters of the activity log; invalid values are ignored."""

    q = forms.CharField(required=False, max_length=320)
    group = forms.ChoiceField(
        label=_("Kind"),
        required=False,
        choices=[("", _("Any")), *((name, group[0]) for name, group in GROUPS.items())],
        widget=forms.Select(attrs={"class": "bare"}),
    )
    period = forms.ChoiceField(
        label=_("Period"),
        required=False,
        choices=[("", _("Any time")), *((name, period[0]) for name, period in PERIODS.items())],
        widget=forms.Select(attrs={"class": "bare"}),
    )
    by = forms.UUIDField(required=False)
    customer = forms.SlugField(required=False)
    # The text of a search for a customer.
    whose = forms.CharField(required=False, max_length=200)
    user = forms.UUIDField(required=False)
    batch = forms.UUIDField(required=False)
    after = forms.UUIDField(required=False)
    before = forms.UUIDField(required=False)

    def values(self) -> dict:
        """The valid values, None for the others."""
        self.full_clean()
        return {name: self.cleaned_data.get(name) for name in self.fields}


class ChooseCustomers(forms.Form):
    is_limited = forms.TypedChoiceField(
        label=_("Access to"),
        choices=[("no", _("All customers")), ("yes", _("Selected customers only"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    customers = forms.ModelMultipleChoiceField(
        label=_("Selected customers"),
        queryset=None,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args, by: Member, **kwargs):
        super().__init__(*args, **kwargs)
        found = find_customers(member=by)
        self.fields["customers"].queryset = found.order_by("sort_key", "pk")
        if by.is_limited:
            # A limited owner cannot give access to all customers.
            self.fields["is_limited"].choices = self.fields["is_limited"].choices[1:]

    @classmethod
    def of(cls, member: Member, data=None, *, by: Member) -> "ChooseCustomers":
        initial = {
            "is_limited": "yes" if member.is_limited else "no",
            "customers": list(member.scopes.values_list("customer_id", flat=True)),
        }
        return cls(data, initial=initial, by=by)
