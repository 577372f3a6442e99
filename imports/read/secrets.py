"""Recognizes passwords among the texts of a file, so that none is ever shown."""

import re
from collections.abc import Iterable, Sequence

MASK = "••••"

# Passwords that are hashed.
_HASH = re.compile(r"\$(?:1|2[abxy]?|5|6|y|argon2\w*|pbkdf2\S*)\$.+|\{[A-Za-z0-9-]{3,10}\}\S{8,}")
# What has letters, digits and signs and is no password.
_ORDINARY = re.compile(
    r"""(?ix)
    [^\s@]+@[^\s@]+\.[^\s@.]+                       # an address
    | (?:smtp|sip|mailto|x500|eum|spo):.*           # an address of another kind
    | [a-z][a-z0-9+.-]*://.*                        # a link
    | (?:[A-Z]:)?(?:[\\/][\w .,'&-]*)+              # a path
    | [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}   # a GUID
    | [+(]?[0-9][0-9 ()./+-]*(?:x[0-9]+|ext.*)?     # a phone number, a date, a number
    | [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+-]+Z?       # a time
    | (?-i:[a-z]{1,5}|[A-Z]{1,5})[-_. ]?[0-9]+      # the number of something
    | (?:[\w.-]+=[^=,]+,)+[\w.-]+=[^=,]+            # a distinguished name
    | (?-i:[A-Z][A-Z0-9-]+|[a-z][a-z0-9.-]+)\\+(?-i:[A-Za-z]?[a-z]+(?:[._-][a-z]+)*[0-9]{0,4})  # DOMAIN\user
    | (?-i:[A-Z0-9]+(?:_[A-Z0-9]+)+)                # the part number of a product
    """
)
_SIGNS = re.compile(r"[!@#$%^*?=~<>{}\[\]|\\]")
# Signs of words like "R&D" and "HR+Finance".
_JOINTS = re.compile(r"[&+]")
_RUNS = re.compile(r"[0-9]+|[^\W\d_]+")
_PARTS = re.compile(r"[\W\d_]+")
_PIECES = re.compile(r"[\s,;|\t\"]+")
# "Address2*", "extensionAttribute11": names of columns, if not of cells.
_NUMBERED = re.compile(r"[^\W\d_]+(?:[-_.][^\W\d_]+)*[-_.]?[0-9]{1,2}\W*")


def looks_secret(text: str) -> bool:
    """Whether a text is made as passwords are, and not as words, names, addresses or numbers."""
    if not 6 <= len(text) <= 200 or " " in text:
        return False
    if _HASH.fullmatch(text):
        return True
    # Letters of other scripts than Latin are words.
    if _ORDINARY.fullmatch(text) or max(text) > "\u024f":
        return False
    has_lower = any(map(str.islower, text))
    has_upper = any(map(str.isupper, text))
    has_digit = any(map(str.isdigit, text))
    kinds = has_lower + has_upper + has_digit
    # A mark at the end is punctuation, unless there is more.
    if _SIGNS.search(text if has_digit else text.rstrip("*?!:.")):
        return kinds >= 2
    if has_digit and _JOINTS.search(text):
        return kinds >= 2
    # Letters and digits in turn, or a word and a number as people put them together.
    runs = len(_RUNS.findall(text))
    return (kinds == 3 and len(text) >= 8) or (kinds >= 2 and has_digit and runs >= 4)


# Words and numbers that can be passwords, where each row has another one.
_WORD = re.compile(r"[a-z0-9]{6,40}|[A-Z0-9]{6,40}|(?:[A-Z][a-z]{2,}){2,}[0-9]*")
_SHORT_NUMBER = re.compile(r"[0-9]{4,8}")


def may_be_secrets(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """
    Whether the cells of a column that isn't read may be passwords: another word in each row.

    `rows` are all cells of these rows.
    """
    filled = [(cell, row) for cell, row in zip(cells, rows, strict=True) if cell]
    texts = [cell for cell, _row in filled]
    if len(texts) < 2 or len(set(texts)) < len(texts):
        return False
    if all(map(_SHORT_NUMBER.fullmatch, texts)):
        # Numbers of employees or lines ascend.
        return texts != sorted(texts)
    return all(_WORD.fullmatch(cell) and not _belongs(cell, row) for cell, row in filled)


def _belongs(cell: str, row: Sequence[str]) -> bool:
    """Whether a word is made of the other cells of its row, as a user name is."""
    lower = cell.lower()
    parts = {part for other in row if other != cell for part in _PARTS.split(other.lower())}
    return any(len(part) > 2 and part in lower for part in parts)


def mask_header(header: str) -> str:
    """The header with what looks like a password hidden, as in a file without one."""
    return header if _NUMBERED.fullmatch(header) else mask(header)


def mask(text: str) -> str:
    """The text with what looks like a password hidden."""
    for piece in _PIECES.split(text):
        if looks_secret(piece):
            text = text.replace(piece, MASK)
    return text


def hide(text: str, secret: Iterable[str]) -> str:
    """The text without these secrets, also if one was cut off at its end."""
    for one in sorted(filter(None, secret), key=len, reverse=True):
        text = text.replace(one, MASK)
        cut = next((n for n in range(len(one), 3, -1) if text.endswith(one[:n])), 0)
        text = f"{text[:-cut]}{MASK}" if cut else text
    return text
