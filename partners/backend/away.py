"""Recognizes errors of a database that is temporarily unavailable."""

from django.db import InterfaceError, OperationalError

# Classes of SQLSTATE: the connection is lost; no room, no memory, too many sessions; the server
# goes down, comes up or has crashed.
AWAY = ("08", "53", "57P")


def is_away(error: BaseException | None) -> bool:
    """Whether the database does not answer or is out of resources, which passes."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    # A connection that broke has no code.
    code = getattr(error.__cause__, "sqlstate", None)
    return code is None or code.startswith(AWAY)
