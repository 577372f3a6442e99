from functools import partial

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from customers import domains, locations, names, operations, queries
from customers.models import Customer, Domain
from partners.errors import Refusal
from partners.forms import CleanText, SearchableSelect, model_field
from partners.models import Member
from partners.names import clean_text

NOTES_LIMIT = 4000

BAD_DOMAINS = {
    "empty": _("Enter a domain, such as contoso.com."),
    "bad": _("This is not a domain. Enter one such as contoso.com, without http:// or @."),
    "ambiguous": _(
        "This domain has a letter that programs encode differently. Enter its registered form,"
        " which begins with xn--."
    ),
}

IS_SLUG = RegexValidator(
    r"\A[a-z0-9]+(?:-[a-z0-9]+)*\Z",
    _("Use only the letters a–z, digits, and - between them."),
)
NO_HELP = {"autocomplete": "off", "spellcheck": "false"}


class LocationSelect(SearchableSelect):
    def create_option(self, name, value, *args, **more):
        option = super().create_option(name, value, *args, **more)
        if value in locations.TERMS:
            option["attrs"]["data-terms"] = locations.TERMS[value]
        return option


class Location(forms.ChoiceField):
    """A country or region, found by its names in every language; `empty` is shown for none."""

    widget = LocationSelect

    def __init__(self, *, empty: str = "", **more):
        super().__init__(choices=partial(locations.choices, empty), **more)


class DomainName(forms.CharField):
    """A domain as people write it; cleaned to lower case and A-labels."""

    def clean(self, value):
        try:
            return domains.to_ascii(super().clean(value))
        except domains.BadDomain as problem:
            raise forms.ValidationError(BAD_DOMAINS[problem.code]) from None


def _domain_name(label) -> forms.Field:
    return model_field(
        Domain,
        "name",
        form_class=DomainName,
        label=label,
        help_text=_("User names end with it: ann@contoso.com."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", **NO_HELP}),
        error_messages={"required": BAD_DOMAINS["empty"]},
    )


def _is_verified() -> forms.Field:
    return model_field(
        Domain,
        "is_verified",
        label=_("The customer’s ownership of the domain is verified"),
        help_text=_("User names need a verified domain. You can mark it as verified later."),
    )


class CustomerForm(forms.Form):
    """A form with columns of a customer."""

    @classmethod
    def of(cls, customer: Customer, data=None):
        """The form with the values of this customer."""
        return cls(data, initial={name: getattr(customer, name) for name in cls.base_fields})


class Details(CustomerForm):
    name = model_field(Customer, "name", form_class=CleanText)
    location = Location(
        empty=_("Select one"),
        label=_("Usage location"),
        help_text=_("Default for new users. Decides which licenses they can get."),
    )
    language = model_field(
        Customer,
        "language",
        initial=settings.LANGUAGES[0][0],
        help_text=_("Language of password sheets and emails for this customer’s users."),
    )
    contact_name = model_field(Customer, "contact_name", form_class=CleanText)
    contact_email = model_field(
        Customer, "contact_email", help_text=_("Can receive links to password sheets.")
    )
    help_desk = model_field(
        Customer,
        "help_desk",
        form_class=CleanText,
        help_text=_("A phone number or an address, printed on password slips and lists."),
    )


class AddCustomer(Details):
    """A new customer and its first domain."""

    slug = forms.CharField(
        label=_("Short name in addresses"),
        required=False,
        max_length=names.SLUG_LIMIT,
        validators=[IS_SLUG],
        help_text=_("Leave empty to use the name. Cannot be changed later."),
        widget=forms.TextInput(attrs=NO_HELP),
    )
    domain = _domain_name(_("First domain"))
    is_verified = _is_verified()

    def __init__(self, *args, member: Member, **more):
        super().__init__(*args, **more)
        self.member = member
        self.fields["language"].initial = member.language or settings.LANGUAGES[0][0]

    def clean_slug(self):
        slug = self.cleaned_data["slug"]
        if slug and not queries.is_slug_free(slug, member=self.member):
            free = queries.propose_slug(slug, member=self.member)
            message = _("This short name is in use. “%(slug)s” is free.")
            raise forms.ValidationError(message, params={"slug": free})
        return slug

    def add_refusal(self, error: Refusal) -> None:
        """Show the refusal at the field that it is about."""
        fields = {operations.SlugTaken: "slug", operations.DomainTaken: "domain"}
        self.add_error(fields.get(type(error)), error.message)


class AddDomain(forms.Form):
    name = _domain_name(_("Domain"))
    is_verified = _is_verified()


class MarkDomain(forms.Form):
    is_verified = forms.TypedChoiceField(
        choices=[("yes", "yes"), ("no", "no")], coerce=lambda value: value == "yes"
    )


class Policies(CustomerForm):
    password_days = model_field(
        Customer,
        "password_days",
        help_text=_("1 to 30. Doesn’t affect passwords that were already handed over."),
    )
    sheet_hours = model_field(
        Customer,
        "sheet_hours",
        help_text=_("1 to 168. Then the copy of the passwords is deleted."),
    )
    may_mail_passwords = model_field(
        Customer,
        "may_mail_passwords",
        help_text=_("Otherwise emails contain only a one-time link."),
    )
    retention_days = model_field(
        Customer,
        "retention_days",
        help_text=_("7 to 365. Until then a deleted user can be restored."),
    )


class Notes(CustomerForm):
    notes = model_field(
        Customer,
        "notes",
        max_length=NOTES_LIMIT,
        help_text=_("Visible to all members with access to this customer. No passwords, please."),
        widget=forms.Textarea(attrs={"rows": 8}),
    )


class ConfirmArchiving(forms.Form):
    """The customer's name, typed as a confirmation."""

    typed = CleanText(label=_("Type the customer’s name"), widget=forms.TextInput(attrs=NO_HELP))

    def __init__(self, *args, customer: Customer, **more):
        super().__init__(*args, **more)
        self.customer = customer

    def clean_typed(self):
        typed, name = self.cleaned_data["typed"], clean_text(self.customer.name)
        if typed.casefold() != name.casefold():
            message = _("This is not the name. To archive the customer, type: %(name)s")
            raise forms.ValidationError(message, params={"name": name})
        return typed
