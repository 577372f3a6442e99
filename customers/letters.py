"""Letters: which are Chinese, how they are read, and what they fold to."""

import os
import unicodedata

# Letters that no Unicode decomposition takes apart.
_PLAIN_LETTERS = {
    "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ħ": "h", "ŋ": "ng",
    "ı": "i", "ß": "ss", "ŧ": "t", "ĸ": "k", "ƒ": "f", "ə": "e",
}  # fmt: skip

_CYRILLIC_AND_GREEK = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґўёαβγδεζηθικλμνξοπρσςτυφχψω",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "zh",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
            "_",
            "y",
            "_",
            "e",
            "yu",
            "ya",
            "i",
            "yi",
            "ye",
            "g",
            "u",
            "yo",
            "a",
            "v",
            "g",
            "d",
            "e",
            "z",
            "i",
            "th",
            "i",
            "k",
            "l",
            "m",
            "n",
            "x",
            "o",
            "p",
            "r",
            "s",
            "s",
            "t",
            "y",
            "f",
            "ch",
            "ps",
            "o",
        ],
        strict=True,
    )
)

# Characters that are read differently where they are a family name.
FAMILY_NAMES = {
    "单": "shan4", "單": "shan4", "解": "xie4", "仇": "qiu2", "区": "ou1", "區": "ou1",
    "查": "zha1", "盖": "ge3", "蓋": "ge3", "曾": "zeng1", "缪": "miao4", "繆": "miao4",
    "乐": "yue4", "樂": "yue4", "折": "she2", "卜": "bu3", "召": "shao4", "员": "yun4",
    "秘": "bi4", "燕": "yan1", "黑": "he4", "重": "chong2", "翟": "zhai2", "朴": "piao2",
    "覃": "qin2", "纪": "ji3", "紀": "ji3", "洗": "xian3", "冼": "xian3", "种": "chong2",
    "宓": "fu2", "隗": "wei3", "任": "ren2", "尹": "yin3", "车": "che1", "車": "che1",
}  # fmt: skip
DOUBLE_FAMILY_NAMES = {
    "尉迟": "yu4 chi2", "尉遲": "yu4 chi2", "万俟": "mo4 qi2", "萬俟": "mo4 qi2",
    "长孙": "zhang3 sun1", "長孫": "zhang3 sun1", "澹台": "tan2 tai2", "澹臺": "tan2 tai2",
    "令狐": "ling2 hu2", "欧阳": "ou1 yang2", "歐陽": "ou1 yang2", "司马": "si1 ma3",
    "司馬": "si1 ma3", "上官": "shang4 guan1", "诸葛": "zhu1 ge3", "諸葛": "zhu1 ge3",
    "皇甫": "huang2 fu3", "公孙": "gong1 sun1", "公孫": "gong1 sun1", "慕容": "mu4 rong2",
    "司徒": "si1 tu2", "司空": "si1 kong1", "夏侯": "xia4 hou2", "东方": "dong1 fang1",
    "東方": "dong1 fang1", "宇文": "yu3 wen2", "独孤": "du2 gu1", "獨孤": "du2 gu1",
    "南宫": "nan2 gong1", "南宮": "nan2 gong1", "端木": "duan1 mu4", "赫连": "he4 lian2",
}  # fmt: skip


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


def _read(character: str) -> str:
    """The pinyin of one Han character with the number of its tone, or nothing."""
    # Characters are read one by one, so its phrases would take 45 MB of every process for nothing.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")
    # What is left still takes 15 MB that a process without Chinese names does not need.
    import pypinyin

    reading = pypinyin.pinyin(
        character, style=pypinyin.Style.TONE3, neutral_tone_with_five=True, errors="ignore"
    )
    return reading[0][0] if reading else ""


class _Table(dict):
    """A table for str.translate that works out each character once."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def __missing__(self, code):
        value = self[code] = self.make(chr(code))
        return value


def _fold(character: str) -> str:
    plain = "".join(
        part
        for part in unicodedata.normalize("NFKD", character.casefold())
        if not unicodedata.combining(part)
    )
    return "".join(_PLAIN_LETTERS.get(part, part) for part in plain)


def _sort_form(character: str) -> str:
    # The tone and the character itself keep the families 王 and 汪 apart.
    if _is_han(character):
        return _read(character) + character
    return character if is_cjk(character) else _fold(character)


def _search_form(character: str) -> str:
    return f" {character} " if is_cjk(character) else character


def _latin_form(character: str) -> str:
    if _is_han(character):
        return _read(character).rstrip("12345")
    lower = _fold(character)
    return "".join(_CYRILLIC_AND_GREEK.get(part, part) for part in lower).replace("_", "")


# For str.translate.
SORT = _Table(_sort_form)
FOLD = _Table(lambda character: character if is_cjk(character) else _fold(character))
SEARCH = _Table(_search_form)
LATIN = _Table(_latin_form)
