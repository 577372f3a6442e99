"""Decodes bytes: detects the encoding of a file, and refuses a mere guess."""

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator

import charset_normalizer
from django.utils.translation import gettext_lazy as _

from spreadsheets.errors import UnreadableFile

SAMPLE = 64 * 1024

# What can be selected, in the order of the select box.
ENCODINGS = [
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("gb18030", _("Simplified Chinese (GB18030, GBK)")),
    ("big5", _("Traditional Chinese (Big5)")),
    ("shift_jis", _("Japanese (Shift_JIS)")),
    ("cp949", _("Korean (Windows-949)")),
    ("cp1252", _("Western European (Windows-1252)")),
    ("cp1250", _("Central European (Windows-1250)")),
    ("cp1251", _("Cyrillic (Windows-1251)")),
    ("cp1253", _("Greek (Windows-1253)")),
    ("cp1254", _("Turkish (Windows-1254)")),
    ("cp1255", _("Hebrew (Windows-1255)")),
    ("cp1256", _("Arabic (Windows-1256)")),
    ("cp1257", _("Baltic (Windows-1257)")),
    ("cp1258", _("Vietnamese (Windows-1258)")),
    ("mac_roman", _("Western European (Mac)")),
]

# What Windows writes under these names.
_CODECS = {"big5": "cp950", "shift_jis": "cp932"}

_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x84\x31\x95\x33", "gb18030"),
]

# The characters that nearly every text in an encoding is made of: the common half of the
# Chinese sets, kana and the common kanji.
_COMMON = {
    "gb18030": re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|\xa3[\xa1-\xfe]|\xa1[\xa1-\xbf]"),
    "big5": re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]|\xa1[\x40-\x7e]"),
    "shift_jis": re.compile(
        rb"\x82[\x4f-\xf1]|\x83[\x40-\x96]|[\x88-\x97][\x40-\x7e\x80-\xfc]|\x81[\x40-\x5b]"
    ),
}
_PAIR = {
    "gb18030": re.compile(rb"[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]|[\x81-\xfe][\x40-\xfe]"),
    "big5": re.compile(rb"[\x81-\xfe][\x40-\xfe]"),
    "shift_jis": re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\xfc]|[\xa1-\xdf]"),
}

# The letters beyond a–z of the languages that are written in each Windows encoding; of equal
# ones the first wins.
_LETTERS = {
    "cp1252": ["àâçéèêëîïôùûœæ", "äëïöüß", "áéíóúñü", "áâãàçéêíóôõú", "åäöæøéü", "àèéìòù"],
    "mac_roman": ["àâçéèêëîïôùûœæ", "äëïöüß", "áéíóúñü", "áâãàçéêíóôõú", "åäöæøéü", "àèéìòù"],
    "cp1250": ["ąćęłńóśźż", "áčďéěíňóřšťúůýžľĺŕäô", "áéíóöőúüű", "ăâîşţ", "čćđšž"],
    "cp1254": ["çğıöşüâ"],
    "cp1257": ["ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž"],
    "cp1255": ["אבגדהוזחטיךכלםמןנסעףפץצקרשת"],
    "cp1251": ["абвгдежзийклмнопрстуфхцчшщъыьэюяё", "абвгдежзийклмнопрстуфхцчшщьюяієїґ"],
    "cp1253": ["αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ"],
    "cp1256": ["ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأإؤئپچژگ"],
}  # fmt: skip
_LATIN = {"cp1252", "mac_roman", "cp1250", "cp1254", "cp1257"}


def decode(
    data: bytes, encoding: str | None, knows_header: Callable[[str], int]
) -> tuple[str, str, bool]:
    """
    Decode a file: its text, the encoding, and whether that was guessed.

    Of several encodings that fit, the one with most known columns wins.

    :param knows_header: counts the known columns in the header of a text.

    :raises UnreadableFile: if the chosen encoding does not fit, or none does.
    """
    if encoding:
        if encoding not in dict(ENCODINGS):
            raise UnreadableFile("encoding_not_offered", encoding=encoding)
        return _strictly(data, encoding), encoding, False
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _strictly(data, name), name, False
    wide = _wide(data[:SAMPLE])
    if wide:
        return _strictly(data, wide), "utf-16", False
    try:
        return data.decode("utf-8"), "utf-8", False
    except UnicodeDecodeError as error:
        start = error.start
    # A list of plain letters may have its first other one far behind.
    sample = _sample(data, 0) if start < SAMPLE else _sample(data, start)
    if _is_mostly_utf_8(sample):
        return _strictly(data, "utf-8"), "utf-8", False
    refused = None
    for name in _candidates(sample, knows_header):
        try:
            return _strictly(data, name), name, True
        except UnreadableFile as error:
            # What fits the likeliest all the way to one bad byte is damaged, not in another one.
            if name in _COMMON and knows_header(_try(data[:SAMPLE], name) or ""):
                raise
            refused = refused or error
    raise UnreadableFile("unknown_encoding") from refused


