import zoneinfo

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from partners import names
from partners.models import Invitation, Member
from partners.roles import Role


def time_zones() -> list[tuple[str, str]]:
    """Every time zone by the name of a place, UTC first."""
    places = sorted(name for name in zoneinfo.available_timezones() if "/" in name)
    kept = [name for name in places if not name.startswith(("Etc/", "SystemV/", "US/"))]
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in kept)]


# In the form, what is left to the device has a word: an empty choice would look forgotten.
AUTO = "auto"


def _left_to_device(value: str) -> str:
    return "" if value == AUTO else value


class CleanText(forms.CharField):
    """One line of text without what cannot be seen."""

    def clean(self, value):
        """Take out control characters and blanks that mean nothing."""
        return super().clean(names.clean_text(value or ""))


class Profile(forms.Form):
    """What members decide about themselves."""

    name = CleanText(label=_("Name"), max_length=120)
    language = forms.TypedChoiceField(
        label=_("Language"),
        choices=[(AUTO, _("As the browser asks for")), *settings.LANGUAGES],
        coerce=_left_to_device,
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zones,
        help_text=_("Times are shown as the clocks there have them."),
    )
    theme = forms.TypedChoiceField(
        label=_("Appearance"),
        choices=[(value or AUTO, label) for value, label in Member.Theme.choices],
        coerce=_left_to_device,
        widget=forms.RadioSelect,
    )
    has_shortcuts = forms.BooleanField(
        label=_("Single-key shortcuts"),
        required=False,
        help_text=_("Keys such as / and ? act without Ctrl. Switch them off if you dictate."),
    )

    @classmethod
    def of(cls, member: Member, data=None) -> "Profile":
        """The form as it is filled in for this member."""
        initial = {name: getattr(member, name) for name in cls.base_fields}
        for name in ("language", "theme"):
            initial[name] = initial[name] or AUTO
        return cls(data, initial=initial)


class ChooseLanguage(forms.Form):
    """One of the languages of the portal."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)


class InviteMember(forms.Form):
    """Whom to invite, and what they will be."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        help_text=_("The invitation goes there, and the new member signs in with it."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label=_("Role"), choices=Role, initial=Role.READER, widget=forms.RadioSelect
    )
    is_limited = forms.BooleanField(
        label=_("May see chosen customers only"),
        required=False,
        help_text=_("Choose them on the member’s page once the invitation is accepted."),
    )

    def __init__(self, *args, by: Member, **kwargs):
        """Let members who see chosen customers only invite others to no more."""
        super().__init__(*args, **kwargs)
        if by.is_limited:
            self.fields["is_limited"].initial = True
            self.fields["is_limited"].disabled = True


class ChangeAddress(forms.Form):
    """The address that a member wants to sign in with."""

    email = forms.EmailField(
        label=_("New email address"),
        max_length=254,
        help_text=_("A link goes there. Your address changes when you open it."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, *args, member: Member, **kwargs):
        super().__init__(*args, **kwargs)
        self.member = member

    def clean_email(self):
        """Refuse the address that the member has already."""
        email = self.cleaned_data["email"].lower()
        if email == self.member.email:
            raise ValidationError(_("You already sign in with this address. Enter another one."))
        return email


class ChangeRole(forms.Form):
    """What a member shall be."""

    role = forms.ChoiceField(label=_("Role"), choices=Role, widget=forms.RadioSelect)


class AcceptInvitation(forms.Form):
    """The name and the password of somebody who becomes a member."""

    name = CleanText(
        label=_("Your name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=256,
        strip=False,
        help_text=_("At least 12 characters. A few words together are easy to remember."),
        widget=forms.PasswordInput(render_value=True, attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("The same password again"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(render_value=True, attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args, invitation: Invitation, **kwargs):
        super().__init__(*args, **kwargs)
        self.invitation = invitation

    def clean(self):
        """Check the password against the rules for members, and against its second typing."""
        cleaned = super().clean()
        password, again = cleaned.get("password"), cleaned.get("again")
        if password and again and password != again:
            self.add_error("again", _("The two passwords differ. Type the same one twice."))
        if password:
            member = Member(email=self.invitation.email, name=cleaned.get("name", ""))
            try:
                validate_password(password, member)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def chosen(self) -> dict[str, str]:
        """The name and the password, as they are to be stored."""
        return {name: self.cleaned_data[name] for name in ("name", "password")}
