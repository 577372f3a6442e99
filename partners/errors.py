from django.utils.translation import gettext_lazy as _


class Refusal(Exception):
    """
    An operation refused to act, and changed nothing.

    `message` is one translatable sentence for the page, with what to do next. A subclass sets it;
    pass it where it depends on the case.
    """

    message = _("This cannot be done.")

    def __init__(self, message=None):
        super().__init__(message or self.message)
        if message:
            self.message = message
