"""Keys for hashing and sealing, in files outside the database."""

import base64
from functools import cache

from django.conf import settings


@cache
def load(name: str) -> bytes:
    """The current key: 32 bytes, base64, in the first line of the file `<name>.key`."""
    return base64.b64decode((settings.KEYS_DIR / f"{name}.key").read_text().split()[0])
