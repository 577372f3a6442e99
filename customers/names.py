"""
The rules for names of any kind: pure functions, no database.

What a list sorts by is made here too and stored in a column, so that every server sorts alike
whatever its locale is.
"""

import re
import unicodedata

from customers import letters

SORT_KEY_LIMIT = 240
SLUG_LIMIT = 60


def clean_text(text: str) -> str:
    """Put a text into NFC on one line, without controls, bidi marks and zero-width characters."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) if "  " in text else text.strip()
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return unicodedata.normalize("NFC", " ".join(text.split()))


def has_invisible(text: str) -> bool:
    """Whether there are characters in a text that clean_text takes out."""
    return not text.isprintable() and not all(map(_visible, text))


def _visible(character: str) -> str:
    # White space of any kind becomes a blank. What Python does not know, or what
    # is private use, may be a rare Han character and stays.
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character


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
