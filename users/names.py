"""
The rules for user names and for people's names: pure functions, no database.

What a list sorts by and what a search looks through is made here too and stored
in columns, so that every server sorts and finds alike whatever its locale is.
"""

import re
import unicodedata

LOCAL_PART_LIMIT = 64
USER_NAME_LIMIT = 254
DISPLAY_NAME_LIMIT = 120
SORT_KEY_LIMIT = 240

_LOCAL_PART = re.compile(r"[a-z0-9](?:[a-z0-9_'-]|\.(?=[a-z0-9_'-]))*", re.IGNORECASE | re.ASCII)
_NOT_ALLOWED = re.compile(r"[^a-z0-9._'-]", re.IGNORECASE | re.ASCII)

_RESERVED = frozenset(
    [
        "abuse",
        "admin",
        "administrator",
        "ftp",
        "guest",
        "helpdesk",
        "hostmaster",
        "info",
        "mailer-daemon",
        "noreply",
        "no-reply",
        "nobody",
        "office",
        "postmaster",
        "root",
        "sales",
        "security",
        "support",
        "sysadmin",
        "system",
        "test",
        "user",
        "webmaster",
        "www",
    ]
)

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
_FAMILY_NAMES = {
    "单": "shan4", "單": "shan4", "解": "xie4", "仇": "qiu2", "区": "ou1", "區": "ou1",
    "查": "zha1", "盖": "ge3", "蓋": "ge3", "曾": "zeng1", "缪": "miao4", "繆": "miao4",
    "乐": "yue4", "樂": "yue4", "折": "she2", "卜": "bu3", "召": "shao4", "员": "yun4",
    "秘": "bi4", "燕": "yan1", "黑": "he4", "重": "chong2", "翟": "zhai2", "朴": "piao2",
    "覃": "qin2", "纪": "ji3", "紀": "ji3", "洗": "xian3", "冼": "xian3", "种": "chong2",
    "宓": "fu2", "隗": "wei3", "任": "ren2", "尹": "yin3", "车": "che1", "車": "che1",
}  # fmt: skip
_DOUBLE_FAMILY_NAMES = {
    "尉迟": "yu4 chi2", "尉遲": "yu4 chi2", "万俟": "mo4 qi2", "萬俟": "mo4 qi2",
    "长孙": "zhang3 sun1", "長孫": "zhang3 sun1", "澹台": "tan2 tai2", "澹臺": "tan2 tai2",
    "令狐": "ling2 hu2", "欧阳": "ou1 yang2", "歐陽": "ou1 yang2", "司马": "si1 ma3",
    "司馬": "si1 ma3", "上官": "shang4 guan1", "诸葛": "zhu1 ge3", "諸葛": "zhu1 ge3",
    "皇甫": "huang2 fu3", "公孙": "gong1 sun1", "公孫": "gong1 sun1", "慕容": "mu4 rong2",
    "司徒": "si1 tu2", "司空": "si1 kong1", "夏侯": "xia4 hou2", "东方": "dong1 fang1",
    "東方": "dong1 fang1", "宇文": "yu3 wen2", "独孤": "du2 gu1", "獨孤": "du2 gu1",
    "南宫": "nan2 gong1", "南宮": "nan2 gong1", "端木": "duan1 mu4", "赫连": "he4 lian2",
}  # fmt: skip


def check_local_part(text: str) -> str | None:
    """
    Say what is wrong with the part of a user name before the @; None if nothing is.

    One of: empty, not_ascii, bad_character, too_long, bad_start, bad_dot.
    """
    if len(text) <= LOCAL_PART_LIMIT and text.isascii() and _LOCAL_PART.fullmatch(text):
        return None
    if not text:
        return "empty"
    # Before anything lowers it: the KELVIN SIGN becomes a plain k, and a name
    # that looks like another one would pass.
    if not text.isascii():
        return "not_ascii"
    if _NOT_ALLOWED.search(text):
        return "bad_character"
    if len(text) > LOCAL_PART_LIMIT:
        return "too_long"
    if not text[0].isalnum() and text[0] != ".":
        return "bad_start"
    return "bad_dot"


