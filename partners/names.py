"""Cleans names of all kinds. Pure functions."""

import re
import unicodedata

# Characters that are printable for Python but invisible: joiners, fillers, and variation selectors,
# except after the Han characters that have variants.
BLANK = (
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]"
    r"|(?<![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]"
)
# What clean_text removes, in a syntax that PostgreSQL reads too. A name with one of these looks
# like another name, or like two lines.
INVISIBLE = (
    r"[\u0001-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    rf"\ufff9-\ufffb]|{BLANK}"
)
_blank = re.compile(BLANK)


def clean_text(text: str) -> str:
    """Normalize a text to NFC on one line, without controls, bidi marks and invisible characters."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) if "  " in text else text.strip()
    text = _blank.sub("", text)
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return unicodedata.normalize("NFC", " ".join(text.split()))


def has_invisible(text: str) -> bool:
    """Whether a text has characters that clean_text removes."""
    if text.isascii() and text.isprintable():
        return False
    # Controls and formats aren't printable, and other characters that aren't are looked at in turn.
    return bool(_blank.search(text)) or not (text.isprintable() or all(map(_visible, text)))


def _visible(character: str) -> str:
    # Unassigned and private-use characters are kept: they may be rare Han characters.
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character
