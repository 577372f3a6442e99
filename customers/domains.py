"""Names of domains: as typed, as stored and as shown. Pure functions."""

import re

LIMIT = 253

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)

# IDNA 2003, which Python implements, replaces or drops these; IDNA 2008 keeps them. The domain
# would be a different one in each.
_CHANGED_LETTERS = frozenset("ßẞς\u200c\u200d")


class BadDomain(ValueError):
    """The text is no domain; `code` is "empty", "ambiguous" or "bad"."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def to_ascii(typed: str) -> str:
    """
    Convert a domain to its stored form: lower case, A-labels, no dot at its end.

    :raises BadDomain: where it is invalid or ambiguous.
    """
    text = typed.strip().removeprefix("@").removesuffix(".")
    if not text:
        raise BadDomain("empty")
    if _CHANGED_LETTERS & set(text):
        raise BadDomain("ambiguous")
    try:
        name = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise BadDomain("bad") from None
    labels = name.split(".")
    is_whole = len(name) <= LIMIT and len(labels) > 1 and all(map(_LABEL.fullmatch, labels))
    if not is_whole or labels[-1].isdigit():
        raise BadDomain("bad")
    return name


def to_unicode(name: str) -> str:
    """Convert a stored domain to its shown form; one that cannot be decoded stays as it is."""
    if "xn--" not in name:
        return name
    try:
        return name.encode("ascii").decode("idna")
    except UnicodeError:
        return name
