"""
Cleans the cells of a file: words for nothing, broken letters, wrapped addresses.

A column has many equal texts, and most are clean, so each text is looked at once.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from imports.read import broken_letters, secrets, words
from imports.read.layout import Row
from imports.read.words import WORDS
from partners.names import INVISIBLE
from spreadsheets.xlsx_marks import ERRORS
from users.rules import vocabulary
from users.rules.problems import NOTICE, Problem

# What a cell of licenses or permissions is then: an empty one takes the default.
NONE = "-"

NAMES = ("first_name", "last_name", "display_name", "latin_first_name", "latin_last_name",
         "latin_name")  # fmt: skip
_PARTS_OF_NAMES = frozenset({"first_name", "last_name", "latin_first_name", "latin_last_name"})
_LISTS = frozenset({"products", "permissions"})
_ONLY_TEXT = frozenset({"phone", "contact_email", "job_title", "department"})
# What databases and programs write for nothing. A person may have such a name.
OF_PROGRAMS = frozenset({"NULL", "null", "None", "NONE", "nan", "NaN", "NIL"})
# Ticks and crosses are no punctuation there.
_SIGN_IN = frozenset({"sign_in_blocked", "sign_in_allowed", "status", "left_on"})

NOTHING, REPAIRED, UNWRAPPED = "words_for_nothing", "letters_repaired", "addresses_unwrapped"
SECRET, STATUS = "cells_secret", "status_in_name"
MAX_WORDS = 5

# A change of a text: code, before and after.
Step = tuple[str, str, str]


class Cleaned(NamedTuple):
    """A cell that was changed when the file was read."""

    line: int
    code: str
    before: str
    after: str


def clean_rows(rows: Iterable[Row], *, has_secrets: bool = False) -> list[Cleaned]:
    """
    Clean the cells of these rows, in place; returns what was changed.

    Where a file `has_secrets` in columns that aren't read, they can stand in other columns, too.
    """
    found: list[Cleaned] = []
    # Below another header, a file goes on with other fields.
    for fields, some in groupby(rows, attrgetter("fields")):
        some_rows = list(some)
        if has_secrets:
            _remove_secrets(some_rows, found)
        _clean(some_rows, fields, found)
    return found


def _remove_secrets(rows: Sequence[Row], found: list[Cleaned]) -> None:
    for row in rows:
        for place, text in enumerate(row.texts):
            if len(text) < 6 or not secrets.looks_secret(text):
                continue
            # An address or a user name such as ab12cd34 may look like a password.
            is_address = "@" in text and "." in text.rpartition("@")[2]
            is_name = row.fields[place] == "user_name" and _PLAIN_NAME.fullmatch(text)
            if not (is_address or is_name):
                row.put(place, "")
                found.append(Cleaned(row.line, SECRET, "", ""))


def _clean(rows: Sequence[Row], fields: Sequence[str], found: list[Cleaned]) -> None:
    # One column after the other: the texts of all of them would take much memory.
    of_rows = [row.texts for row in rows]
    # Names first, as a user name may be made of one.
    for place in sorted(range(len(fields)), key=lambda place: fields[place] not in NAMES):
        field = fields[place]
        texts = list(map(itemgetter(place), of_rows))
        changes = _find_changes(field, set(texts))
        if not changes:
            continue
        kept = {text for text in OF_PROGRAMS.intersection(changes) if texts.count(text) == 1}
        for row, text, before_all in zip(rows, texts, of_rows, strict=True):
            for code, before, after in changes.get(text, ()):
                if code == NOTHING:
                    if _may_be_name(field, before, row, kept, before_all):
                        continue
                    after = after or _find_other(field, row)
                elif code == STATUS:
                    row.add("status", before[len(after) :].strip(_BRACKETS))
                row.put(place, after)
                found.append(Cleaned(row.line, code, before, after))
    _unwrap_others(rows)


def _unwrap_others(rows: Iterable[Row]) -> None:
    """Unwrap the addresses in further columns of a field."""
    for row in rows:
        if row.has_others:
            row.change_others(_unwrap)


def _find_other(field: str, row: Row) -> str:
    """The first text of further columns of the field that isn't a word for nothing, or ''."""
    return next((text for text in row.others(field) if not _is_nothing(field, text)), "")


