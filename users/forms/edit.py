"""Editing one user, or the same fields of many."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from batches.errors import LastAdministrator, UsersError
from customers import locations
from customers.forms import Location
from licensing import queries as licensing
from users.acts.add import NameTaken
from users.acts.edit import SHARED_FIELDS
from users.acts.profile import EditedMeanwhile
from users.forms.act import ActForm
from users.forms.person import ADMINISTRATOR, FORM_TEXTS, USER, Person
from users.models import CustomerUser, UserPermission
from users.rules import problems as importing
from users.rules.facts import Facts
from users.rules.person import check_person

# The fields that are compared after another member has saved.
COMPARED = (
    *FORM_TEXTS,
    "user_name",
    "domain",
    "location",
    "language",
    "contact_email",
    "permissions",
)


@dataclass(frozen=True)
class Difference:
    """A field with different values in the form and in what another member has saved."""

    label: str
    mine: str
    saved: str
    # Whether the form keeps the typed value, as the member had changed it.
    is_mine_kept: bool


def _values_of(user: CustomerUser) -> dict:
    local, _at, domain = user.user_name.partition("@")
    same = {
        name: getattr(user, name) for name in (*FORM_TEXTS, "location", "language", "contact_email")
    }
    return same | {"user_name": local, "domain": domain, "permissions": sorted(user.permissions)}


def _initial_of(user: CustomerUser) -> dict:
    values = _values_of(user)
    return values | {
        "kind": ADMINISTRATOR if user.permissions else USER,
        "version": user.version,
        "seen": json.dumps(values),
    }


class EditUser(Person):
    """The profile of a user, with the values that the member has seen and typed."""

    # The version that the form was filled from, and its values.
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    may_take_last_administrator = forms.BooleanField(
        label=_("Leave this customer without a global administrator with sign-in"),
        required=False,
    )

    def __init__(self, *args, user: CustomerUser, **more):
        super().__init__(*args, initial=_initial_of(user), **more)
        self.user = user
        self.differences: list[Difference] = []
        own = user.user_name.partition("@")[2]
        if own not in self.domains:
            self.domains = [*self.domains, own]
        self.fields["domain"].choices = [(domain, domain) for domain in self.domains]
        if not user.location:
            self.fields["location"].required = False
            self.fields["location"].choices = locations.choices(_("Not set"))

    @cached_property
    def facts(self) -> Facts:
        """The facts for the rules; the user's own name does not count as taken."""
        return self.without(super().facts, self.user.user_name, self.domains)

    @staticmethod
    def without(facts: Facts, own: str, domains: list[str]) -> Facts:
        """The facts without the user name `own`."""
        taken = {name: owner for name, owner in facts.taken.items() if name != own}
        return Facts(
            domains=tuple(domains),
            taken=taken,
            deleted=facts.deleted,
            subscriptions=facts.subscriptions,
            grantable=facts.grantable,
        )

    def products_of(self, cleaned: dict) -> list[dict]:
        """The licenses of the user, which a new location must allow."""
        held = licensing.get_held(self.customer, [self.user.pk]).get(self.user.pk, {})
        return [{"subscription": pk, "disabled_plans": off} for pk, off in held.items()]

    def report(self, problem: importing.Problem) -> None:
        """Add the error of a field; of the licenses only one that the new location rules out."""
        is_moved = self.cleaned_data.get("location") != self.user.location
        if problem.code == "product_not_sold" and is_moved:
            self.add_error("location", importing.describe(problem))
        elif problem.column != "products" and problem.code != "location_missing":
            super().report(problem)

    @property
    def is_last_asked(self) -> bool:
        """Whether the form asks to confirm that the last global administrator is demoted."""
        return bool(
            self["may_take_last_administrator"].errors
            or self["may_take_last_administrator"].value()
        )

    @property
    def order(self) -> dict:
        """The arguments of `edit_user`."""
        names = ("person", "version", "may_take_last_administrator")
        return {name: self.cleaned_data[name] for name in names}

    def refuse(self, error: UsersError) -> None:
        """Add the error of the operation to its field."""
        if isinstance(error, NameTaken):
            self.refuse_name(error.message)
        elif isinstance(error, LastAdministrator):
            self.add_error("may_take_last_administrator", error.message)
        else:
            self.add_error(None, error.message)
        if isinstance(error, EditedMeanwhile):
            self._compare(error.user)

    def _compare(self, user: CustomerUser) -> None:
        """Take over the fields that only the other member has changed, and list all differences."""
        seen, saved, data = self._read_seen(), _values_of(user), self.data.copy()
        for name in COMPARED:
            mine = self._typed(name)
            if mine == saved[name]:
                continue
            is_mine_kept = mine != seen.get(name, saved[name])
            if not is_mine_kept:
                data.setlist(name, saved[name] if name == "permissions" else [saved[name]])
            self.differences.append(
                Difference(
                    self.fields[name].label,
                    self._say(name, mine),
                    self._say(name, saved[name]),
                    is_mine_kept,
                )
            )
        if data.getlist("permissions") == saved["permissions"]:
            data["kind"] = ADMINISTRATOR if saved["permissions"] else USER
        data["version"], data["seen"] = str(user.version), json.dumps(saved)
        self.data = data

    def _read_seen(self) -> dict:
        try:
            seen = json.loads(self.cleaned_data.get("seen") or "{}")
        except (ValueError, RecursionError):
            return {}
        return seen if isinstance(seen, dict) else {}

    def _typed(self, name: str) -> str | list[str]:
        if name == "permissions":
            return sorted(self.cleaned_data["person"]["permissions"])
        if name in ("user_name", "domain"):
            local, _at, domain = self.cleaned_data["person"]["user_name"].partition("@")
            return local if name == "user_name" else domain
        return self.cleaned_data["person"][name]

    def _say(self, name: str, value: str | list[str]) -> str:
        if name == "permissions":
            labels = [str(permission.label) for permission in UserPermission if permission in value]
            return pgettext("between the parts of a list", ", ").join(labels) or str(_("User"))
        if name == "location" and value:
            return str(locations.name_of(value))
        if name == "language":
            return str(dict(self.fields["language"].choices).get(value, value))
        return value or "–"


