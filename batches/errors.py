from django.utils.translation import gettext_lazy as _

from partners.errors import Refusal


class UsersError(Refusal):
    """An act on users was refused."""


class NotPlanned(UsersError):
    """The batch has been started, finished or canceled meanwhile."""

    message = _("This job has already been started or canceled. Open it to see the result.")


class AllOrNothing(UsersError):
    """All or nothing was asked for, and some rows cannot be done."""

    message = _(
        "Some rows have errors, and you chose to import only when every row is correct. Correct"
        " the file and upload it again, or choose to import the correct rows."
    )


class LastAdministrator(UsersError):
    """The act would leave the customer without a global administrator; that was not confirmed."""

    message = _(
        "The customer would have no global administrator with sign-in. Confirm this, or make"
        " another user a global administrator first."
    )


class TooFewSeats(UsersError):
    """All users or none were to get a license, and there are too few."""

    message = _(
        "There aren’t enough seats for all users, and you chose not to change anything in that"
        " case. Buy more seats, select fewer users, or assign in list order."
    )


class CannotUndo(UsersError):
    """The batch has not ended, ended too long ago, or did what cannot be undone; see `code`."""

    REASONS = {
        "not_over": _("This job isn’t finished. You can undo it after that."),
        "too_late": _("A job can be undone for 30 days. This time is over."),
        "nothing": _("This job changed nothing, so there’s nothing to undo."),
    }

    def __init__(self, code: str, message=None):
        self.code = code
        super().__init__(message or self.REASONS[code])
