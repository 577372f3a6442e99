"""Finds columns about sign-in whose names are unknown, by parts of these and by their cells."""

import re
from collections.abc import Sequence

from imports.read import dialects, words
from imports.read.dialects import plain_header

# Parts of names by field.
_STEMS = dialects.STEMS
_DAY = re.compile(
    r"\d{1,4}\s*[-/.年년]\s*\d{1,2}\s*[-/.月월]\s*\d{1,4}.*|\d{8}|\d{1,2}\.? \w+ \d{4}"
)
_YES_NO = ("yes", "no")
_STATES = ("on", "allowed", "blocked", "off", "left")
# The share of the cells that must fit.
_SHARE = 0.8


def guess_field(header: str, cells: Sequence[str]) -> str:
    """The field about sign-in that a column is read as; '' where it is not clear."""
    plain = plain_header(header)
    if any(stem in plain for stem in _STEMS["others"]):
        return ""
    kinds = [kind for kind in ("sign_in_blocked", "left_on", "status") if _has(plain, kind)]
    if not cells:
        # The first rows may all be of people who are there.
        return kinds[0] if kinds and kinds[0] != "status" else ""
    meanings = [words.find_meaning(cell, (*_YES_NO, *_STATES)) for cell in cells]
    days = sum(_DAY.fullmatch(cell) is not None for cell in cells)
    yes_no = sum(meaning in _YES_NO for meaning in meanings)
    states = sum(meaning in _STATES for meaning in meanings)
    enough = len(cells) * _SHARE
    for kind in kinds:
        if kind != "status" and days + yes_no + states >= enough:
            return kind
        if kind == "status" and states >= enough:
            return kind
    # By its cells, people have left or are blocked, whatever it is called.
    is_clear = any(
        meaning in {"left", "blocked"} and len(cell) > 1
        for meaning, cell in zip(meanings, cells, strict=True)
    )
    return "status" if is_clear and states >= enough else ""


def _has(plain: str, kind: str) -> bool:
    return any(stem in plain for stem in _STEMS[kind])
