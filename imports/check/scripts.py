"""What a file says about the script of its names: Japanese ones, and spellings in other columns."""

import itertools
from collections.abc import Iterable, Mapping

from customers import letters
from users.rules import names

# Rows of a file that say whether its names are Japanese.
_SAMPLE = 10_000
# Columns with the names in Latin letters or kana.
FIELDS = frozenset({"latin_first_name", "latin_last_name", "latin_name"})


def has_japanese_names(people: Iterable[Mapping[str, str]]) -> bool:
    """Whether the names of a file in Han characters are Japanese rather than Chinese; by a sample."""
    balance = 0
    for person in itertools.islice(people, _SAMPLE):
        first, last = person.get("first_name", ""), person.get("last_name", "")
        display = person.get("display_name", "")
        if (first + last + display).isascii():
            continue
        if names.is_japanese(first, last, display):
            balance += 1
            continue
        if not (first and last):
            last, _blank, first = display.partition(" ")
        if letters.is_han(last + first):
            # Few Chinese family names have two characters; whole names have three at most then.
            family = last if first else last[:2] if len(last) > 3 else last[:1]
            is_long = len(family) > 1 and family not in letters.DOUBLE_FAMILY_NAMES
            balance += 1 if is_long else -1
    return balance > 0


def read_latin(values: Mapping[str, str]) -> tuple[str, str] | None:
    """First and last name as the columns for Latin letters or kana spell them."""
    first, last = values.get("latin_first_name", ""), values.get("latin_last_name", "")
    if not (first or last):
        first, last = _split(values.get("latin_name", ""), _spell_family(values))
    return (first, last) if first or last else None


def _spell_family(values: Mapping[str, str]) -> str:
    """The family name of a Chinese person in Latin letters, without a tone."""
    family = values.get("last_name", "") or values.get("display_name", "")
    if family[:2] not in letters.DOUBLE_FAMILY_NAMES and not values.get("last_name"):
        family = family[:1]
    spelled = names.propose_local_part("", "", family[:2])
    return spelled if letters.is_han(family[:1]) else ""


def _split(name: str, family: str = "") -> tuple[str, str]:
    """First and last name; `family` is how the last name is spelled where that is known."""
    last, comma, first = name.partition(",")
    if comma:
        return first.strip(), last.strip()
    words = name.split()
    if len(words) < 2:
        return name, ""
    # YAMAMOTO Hikaru; kana and hangul have the family name first, too.
    capital = [word for word in words if word.isupper() and len(word) > 1]
    if len(capital) == 1:
        return " ".join(word for word in words if word != capital[0]), capital[0]
    if not words[0].isascii() and letters.is_cjk(words[0][0]):
        return words[-1], words[0]
    if family and words[0].lower() == family:
        return " ".join(words[1:]), words[0]
    return words[0], words[-1]
