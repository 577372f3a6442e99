"""The rule for names of any kind, members and partners included: pure functions, no database."""

import unicodedata

# What clean_text takes out, in Postgres' spelling of regular expressions. A name with one of these
# looks like another name, or like two lines.
INVISIBLE = (
    r"[\u0001-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb]"
)


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
