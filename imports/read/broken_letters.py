"""
Letters that were broken before the file was made: UTF-8 that was read in another encoding.

"InÃ¨s" is "Inès" in UTF-8, read as Windows-1252. Read the other way round it is a text again, which
happens to no name by chance. Where a letter was lost, a name of the file or a well-known one fits.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

# Western, Central European, Turkish, Cyrillic, Mac, DOS.
_SINGLE = ("cp1252", "latin-1", "cp1250", "cp1254", "cp1251", "mac_roman", "cp850", "cp437")
# Chinese, Japanese, Korean.
_DOUBLE = ("gb18030", "cp932", "big5", "cp949")
_FOLLOWS = range(0x80, 0xC0)


def _decode(data: bytes, encoding: str) -> str:
    # Programs keep bytes that an encoding leaves undefined.
    return data.decode(encoding, "ignore") or data.decode("latin-1")


_BYTES = {
    encoding: {_decode(bytes([byte]), encoding): byte for byte in range(0x80, 0x100)}
    for encoding in _SINGLE
}


def _characters(encoding: str, some: Iterable[int]) -> str:
    return "".join(re.escape(_decode(bytes([byte]), encoding)) for byte in some)


def _in_one(encoding: str, leads: Iterable[int]) -> set[str]:
    """The characters that two bytes of UTF-8 are in an encoding with two bytes for each."""
    pairs = (bytes([lead, follow]) for lead in leads for follow in _FOLLOWS)
    return {one for pair in pairs if len(one := pair.decode(encoding, "ignore")) == 1}


# A letter with a mark or a sign such as ’, as two or three characters of an encoding.
_PIECES = {
    encoding: re.compile(
        f"[{_characters(encoding, range(0xC2, 0xC6))}][{_characters(encoding, _FOLLOWS)}]"
        f"|{_characters(encoding, [0xE2])}{_characters(encoding, [0x80])}"
        f"[{_characters(encoding, _FOLLOWS)}]"
    )
    for encoding in _SINGLE
}
# What begins a letter of UTF-8 in one of the encodings, so that most texts need one look.
_MAY_BE_BROKEN = re.compile(
    "|".join(
        f"[{_characters(encoding, range(0xC2, 0xF5))}][{_characters(encoding, _FOLLOWS)}]"
        for encoding in _SINGLE
    )
)
_MARKED_IN_ONE = {encoding: _in_one(encoding, range(0xC3, 0xC6)) for encoding in _DOUBLE}
# One Han or Hangul character before a small Latin letter.
_IN_WORD = {
    encoding: re.compile(f"[{''.join(sorted(found))}]+(?=[a-z])")
    for encoding, found in _MARKED_IN_ONE.items()
}
_FIRSTS = {encoding: _in_one(encoding, [*range(0xE3, 0xEE), 0xD0, 0xD1]) for encoding in _DOUBLE}
_ANY_FIRST = frozenset().union(*_FIRSTS.values())
_LAST = re.compile(f"(?<=[a-z])[{''.join(sorted(_MARKED_IN_ONE['gb18030']))}]$")
# Half-width kana, and the beginning of signs such as ’.
_SURE = re.compile("[\uff61-\uff9f鈥窶]")

_LOST = re.compile(
    "\ufffd+|(?<=\\w)\\?+(?=\\w)|(?<=[a-z])\\?+$|^\\?+(?=[a-z])|[ÃÂÅ]\\?|^[? ]*\\?\\?[? ]*$"
)


# A letter as web pages write it.
_ENTITY = re.compile(r"&(?:#[0-9]{2,6}|#[xX][0-9a-fA-F]{2,5}|[A-Za-z]{2,8}[0-9]?);")
_FAMILY_NAMES = "毛梅莫牛欧牟"
# A text without any of these has all its letters.
SIGNS_OF_LOSS = f"[?\ufffd{''.join(sorted(_MARKED_IN_ONE['gb18030']))}]"


def repair(text: str) -> str:
    """The text with its letters, where it is certain which they were; else the text itself."""
    if "&" in text and _ENTITY.search(text):
        return html.unescape(text)
    if text.isascii():
        return text
    return next(filter(_is_name, _undo(text)), text)


def _undo(text: str, times: int = 2) -> Iterator[str]:
    if _MAY_BE_BROKEN.search(text):
        for encoding in _SINGLE:
            whole = _whole(text, encoding)
            made = whole or _PIECES[encoding].sub(lambda one, e=encoding: _piece(one[0], e), text)
            if made != text and (whole or not _PIECES[encoding].search(made)):
                yield made
                if times:
                    yield from _undo(made, times - 1)
    # A no-break space at the end of a cell is gone: the second byte of "à".
    if text.endswith("Ã") and text[-2:-1].islower():
        yield f"{text[:-1]}à"
    for encoding in _DOUBLE:
        if _IN_WORD[encoding].search(text):
            made = _IN_WORD[encoding].sub(lambda one, e=encoding: _decode_run(one[0], e), text)
            if _scripts(made) == {"LATIN"}:
                yield made
    if text[0] in _ANY_FIRST or _SURE.search(text):
        yield from filter(None, (_decode_double(text, encoding) for encoding in _DOUBLE))


def _whole(text: str, encoding: str) -> str:
    table = _BYTES[encoding]
    try:
        made = bytes(ord(one) if one.isascii() else table[one] for one in text).decode()
    except (KeyError, UnicodeError):
        return ""
    # One pair of signs can be a letter of a rare script.
    return made if len(_scripts(made)) == 1 else ""


def _piece(broken: str, encoding: str) -> str:
    try:
        made = bytes(_BYTES[encoding][one] for one in broken).decode()
    except UnicodeError:
        return broken
    return made if made.isalpha() or made in _SIGNS else broken


def _decode_run(broken: str, encoding: str) -> str:
    try:
        return broken.encode(encoding).decode()
    except UnicodeError:
        return broken


def _decode_double(text: str, encoding: str) -> str:
    try:
        made = text.encode(encoding).decode()
    except UnicodeError:
        return ""
    found = _scripts(made)
    # By chance no Han is a text of Han or Hangul again, and no three are Cyrillic.
    is_sure = _SURE.search(text) or found <= {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}
    return made if len(found) >= 1 and (is_sure or found == {"CYRILLIC"} and len(made) > 2) else ""


_SIGNS = "’‘“”–—…·°ªº\xa0"
_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC",
            "HEBREW", "THAI", "DEVANAGARI")  # fmt: skip


def _scripts(text: str) -> set[str]:
    """The scripts of the letters; '' for one that no list of people has."""
    found = {unicodedata.name(one, "").partition(" ")[0] for one in text if one.isalpha()}
    return {script if script in _SCRIPTS else "" for script in found}


def _is_name(text: str) -> bool:
    """Whether nothing in the text is broken."""
    return not _MAY_BE_BROKEN.search(text) and all(
        one.isascii() or one.isalpha() or one in _SIGNS or unicodedata.combining(one)
        for one in text
    )


def has_lost_letters(text: str) -> bool:
    """Whether a letter of a name was replaced by � or ?, or may be broken."""
    return _LOST.search(text) is not None or _guess_last(text) != ""


def guess(text: str, names: Iterable[str]) -> str:
    """What was probably meant: the word of these names, or a well-known one, that fits; or ''."""
    if whole := _guess_last(text):
        return whole
    names = [*names, *WELL_KNOWN]
    guessed = [_guess_word(word, names) for word in text.split()]
    return " ".join(guessed) if all(guessed) else ""


def _guess_word(word: str, names: Iterable[str]) -> str:
    if not _LOST.search(word):
        return word
    pattern = re.compile(".{1,2}".join(map(re.escape, _LOST.split(word))), re.IGNORECASE)
    return next((one for one in names if not one.isascii() and pattern.fullmatch(one)), "")


def _guess_last(text: str) -> str:
    # "Jos茅" is "José"; "Amy毛" may be Amy whose family name is Mao.
    match = _LAST.search(text)
    if match is None or match[0] in _FAMILY_NAMES:
        return ""
    return text[:-1] + match[0].encode("gb18030").decode()


# Frequent names with letters that get lost.
WELL_KNOWN = Path(__file__).with_name("accented_names.txt").read_text(encoding="utf-8").split()
