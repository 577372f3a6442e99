"""How the passwords of a sheet are mailed."""

from django import forms
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from handover.models import Handover
from partners.models import Member

CONTACT = "contact"


class HandOver(forms.Form):
    """That passwords have been handed over, and how many of them were knowingly never opened."""

    unopened = forms.IntegerField(required=False, min_value=0)

    @property
    def confirmed(self) -> int:
        """How many it are; none where the box was not ticked."""
        return (self.is_valid() and self.cleaned_data["unopened"]) or 0


class MailSheet(forms.Form):
    """To whom a sheet is mailed, and as what."""

    kind = forms.ChoiceField(label=_("What to send"), widget=forms.RadioSelect)
    to = forms.ChoiceField(
        label=_("Send the link to the sheet to"),
        required=False,
        help_text=_("Only used for a link to the whole sheet."),
    )

    def __init__(self, *args, customer: Customer, member: Member, members: list[Member], **kwargs):
        """Offer what the customer's policy and the member's role allow; oneself comes first."""
        super().__init__(*args, **kwargs)
        self.customer = customer
        self.members = {str(one.pk): one for one in [member, *members]}
        self.fields["kind"].choices = [
            (
                Handover.Kind.USER_LINK,
                _("To each user: a link that shows their own password once"),
            ),
            (
                Handover.Kind.SHEET_LINK,
                _("To one person: a link that opens the whole sheet once"),
            ),
        ]
        if customer.may_mail_passwords:
            self.fields["kind"].choices += [
                (
                    Handover.Kind.USER_TEXT,
                    _("To each user: the password itself, as this customer’s policy allows"),
                )
            ]
        self.fields["kind"].initial = Handover.Kind.USER_LINK
        self.fields["to"].choices = [
            *((pk, f"{one.name} <{one.email}>") for pk, one in self.members.items()),
            *self._contact(),
        ]

    def _contact(self) -> list[tuple[str, str]]:
        if not self.customer.contact_email:
            return []
        name = self.customer.contact_name or self.customer.name
        return [(CONTACT, f"{name} <{self.customer.contact_email}>")]

    def clean(self) -> dict:
        """Turn the choice of a person into an address and a language."""
        cleaned = super().clean()
        if cleaned.get("kind") != Handover.Kind.SHEET_LINK or self.errors:
            return cleaned
        if cleaned.get("to") == CONTACT:
            chosen = self.customer.contact_email, self.customer.language
        elif cleaned.get("to") in self.members:
            member = self.members[cleaned["to"]]
            chosen = member.email, member.language or "en"
        else:
            self.add_error("to", _("Choose who gets the link."))
            return cleaned
        return cleaned | {"address": chosen[0], "language": chosen[1]}
