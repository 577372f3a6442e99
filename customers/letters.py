"""Letters of all scripts: which are Chinese, their pinyin, folded and Latin forms."""

import csv
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from anyascii import anyascii

# Family names with another reading than their characters have elsewhere, as pinyin with tone
# numbers; double family names have a blank between the two.
with Path(__file__).with_name("family_names.csv").open(encoding="utf-8", newline="") as file:
    _READINGS = {row["name"]: row["pinyin"] for row in csv.DictReader(file)}
FAMILY_NAMES = {name: pinyin for name, pinyin in _READINGS.items() if len(name) == 1}
DOUBLE_FAMILY_NAMES = {name: pinyin for name, pinyin in _READINGS.items() if len(name) == 2}


def is_han(text: str) -> bool:
    """Whether a text is written in Han characters only."""
    return bool(text) and all(map(_is_han, text))


def _is_han(character: str) -> bool:
    return (
        "\u4e00" <= character <= "\u9fff"
        or "\u3400" <= character <= "\u4dbf"
        or "\U00020000" <= character <= "\U0003ffff"
        or "\uf900" <= character <= "\ufaff"
        or character in "〇々"
    )


def is_cjk(character: str) -> bool:
    """Whether a character is Han, kana or hangul, written without blanks between words."""
    return (
        _is_han(character) or "\u3040" <= character <= "\u30ff" or "\uac00" <= character <= "\ud7a3"
    )


KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_HANGUL = re.compile("[\uac00-\ud7a3]")


def romanize(text: str) -> str:
    """The text with kana in Hepburn spelling and hangul in Revised Romanization."""
    if text.isascii():
        return text
    if KANA.search(text):
        text = _spell_kana(text)
    return _HANGUL.sub(lambda match: _spell_syllable(match[0]), text)


_KANA = {"ぢ": "ji", "づ": "zu", "を": "o", "ゐ": "i", "ゑ": "e", "ゔ": "vu", "ー": "", "ん": "n"}
_SMALL = {"ゃ": "ya", "ゅ": "yu", "ょ": "yo"} | dict(zip("ぁぃぅぇぉ", "aiueo", strict=True))


def _spell_kana(text: str) -> str:
    # Katakana as hiragana, which has the same order.
    text = re.sub(
        "[\u30a1-\u30f4]",
        lambda match: chr(ord(match[0]) - 0x60),
        unicodedata.normalize("NFKC", text),
    )
    spelled: list[str] = []
    is_doubled = False
    for character in text:
        if character == "っ":
            is_doubled = True
            continue
        sound = _KANA.get(character)
        if sound is None:
            sound = anyascii(character) if "\u3041" <= character <= "\u3096" else character
        small = _SMALL.get(character)
        if small and spelled and spelled[-1][-1:] in "iueo" and spelled[-1]:
            spelled[-1] = _join_small(spelled[-1], small)
            continue
        if is_doubled and sound:
            sound = ("t" if sound.startswith("ch") else sound[0]) + sound
            is_doubled = False
        spelled.append(small or sound)
    # Long vowels as in passports: さとう is Sato.
    return re.sub(r"ou(?!e)|oo", "o", "".join(spelled)).replace("uu", "u")


def _join_small(sound: str, small: str) -> str:
    if sound == "u":
        return "w" + small
    stem = sound[:-1]
    # しゃ is sha, きゃ is kya.
    return stem + (small[-1] if stem.endswith(("sh", "ch", "j")) else small)


_FIRST = "g kk n d tt r m b pp s ss - j jj ch k t p h".replace("-", "").split(" ")
_VOWEL = [
    "a",
    "ae",
    "ya",
    "yae",
    "eo",
    "e",
    "yeo",
    "ye",
    "o",
    "wa",
    "wae",
    "oe",
    "yo",
    "u",
    "wo",
    "we",
    "wi",
    "yu",
    "eu",
    "ui",
    "i",
]
_LAST = [
    "",
    "k",
    "k",
    "k",
    "n",
    "n",
    "n",
    "t",
    "l",
    "k",
    "m",
    "l",
    "l",
    "l",
    "p",
    "l",
    "m",
    "p",
    "p",
    "t",
    "t",
    "ng",
    "t",
    "t",
    "k",
    "t",
    "p",
    "t",
]


def _spell_syllable(syllable: str) -> str:
    number = ord(syllable) - 0xAC00
    return _FIRST[number // 588] + _VOWEL[number % 588 // 28] + _LAST[number % 28]


class _Table(dict):
    """A table for str.translate that computes each character once."""

    def __init__(self, make: Callable[[str], str]):
        super().__init__()
        self.make = make

    def __missing__(self, code: int) -> str:
        value = self[code] = self.make(chr(code))
        return value


def _to_pinyin(character: str) -> str:
    # Characters are read one by one, so its phrases would waste 45 MB of every process.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")
    # Imported late: the rest takes 15 MB that a process without Chinese names does not need.
    import pypinyin

    reading = pypinyin.pinyin(
        character, style=pypinyin.Style.TONE3, neutral_tone_with_five=True, errors="ignore"
    )
    return reading[0][0] if reading else ""


def _to_sort_key(character: str) -> str:
    # The tone and the character itself keep the family names 王 and 汪 apart.
    return _to_pinyin(character) + character if _is_han(character) else _fold(character)


def _fold(character: str) -> str:
    if is_cjk(character):
        return character
    parts = unicodedata.normalize("NFKD", character.casefold())
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    # Letters without a decomposition, such as ø and ł.
    is_latin = unicodedata.name(character, "").startswith("LATIN ")
    return anyascii(plain).lower() if is_latin else plain


def _to_latin(character: str) -> str:
    if _is_han(character):
        return _to_pinyin(character).rstrip("12345")
    if not character.isalpha():
        return _fold(character)
    # An apostrophe stands for a soft sign.
    return anyascii(character).lower().replace("'", "")


# For str.translate.
SORT = _Table(_to_sort_key)
FOLD = _Table(_fold)
SEARCH = _Table(lambda character: f" {character} " if is_cjk(character) else character)
LATIN = _Table(_to_latin)
