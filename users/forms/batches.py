from collections.abc import Container, Sequence
from dataclasses import dataclass

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from users.models import Batch

from .filters import ANY, select


@dataclass(frozen=True)
class Place:
    """Which lines of a batch its page shows: a filter and the number where the page begins."""

    show: str = ""
    after: int | None = None
    before: int | None = None

    @classmethod
    def of(cls, query: QueryDict, shows: Container[str]) -> "Place":
        """Read it from the address; what means nothing is taken for the first page of all."""
        show = query.get("show", "")
        return cls(
            show=show if show in shows else "",
            after=_read(query.get("after")),
            before=_read(query.get("before")),
        )


def _read(text: str | None) -> int | None:
    try:
        number = int(text) if text else None
    except ValueError:
        return None
    # No line has a higher number; Postgres would refuse it.
    return number if number is not None and 0 <= number < 2**31 else None


class FilterBatches(forms.Form):
    """The bar over a list of batches; it shows the address, which users.queries reads."""

    q = forms.CharField(required=False)
    show = select(
        _("State"),
        [
            ANY,
            ("running", _("Running")),
            ("paused", _("Paused")),
            ("waiting", _("Waiting")),
            ("done", _("Done")),
            ("canceled", _("Canceled")),
        ],
        is_bare=True,
    )
    kind = select(_("Act"), [ANY, *Batch.Kind.choices], is_bare=True)
    customer = select(_("Customer"), [], is_bare=True)
    by = select(_("Started by"), [("", _("Anybody")), ("me", _("Me"))], is_bare=True)

    passwords = select(_("Passwords"), [ANY, ("waiting", _("To hand over"))], is_bare=True)

    def __init__(self, query: QueryDict, *, customers: Sequence[Customer], may_hand_over: bool):
        """Offer these customers; none where they are chosen otherwise, or not at all."""
        super().__init__(initial=query.dict(), auto_id="filter-%s")
        self.fields["customer"].choices = [ANY, *((one.slug, one.name) for one in customers)]
        if not customers:
            del self.fields["customer"]
        if not may_hand_over:
            del self.fields["passwords"]

    @property
    def chips(self) -> list[forms.BoundField]:
        """What is chosen from."""
        return [self[name] for name in self.fields if name != "q"]
