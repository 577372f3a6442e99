"""What the log must not tell, and what it need not."""

import logging
import re
from http import HTTPStatus

# Whoever knows the address of a one-time link or an invitation can open it, so an address that
# was refused, of which Django warns, must not be readable in the log.
SECRET_PATHS = re.compile(
    r"/(link|invitation|accounts/password/reset/key|profile/address)/[^/\s?'\"]+"
)


class Expected(logging.Filter):
    """
    Keeps what is no trouble from looking like it.

    A form that was sent back for correction is no warning, and a refusal needs no traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written at all."""
        status = getattr(record, "status_code", None)
        if status == HTTPStatus.FORBIDDEN:
            record.exc_info = record.exc_text = None
        return status != HTTPStatus.UNPROCESSABLE_ENTITY


class WithoutLinks(logging.Formatter):
    """Writes a line without the secrets in addresses, those in a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line."""
        return SECRET_PATHS.sub(r"/\1/…", super().format(record))
