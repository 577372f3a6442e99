"""The filters over a list of users."""

from collections.abc import Sequence
from dataclasses import dataclass

from django import forms
from django.http import QueryDict
from django.utils import formats
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.filters import ANY, select
from licensing.models import Subscription
from users.queries.filters import Filters

# Not in the bar itself, so the page lists those that are set, with links to remove them.
RARE = (
    "selection",
    "lacks",
    "waits",
    "permissions",
    "password",
    "location",
    "added_from",
    "added_to",
    "purge",
    "deleted_from",
    "deleted_to",
)


@dataclass(frozen=True)
class SetFilter:
    """A filter that is set, in words, and the query string of the list without it."""

    label: str
    value: str
    query_without: str


def _day(label: str) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget)


class FilterUsers(forms.Form):
    """The filters and sort orders of the list; filled from the address, which users.queries reads."""

    tab = forms.CharField(required=False, widget=forms.HiddenInput)
    q = forms.CharField(required=False)
    selection = forms.CharField(label=_("Selection"), required=False, widget=forms.HiddenInput)
    license = select(_("License"), [ANY], is_bare=True)
    status = select(
        _("Sign-in"),
        [ANY, ("allowed", _("Allowed")), ("blocked", _("Blocked"))],
        is_bare=True,
    )
    lacks = select(_("Without license for"), [ANY])
    waits = select(_("Waiting for"), [ANY])
    permissions = select(_("Permissions"), [ANY, ("administrators", _("Administrators"))])
    password = select(_("Password"), [ANY, ("temporary", _("Temporary, not changed yet"))])
    location = select(_("Usage location"), [ANY, ("missing", _("Missing"))])
    purge = select(_("Purge"), [ANY, ("held", _("Held"))])
    added_from = _day(_("Added from"))
    added_to = _day(_("Added until"))
    deleted_from = _day(_("Deleted from"))
    deleted_to = _day(_("Deleted until"))
    sort = select(_("Sort by"), [], is_bare=True)

    SORTS = [
        ("", _("Name")),
        ("-name", _("Name, Z to A")),
        ("user_name", _("User name")),
        ("-user_name", _("User name, Z to A")),
        ("-added", _("Last added")),
        ("added", _("First added")),
    ]
    DELETED_SORTS = [
        ("", _("Last deleted")),
        ("deleted", _("First deleted")),
        ("purge", _("Fewest days left")),
        ("name", pgettext_lazy("of a person", "Name")),
        ("-name", _("Name, Z to A")),
        ("user_name", _("User name")),
        ("-user_name", _("User name, Z to A")),
    ]
    ONLY_ACTIVE = (
        "license",
        "status",
        "lacks",
        "waits",
        "password",
        "location",
        "added_from",
        "added_to",
    )
    ONLY_DELETED = ("purge", "deleted_from", "deleted_to")

    def __init__(self, query: QueryDict, *, subscriptions: Sequence[Subscription]):
        super().__init__(initial=query.dict(), auto_id="filter-%s")
        self.query = query
        is_deleted = query.get("tab") == "deleted"
        for name in self.ONLY_ACTIVE if is_deleted else self.ONLY_DELETED:
            del self.fields[name]
        self.fields["sort"].choices = self.DELETED_SORTS if is_deleted else self.SORTS
        products = [(str(bought.pk), bought.product.name) for bought in subscriptions]
        if not is_deleted:
            self.fields["lacks"].choices = self.fields["waits"].choices = [ANY, *products]
            self.fields["license"].choices = [
                ANY,
                ("some", _("Licensed")),
                ("none", _("Unlicensed")),
                (_("With license for"), products),
            ]

    @property
    def rare(self) -> list[forms.BoundField]:
        """The controls behind "Add filter"."""
        fields = [self[name] for name in RARE if name in self.fields]
        return [field for field in fields if not field.is_hidden]

    def find_set(self, filters: Filters) -> list[SetFilter]:
        """The set filters that the bar itself does not show."""
        return [
            SetFilter(self.fields[name].label, self._in_words(name), self._without(name))
            for name in RARE
            if getattr(filters, name) and name in self.fields
        ]

    def _in_words(self, name: str) -> str:
        value = self.query[name].strip()
        field = self.fields[name]
        if name == "selection":
            return _("From a list")
        if isinstance(field, forms.DateField):
            return formats.date_format(field.to_python(value), "DATE_FORMAT")
        return dict(field.choices).get(value, value)

    def _without(self, name: str) -> str:
        query = self.query.copy()
        for gone in (name, "after", "before"):
            query.pop(gone, None)
        return query.urlencode()
