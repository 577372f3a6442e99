"""
The rules for user names and names of people.

Sort keys and search texts are made here and stored in columns, so that every server sorts and
finds the same, whatever its locale.
"""

import re
import unicodedata

from customers import letters
from partners.names import clean_text
from users.models import CustomerUser

LOCAL_PART_LIMIT = 64
USER_NAME_LIMIT = CustomerUser._meta.get_field("user_name").max_length
DISPLAY_NAME_LIMIT = CustomerUser._meta.get_field("display_name").max_length

_LOCAL_PART = re.compile(r"[a-z0-9](?:[a-z0-9_'-]|\.(?=[a-z0-9_'-]))*", re.IGNORECASE | re.ASCII)
_NOT_ALLOWED = re.compile(r"[^a-z0-9._'-]", re.IGNORECASE | re.ASCII)

_RESERVED = frozenset(
    {
        "abuse", "admin", "administrator", "ftp", "guest", "helpdesk", "hostmaster", "info",
        "mailer-daemon", "noreply", "no-reply", "nobody", "office", "postmaster", "root", "sales",
        "security", "support", "sysadmin", "system", "test", "user", "webmaster", "www",
    }
)  # fmt: skip


def check_local_part(text: str) -> str | None:
    """
    What is wrong with the part of a user name before the @, or None.

    One of empty, not_ascii, bad_character, too_long, bad_start, bad_dot.
    """
    if len(text) <= LOCAL_PART_LIMIT and text.isascii() and _LOCAL_PART.fullmatch(text):
        return None
    if not text:
        return "empty"
    # Before anything is lowered: the KELVIN SIGN becomes a plain k, so that a lookalike would pass.
    if not text.isascii():
        return "not_ascii"
    if _NOT_ALLOWED.search(text):
        return "bad_character"
    if len(text) > LOCAL_PART_LIMIT:
        return "too_long"
    if not text[0].isalnum() and text[0] != ".":
        return "bad_start"
    return "bad_dot"


def bad_characters(text: str) -> str:
    """The characters that are not allowed in a local part, each once."""
    return "".join(dict.fromkeys(_NOT_ALLOWED.findall(text)))


def split_user_name(user_name: str) -> tuple[str, str]:
    """Split a user name at its @, in lower case; the domain may be empty."""
    local, _, domain = user_name.partition("@")
    return local.lower(), domain.lower()


def is_reserved(local: str) -> bool:
    """Whether a local part looks like an official address."""
    return local.lower() in _RESERVED


def clean_display_name(text: str) -> str:
    """Clean a display name and shorten it to what can be stored."""
    return clean_text(text)[:DISPLAY_NAME_LIMIT].rstrip()


# Keys in the input of a line: first and last name in Latin letters or kana, from columns beside
# those of the names; and that the names of a file are Japanese.
LATIN, SCRIPT, JAPANESE = "latin", "script", "ja"


def is_japanese(*texts: str) -> bool:
    """Whether a name has kana."""
    return any(not text.isascii() and letters.KANA.search(text) for text in texts)


def compose_display_name(first: str, last: str, script: str = "") -> str:
    """
    Compose a display name: first and last name, or the family name first in Chinese and Korean,
    without a blank, and in Japanese.
    """
    if first and last and not first.isascii() and not last.isascii():
        is_cjk = all(map(letters.is_cjk, first[:1] + last[:1]))
        if is_cjk and (script == JAPANESE or is_japanese(first, last)):
            return f"{last} {first}"
        if all(map(letters.is_cjk, first + last)):
            return last + first
    return f"{first} {last}".strip()


def search_text(*parts: str) -> str:
    """
    Make the text that searches look through.

    It is in lower case, and every CJK character is a word. Words with accents occur twice, so that
    both "müller" and "muller" are found. The later parts of a user name are words too. A blank is
    before every word and at the end.
    """
    text = " ".join(parts)
    if text.isascii():
        words = text.lower().split()
    else:
        words = _search_words(text)
        folded = text.lower().translate(letters.FOLD)
        if folded != text.lower():
            known = set(words)
            words += [word for word in _search_words(folded) if word not in known]
    for word in words[:]:
        if "@" in word:
            words += re.split(r"[._-]", word.partition("@")[0])[1:]
    return f" {' '.join(filter(None, words))} "


def _search_words(text: str) -> list[str]:
    return unicodedata.normalize("NFC", text).lower().translate(letters.SEARCH).split()


