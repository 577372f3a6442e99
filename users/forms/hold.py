from django import forms
from django.utils.translation import gettext_lazy as _

from users.acts.hold import MAX_DAYS, WrongDays


class HoldPurge(forms.Form):
    """Hold, release or postpone the purge of deleted users."""

    act = forms.ChoiceField(
        choices=[("hold", "hold"), ("release", "release"), ("extend", "extend")],
        required=False,
        widget=forms.HiddenInput,
    )
    days = forms.IntegerField(
        label=_("Days"),
        min_value=1,
        max_value=MAX_DAYS,
        required=False,
        initial=30,
        help_text=_("Counted from the current purge date, up to 365."),
    )

    def clean(self):
        """Require days to postpone a purge, which is the default act."""
        cleaned = super().clean()
        cleaned["act"] = cleaned.get("act") or "extend"
        is_without = not cleaned.get("days") and "days" not in self.errors
        if cleaned["act"] == "extend" and is_without:
            self.add_error("days", WrongDays.message)
        return cleaned

    @property
    def order(self) -> dict:
        """The arguments of `plan_holds`."""
        return {"act": self.cleaned_data["act"], "days": self.cleaned_data["days"] or 0}