def _find_changes(field: str, texts: set[str]) -> dict[str, list[Step]]:
    """The steps by text, of the texts that change."""
    texts.discard("")
    changes: dict[str, list[Step]] = {}
    nothing = [text for text in _find_suspicious(texts) if _is_nothing(field, text)]
    for text in nothing:
        changes[text] = [(NOTHING, text, NONE if field in _LISTS else "")]
    joined = "".join(texts)
    repaired = (
        {}
        if joined.isascii() and "&" not in joined
        else {
            text: made
            for text in texts
            if not (text.isascii() and "&" not in text)
            and (made := broken_letters.repair(text)) != text
        }
    )
    for text, made in repaired.items():
        changes.setdefault(text, []).append((REPAIRED, text, made))
    if field in _WITH_STATUS and (")" in joined or "）" in joined):
        for text in texts:
            match = _STATUS.fullmatch(text)
            if match and words.find_meaning(match[2], ["left", "blocked", "off"]):
                changes[text] = [(STATUS, text, match[1])]
    if unwrap := _UNWRAP.get(field):
        is_plain = _PLAIN[field].fullmatch
        for text in texts.difference(nothing):
            if not is_plain(text):
                before = repaired.get(text, text)
                if (after := unwrap(before)) != before:
                    changes.setdefault(text, []).append((UNWRAPPED, before, after))
    return changes


# --- Words for nothing ---------------------------------------------------------------------------

_MARKS = re.compile(r"[\s\-‐-―−ー_.·。、・/\\?*~…]+")
_FIRST_MARKS = frozenset("-‐‑‒–—―−ー_.·。、・/\\?*~…#([<{（【") | frozenset(
    map(chr, range(0xFF01, 0xFF5F))
)
# No one is called so.
_IN_MARKS = frozenset({
    "n/a", "n / a", "n.a.", "n.a", "n. a.", "n/d", "n.d.", "s/d", "\\n", "#n/a", "#ref!", "#value!",
    "#name?", "#num!", "#null!", "#div/0!",
}) | {
    f"{opened}{word}{closed}"
    for word in ("none", "null", "nil", "blank", "empty", "na", "n/a", "空", "空白", "无", "無")
    for opened, closed in ("()", "[]", "<>", "{}", "（）", "【】")
}  # fmt: skip
_OF_NOTHING = ("nothing", "unknown", "nothing_or_name", "no_license")
_WRITTEN = _IN_MARKS.union(*(words.WRITTEN[meaning] for meaning in _OF_NOTHING))


def _find_suspicious(texts: Collection[str]) -> list[str]:
    """The texts that are worth a closer look; most columns have none."""
    is_clean = _FIRST_MARKS.isdisjoint(map(itemgetter(0), texts))
    if is_clean and _WRITTEN.isdisjoint(map(str.casefold, texts)):
        return []
    return [text for text in texts if text.casefold() in _WRITTEN or text[0] in _FIRST_MARKS]


def _is_nothing(field: str, text: str) -> bool:
    # An error is no word: a value was to stand there.
    if text in ERRORS:
        return False
    if field not in _SIGN_IN and _MARKS.fullmatch(text):
        # Each of several question marks was a letter.
        return field not in NAMES or "??" not in text
    written = unicodedata.normalize("NFKC", text).casefold()
    if text.casefold() in _IN_MARKS or written in _IN_MARKS:
        return True
    key = words.key_of(text)
    if key in WORDS["nothing"]:
        # A sign of "no" in a column of yes and no.
        return field not in _SIGN_IN or key not in WORDS["no"]
    if key in WORDS["unknown"]:
        # Whether someone may sign in must be asked then.
        return field not in _SIGN_IN
    if key in WORDS["nothing_or_name"]:
        # NA is Namibia.
        is_name = field in _PARTS_OF_NAMES and text not in OF_PROGRAMS
        return not is_name and (field, key) != ("location", "na")
    if field in _ONLY_TEXT and text.strip("0") == "":
        return True
    return field == "products" and key in WORDS["no_license"]


