import zoneinfo

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from .models import Member


def time_zones() -> list[tuple[str, str]]:
    """Every time zone by the name of a place, UTC first."""
    places = sorted(name for name in zoneinfo.available_timezones() if "/" in name)
    kept = [name for name in places if not name.startswith(("Etc/", "SystemV/", "US/"))]
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in kept)]


# In the form, what is left to the device has a word: an empty choice would look forgotten.
AUTO = "auto"


def _left_to_device(value: str) -> str:
    return "" if value == AUTO else value


class Profile(forms.Form):
    """What members decide about themselves."""

    name = forms.CharField(label=_("Name"), max_length=120)
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