def check_user_name(text: str) -> str | None:
    """
    Say what is wrong with a whole user name; None if nothing is.

    What check_local_part says, or no_at, two_ats. Whose the domain is, is not asked.
    """
    local, at, domain = text.partition("@")
    if not at or not domain:
        return "no_at"
    if "@" in domain:
        return "two_ats"
    problem = check_local_part(local)
    if problem is None and len(text) > USER_NAME_LIMIT:
        return "too_long"
    return problem


def bad_characters(text: str) -> str:
    """Those characters of a local part that may not stand in one, each once."""
    return "".join(dict.fromkeys(_NOT_ALLOWED.findall(text)))


def split_user_name(user_name: str) -> tuple[str, str]:
    """Take a user name apart at its @, in lower case. The domain may come out empty."""
    local, _, domain = user_name.partition("@")
    return local.lower(), domain.lower()


def is_reserved(local: str) -> bool:
    """Whether a local part is one that people take for an official address."""
    return local.lower() in _RESERVED


def clean_text(text: str) -> str:
    """Put a text into NFC on one line, without controls, bidi marks and zero-width characters."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) if "  " in text else text.strip()
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _visible(character: str) -> str:
    # White space of any kind becomes a blank. What Python does not know, or what
    # is private use, may be a rare Han character and stays.
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character


def clean_display_name(text: str) -> str:
    """Clean a display name, and cut it where it is longer than may be stored."""
    return clean_text(text)[:DISPLAY_NAME_LIMIT].rstrip()


def compose_display_name(first: str, last: str) -> str:
    """Make a display name: family name first and no blank in Chinese, else first and last."""
    if first and last and is_han(first) and is_han(last):
        return last + first
    return f"{first} {last}".strip()


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


def _is_cjk(character: str) -> bool:
    return (
        _is_han(character) or "\u3040" <= character <= "\u30ff" or "\uac00" <= character <= "\ud7a3"
    )


def _read(character: str) -> str:
    """The pinyin of one Han character with the number of its tone, or nothing."""
    # Half a second and 50 MB that a process without Chinese names does not need.
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
    return character if _is_cjk(character) else _fold(character)


def _search_form(character: str) -> str:
    return f" {character} " if _is_cjk(character) else character


def _latin_form(character: str) -> str:
    if _is_han(character):
        return _read(character).rstrip("12345")
    lower = _fold(character)
    return "".join(_CYRILLIC_AND_GREEK.get(part, part) for part in lower).replace("_", "")


_SORT = _Table(_sort_form)
_FOLD = _Table(lambda character: character if _is_cjk(character) else _fold(character))
_SEARCH = _Table(_search_form)
_LATIN = _Table(_latin_form)


def sort_key(display_name: str, last: str = "", first: str = "") -> str:
    """
    Make what a list of users is sorted by, compared byte by byte.

    Case and accents are folded, Han characters stand under their pinyin. The
    other two names count only where there is no display name.
    """
    name = display_name or f"{last} {first}".strip()
    if name.isascii():
        return name.lower()[:SORT_KEY_LIMIT]
    family = _DOUBLE_FAMILY_NAMES.get(name[:2])
    if family is not None:
        head = "".join(map("".join, zip(family.split(), name[:2], strict=True)))
        return (head + name[2:].translate(_SORT))[:SORT_KEY_LIMIT]
    family = _FAMILY_NAMES.get(name[:1])
    if family is not None and len(name) <= 4:
        return (family + name[0] + name[1:].translate(_SORT))[:SORT_KEY_LIMIT]
    return name.translate(_SORT)[:SORT_KEY_LIMIT]


def search_text(*parts: str) -> str:
    """
    Make what a search looks through.

    Lower case, every CJK character a word of its own. Words with accents stand there
    twice, as they are and without: both "müller" and "muller" are found. The later
    pieces of a user name are words too. It begins and ends with a blank, so that
    every word has one before it.
    """
    text = " ".join(parts)
    if text.isascii():
        words = text.lower().split()
    else:
        words = _search_words(text)
        folded = text.lower().translate(_FOLD)
        if folded != text.lower():
            known = set(words)
            words += [word for word in _search_words(folded) if word not in known]
    for word in words[:]:
        if "@" in word:
            words += re.split(r"[._-]", word.partition("@")[0])[1:]
    return f" {' '.join(filter(None, words))} "


def _search_words(text: str) -> list[str]:
    return unicodedata.normalize("NFC", text).lower().translate(_SEARCH).split()


def search_patterns(term: str) -> list[str]:
    r"""
    Make the LIKE patterns (escape \) that a search text has to match, all of them.

    Words of fewer than three Latin letters are looked for at the start of words, since
    they have no trigram; a run of CJK characters must follow one another.
    """
    patterns = []
    for word in clean_text(term.replace("\0", " ")).split():
        spaced = " ".join(_search_words(word))
        if not spaced:
            continue
        starts_word = len(spaced) < 3 or _is_cjk(spaced[0])
        ends_word = _is_cjk(spaced[-1])
        escaped = spaced.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{' ' if starts_word else ''}{escaped}{' ' if ends_word else ''}%"
        if pattern not in patterns:
            patterns.append(pattern)
    return patterns


search_pattern = search_patterns


def propose_local_part(display: str = "", first: str = "", last: str = "") -> str:
    """
    Propose the local part for a person: 王建国 → jianguo.wang, José Núñez → jose.nunez.

    Empty where the names have no letter that could be spelled in a–z.
    """
    if not (first or last):
        first, last = _split_display_name(clean_text(display))
    pieces = [_as_local(first, family=False), _as_local(last, family=True)]
    return ".".join(filter(None, pieces))[:LOCAL_PART_LIMIT].rstrip(".")


def _split_display_name(display: str) -> tuple[str, str]:
    if is_han(display):
        length = 2 if display[:2] in _DOUBLE_FAMILY_NAMES and len(display) > 2 else 1
        return display[length:], display[:length]
    if "," in display:
        last, _, first = display.partition(",")
        return first.strip(), last.strip()
    words = display.split()
    return (words[0], words[-1]) if len(words) > 1 else (display, "")


def _as_local(name: str, *, family: bool) -> str:
    name = clean_text(name)
    if family and name in _DOUBLE_FAMILY_NAMES:
        name = re.sub(r"[0-9 ]", "", _DOUBLE_FAMILY_NAMES[name])
    elif family and name in _FAMILY_NAMES:
        name = _FAMILY_NAMES[name].rstrip("12345")
    return re.sub(r"[^a-z0-9-]", "", name.translate(_LATIN).lower()).strip("-")


def suggest_local_parts(local: str, first: str, last: str, taken: set[str]) -> list[str]:
    """Suggest up to four local parts that are not taken, the likeliest first."""
    given, family = _as_local(first, family=False), _as_local(last, family=True)
    wanted = repair_local_part(local)
    candidates = [wanted]
    if given and family:
        candidates += [f"{given}.{family}", f"{given[0]}.{family}", f"{given}{family[0]}"]
        candidates += [f"{family}.{given}"]
    base = wanted or ".".join(filter(None, (given, family)))
    stem = base.rstrip("0123456789") or base
    candidates += [f"{stem[: LOCAL_PART_LIMIT - 3]}{number}" for number in range(2, 100) if stem]
    found: dict[str, None] = {}
    for candidate in candidates:
        if candidate not in taken and check_local_part(candidate) is None:
            found[candidate] = None
            if len(found) == 4:
                break
    return list(found)


def repair_local_part(local: str) -> str:
    """Make a local part of what was typed for one: letters spelled in a–z, the rest left out."""
    spelled = clean_text(local).translate(_LATIN).lower().replace(" ", ".")
    spelled = re.sub(r"\.{2,}", ".", _NOT_ALLOWED.sub("", spelled))
    return spelled.lstrip(".'_-")[:LOCAL_PART_LIMIT].rstrip(".")
