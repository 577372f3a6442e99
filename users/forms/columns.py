"""What the columns of an uploaded file mean."""

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext_lazy as _

from users.importing.columns import LABELS, plain_header
from users.models import ImportColumn

LONGEST = ImportColumn._meta.get_field("header").max_length


class MapColumns(forms.Form):
    """For each column of a file the field that it holds, or that it is left out."""

    def __init__(self, *args, columns: Sequence[dict], **more):
        super().__init__(*args, **more)
        self.columns = columns
        for number, column in enumerate(columns):
            # What has no name cannot be known again.
            if plain_header(column["header"]):
                self.fields[f"column_{number}"] = forms.ChoiceField(
                    label=column["header"],
                    required=False,
                    choices=[("", _("Leave out")), *LABELS.items()],
                    initial=column["field"] if column["field"] in LABELS else "",
                )

    @property
    def rows(self) -> list[tuple[dict, forms.BoundField | None]]:
        """Each column with its field of the form; None where it has no header."""
        names = (f"column_{number}" for number in range(len(self.columns)))
        return [
            (column, self[name] if name in self.fields else None)
            for column, name in zip(self.columns, names, strict=True)
        ]

    @property
    def said(self) -> dict[str, str]:
        """The fields by plain header, of the columns that are to be read otherwise than so far."""
        return {
            plain_header(self.fields[name].label)[:LONGEST]: self.cleaned_data[name]
            for name in self.changed_data
            # What is not sent is not said.
            if self.add_prefix(name) in self.data
        }