def _may_be_name(
    field: str, text: str, row: Row, kept: Collection[str], texts: Sequence[str]
) -> bool:
    """
    Whether the word for nothing is a name here, as someone may be called Null.

    `kept` are texts that only one row has in this column, `texts` those of the row as it was.
    """
    if field != "user_name" and field not in NAMES or text.casefold() in _IN_MARKS:
        return False
    if field in _PARTS_OF_NAMES:
        # Where a program wrote it, it stands elsewhere, too.
        return text in kept and texts.count(text) == 1
    word = words.key_of(text)
    if word not in WORDS["nothing_or_name"]:
        return False
    values = row.values
    others = {
        vocabulary.plain(part)
        for name in NAMES
        if name != field
        for part in values.get(name, "").split()
    }
    # Without other names, a display name may be all that there is.
    return word in others or (field in NAMES and not others)


# --- Names with a status ---------------------------------------------------------------------------

_WITH_STATUS = frozenset({"display_name", "last_name"})
_BRACKETS = " ()（）[]【】"
# "Odo Rusk (left)"
_STATUS = re.compile(r"(.*\S)\s*[(（【\[]\s*([^()（）\[\]【】]{2,40}?)\s*[)）】\]]")


# --- Wrapped addresses ---------------------------------------------------------------------------

_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9._'-]*[A-Za-z0-9_'-](@[A-Za-z0-9.-]*[A-Za-z0-9-])?")
_PLAIN_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_INVISIBLE = re.compile(INVISIBLE)
# Full-width forms, and signs that word processors and keyboards put for others. No further letters:
# the KELVIN SIGN must not become a plain k.
_SAME = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)} | str.maketrans(
    dict.fromkeys("’‘ʼʹ′´`", "'") | dict.fromkeys("‐‑‒–−", "-") | {"。": ".", "｡": ".", "¥": "\\", "₩": "\\"}
)  # fmt: skip
_LINK = re.compile(r"mailto:\s*([^\s?()<>\[\]\"]+)", re.IGNORECASE)
_SCHEME = re.compile(r"(?:smtp|sip|upn|x-?mail|e-?mail|eum|im)\s*:\s*", re.IGNORECASE)
_IN_ANGLES = re.compile(r"[^<>]*<\s*([^<>\s]+@[^<>\s]+)\s*>[^<>]*")
_BEFORE_BRACKETS = re.compile(r"([^\s()]+@[^\s()]+)\s*\([^()]*\)")
_OF_DOMAIN = re.compile(r"[\w.-]+\\+([^\\]+)|[\w.-]{2,}/([^/\s]{2,})|@([\w.'-]+)", re.ASCII)
_DISTINGUISHED = re.compile(r"\s*(cn|uid)\s*=\s*((?:\\.|[^,;\\])+)(?:[,;].*)?", re.IGNORECASE)
_AROUND_AT = re.compile(r"\s*@\s*")
# name (at) example.com, name[at]example[dot]com, name at example.com
_WRITTEN_AT = re.compile(
    r"([\w.'-]+)\s*(?:[(\[{<]\s*(?:at|ät|arroba|@)\s*[)\]}>]|\s(?:at|AT)\s)\s*"
    r"([\w-]+(?:(?:\.|\s*[(\[{]\s*(?:dot|punkt|point|punto)\s*[)\]}]\s*)[\w-]+)+)",
    re.IGNORECASE,
)
_WRITTEN_DOT = re.compile(r"\s*[(\[{]\s*(?:dot|punkt|point|punto)\s*[)\]}]\s*", re.IGNORECASE)
# Signs that stand for an @ where a text was copied from an address or a page.
_ENCODED_AT = re.compile(r"%40|&#64;|&#x40;|&commat;|﹫", re.IGNORECASE)
# Claims of SharePoint: i:0#.f|membership|name@example.com
_CLAIM = re.compile(r"[ic]:0[^|]*\|(?:[^|]*\|)?([^|]+)", re.IGNORECASE)
_IN_PAGE = re.compile(r"https?://\S*[/=]([^\s/=?&#]+@[^\s/=?&#]+)(?:[/?&#]\S*)?", re.IGNORECASE)
_QUOTES = " \t\"'“”«»"