NO_FACTS = Facts(domains=(), taken={}, deleted={}, subscriptions=(), grantable=())


EMPTIES = _("Leave empty to clear it for all selected users.")


class EditMany(ActForm):
    """The fields that get the same value for all selected users; only checked ones count."""

    kept = ("change",)

    change = forms.MultipleChoiceField(
        label=_("Fields to change"),
        choices=[
            ("job_title", _("Job title")),
            ("department", _("Department")),
            ("location", _("Usage location")),
            ("language", _("Language")),
        ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Select at least one field to change.")},
    )
    job_title = forms.CharField(label=_("New job title"), required=False, help_text=EMPTIES)
    department = forms.CharField(label=_("New department"), required=False, help_text=EMPTIES)
    location = Location(
        empty=_("Choose …"),
        label=_("New usage location"),
        help_text=_(
            "Users with a license that isn’t available there are skipped. The next page lists them."
        ),
        # Required, as users without a location cannot have licenses.
        error_messages={"required": _("Choose a usage location.")},
    )
    language = forms.ChoiceField(label=_("New language"), required=False)

    def __init__(self, data=None, *, values: QueryDict, **more):
        super().__init__(data, values=values, **more)
        self.initial["change"] = values.getlist("change")
        self.fields["language"].choices = [("", _("The customer’s language")), *settings.LANGUAGES]
        for name in ("job_title", "department"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def clean(self):
        """Check the checked fields by the rules of an import; drop errors of the others."""
        cleaned = super().clean()
        wanted = cleaned.get("change", ())
        texts = {name: cleaned.get(name, "") for name in wanted}
        person, problems = check_person({"display_name": "-"} | texts, NO_FACTS)
        for problem in problems:
            if problem.column in texts and problem.severity == importing.ERROR:
                self.add_error(problem.column, importing.describe(problem))
        for name in set(SHARED_FIELDS) - set(wanted):
            self.errors.pop(name, None)
        cleaned["changes"] = {name: person[name] for name in wanted}
        return cleaned

    @property
    def arguments(self) -> dict:
        return {"changes": self.cleaned_data["changes"]}

    @property
    def parts(self) -> Iterator[tuple]:
        """The checkbox of each field, and its control."""
        return ((box, self[box.data["value"]]) for box in self["change"])
