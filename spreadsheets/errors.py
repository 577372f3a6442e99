"""Why a file cannot be read as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _


class UnreadableFile(Exception):
    """
    A file that cannot be read at all; `message` is what is wrong, where, and what to do.

    :param code: a key of FILE.
    :param params: the values of its sentence.
    """

    def __init__(self, code: str, **params: Any):
        super().__init__(code, params)
        self.code = code
        self.params = params
        # The first lines with their numbers, where the columns can be named by hand.
        self.top: Sequence[tuple[int, list[str]]] = ()

    @property
    def message(self) -> str:
        return sentence_of(FILE, self.code, self.params)

    def __str__(self) -> str:
        return self.message


class _Kept(dict):
    """The values of a sentence; "…" replaces those that were removed with the file."""

    def __missing__(self, name: str) -> str:
        return "…"


def quote(text: str) -> str:
    """The beginning of a cell without control characters, to be shown in a sentence."""
    return "".join(character for character in text[:60] if character.isprintable()).strip()


def sentence_of(sentences: Mapping[str, str], code: str, params: Mapping[str, Any]) -> str:
    """Return the sentence of a code with its values, or one that names the code if it is unknown."""
    text = sentences.get(code)
    if text is None:
        # A row saved by a newer or an older release.
        return str(_("This cannot be imported: %(code)s.") % {"code": code})
    try:
        return str(text) % _Kept(params)
    except (ValueError, TypeError):
        return str(_("This cannot be imported: %(code)s.") % {"code": code})


FILE = {
    "empty": _("The file is empty. Fill in the template and upload it again."),
    "no_rows": _("The file has a header but no rows. Enter one user per row below the header."),
    "no_header": _(
        "No header found: line %(line)s begins with “%(found)s”. A line must contain the column"
        " names, at least “User name” and “Display name”, or “First name” and “Last name”."
    ),
    "too_big": _("The file is larger than %(limit)s MB. Split it into several files."),
    "too_many_rows": _("The file has more than %(limit)s rows. Split it into several files."),
    "too_many_columns": _(
        "Line %(line)s has %(found)s columns. The limit is %(limit)s. Check the separator."
    ),
    "cell_too_long": _(
        "A cell in line %(line)s is longer than %(limit)s characters. Shorten it, or look for a"
        " quotation mark that is not closed."
    ),
    "unclosed_quote": _(
        "A quotation mark opened in line %(line)s is not closed. Close or remove it."
    ),
    "wrong_encoding": _(
        "The file is not written in %(encoding)s: line %(line)s has bytes that do not belong"
        " there. Choose another encoding, or save the file as UTF-8."
    ),
    "unknown_encoding": _(
        "The encoding of this file could not be detected. Save it as “CSV UTF-8” and upload it"
        " again, or select the encoding."
    ),
    "encoding_not_offered": _("The encoding %(encoding)s is not supported."),
    "delimiter_not_offered": _("This separator is not supported."),
    "not_a_table": _(
        "This is not a .csv or .xlsx file but looks like %(kind)s. Save the list as .csv or .xlsx."
    ),
    "old_excel": _("This is an old Excel file (.xls). Save it as .xlsx or .csv."),
    "encrypted": _("The workbook is protected by a password. Save it without one."),
    "damaged": _("The workbook is damaged and cannot be opened. Save it again, or as .csv."),
    "unpacks_too_big": _(
        "The workbook is too large when unpacked. Copy the list to a new workbook and upload that."
    ),
    "binary_excel": _("This is a binary workbook (.xlsb). Save it as .xlsx or .csv."),
}
