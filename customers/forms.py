from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from customers import domains, locations, names, operations, queries
from customers.models import Customer
from partners.errors import Refusal
from partners.forms import CleanText
from partners.models import Member
from partners.names import clean_text

NOTES_LIMIT = 4000

BAD_DOMAINS = {
    "empty": _("Enter a domain, such as contoso.com."),
    "bad": _("This is not a domain. Enter one such as contoso.com, without http:// and without @."),
    "ambiguous": _(
        "This domain has a letter that not every program spells alike. Enter it as it is"
        " registered, beginning with xn--."
    ),
}

IS_SLUG = RegexValidator(
    r"\A[a-z0-9]+(?:-[a-z0-9]+)*\Z",
    _("A short name has only the letters a–z, digits and - between them."),
)


class DomainName(forms.CharField):
    """A domain, as people write it; clean, it is as the portal stores it."""

    def clean(self, value):
        """Lower case and A-labels."""
        try:
            return domains.to_ascii(super().clean(value))
        except domains.BadDomain as problem:
            raise forms.ValidationError(BAD_DOMAINS[problem.code]) from None


def _domain_name(label) -> DomainName:
    return DomainName(
        label=label,
        max_length=domains.LIMIT,
        help_text=_("User names end with it: ann@contoso.com."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": BAD_DOMAINS["empty"]},
    )


def _verified() -> forms.BooleanField:
    return forms.BooleanField(
        label=_("The customer’s ownership of the domain is verified"),
        required=False,
        help_text=_("Users can be named only in verified domains. It can be marked later, too."),
    )


class Details(forms.Form):
    """What a customer is called, where it is, and whom to ask there."""

    name = CleanText(label=_("Name"), max_length=120)
    location = forms.ChoiceField(
        label=_("Usage location"),
        help_text=_("Proposed for new users. It decides which licenses may be given."),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=settings.LANGUAGES,
        help_text=_("Sheets and mails to this customer’s users are written in it."),
    )
    contact_name = CleanText(label=_("Contact"), max_length=120, required=False)
    contact_email = forms.EmailField(
        label=_("Contact address"),
        required=False,
        help_text=_("Where a link to a sheet of passwords can be mailed."),
    )

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.fields["location"].choices = [("", _("Choose one")), *locations.choices()]

    @classmethod
    def of(cls, customer: Customer, data=None) -> "Details":
        """The form as it is filled in for this customer."""
        return cls(data, initial={name: getattr(customer, name) for name in cls.base_fields})


class AddCustomer(Details):
    """A new customer and its first domain."""

    slug = forms.CharField(
        label=_("Short name in addresses"),
        required=False,
        max_length=names.SLUG_LIMIT,
        validators=[IS_SLUG],
        help_text=_("Left empty, it is made of the name. It cannot be changed later."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    domain = _domain_name(_("First domain"))
    is_verified = _verified()

    def __init__(self, *args, member: Member, **more):
        super().__init__(*args, **more)
        self.member = member
        self.fields["language"].initial = member.language or settings.LANGUAGES[0][0]

    def clean_slug(self):
        """Refuse a short name that another customer has, and offer a free one."""
        slug = self.cleaned_data["slug"]
        if slug and not queries.is_slug_free(slug, member=self.member):
            free = queries.propose_slug(slug, member=self.member)
            message = _("This short name is in use. “%(slug)s” is free.")
            raise forms.ValidationError(message, params={"slug": free})
        return slug

    def report(self, error: Refusal) -> None:
        """Say what was refused at the field that it is about."""
        fields = {operations.SlugTaken: "slug", operations.DomainTaken: "domain"}
        self.add_error(fields.get(type(error)), error.message)


class AddDomain(forms.Form):
    """Another domain of a customer."""

    name = _domain_name(_("Domain"))
    is_verified = _verified()


class MarkDomain(forms.Form):
    """Whether a domain shall be marked as verified."""

    is_verified = forms.TypedChoiceField(
        choices=[("yes", "yes"), ("no", "no")], coerce=lambda value: value == "yes"
    )


class Policies(forms.Form):
    """How passwords are handed over, and how long deleted users are kept."""

    password_days = forms.IntegerField(
        label=_("Days a temporary password is valid"),
        min_value=1,
        max_value=30,
        help_text=_("1 to 30. Passwords that are out keep their date."),
    )
    sheet_hours = forms.IntegerField(
        label=_("Hours a sheet can be opened"),
        min_value=1,
        max_value=168,
        help_text=_("1 to 168. Afterwards the passwords on it are destroyed."),
    )
    may_mail_passwords = forms.BooleanField(
        label=_("Passwords may be mailed as text"),
        required=False,
        help_text=_("Otherwise a mail carries only a link that opens once."),
    )
    retention_days = forms.IntegerField(
        label=_("Days until a deleted user is purged"),
        min_value=7,
        max_value=365,
        help_text=_("7 to 365. Until then a deleted user can be restored."),
    )

    @classmethod
    def of(cls, customer: Customer, data=None) -> "Policies":
        """The form as it is filled in for this customer."""
        return cls(data, initial={name: getattr(customer, name) for name in cls.base_fields})


class Notes(forms.Form):
    """What the partner's staff should know about the customer."""

    notes = forms.CharField(
        label=_("Notes"),
        required=False,
        max_length=NOTES_LIMIT,
        help_text=_("Seen by all colleagues who may see this customer. No passwords, please."),
        widget=forms.Textarea(attrs={"rows": 8}),
    )

    @classmethod
    def of(cls, customer: Customer, data=None) -> "Notes":
        """The form as it is filled in for this customer."""
        return cls(data, initial={"notes": customer.notes})


class ConfirmArchiving(forms.Form):
    """The customer's name, typed to show that this one is meant."""

    typed = CleanText(
        label=_("Type the customer’s name"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args, customer: Customer, **more):
        super().__init__(*args, **more)
        self.customer = customer

    def clean_typed(self):
        """Accept the name however it is capitalized."""
        typed, name = self.cleaned_data["typed"], clean_text(self.customer.name)
        if typed.casefold() != name.casefold():
            message = _("This is not the name. To archive the customer, type: %(name)s")
            raise forms.ValidationError(message, params={"name": name})
        return typed
