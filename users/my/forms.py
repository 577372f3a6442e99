from django import forms
from django.utils.translation import gettext_lazy as _


def _password(autocomplete: str, **fields) -> forms.CharField:
    return forms.CharField(
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(
            attrs={"autocomplete": autocomplete, "autocapitalize": "none", "spellcheck": "false"}
        ),
        **fields,
    )


class SignIn(forms.Form):
    user_name = forms.CharField(
        label=_("User name"),
        max_length=254,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
                "inputmode": "email",
            }
        ),
        help_text=_("In full, with the part after the @"),
    )
    password = _password("current-password", label=_("Password"))


class ChoosePassword(forms.Form):
    """A new password, typed twice; and the current one, unless that is temporary."""

    current = _password("current-password", label=_("Current password"))
    password = _password(
        "new-password",
        label=_("New password"),
        help_text=_("At least 15 characters. A few words together are easy to remember."),
    )
    again = _password("new-password", label=_("Confirm new password"))

    def __init__(self, *args, is_first: bool, **kwargs):
        super().__init__(*args, **kwargs)
        if is_first:
            del self.fields["current"]

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("password") and cleaned.get("again"):
            if cleaned["password"] != cleaned["again"]:
                self.add_error("again", _("The passwords don’t match. Type it again."))
            cleaned.pop("again", None)
        return cleaned
