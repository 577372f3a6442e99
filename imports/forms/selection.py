from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from imports.forms.upload import WithFile
from imports.read.people import read_file, read_text
from spreadsheets.errors import UnreadableFile
from users.models import Selection
from users.queries.named import ABSENT, PERHAPS, SEVERAL

# With more of them than this, they are corrected in the file.
MAX_TYPED = 1_000


class People(forms.CharField):
    """A list of users as text; what cannot be part of a text is left out."""

    def __init__(self, **options):
        attrs = {"rows": 10, "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(strip=False, required=False, widget=forms.Textarea(attrs), **options)

    def to_python(self, value):
        return super().to_python(value).replace("\0", "")


class SelectNamed(WithFile):
    """A list of users, pasted or in a file."""

    people = People(
        label=_("User names, email addresses or names"),
        help_text=_("One user per line, as in an email or a spreadsheet."),
    )
    field_order = ("people", "file")

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.fields["file"].required = False
        self.entries = []

    def clean_file(self):
        return super().clean_file() if self.cleaned_data["file"] else None

    def clean(self):
        cleaned = super().clean()
        self.entries = self._read("people", cleaned.get("people"), read_text)
        if file := cleaned.get("file"):
            self.entries += self._read("file", file, lambda file: read_file(file.read(), file.name))
        if not (self.errors or self.entries):
            self.add_error("people", _("Enter at least one user, or choose a file."))

    def _read(self, name, value, read):
        try:
            return read(value) if value else []
        except UnreadableFile as error:
            self.add_error(name, error.message)
            return []


class CompleteSelection(forms.Form):
    """Choices among similar users, and the corrected list of those that were not found."""

    AGAIN = "again"

    do = forms.ChoiceField(
        required=False, choices=[(value, value) for value in ("active", "deleted", AGAIN)]
    )
    users = forms.TypedMultipleChoiceField(required=False, coerce=UUID)
    people = People(label=_("Not found"), help_text=_("Correct these entries, or copy them."))

    def __init__(self, *arguments, selection: Selection, **keywords):
        super().__init__(*arguments, **keywords)
        self.entries = None
        candidates = {
            user
            for entry in selection.unmatched
            if entry["code"] in (SEVERAL, PERHAPS)
            for user in entry["users"]
        }
        self.fields["users"].choices = [(user, user) for user in candidates]
        absent = [entry["text"] for entry in selection.unmatched if entry["code"] == ABSENT]
        if 0 < len(absent) <= MAX_TYPED:
            self.fields["people"].initial = "\n".join(absent)
        else:
            del self.fields["people"]

    def clean(self):
        cleaned = super().clean()
        if self.is_again and "people" in cleaned:
            try:
                self.entries = [entry.at(0) for entry in read_text(cleaned["people"])]
            except UnreadableFile as error:
                self.add_error("people", error.message)

    @property
    def arguments(self) -> dict:
        """The arguments of `complete_selection`."""
        return {"users": self.cleaned_data["users"], "entries": self.entries}

    @property
    def is_again(self) -> bool:
        """Whether the corrected entries are to be looked up."""
        return self.cleaned_data.get("do") == self.AGAIN

    @property
    def tab(self) -> str:
        """The tab of the list with the users to show."""
        return "deleted" if self.cleaned_data["do"] == "deleted" else ""
