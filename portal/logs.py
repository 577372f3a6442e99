"""What the log must not tell."""

import logging
import re

# Whoever knows the address of a one-time link or an invitation can open it, so an address that
# was refused, of which Django warns, must not be readable in the log.
SECRET_PATHS = re.compile(r"/(link|invitation|accounts/password/reset/key)/[^/\s?'\"]+")


class WithoutLinks(logging.Formatter):
    """Writes a line without the secrets in addresses, those in a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line."""
        return SECRET_PATHS.sub(r"/\1/…", super().format(record))
