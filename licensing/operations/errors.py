"""What licensing refuses has one base."""

from django.utils.translation import gettext_lazy as _


class LicensingError(Exception):
    """An act on licenses was refused; `message` says what can be done."""

    message = _("This cannot be done.")

    def __init__(self, message=None):
        super().__init__(message or self.message)
        if message:
            self.message = message
