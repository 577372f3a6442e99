"""What is written about many users at once, field by field."""

from collections.abc import Iterator

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from customers import locations
from users import operations
from users.importing import problems as importing
from users.importing import validate

NOBODY = validate.Facts(domains=(), taken={}, deleted={}, subscriptions=(), grantable=())
EMPTIES = _("Left empty, it is emptied for all of them.")


class EditMany(forms.Form):
    """The fields that become the same for all chosen users; only those that are ticked count."""

    change = forms.MultipleChoiceField(
        label=_("What changes"),
        choices=[
            ("job_title", _("Job title")),
            ("department", _("Department")),
            ("location", _("Usage location")),
            ("language", _("Language")),
        ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Tick at least one field that is to change.")},
    )
    job_title = forms.CharField(label=_("New job title"), required=False, help_text=EMPTIES)
    department = forms.CharField(label=_("New department"), required=False, help_text=EMPTIES)
    location = forms.ChoiceField(
        label=_("New usage location"),
        help_text=_(
            "Whoever holds a license that is not sold there is left as they are, and named on the"
            " next page."
        ),
        # Without one nobody can hold a license, so it is changed but never taken.
        error_messages={"required": _("Choose the usage location that they get.")},
    )
    language = forms.ChoiceField(label=_("New language"), required=False)

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.fields["location"].choices = [("", _("Choose …")), *locations.choices()]
        self.fields["language"].choices = [("", _("The customer’s language")), *settings.LANGUAGES]
        for name in ("job_title", "department"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def clean(self):
        """Check what is ticked by the rules of an import; what is not ticked says nothing."""
        cleaned = super().clean()
        wanted = cleaned.get("change", ())
        texts = {name: cleaned.get(name, "") for name in wanted}
        person, problems = validate.check_person({"display_name": "-"} | texts, NOBODY)
        for problem in problems:
            if problem.column in texts and problem.severity == importing.ERROR:
                self.add_error(problem.column, importing.describe(problem))
        for name in set(operations.OF_MANY) - set(wanted):
            self.errors.pop(name, None)
        cleaned["changes"] = {name: person[name] for name in wanted}
        return cleaned

    @property
    def changes(self) -> dict[str, str]:
        """What the operation is asked for."""
        return self.cleaned_data["changes"]

    @property
    def parts(self) -> Iterator[tuple]:
        """The box to tick of each field, and the control that belongs to it."""
        return ((box, self[box.data["value"]]) for box in self["change"])
