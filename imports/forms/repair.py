"""Repairs of a planned import: one row, or all rows with the same problem."""

from collections.abc import Iterable
from dataclasses import replace

from django import forms
from django.utils.translation import gettext_lazy as _

from batches.models import Line
from customers import locations
from imports.check.repair import How, Kind
from users.forms.person import ADMINISTRATOR, TEXTS, USER, Person
from users.models import UserPermission
from users.rules.problems import Problem


class RepairAll(forms.Form):
    """The choice for all rows with the same problem, or for one of them."""

    code = forms.CharField(max_length=40)
    column = forms.CharField(max_length=40, required=False)
    # As in the file.
    key = forms.CharField(required=False, strip=False)
    # Of one row; else all rows with the problem.
    number = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    choice = forms.CharField(error_messages={"required": _("Choose what to do with these rows.")})

    def clean_choice(self) -> tuple[How, str]:
        """Split "how:value"."""
        how, _colon, value = self.cleaned_data["choice"].partition(":")
        if how not in set(How) or (how == How.SET and not value):
            raise forms.ValidationError(self.fields["choice"].error_messages["required"])
        return How(how), value

    @property
    def kind(self) -> Kind:
        typed = (self.data.get(name, "") for name in ("code", "column", "key"))
        return Kind(*typed)

    @property
    def arguments(self) -> dict:
        """The arguments of `repair_all`."""
        how, value = self.cleaned_data["choice"]
        number = self.cleaned_data.get("number")
        return {"kind": self.kind, "how": how, "value": value, "number": number}


class RepairLine(Person):
    """One row of a planned import."""

    products = forms.MultipleChoiceField(
        label=_("Licenses"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args, line: Line, products: dict[str, str], **more):
        self.line = line
        super().__init__(*args, initial=self._initial_of(line.input), **more)
        self.fields["location"].required = False
        self.fields["location"].choices = locations.choices(_("None"))
        self.fields["products"].choices = list(products.items())
        if self.initial["domain"] not in self.domains:
            self.initial["domain"] = next(iter(self.domains), "")

    @staticmethod
    def _initial_of(person: dict) -> dict:
        local, _at, domain = person["user_name"].partition("@")
        known = [
            permission
            for permission in person.get("permissions", ())
            if permission in UserPermission.values
        ]
        return {
            **{name: person.get(name, "") for name in TEXTS},
            "user_name": local,
            "domain": domain.lower(),
            "location": person.get("location", ""),
            "language": person.get("language", ""),
            "contact_email": person.get("contact_email", ""),
            "kind": ADMINISTRATOR if known else USER,
            "permissions": known,
            "products": [product["subscription"] for product in person.get("products", ())],
        }

    @property
    def is_repeated(self) -> bool:
        """True: the operation checks the values, together with the whole plan."""
        return True

    def products_of(self, cleaned: dict) -> list[dict]:
        """The chosen licenses; those that the row had keep their service plans."""
        before = {
            product["subscription"]: product for product in self.line.input.get("products", ())
        }
        return [
            before.get(id, {"subscription": id, "disabled_plans": []})
            for id in cleaned.get("products", ())
        ]

    def report(self, problem: Problem) -> None:
        """Add the problem to its field; the user name may be taken by another row, too."""
        super().report(problem)
        if problem.column not in {"user_name", "domain"}:
            return
        others = self.name_check.suggestions
        if problem.suggestion:
            local, _at, domain = problem.suggestion.partition("@")
            is_here = domain == self.cleaned_data["domain"]
            others = (local if is_here else problem.suggestion,)
        self.name_check = replace(self.name_check, state="bad", suggestions=others)

    def refuse(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.report(problem)
