"""Keeps secrets and expected refusals out of the log."""

import logging
import re
from http import HTTPStatus

# Django warns of refused URLs, but the URL of a one-time link or an invitation is a secret.
SECRET_PATHS = re.compile(
    r"/(link|invitation|accounts/password/reset/key|profile/address)/[^/\s?'\"]+"
)


class Expected(logging.Filter):
    """
    Drops expected lines.

    A form with errors (422) is no warning, and a 403 needs no traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", None)
        if status == HTTPStatus.FORBIDDEN:
            record.exc_info = record.exc_text = None
        return status != HTTPStatus.UNPROCESSABLE_ENTITY


class WithoutLinks(logging.Formatter):
    """Removes secrets in URLs from lines and tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return SECRET_PATHS.sub(r"/\1/…", super().format(record))
