"""Reads lists of people as mails and spreadsheets have them: user names, addresses, names."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from customers import letters
from customers.names import sort_key
from partners.names import clean_text

ENTRY_LIMIT = 100_000
# No user is named by a longer text.
TEXT_LIMIT = 400
SHOWN_LIMIT = 120

_LINE = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_BULLET = re.compile(r"[\s>]*(?:(?:[-*+•·–—●▪◦►]|\(?\d{1,6}[.)、](?!\d)|\[[ xX]?\])\s*)*")
_BETWEEN_PEOPLE = re.compile("[;、]")
# It begins after a sign, so that a long line without an address is read only once.
_APART = r"""\s<>()\[\]{},;:|"“”«»\\/"""
_ADDRESS = re.compile(rf"(?<![^{_APART}])[^{_APART}@]++@[^{_APART}?@]++")
_AROUND_ADDRESS = re.compile(r"\b(?:mailto|smtp|sip|upn|e-?mail)\s*:|\?[a-z]+=\S*", re.IGNORECASE)
_LOCAL = re.compile(r"(?:[\w.-]+\\)?([\w.'-]+)", re.ASCII)
_APOSTROPHES = str.maketrans("’‘´`", "''''")
# What stands between the words of a name, in PostgreSQL as here.
SIGNS = " ,.;:!?*+#|<>{}'’‘´`\"()[]/\\_&·•・‐–-　"
_SIGNS = str.maketrans(SIGNS, " " * len(SIGNS))


@dataclass(frozen=True, slots=True)
class Entry:
    """A user as a list names them: the line, its text, and what to look for."""

    line: int
    text: str
    # Full user names or contact addresses of one user, in lower case.
    addresses: tuple[str, ...] = ()
    # A user name without its domain.
    local: str = ""
    # Keys of names, the likeliest first.
    names: tuple[str, ...] = ()
    # Further contact addresses: they make a suggestion, not a match.
    contacts: tuple[str, ...] = ()
    # Whether it has a user name, so that a name is only a suggestion.
    is_exact: bool = False
    # The entries that the text consists of if it names several users with commas between them.
    parts: tuple["Entry", ...] = ()

    def at(self, line: int) -> "Entry":
        """The entry with another number of its line."""
        parts = tuple(part.at(line) for part in self.parts)
        return replace(self, line=line, parts=parts)


def name_key(name: str) -> str:
    """
    The key by which names are compared: without case, accents, signs and the order of words.

    Names in Chinese, Japanese or Korean are compared without blanks.
    """
    words = sort_key(name).translate(_SIGNS).split()
    if any(map(letters.is_cjk, name)):
        return sort_key("".join(name.translate(_SIGNS).split()))
    return " ".join(sorted(words))


def read_lines(text: str) -> Iterator[Entry]:
    """Read each user that a text names, with the number of the line."""
    for number, line in enumerate(_LINE.split(text), 1):
        line = _BULLET.sub("", unicodedata.normalize("NFKC", line), count=1)
        for piece in _BETWEEN_PEOPLE.split(line):
            # Signs alone name no user.
            yield from (entry for entry in _read_piece(number, piece) if entry.text)


def _read_piece(line: int, piece: str) -> Iterator[Entry]:
    cells = [clean_text(cell) for cell in piece.split("\t")]
    cells = [cell for cell in cells if cell and not (len(cells) > 1 and cell.isdigit())]
    found = list(_ADDRESS.finditer(piece))
    if len(cells) > 1:
        yield _read_cells(line, cells)
    elif len(found) > 1:
        yield from _read_addresses(line, piece, found)
    elif cells:
        yield read_text(line, cells[0])


def _read_addresses(line: int, piece: str, found: list[re.Match]) -> Iterator[Entry]:
    """A piece of a line with several addresses names a user with each, after the name."""
    end = 0
    for match in found:
        name = piece[end : match.start()].strip("<>()[]{},:|\"“”«» '")
        yield _make(line, match[0], [_address(match[0])], [name])
        end = match.end()


def _read_cells(line: int, cells: list[str]) -> Entry:
    """The cells of a line of a spreadsheet are about one user."""
    addresses = [_address(match[0]) for cell in cells for match in _ADDRESS.finditer(cell)]
    names = [cell for cell in cells if "@" not in cell]
    # A first and a last name may stand in two cells.
    return _make(line, " ".join(cells), addresses, [" ".join(names[:2]), *names[:1]])


def read_text(line: int, text: str) -> Entry:
    """Read a text that names one user, or several with commas between them."""
    text = text.strip(' ,.:"“”«»<>')
    match = _ADDRESS.search(text)
    if match:
        name = _AROUND_ADDRESS.sub(" ", text[: match.start()] + " " + text[match.end() :])
        return _make(line, text, [_address(match[0])], [name])
    if len(text) > TEXT_LIMIT:
        return Entry(line, _shown(text))
    plain = text.translate(_APOSTROPHES)
    local = found[1].lower() if (found := _LOCAL.fullmatch(plain)) else ""
    name = text.rpartition("\\")[2]
    entry = _make(line, text, [], [name], local)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > 1 and (len(parts) > 2 or all(map(_is_whole_name, parts))):
        several = tuple(read_text(line, part) for part in parts)
        return replace(entry, parts=several)
    return entry


def _is_whole_name(text: str) -> bool:
    return " " in text or (len(text) > 1 and letters.is_han(text))


def read_row(line: int, values: dict[str, str]) -> Entry:
    """Read the row of a file, with its texts by field."""
    whole = [clean_text(unicodedata.normalize("NFKC", values.get(name, ""))) for name in _FIELDS]
    user_name, domain, display, first, last, contact = whole
    match = _ADDRESS.search(user_name)
    if not match and user_name and domain:
        match = _ADDRESS.search(f"{user_name}@{domain.lstrip('@')}")
    addresses = [_address(match[0])] if match else []
    contacts = [_address(found[0])] if (found := _ADDRESS.search(contact)) else []
    if not user_name:
        addresses, contacts = contacts, []
    local = ""
    if not addresses and (found := _LOCAL.fullmatch(user_name.translate(_APOSTROPHES))):
        local = found[1].lower()
    names = [display, f"{first} {last}"]
    text = " ".join(filter(None, [user_name or contact, display or f"{first} {last}".strip()]))
    entry = _make(line, text, addresses, names, local, contacts)
    return replace(entry, is_exact=bool(user_name))


_FIELDS = ("user_name", "domain", "display_name", "first_name", "last_name", "contact_email")


def _make(
    line: int,
    text: str,
    addresses: list[str],
    names: list[str],
    local: str = "",
    contacts: list[str] = (),
) -> Entry:
    keys = [name_key(clean_text(name)) for name in names if 0 < len(name) <= TEXT_LIMIT]
    return Entry(
        line,
        _shown(text),
        tuple(dict.fromkeys(addresses)),
        local,
        tuple(dict.fromkeys(filter(None, keys))),
        tuple(contacts),
    )


def _address(text: str) -> str:
    text = clean_text(text).translate(_APOSTROPHES).strip("'.").lower()
    return text if len(text) <= 254 else ""


def _shown(text: str) -> str:
    text = clean_text(text[: 2 * TEXT_LIMIT])
    return text if len(text) <= SHOWN_LIMIT else text[: SHOWN_LIMIT - 1] + "…"
