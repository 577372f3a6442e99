from django import forms
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from handover.models import Handover
from partners.models import Member

CONTACT = "contact"


class HandOver(forms.Form):
    unopened = forms.IntegerField(required=False, min_value=0)

    @property
    def confirmed(self) -> int:
        """How many never opened passwords to delete; 0 where the box was not ticked."""
        return (self.is_valid() and self.cleaned_data["unopened"]) or 0


class PrintSheet(forms.Form):
    layout = forms.ChoiceField(choices=[("slips", "slips"), ("list", "list")], required=False)
    by_department = forms.BooleanField(required=False)

    @property
    def chosen(self) -> dict:
        """The choices; slips in the order of the job where nothing is chosen."""
        self.is_valid()
        return {
            "layout": self.cleaned_data.get("layout") or "slips",
            "by_department": self.cleaned_data["by_department"],
        }


class MailSheet(forms.Form):
    kind = forms.ChoiceField(label=_("What to send"), widget=forms.RadioSelect)
    to = forms.ChoiceField(
        label=_("Recipient of all passwords"),
        required=False,
        help_text=_("Only if you send all passwords to one person."),
    )

    def __init__(self, *args, customer: Customer, member: Member, members: list[Member], **kwargs):
        """
        Offer what the customer's policy and the member's role allow.

        :param members: other members with access to the sheet; `member` comes first.
        """
        super().__init__(*args, **kwargs)
        self.customer = customer
        self.members = {str(reader.pk): reader for reader in [member, *members]}
        kind, kinds = self.fields["kind"], Handover.Kind
        kind.initial = kinds.USER_LINK
        kind.choices = [
            (kinds.USER_LINK, _("To each user: a link that shows their own password once")),
            (kinds.SHEET_LINK, _("To one person: a link that opens all passwords once")),
        ]
        if customer.may_mail_passwords:
            text = _("To each user: the password itself, as this customer’s policy allows")
            kind.choices += [(kinds.USER_TEXT, text)]
        to = self.fields["to"]
        to.choices = [(pk, f"{one.name} <{one.email}>") for pk, one in self.members.items()]
        if customer.contact_email:
            name = customer.contact_name or customer.name
            to.choices += [(CONTACT, f"{name} <{customer.contact_email}>")]

    def clean(self) -> dict:
        """Turn the chosen person into `address` and `language`."""
        cleaned = super().clean()
        if cleaned.get("kind") != Handover.Kind.SHEET_LINK or self.errors:
            return cleaned
        if cleaned.get("to") == CONTACT:
            address, language = self.customer.contact_email, self.customer.language
        elif member := self.members.get(cleaned.get("to")):
            address, language = member.email, member.language or "en"
        else:
            self.add_error("to", _("Choose a recipient."))
            return cleaned
        return cleaned | {"address": address, "language": language}
