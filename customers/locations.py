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


# The three-letter code of each code, and its names in further languages, for files.
with Path(__file__).with_name("location_names.csv").open(encoding="utf-8", newline="") as file:
    _NAMES = {
        row["code"]: [row["alpha3"], *row["names"].split("|")] for row in csv.DictReader(file)
    }
_CODES = {
    _plain(name): row["code"]
    for row in _ROWS
    for name in [
        row["code"], row["en"], row["zh_hans"], *row["others"].split("|"), *_NAMES[row["code"]],
    ]
    if name
}  # fmt: skip
# A flag is written with two letters of its own.
_FLAG_A = 0x1F1E6
_FLAGS = {code: chr(code - _FLAG_A + ord("a")) for code in range(_FLAG_A, _FLAG_A + 26)}
_BRACKETS = re.compile(r"[\[(（]([^\[\]()（）]*)[\])）]")


def find_location(text: str) -> str | None:
    """The code of a country or region by its code, its flag, or its name in one of many languages."""
    code = _CODES.get(_plain(text))
    if code or text.isascii() and not _BRACKETS.search(text):
        return code
    # "Germany (DE)", "🇩🇪 Germany"
    within = [_plain(part) for part in _BRACKETS.findall(text)]
    flags = "".join(character for character in text if ord(character) in _FLAGS).translate(_FLAGS)
    rest = _plain(_BRACKETS.sub(" ", text))
    found = {_CODES[part] for part in (*within, flags, rest) if part in _CODES}
    return found.pop() if len(found) == 1 else None


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
