from django import forms
from django.utils.translation import gettext_lazy as _

from .queries import CUSTOMER_STATES


class FindCustomers(forms.Form):
    """What the list of customers is narrowed by; whatever means nothing is taken for nothing."""

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
        """What was asked for, as far as it can be understood."""
        self.full_clean()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}
