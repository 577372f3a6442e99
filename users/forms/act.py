"""What acts ask before they are planned."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from django import forms
from django.http import QueryDict

from batches.acts import Act, Texts
from batches.errors import UsersError
from batches.models import Batch
from customers.models import Customer
from partners.models import Member


class Unanswered(UsersError):
    """A question of the form is open; the form has the errors."""


class ActForm(forms.Form):
    """The questions of an act on selected users; without fields, nothing is asked."""

    # Whether buttons of the list can answer it, by their address.
    has_buttons = False
    # The fields that buttons of the list fill in on its page.
    kept: Sequence[str] = ()

    def __init__(
        self,
        data: Mapping | None = None,
        *,
        values: QueryDict,
        customer: Customer,
        users: Sequence[UUID],
        member: Member,
    ):
        """`values` are those of the address."""
        super().__init__(data, initial=values.dict())
        self.customer, self.users, self.member = customer, users, member

    @property
    def arguments(self) -> dict:
        """The arguments for the plan of the act."""
        return {}

    @property
    def context(self) -> dict:
        """Further values for the template."""
        return {}

    def texts_of(self, act: Act) -> Texts:
        """The texts of what is chosen."""
        return act.texts

    def look_ahead(self, batch: Batch, *, by: Member) -> dict:
        """Answer the plan that is shown as it is proposed; returns values for the template."""
        return {}

    def prepare(self, batch: Batch, *, by: Member) -> None:
        """
        Answer what the plan about one user asks.

        :raises Unanswered: where an answer is wrong; the form has the errors.
        """


class Once(forms.Form):
    """What a question about one user brings back, so that it is answered once and not too late."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    # The user as the question was asked.
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)
