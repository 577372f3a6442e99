from collections.abc import Sequence

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

ANY = ("", _("Any"))


def select(label: str, choices: Sequence, *, is_bare: bool = False) -> forms.ChoiceField:
    """A filter that is chosen from a list; a bare one stands in the bar itself."""
    widget = forms.Select(attrs={"class": "bare"} if is_bare else {})
    return forms.ChoiceField(label=label, choices=choices, required=False, widget=widget)


# They choose which part of a list is shown, not what is in it.
PLACES_IN_A_LIST = {"page", "sort", "after", "before"}


LONGEST_SEARCH = 200


class UnknownFilter(Exception):
    """A filter has a name or a value that does not exist here; it selects no users."""

    message = _("A filter in the address is unknown. Clear the filters and choose again.")


def read_values(query: QueryDict) -> dict[str, str]:
    """
    The values of the filters in an address by name, without empty ones.

    :raises UnknownFilter: where one of them has two values.
    """
    values = {}
    for name, given in query.lists():
        found = [value.strip() for value in given if value.strip()]
        if name in PLACES_IN_A_LIST or not found:
            continue
        if len(found) > 1:
            raise UnknownFilter
        values[name] = found[0]
    return values
