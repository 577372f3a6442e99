import re

from django import forms
from django.utils.translation import gettext_lazy as _

from batches.models import Batch
from partners.models import Member
from users.acts.rename import rename_restored
from users.forms.act import ActForm, Unanswered
from users.queries.restore import find_taken_names
from users.rules import problems as importing


class NewName(forms.Form):
    """A new name for a restored user with a taken name."""

    local_part = forms.CharField(label=_("New user name"), required=False, strip=True)

    @property
    def wanted(self) -> str:
        return self.cleaned_data["local_part"]

    def refuse(self, codes: list[str]) -> None:
        """Add the errors for these codes of `rename_restored`."""
        for code in codes:
            self.add_error("local_part", _explain(code, self.wanted))


class RenameRestored(NewName):
    """The name for the user of a line."""

    number = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    # The button of a suggestion, which wins over the typed name.
    suggestion = forms.CharField(required=False)

    @property
    def wanted(self) -> str:
        """The suggested or typed local part."""
        return self.cleaned_data["suggestion"] or super().wanted


class RestoreOne(NewName, ActForm):
    """The restore of one user, with a name that is asked where the old one is taken."""

    def look_ahead(self, batch: Batch, *, by: Member) -> dict:
        """With another name the plan is as it will be: its seats are counted."""
        taken = find_taken_names(batch)
        for one in taken:
            local = next(iter(one.suggestions), "")
            rename_restored(batch=batch, number=1, local_part=local, by=by)
        return {"taken_names": taken}

    def prepare(self, batch: Batch, *, by: Member) -> None:
        if "local_part" not in self.data:
            return
        local = self.cleaned_data["local_part"]
        self.refuse(rename_restored(batch=batch, number=1, local_part=local, by=by))
        if self.errors:
            raise Unanswered


def _explain(code: str, typed: str) -> str:
    if code == "name_taken":
        return _("This user name is already taken. Choose another one.")
    known = {"empty": "user_name_missing"}.get(code, f"user_name_{code}")
    bad = "".join(dict.fromkeys(re.findall(r"[^A-Za-z0-9._'-]", typed))).replace(" ", "\u2423")
    problem = importing.Problem(0, "user_name", typed, known, {"characters": bad})
    return importing.describe(problem)
