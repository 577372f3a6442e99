"""Keys for hashing and sealing; they live in files outside the database."""

import base64
from functools import cache

from django.conf import settings


@cache
def load(name: str) -> bytes:
    """The current key of the file `<name>.key`: 32 bytes, base64, in its first line."""
    return base64.b64decode((settings.KEYS_DIR / f"{name}.key").read_text().split()[0])
