"""Puts the names of a person together, where a file has them in columns of other kinds."""

import re

from customers import letters
from partners.names import clean_text
from users.rules.names import compose_display_name

_WORDS = re.compile(r"[^\W_]+")


def find_part(part: str, whole: str) -> bool:
    """Whether a name has this first or last name, and more: "Quill" in "Mara Quill"."""
    if not part or not whole:
        return False
    if letters.is_cjk(part[0]):
        return len(part) < len(whole) and (whole.startswith(part) or whole.endswith(part))
    some, all_words = _words(part), _words(whole)
    return bool(some) and len(some) < len(all_words) and _place(some, all_words) is not None


def put_together(person: dict[str, str], kind: str) -> None:
    """
    Put "name", "middle_name" and names in Latin letters where the fields of a person are empty.

    `kind` is what a name is read as where the row does not show it.
    """
    name, middle = person.pop("name", ""), person.pop("middle_name", "")
    if second := person.pop("second_last_name", ""):
        person["last_name"] = f"{person['last_name']} {second}".strip()
    if name:
        _place_name(name, person, kind)
    first, last, display = (person[field] for field in ("first_name", "last_name", "display_name"))
    if not (first or last or display):
        first = person["first_name"] = person.get("latin_first_name", "")
        last = person["last_name"] = person.get("latin_last_name", "")
        display = person["display_name"] = person.get("latin_name", "")
    if middle and not display:
        is_han = all(map(letters.is_han, filter(None, (first, middle))))
        given = f"{first}{'' if is_han else ' '}{middle}".strip()
        person["display_name"] = compose_display_name(given, last)


def _place_name(name: str, person: dict[str, str], kind: str) -> None:
    first, last = person["first_name"], person["last_name"]
    is_whole = find_part(last, name) or find_part(first, name)
    is_same = name.casefold() in {first.casefold(), last.casefold()}
    is_word = len(_words(name)) == 1
    if is_same and not is_whole:
        return
    if is_whole or (first and last) or not (first or last or is_word):
        kind = "display_name"
    elif is_word and (first or last):
        kind = "last_name" if first else "first_name"
    person[kind] = person[kind] or name
    if is_whole and last and not first:
        person["first_name"] = _rest(name, last)
    elif is_whole and first and not last:
        person["last_name"] = _rest(name, first)


def _rest(whole: str, part: str) -> str:
    """The name without its first or last name."""
    if letters.is_cjk(part[0]):
        return whole[len(part) :] if whole.startswith(part) else whole[: -len(part)]
    spans = list(_WORDS.finditer(whole))
    start = _place(_words(part), _words(whole))
    if start is None:
        return ""
    end = spans[start + len(_words(part)) - 1].end()
    return clean_text(f"{whole[: spans[start].start()]} {whole[end:]}".replace(",", " ")).strip(
        "- "
    )


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORDS.findall(text)]


def _place(some: list[str], words: list[str]) -> int | None:
    """Where some words begin among others."""
    for start in range(len(words) - len(some) + 1):
        if words[start : start + len(some)] == some:
            return start
    return None