def _strictly(data: bytes, encoding: str) -> str:
    codec = _CODECS.get(encoding, encoding)
    try:
        text = str(data, codec)
    except UnicodeDecodeError as error:
        name = str(dict(ENCODINGS).get(encoding, encoding.upper()))
        line = _count_lines(data[: error.start], encoding) + 1
        raise UnreadableFile("wrong_encoding", encoding=name, line=line) from error
    return text.removeprefix("\ufeff")


def _count_lines(data: bytes, encoding: str) -> int:
    if encoding.startswith(("utf-16", "utf-32")):
        # There the bytes of a line end may be halves of other characters.
        data = data.decode(encoding, "replace").encode("utf-8", "replace")
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _wide(sample: bytes) -> str | None:
    # UTF-16 without its mark: the blanks, commas and line ends have a zero byte on one side.
    sample = sample[: len(sample) // 2 * 2]
    if b"\0" not in sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > half / 20 and even <= odd / 20:
        return "utf-16-le"
    if even > half / 20 and odd <= even / 20:
        return "utf-16-be"
    return None


def _is_mostly_utf_8(sample: bytes) -> bool:
    # Chinese in another encoding hardly ever looks like UTF-8, so a few broken bytes among
    # many good ones mean a damaged file and not another encoding.
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    good = sum(1 for character in text if character > "\x7f") - broken
    return good > 4 * broken


def _sample(data: bytes, start: int) -> bytes:
    # Whole lines, those around `start`, below the header.
    if len(data) <= SAMPLE:
        return data
    header = b""
    if start:
        header = data[: data.find(b"\n", 0, SAMPLE) + 1]
        start = max(data.rfind(b"\n", 0, start) + 1, start - SAMPLE)
    rest = data[start : start + SAMPLE]
    return header + (rest[: rest.rfind(b"\n") + 1] or rest)


def _candidates(sample: bytes, knows_header: Callable[[str], int]) -> Iterator[str]:
    scores = {}
    for name in _COMMON:
        text = _try(sample, name)
        if text is None or _is_inside_words(text):
            continue
        share = _share_of_common(sample, name)
        header = knows_header(text)
        scores[name] = (share + header if share >= 0.6 else 0.0, share)
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    yield from (name for name in ranked if scores[name][0] >= 0.6)
    yield from _western(sample)


def _try(sample: bytes, name: str) -> str | None:
    try:
        # A sample may end in the middle of a character.
        decoder = codecs.getincrementaldecoder(_CODECS.get(name, name))()
        return decoder.decode(sample)
    except UnicodeDecodeError:
        return None


def _is_inside_words(text: str) -> bool:
    # A Chinese character between two Latin letters is one that has an accent.
    runs = len(_FOREIGN.findall(text))
    return len(_INSIDE.findall(text)) > runs / 4


_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_INSIDE = re.compile(r"[a-z][^\x00-\x7f]+(?=[a-z])")


def _share_of_common(sample: bytes, name: str) -> float:
    foreign = re.sub(rb"[\x00-\x7f]{2,}", b"\n", sample)
    pairs = sum(1 for _ in _PAIR[name].finditer(foreign))
    common = sum(1 for pair in _PAIR[name].findall(foreign) if _COMMON[name].fullmatch(pair))
    return common / pairs if pairs else 0.0


def _western(sample: bytes) -> list[str]:
    texts = {name: _try(sample, name) for name in _LETTERS}
    scores = {name: _share_of_letters(text, name) for name, text in texts.items() if text}
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    if ranked and scores[ranked[0]] >= 0.6:
        return ranked
    match = charset_normalizer.from_bytes(sample).best()
    named = [
        name
        for name, _ in ENCODINGS
        if match and _same_codec(name, match.encoding) and not _is_inside_words(str(match))
    ]
    return named + [name for name in ranked if scores[name] >= 0.4]


def _same_codec(name: str, found: str) -> bool:
    return codecs.lookup(_CODECS.get(name, name)).name == codecs.lookup(found).name


def _share_of_letters(text: str, name: str) -> float:
    foreign = [character for character in text if character > "\x7f"]
    if not foreign:
        return 0.0
    counts = Counter(character.lower() for character in foreign)
    languages = [
        sum(counts[letter] for letter in letters) / len(foreign) for letters in _LETTERS[name]
    ]
    every = sum(counts[letter] for letter in set("".join(_LETTERS[name]))) / len(foreign)
    # A capital inside a word, or two alphabets in one, is a sign of the wrong encoding.
    odd = sum(
        1
        for before, after in zip(text, text[1:], strict=False)
        if after > "\x7f"
        and before.islower()
        and after.isupper()
        or name not in _LATIN
        and (before > "\x7f") != (after > "\x7f")
        and before.isalpha()
        and after.isalpha()
    )
    # Of two that fit, the one that is everywhere.
    likelier = 0.1 if name == "cp1252" else 0.0
    return (max(languages) + every) / 2 - odd / len(foreign) + likelier
