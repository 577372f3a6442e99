"""The words in cells: for nothing, yes and no, and for people who are active, blocked or gone."""

import csv
import unicodedata
from collections.abc import Collection
from pathlib import Path

from users.rules import vocabulary


def key_of(text: str) -> str:
    """The form in which words are compared; a mark such as ✓ is its own."""
    return vocabulary.plain(text) or unicodedata.normalize("NFKC", text)


# By meaning: the words as they are written, in lower case, and in the form of `key_of`.
WRITTEN: dict[str, set[str]] = {}
with Path(__file__).with_name("cell_words.csv").open(encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        WRITTEN.setdefault(row["meaning"], set()).update(row["words"].casefold().split("|"))
WORDS = {meaning: frozenset(map(key_of, found)) for meaning, found in WRITTEN.items()}


def find_meaning(text: str, meanings: Collection[str]) -> str:
    """The first of the meanings that the text has, or ''."""
    key = key_of(text)
    return next((meaning for meaning in meanings if key in WORDS[meaning]), "")
