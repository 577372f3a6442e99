from django.utils.translation import gettext_lazy as _

from partners.errors import Refusal


class UsersError(Refusal):
    """An act on users was refused."""


class NotPlanned(UsersError):
    """The batch has been started, finished or canceled meanwhile."""

    message = _("This batch is not waiting any more. Its page shows what became of it.")


class AllOrNothing(UsersError):
    """All or nothing was asked for, and some rows cannot be done."""

    message = _(
        "Some rows have errors, and this import was to do all or nothing. Correct the file and"
        " upload it again, or choose to import the good rows."
    )


class LastAdministrator(UsersError):
    """The act would leave the customer without a global administrator; that was not confirmed."""

    message = _(
        "No global administrator who can sign in would be left. Say explicitly that you want"
        " this, or make somebody else a global administrator first."
    )


class TooFewSeats(UsersError):
    """All users or none were to get a license, and there are too few."""

    message = _(
        "Too few licenses are free for everybody, and in that case nobody was to get one. Buy"
        " more, choose fewer users, or let the first come first."
    )


class CannotUndo(UsersError):
    """The batch has not ended, ended too long ago, or did what cannot be undone; see `code`."""

    REASONS = {
        "not_over": _("This batch has not ended yet. Only what has been done can be undone."),
        "too_late": _("A batch can be undone for 30 days after its end, and these are over."),
        "nothing": _("This batch has changed nothing, so there is nothing to undo."),
    }

    def __init__(self, code: str, message=None):
        self.code = code
        super().__init__(message or self.REASONS[code])
