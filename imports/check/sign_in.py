"""The sign-in of a row by its cells: the words and dates of many systems and languages."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache

from imports.read import words
from users.rules.sign_in import ALLOWED, BLOCKED, LEFT, UNKNOWN

FIELDS = ("sign_in_blocked", "sign_in_allowed", "status", "left_on")
# Of several cells, the one that counts.
_BY_WEIGHT = (LEFT, BLOCKED, UNKNOWN, ALLOWED)

# The meanings of words by field. "Block sign-in: enabled" may mean either.
_MEANINGS = {
    "sign_in_blocked": {"yes": BLOCKED, "no": ALLOWED, "blocked": BLOCKED, "allowed": ALLOWED,
                        "left": LEFT},
    "sign_in_allowed": {"yes": ALLOWED, "no": BLOCKED, "on": ALLOWED, "allowed": ALLOWED,
                        "off": BLOCKED, "blocked": BLOCKED, "left": LEFT},
    "status": {"on": ALLOWED, "allowed": ALLOWED, "off": BLOCKED, "blocked": BLOCKED, "left": LEFT},
}  # fmt: skip

# userAccountControl of Active Directory: bit 2 is set for a disabled account.
_CONTROL = re.compile(r"\d{2,9}(?:\.0+)?|0x[0-9a-f]{1,8}", re.IGNORECASE)
_DISABLED_BIT = 2
_PARTS = re.compile(r"[;；|\n]")
_IN_BRACKETS = re.compile(r"\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def read_sign_in(texts: Mapping[str, Iterable[str]], today: date) -> tuple[str, str] | None:
    """
    The state that the cells give, with the text of the cell; None if none does.

    `texts` are those of the columns of each of FIELDS.
    """
    found: dict[str, str] = {}
    for field in FIELDS:
        for part in _PARTS.split("\n".join(texts.get(field, ()))):
            if text := part.strip():
                state = _read(field, text, today)
                if state:
                    found.setdefault(state, text)
    return next(((state, found[state]) for state in _BY_WEIGHT if state in found), None)


def _read(field: str, text: str, today: date) -> str:
    if field == "left_on":
        return _read_day(text, today)
    if field != "sign_in_blocked":
        return _read_word(field, text)
    if any(map(str.isdigit, text)) and not words.find_meaning(text, ["yes", "no"]):
        # The day from which someone is blocked.
        state = _read_day(text, today)
        return BLOCKED if state == LEFT else state
    return "" if words.find_meaning(text, ["never"]) else _read_word(field, text)


@lru_cache(1_000)
def _read_word(field: str, text: str) -> str:
    meanings = _MEANINGS[field]
    if meaning := words.find_meaning(text, meanings):
        return meanings[meaning]
    if _CONTROL.fullmatch(text):
        number = int(text, 16) if text[:2].lower() == "0x" else int(float(text))
        return BLOCKED if number & _DISABLED_BIT else ALLOWED
    # "Terminated (2024)", "Active - full time"
    shorter = _IN_BRACKETS.sub(" ", text).strip()
    if shorter != text and (meaning := words.find_meaning(shorter, meanings)):
        return meanings[meaning]
    found = _WORD.findall(shorter)
    if any(words.find_meaning(word, ["negation"]) for word in found):
        return UNKNOWN
    states = [meanings[one] for word in found if (one := words.find_meaning(word, meanings))]
    for state in (LEFT, BLOCKED):
        if state in states:
            return state
    starts_well = found and words.find_meaning(found[0], meanings)
    return meanings[starts_well] if starts_well else UNKNOWN


# --- Days ----------------------------------------------------------------------------------------

_MONTHS = {
    name: number
    for number, names in enumerate(
        [
            "january jan januar janvier janv enero ene janeiro gennaio gen",
            "february feb februar février févr fév febrero fevereiro fev febbraio",
            "march mar märz mär mrz mars marzo março maart",
            "april apr avril avr abril abr aprile",
            "may mai mayo maio maggio mei",
            "june jun juni juin junio junho giugno",
            "july jul juli juillet juil julio julho luglio",
            "august aug août aou agosto ago augustus",
            "september sep sept septembre septiembre setembro set settembre",
            "october oct oktober okt octobre octubre outubro out ottobre ott",
            "november nov novembre noviembre novembro",
            "december dec dezember dez décembre déc diciembre dic dezembro dicembre",
        ],
        1,
    )
    for name in names.split()
}
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年년\s]\s*(\d{1,2})\s*[-/.月월\s]\s*(\d{1,2})\s*[日일.]?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{6}(?:\.0)?Z?)?")
_YEAR_LAST = re.compile(r"(\d{1,2})\s*[-/.\s]\s*(\d{1,2})\s*[-/.\s]\s*(\d{4}|\d{2})")
_NAMED = re.compile(r"(\d{1,2})[.\s-]*(?:de\s+)?([^\W\d_]+)\.?,?[\s-]*(?:de\s+)?(\d{4}|\d{2})")
_NAMED_FIRST = re.compile(r"([^\W\d_]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_MONTH = re.compile(r"(\d{4})\s*[-/.年년]\s*(\d{1,2})\s*[月월]?")
_TIME = re.compile(r"(?<=\d)(?:T|\s+|,\s*)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?$")  # fmt: skip
_WEEKDAY = re.compile(r"^[^\W\d_]{2,9}\.?,?\s+(?=\d{1,2}[.\s])|[（(][^\W\d_]{1,3}[)）]$")


@lru_cache(10_000)
def _read_day(text: str, today: date) -> str:
    """LEFT after the day, '' before it and where no day is meant, UNKNOWN where it is not clear."""
    if text.isdecimal():
        days = _find_counted_day(int(text)) if len(text) != len("20261130") else _find_days(text)
        return LEFT if days and days[0] < today else "" if days else UNKNOWN
    meaning = words.find_meaning(text, ["never", "left", "yes", "no"])
    # Dates of zeros are empty dates of databases.
    if meaning in {"never", "no"} or not re.search("[1-9]|[^\\W\\d]", text):
        return ""
    if meaning:
        return LEFT
    days = _find_days(_WEEKDAY.sub("", _TIME.sub("", text)).strip())
    # 03/04 is March or April: it matters only where today is between the two.
    past = {day < today for day in days}
    if len(past) != 1:
        return UNKNOWN
    return LEFT if past.pop() else ""


# How programs count the time: by the day of 0, and how many there are in a day.
_EXCEL, _UNIX, _WINDOWS = date(1899, 12, 30), date(1970, 1, 1), date(1601, 1, 1)
_COUNTED = {5: (_EXCEL, 1), 10: (_UNIX, 86_400), 13: (_UNIX, 86_400_000)} | dict.fromkeys(
    (17, 18, 19), (_WINDOWS, 864_000_000_000)
)


def _find_counted_day(number: int) -> list[date]:
    first, in_a_day = _COUNTED.get(len(str(number)), (None, 1))
    if number == 0:
        return [date.max]
    try:
        return [first + timedelta(days=number // in_a_day)] if first else []
    except OverflowError:
        # Active Directory's "never".
        return [date.max]


def _find_days(text: str) -> list[date]:
    if match := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        numbers = [match.groups()]
    elif match := _YEAR_LAST.fullmatch(text):
        first, second, year = match.groups()
        numbers = [(year, second, first)]
        # The month stands first in America only, and there a slash or a hyphen follows.
        if "." not in text:
            numbers.append((year, first, second))
    elif match := _NAMED.fullmatch(text):
        numbers = [(match[3], _MONTHS.get(match[2].casefold(), 0), match[1])]
    elif match := _NAMED_FIRST.fullmatch(text):
        numbers = [(match[3], _MONTHS.get(match[1].casefold(), 0), match[2])]
    elif match := _MONTH.fullmatch(text):
        return _end_of_month(int(match[1]), int(match[2]))
    else:
        return []
    return [day for year, month, day in numbers for day in _make_day(year, month, day)]


def _make_day(year: str, month: str | int, day: str) -> list[date]:
    number = int(year)
    # Two digits: 24 is 2024, 99 is 1999.
    number += 0 if number > 99 else 2000 if number < 80 else 1900
    try:
        return [date(number, int(month), int(day))]
    except ValueError:
        return []


def _end_of_month(year: int, month: int) -> list[date]:
    following = _make_day(str(year + month // 12), month % 12 + 1, "1")
    return [date.fromordinal(day.toordinal() - 1) for day in following if 1 <= month <= 12]
