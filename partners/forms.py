import zoneinfo

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from partners import names
from partners.models import Invitation, Member
from partners.roles import Role


def time_zones() -> list[tuple[str, str]]:
    """Every time zone by the name of a place, UTC first."""
    places = sorted(name for name in zoneinfo.available_timezones() if "/" in name)
    kept = [name for name in places if not name.startswith(("Etc/", "SystemV/", "US/"))]
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in kept)]


# The form's value for a setting that is left to the device: '' would look like a missing choice.
AUTO = "auto"


def _from_auto(value: str) -> str:
    return "" if value == AUTO else value


class CleanText(forms.CharField):
    """One line of text without invisible characters."""

    def clean(self, value):
        return super().clean(names.clean_text(value or ""))


class SearchableSelect(forms.Select):
    """A select box whose options can be searched where there is JavaScript."""

    def __init__(self, attrs=None, choices=()):
        super().__init__({"data-combobox": _("No matches"), **(attrs or {})}, choices)


def model_field(model: type[Model], name: str, **options) -> forms.Field:
    """The form field of a column: its label, length, choices and limits, unless overridden."""
    column = model._meta.get_field(name)
    for validator in column.validators:
        if isinstance(validator, MinValueValidator | MaxValueValidator):
            options.setdefault(validator.code, validator.limit_value)
    return column.formfield(**options)


class Profile(forms.Form):
    """The settings of a member that they change themselves."""

    name = model_field(Member, "name", form_class=CleanText)
    language = forms.TypedChoiceField(
        label=_("Language"),
        choices=[(AUTO, _("Browser language")), *settings.LANGUAGES],
        coerce=_from_auto,
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zones,
        widget=SearchableSelect,
        help_text=_("Times are shown in this time zone."),
    )
    theme = forms.TypedChoiceField(
        label=_("Appearance"),
        choices=[(value or AUTO, label) for value, label in Member.Theme.choices],
        coerce=_from_auto,
        widget=forms.RadioSelect,
    )
    has_shortcuts = model_field(
        Member,
        "has_shortcuts",
        help_text=_("Keys such as / and ? work without Ctrl. Turn this off if you use dictation."),
    )

    @classmethod
    def of(cls, member: Member, data=None) -> "Profile":
        initial = {name: getattr(member, name) for name in cls.base_fields}
        for name in ("language", "theme"):
            initial[name] = initial[name] or AUTO
        return cls(data, initial=initial)


class ChooseLanguage(forms.Form):
    language = forms.ChoiceField(choices=settings.LANGUAGES)


class InviteMember(forms.Form):
    email = model_field(
        Invitation,
        "email",
        help_text=_("The invitation goes to this address, and the new member signs in with it."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = model_field(Invitation, "role", initial=Role.READER, widget=forms.RadioSelect)
    is_limited = model_field(
        Invitation,
        "is_limited",
        help_text=_("Select the customers on the member’s page once the invitation is accepted."),
    )

    def __init__(self, *args, by: Member, **kwargs):
        super().__init__(*args, **kwargs)
        # Limited members invite limited members only.
        if by.is_limited:
            self.fields["is_limited"].initial = True
            self.fields["is_limited"].disabled = True


class ChangeAddress(forms.Form):
    email = model_field(
        Member,
        "email",
        label=_("New email address"),
        help_text=_("You get a link there. Your address changes when you open it."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, *args, member: Member, **kwargs):
        super().__init__(*args, **kwargs)
        self.member = member

    def clean_email(self):
        email = self.cleaned_data["email"].lower()
        if email == self.member.email:
            raise ValidationError(_("You already sign in with this address. Enter another one."))
        return email


class ChangeRole(forms.Form):
    role = model_field(Member, "role", widget=forms.RadioSelect)


class AcceptInvitation(forms.Form):
    """Name and password of a new member."""

    name = model_field(
        Member,
        "name",
        form_class=CleanText,
        label=_("Your name"),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=256,
        strip=False,
        help_text=_("At least 12 characters. Several words are easy to remember."),
        widget=forms.PasswordInput(render_value=True, attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("Repeat password"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(render_value=True, attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args, invitation: Invitation, **kwargs):
        super().__init__(*args, **kwargs)
        self.invitation = invitation

    def clean(self):
        cleaned = super().clean()
        password, again = cleaned.get("password"), cleaned.get("again")
        if password and again and password != again:
            self.add_error("again", _("The passwords don’t match."))
        if password:
            member = Member(email=self.invitation.email, name=cleaned.get("name", ""))
            try:
                validate_password(password, member)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def chosen(self) -> dict[str, str]:
        """The arguments of `accept_invitation`."""
        return {name: self.cleaned_data[name] for name in ("name", "password")}
