"""What it means that the database is away; whoever meets with it decides what to do."""

from django.db import InterfaceError, OperationalError

# Classes of SQLSTATE: the connection is lost; no room, no memory, too many sessions; the server
# goes down, comes up or has crashed.
AWAY = ("08", "53", "57P")


def is_away(error: BaseException | None) -> bool:
    """Whether the database has no room or does not answer: it passes, and is nobody's fault."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    # A connection that broke has no code.
    code = getattr(error.__cause__, "sqlstate", None)
    return code is None or code.startswith(AWAY)
