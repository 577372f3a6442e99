from django import forms
from django.utils.translation import gettext_lazy as _

from batches.acts import Act, Texts
from users.acts.hold import MAX_DAYS, TEXTS, WrongDays
from users.forms.act import ActForm


class HoldPurge(ActForm):
    """Hold, release or postpone the purge of deleted users."""

    has_buttons = True

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

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.initial.setdefault("act", "extend")
        if self["act"].value() in {"hold", "release"}:
            del self.fields["days"]

    def clean(self):
        """Require days to postpone a purge, which is the default act."""
        cleaned = super().clean()
        cleaned["act"] = cleaned.get("act") or "extend"
        is_without = not cleaned.get("days") and "days" not in self.errors
        if cleaned["act"] == "extend" and is_without:
            self.add_error("days", WrongDays.message)
        return cleaned

    def texts_of(self, act: Act) -> Texts:
        return TEXTS.get(self["act"].value(), TEXTS["extend"])

    @property
    def arguments(self) -> dict:
        return {"act": self.cleaned_data["act"], "days": self.cleaned_data.get("days") or 0}
