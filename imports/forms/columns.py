from collections.abc import Mapping
from dataclasses import asdict

from django import forms
from django.utils.translation import gettext_lazy as _

from batches.models import Batch
from imports.models import ImportColumn
from imports.queries import find_column_meanings, find_preview
from imports.read import preview
from imports.read.columns import CHOICES, PASSWORD, make_header, resolve
from imports.read.dialects import plain_header

MAX_HEADER = ImportColumn._meta.get_field("header").max_length


class MapColumns(forms.Form):
    """The line of a file that is its header, and the field of each column or that it is skipped."""

    header_line = forms.TypedChoiceField(
        label=_("Header"), coerce=int, required=False, widget=forms.RadioSelect
    )
    # The line of the columns that are shown: they are of another header than the chosen one where the page
    # runs no scripts.
    shown_line = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data=None, *, batch: Batch, typed: Mapping[str, str]):
        """`typed` is what stands in the form where another header was chosen."""
        super().__init__(data)
        self.batch = batch
        self.preview = find_preview(batch)
        self.cells = dict(self.preview["lines"])
        texts = {number: " · ".join(filter(None, cells)) for number, cells in self.cells.items()}
        self.fields["header_line"].choices = [
            (0, _("No header: the first line is a user")),
            *((number, text) for number, text in texts.items()),
        ]
        self.fields["header_line"].initial = self._likely_line
        shown = str((data or typed).get("shown_line" if data else "header_line", ""))
        is_line = shown.isdecimal() and int(shown) in {0, *self.cells}
        self._shown = int(shown) if is_line else self._likely_line
        self.fields["shown_line"].initial = self._shown
        self.columns = self._find_columns()
        for number, column in enumerate(self.columns):
            if column["field"] == PASSWORD:
                continue
            field = column["field"] if column["field"] in CHOICES else ""
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=column["header"] or _("Column %(number)s") % {"number": number + 1},
                required=False,
                choices=[("", _("Skip")), *CHOICES.items()],
                initial=field if data else typed.get(f"column_{number}") or field,
            )

    @property
    def _likely_line(self) -> int:
        if self.preview["header_line"] is not None:
            return self.preview["header_line"]
        number, cells = next(iter(self.cells.items()), (0, []))
        return 0 if preview.looks_like_person(cells) else number

    def _find_columns(self) -> list[dict]:
        line = self._shown
        if line == self.preview["header_line"] or not self.cells:
            return self.preview["columns"]
        width = max(map(len, self.cells.values()))
        below = [cells for number, cells in self.cells.items() if number > line]
        header = make_header(
            self.cells[line] if line else [""] * width, find_column_meanings(self.batch.customer)
        )
        return [asdict(column) for column in preview.show_columns(resolve(header, below), below)]

    @property
    def rows(self) -> list[tuple[dict, forms.BoundField | None]]:
        """Each column with its form field, or None where it has passwords."""
        names = (f"column_{number}" for number in range(len(self.columns)))
        return [
            (column, self[name] if name in self.fields else None)
            for column, name in zip(self.columns, names, strict=True)
        ]

    @property
    def _line(self) -> int:
        chosen = self.cleaned_data["header_line"]
        return self._likely_line if chosen == "" else chosen

    @property
    def _chosen(self) -> dict[int, str]:
        """The fields of columns that the member has changed, by position."""
        if self._line not in (0, self._shown):
            return {}
        # Without a header, only the choices give the columns their fields.
        names = self.changed_data if self._line else self.fields
        return {
            int(name.removeprefix("column_")): self.cleaned_data[name]
            for name in names
            if name.startswith("column_") and self.add_prefix(name) in self.data
        }

    @property
    def options(self) -> dict:
        """The choices in the form of a batch's options."""
        if not self.cells:
            return {}
        before = self.batch.options
        is_same = self._line == self.preview["header_line"]
        columns = dict(before.get("columns", {})) if is_same else {}
        for position, field in self._chosen.items():
            header = plain_header(self.columns[position]["header"]) if self._line else ""
            columns[str(position)] = {"header": header, "field": field}
        line = before.get("header_line") if is_same else self._line
        return {"columns": columns, "header_line": line}

    @property
    def remembered(self) -> dict[str, str]:
        """The fields for later files by plain header, where a header names one column alone."""
        plain = [plain_header(column["header"])[:MAX_HEADER] for column in self.columns]
        return {
            plain[position]: field
            for position, field in self._chosen.items()
            if self._line and plain[position] and plain.count(plain[position]) == 1
        }
