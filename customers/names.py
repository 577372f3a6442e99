"""
The rules for names of any kind: pure functions, no database.

What a list sorts by is made here too and stored in a column, so that every server sorts alike
whatever its locale is.
"""

import re

from customers import letters

# What holds for the names of members too lies below, and is part of these rules.
from partners.names import clean_text as clean_text
from partners.names import has_invisible as has_invisible

SORT_KEY_LIMIT = 240
SLUG_LIMIT = 60


def sort_key(display_name: str, last: str = "", first: str = "") -> str:
    """
    Make what a list of users is sorted by, compared byte by byte.

    Case and accents are folded, Han characters stand under their pinyin. The
    other two names count only where there is no display name.
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
    Propose how a customer is called in addresses: Café Lumière → cafe-lumiere, 江南 → jiang-nan.

    Empty where the name has no letter that could be spelled in a–z.
    """
    spaced = "".join(f" {one} " if letters.is_cjk(one) else one for one in clean_text(name))
    spelled = spaced.translate(letters.LATIN).lower().replace("'", "").replace("’", "")
    return "-".join(re.findall(r"[a-z0-9]+", spelled))[:SLUG_LIMIT].strip("-")
