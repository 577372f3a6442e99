"""
Sort keys and slugs of names. Pure functions.

Sort keys are stored in a column, so that the order does not depend on a server's locale.
"""

import re

from customers import letters
from partners.names import clean_text

SORT_KEY_LIMIT = 240
SLUG_LIMIT = 60


def sort_key(display_name: str, last: str = "", first: str = "") -> str:
    """
    Make a sort key, to be compared byte by byte.

    Case and accents are folded, and Han characters are sorted by pinyin. Last and first name count
    only without a display name.
    """
    name = display_name or f"{last} {first}".strip()
    if name.isascii():
        return name.lower()[:SORT_KEY_LIMIT]
    family = letters.DOUBLE_FAMILY_NAMES.get(name[:2])
    if family is not None:
        head = "".join(map("".join, zip(family.split(), name[:2], strict=True)))
        return (head + name[2:].translate(letters.SORT))[:SORT_KEY_LIMIT]
    family = letters.FAMILY_NAMES.get(name[:1])
    if family is not None and len(name) <= 4:
        return (family + name[0] + name[1:].translate(letters.SORT))[:SORT_KEY_LIMIT]
    return name.translate(letters.SORT)[:SORT_KEY_LIMIT]


def propose_slug(name: str) -> str:
    """
    Propose a slug: Café Lumière → cafe-lumiere, 江南 → jiang-nan.

    Empty if the name has no letter that can be spelled in a–z.
    """
    spaced = clean_text(name).translate(letters.SEARCH)
    spelled = spaced.translate(letters.LATIN).lower().replace("'", "").replace("’", "")
    return "-".join(re.findall(r"[a-z0-9]+", spelled))[:SLUG_LIMIT].strip("-")