def unwrap_address(text: str) -> str:
    """The address in a cell: mailto:a@b, Name <a@b>, SMTP:a@b; of several, the primary one."""
    made = text
    if not made.isascii():
        made = _INVISIBLE.sub("", made.translate(_SAME).replace("\xa0", " "))
    made = _decode(_choose_primary(made))
    if link := _LINK.search(made):
        made = link[1]
    made = _SCHEME.sub("", made, count=1) if _SCHEME.match(made) else made
    for wrapped in (_IN_ANGLES, _BEFORE_BRACKETS):
        if match := wrapped.fullmatch(made):
            made = match[1]
    # An apostrophe at the end is part of no address either.
    made = made.strip(_QUOTES).strip("<>").rstrip(";,: ")
    if "@" in made:
        made = _AROUND_AT.sub("@", made)
        local, _at, domain = made.partition("@")
        made = f"{local}@{domain.rstrip('.')}" if local and domain else made
    return made or text


def _decode(text: str) -> str:
    """The text with an @ where something else stands for it."""
    made = _ENCODED_AT.sub("@", text)
    for wrapped in (_CLAIM, _IN_PAGE):
        if match := wrapped.fullmatch(made):
            made = match[1]
    if "@" not in made and (match := _WRITTEN_AT.fullmatch(made.strip(_QUOTES))):
        made = f"{match[1]}@{_WRITTEN_DOT.sub('.', match[2])}"
    return made


def _choose_primary(text: str) -> str:
    """Of the addresses of Exchange, which are separated by ; , or blanks, that after "SMTP:"."""
    if text.count(":") < 2 or not _SCHEME.match(text):
        return text
    parts = [part for part in re.split(r"[;,|\s]+", text) if part]
    return next((part for part in parts if part.startswith("SMTP:")), parts[0])


def unwrap_user_name(text: str) -> str:
    """The user name in a cell: as an address, or DOMAIN\\user, or a name of a directory."""
    made = unwrap_address(text)
    if match := _DISTINGUISHED.fullmatch(made):
        return _unescape(match[2])
    if match := _OF_DOMAIN.fullmatch(made):
        return match[1] or match[2] or match[3]
    return made


def _take_common_name(text: str) -> str:
    match = _DISTINGUISHED.fullmatch(text)
    return _unescape(match[2]) if match else text


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text).strip()


_UNWRAP = {
    "user_name": unwrap_user_name,
    "contact_email": unwrap_address,
    "display_name": _take_common_name,
}


def _unwrap(field: str, text: str) -> str:
    unwrap = _UNWRAP.get(field)
    return text if unwrap is None or _PLAIN[field].fullmatch(text) else unwrap(text)


# The texts of a field that are not wrapped.
_PLAIN = {
    "user_name": _PLAIN_ADDRESS,
    "contact_email": _PLAIN_ADDRESS,
    "display_name": re.compile("[^=]*"),
}


# --- Notices about it ----------------------------------------------------------------------------


def describe(cleaned: Iterable[Cleaned], lines: Collection[int]) -> list[Problem]:
    """The notices about what was changed in these lines; one for each kind."""
    by_code: dict[str, Counter[tuple[str, str]]] = {}
    for line, code, before, after in cleaned:
        if line in lines:
            by_code.setdefault(code, Counter())[before, after] += 1
    notices = []
    for code, counted in by_code.items():
        if code == NOTHING:
            of_words = Counter[str]()
            for (before, _after), number in counted.items():
                of_words[before] += number
            shown = [f"“{word}” ({number})" for word, number in of_words.most_common(MAX_WORDS)]
            more = " …" if len(of_words) > MAX_WORDS else ""
            params = {"words": ", ".join(shown) + more}
        else:
            (before, after), _number = counted.most_common(1)[0]
            params = {"before": before, "after": after, "count": counted.total()}
        notices.append(Problem(0, "", "", code, params, severity=NOTICE))
    return notices
