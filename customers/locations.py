"""Countries and regions where licenses are used: ISO 3166 codes and their names."""

import csv
import re
import unicodedata
from pathlib import Path

from django.utils.functional import lazy
from django.utils.translation import get_language

# The names of each code, in the order of the Chinese ones by pinyin. A file may name a country in
# either language whatever the page's is, so no message catalog has them.
with Path(__file__).with_name("locations.csv").open(encoding="utf-8", newline="") as file:
    _ROWS = list(csv.DictReader(file))
LOCATIONS = {row["code"]: (row["en"], row["zh_hans"]) for row in _ROWS}


def _terms(row: dict[str, str]) -> str:
    initials = "".join(syllable[0] for syllable in row["pinyin"].split())
    # As the last word of a term, initials are found, but after codes of the same letters.
    terms = [row["code"], row["en"], row["zh_hans"], f"{row['pinyin']} {initials}", row["others"]]
    return "|".join(filter(None, terms))


# What finds a code in a select box, whichever language it is typed in: terms, separated by |.
TERMS = {row["code"]: _terms(row) for row in _ROWS}


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKD", text.replace("&", " and ")).casefold()
    return re.sub(r"[\W_]+", "", "".join(part for part in text if not unicodedata.combining(part)))


_CODES = {
    _plain(name): row["code"]
    for row in _ROWS
    for name in [row["code"], row["en"], row["zh_hans"], *filter(None, row["others"].split("|"))]
}


def find_location(text: str) -> str | None:
    """The code of a country or region by its code or its English or Chinese name."""
    return _CODES.get(_plain(text))


def _is_chinese() -> bool:
    return (get_language() or "").startswith("zh")


def _name(code: str) -> str:
    return LOCATIONS.get(code, (code, code))[_is_chinese()]


# The name of a code in the reader's language, looked up when it is shown; an unknown code stays.
name_of = lazy(_name, str)


def choices(empty: str = "") -> list[tuple[str, str]]:
    """All codes with their names in the reader's language and its order; first, '' as `empty`."""
    first = [("", empty)] if empty else []
    if _is_chinese():
        named = [(code, chinese) for code, (_english, chinese) in LOCATIONS.items()]
        return first + sorted(named, key=lambda choice: choice[0] != "CN")
    named = [(code, english) for code, (english, _chinese) in LOCATIONS.items()]
    return first + sorted(named, key=lambda choice: _plain(choice[1]))