def search_patterns(term: str) -> list[str]:
    r"""
    Make the LIKE patterns (escape \) that a search text must all match.

    Words of fewer than three Latin letters must be at the start of a word, as they have no trigram.
    CJK characters must follow one another. Words of signs alone have no trigram anywhere, and are
    skipped.
    """
    patterns = []
    for word in clean_text(term.replace("\0", " ")).split():
        spaced = " ".join(_search_words(word))
        if not _has_letter(spaced):
            continue
        starts_word = len(spaced) < 3 or letters.is_cjk(spaced[0]) or not _has_letter(spaced[1:])
        ends_word = letters.is_cjk(spaced[-1])
        escaped = spaced.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{' ' if starts_word else ''}{escaped}{' ' if ends_word else ''}%"
        if pattern not in patterns:
            patterns.append(pattern)
    return patterns


def _has_letter(text: str) -> bool:
    # As Postgres counts letters and digits for trigrams: ² and ½ are signs.
    return any(unicodedata.category(one).startswith(("L", "Nd", "Nl")) for one in text)


def propose_local_part(display: str = "", first: str = "", last: str = "") -> str:
    """
    Propose the local part for a person: 王建国 → jianguo.wang, José Núñez → jose.nunez.

    Empty where the names have no letter that can be spelled in a–z.
    """
    if not (first or last):
        first, last = _split_display_name(clean_text(display))
    pieces = [_as_local(first, family=False), _as_local(last, family=True)]
    return ".".join(filter(None, pieces))[:LOCAL_PART_LIMIT].rstrip(".")


# Korean family names of two syllables.
_DOUBLE_KOREAN = frozenset({"남궁", "황보", "제갈", "선우", "사공", "서문", "독고", "동방"})


def _is_hangul(name: str) -> bool:
    """Whether a name of two to five syllables is Korean, without a blank."""
    return 2 <= len(name) <= 5 and all("\uac00" <= one <= "\ud7a3" for one in name)


def _split_display_name(display: str) -> tuple[str, str]:
    if letters.is_han(display):
        length = 2 if display[:2] in letters.DOUBLE_FAMILY_NAMES and len(display) > 2 else 1
        return display[length:], display[:length]
    if _is_hangul(display):
        length = 2 if display[:2] in _DOUBLE_KOREAN and len(display) > 3 else 1
        return display[length:], display[:length]
    if "," in display:
        last, _, first = display.partition(",")
        return first.strip(), last.strip()
    words = display.split()
    if len(words) > 1 and all(letters.is_cjk(word[0]) for word in words):
        return words[-1], words[0]
    return (words[0], words[-1]) if len(words) > 1 else (display, "")


def _as_local(name: str, *, family: bool) -> str:
    name = letters.romanize(clean_text(name))
    if family and name in letters.DOUBLE_FAMILY_NAMES:
        name = re.sub(r"[0-9 ]", "", letters.DOUBLE_FAMILY_NAMES[name])
    elif family and name in letters.FAMILY_NAMES:
        name = letters.FAMILY_NAMES[name].rstrip("12345")
    return re.sub(r"[^a-z0-9-]", "", name.translate(letters.LATIN).lower()).strip("-")


def vary_local_part(local: str, first: str, last: str) -> list[str]:
    """A local part and others made of the person's names, the most likely first."""
    given, family = _as_local(first, family=False), _as_local(last, family=True)
    found = [local] if local else []
    if given and family:
        found += [f"{given}.{family}", f"{given[0]}.{family}", f"{given}{family[0]}"]
        found += [f"{family}.{given}"]
    return found


def number_local_part(local: str, number: int) -> str:
    """The local part with this number at its end."""
    stem = local.rstrip("0123456789") or local
    return f"{stem[: LOCAL_PART_LIMIT - len(str(number))]}{number}"


def suggest_local_parts(local: str, first: str, last: str, taken: set[str]) -> list[str]:
    """Suggest up to four local parts that are not taken, the most likely first."""
    wanted = repair_local_part(local)
    candidates = vary_local_part(wanted, first, last)
    if base := wanted or next(iter(candidates), ""):
        candidates += [number_local_part(base, number) for number in range(2, 100)]
    found: dict[str, None] = {}
    for candidate in candidates:
        if candidate not in taken and check_local_part(candidate) is None:
            found[candidate] = None
            if len(found) == 4:
                break
    return list(found)


def repair_local_part(local: str) -> str:
    """Make a local part of a text: letters spelled in a–z, without other characters."""
    spelled = clean_text(local).translate(letters.LATIN).lower().replace(" ", ".")
    spelled = re.sub(r"\.{2,}", ".", _NOT_ALLOWED.sub("", spelled))
    return spelled.lstrip(".'_-")[:LOCAL_PART_LIMIT].rstrip(".")
