import re

from django import forms
from django.utils.translation import gettext_lazy as _

from users.rules import problems as importing


class RenameRestored(forms.Form):
    """A new name for a restored user with a taken name."""

    number = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    local_part = forms.CharField(label=_("New user name"), required=False, strip=True)
    # The button of a suggestion, which wins over the typed name.
    suggestion = forms.CharField(required=False)

    @property
    def wanted(self) -> str:
        """The suggested or typed local part."""
        return self.cleaned_data["suggestion"] or self.cleaned_data["local_part"]

    def refuse(self, codes: list[str]) -> None:
        """Add the errors for these codes of `rename_restored`."""
        for code in codes:
            self.add_error("local_part", _explain(code, self.wanted))


def _explain(code: str, typed: str) -> str:
    if code == "name_taken":
        return _("This user name is already taken. Choose another one.")
    known = {"empty": "user_name_missing"}.get(code, f"user_name_{code}")
    bad = "".join(dict.fromkeys(re.findall(r"[^A-Za-z0-9._'-]", typed))).replace(" ", "\u2423")
    problem = importing.Problem(0, "user_name", typed, known, {"characters": bad})
    return importing.describe(problem)
