"""The sheet: lines of a batch as they are shown, printed and downloaded."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache, partial
from itertools import chain, islice
from secrets import token_hex
from uuid import UUID

import segno
from django.conf import settings
from django.template.loader import get_template
from django.utils import timezone, translation
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from batches.models import Batch
from users.passwords import Secret

SLIPS_A_PAGE = 8
ROWS_AT_ONCE = 100

# What the rows of a printed page are rendered with, how many of them at once, and how many Latin
# letters of licenses each of them has room for.
PAGES_OF = {
    "slips": ("handover/sheet_slips.html", SLIPS_A_PAGE, 50),
    "list": ("handover/sheet_rows.html", ROWS_AT_ONCE, 76),
}

# Between the beginning and the end of a printed page, where its rows are streamed in. No name of
# anybody can be this.
ROWS_GO_HERE = f"rows-{token_hex(16)}"

# Why a line shows no password.
REASONS = {
    "administrator": gettext_lazy("Your role may not see the passwords of administrators."),
    "used": gettext_lazy("The user has already chosen a password."),
    "promoted": gettext_lazy(
        "Ended because this user became an administrator. Reset it to hand over a new one."
    ),
    "replaced": gettext_lazy("Replaced by a later reset."),
    "expired": gettext_lazy("Expired. Reset it to hand over a new one."),
    "deleted": gettext_lazy("This user has been deleted."),
    "gone": gettext_lazy("Not kept any more. Reset it to hand over a new one."),
}

# Why a mail was not sent.
MAIL_FAILURES = {
    "refused": gettext_lazy("The mail server refused this address."),
    "unreachable": gettext_lazy("The mail server did not answer, or refused the mail five times."),
    "revoked": gettext_lazy("The member who sent it can no longer hand over these passwords."),
    "outdated": gettext_lazy("The password was used, replaced or destroyed before it was sent."),
}


@dataclass(frozen=True)
class Sheet:
    """
    An opened sheet, or a page of it: its seals were tried, and the opening is on record.

    It holds no password in clear and no names: its rows are read when they are sent.
    """

    batch: Batch
    # By the number of the line: the passwords to hand over, and why others are not, as a key of
    # REASONS. No object a line, for ten thousand of them keep Python's collector busy.
    sealed: dict[int, bytes]
    withheld: dict[int, str]
    opened_at: datetime
    # The number of the line after which the next page begins; None at the end.
    next: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One user of a sheet; without a password where `withheld` says why."""

    number: int
    user_id: UUID
    name: str
    user_name: str
    language: str
    contact_email: str
    licenses: tuple[str, ...]
    short: tuple[str, ...]
    valid_until: datetime | None
    password: Secret | None
    withheld: str = ""

    @property
    def reason(self) -> str:
        """Why there is no password, in a sentence; '' where there is one."""
        return REASONS[self.withheld] if self.withheld else ""


def sign_in_address() -> str:
    """Where users sign in."""
    return f"{settings.BASE_URL}/my/"


@dataclass(frozen=True)
class Code:
    """A QR code as one path, so that no style and no image is needed."""

    size: int
    path: str


@cache
def qr_code(text: str) -> Code:
    """The QR code of a text, with the white border it needs."""
    border = 4
    rows = segno.make(text, error="m", micro=False).matrix_iter(border=border)
    matrix = [list(row) for row in rows]
    dark = (
        f"M{x} {y}h1v1h-1z"
        for y, row in enumerate(matrix)
        for x, is_dark in enumerate(row)
        if is_dark
    )
    return Code(size=len(matrix), path="".join(dark))


# --- On paper ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """What a sheet says in one language."""

    language: str
    user_name: str
    password: str
    password_short: str
    licenses: str
    valid_until: str
    name: str
    sign_in: str
    keep: str


HTML_LANGUAGES = {"zh-hans": "zh-Hans"}


def words_in(language: str) -> Words:
    """The words of a sheet in this language."""
    with translation.override(language):
        return Words(
            language=HTML_LANGUAGES.get(language, language),
            user_name=_("User name"),
            password=_("Temporary password"),
            password_short=_("Password"),
            licenses=_("Licenses"),
            valid_until=_("Valid until"),
            name=_("Name"),
            sign_in=_("Sign in at %(address)s and choose a password of your own.")
            % {"address": sign_in_address().partition("://")[2]},
            keep=_("Confidential. Shred this after it has been handed over."),
        )


def languages_of(language: str) -> tuple[str, ...]:
    """The recipient's language, and English beside any other."""
    return (language,) if language == "en" else (language, "en")


def words_of(language: str) -> tuple[Words, ...]:
    """The words of a sheet for a recipient of this language."""
    return tuple(words_in(one) for one in languages_of(language))


# The longest part of a user name that each size of its letters holds on one line of a slip; all are
# of one width. print.css has the sizes.
SIZES = {"": 38, "long": 47, "longer": 65, "longest": 76}
# A name that is wider than so many Latin letters is printed smaller.
NAME_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Slip:
    """A row with the words of its recipient."""

    row: Row
    words: tuple[Words, ...]
    valid_until: tuple[tuple[str, str], ...]
    # The licenses that there is room for, and how many more there are, in words.
    licenses: str
    more: str

    @property
    def parts(self) -> list[str]:
        """The user name, cut where a line may break: before the @, and in a domain too long."""
        local, at, domain = self.row.user_name.partition("@")
        if len(at + domain) <= SIZES["longest"]:
            return [local, at + domain]
        return [local, *re.split(r"(?=[.])", at + domain)]

    @property
    def size(self) -> str:
        """Which of the sizes lets no part of the user name break."""
        longest = max(map(len, self.parts))
        return next((size for size, room in SIZES.items() if longest <= room), "longest")

    @property
    def is_long(self) -> bool:
        """Whether the name of the user is printed smaller."""
        return _width(self.row.name) > NAME_WIDTH


def _width(text: str) -> int:
    """Measure a text in Latin letters; a Chinese character is as wide as two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def make_slips(
    rows: Iterable[Row], fallback: str, language: str = "", *, room: int, zone: tzinfo
) -> Iterator[Slip]:
    """
    The rows that can be handed over, all in one language or each in its recipient's.

    :param fallback: the language of recipients who have none.
    :param room: how many Latin letters of licenses are named.
    :param zone: where it is looked up which day it is until which a password is valid.
    """
    words = cache(words_of)
    dates = cache(_dates)
    licenses = cache(partial(_shorten, room=room))
    for row in rows:
        if row.password is not None:
            own = language or row.language or fallback
            day = timezone.localtime(row.valid_until, zone).date()
            yield Slip(row, words(own), dates(day, own), *licenses(row.licenses, own))


def _dates(day, language: str) -> tuple[tuple[str, str], ...]:
    return _in_languages(language, partial(date_format, day, "DATE_FORMAT"))


def _in_languages(language: str, say: Callable[[], str]) -> tuple[tuple[str, str], ...]:
    """Say it in the languages of the paper, each with its name in HTML."""
    said = []
    for one in languages_of(language):
        with translation.override(one):
            said.append((HTML_LANGUAGES.get(one, one), say()))
    return tuple(said)


def _shorten(names: Sequence[str], language: str, *, room: int) -> tuple[str, str]:
    """Name as many licenses as there is room for, and count the others."""
    with translation.override(language):
        between = pgettext("between the parts of a list", ", ")
        for number in range(len(names), 0, -1):
            named, left = between.join(names[:number]), len(names) - number
            more = _("+%(number)s more") % {"number": left} if left else ""
            if _width(f"{named} {more}") <= room:
                return named, more
        if not names:
            return "", ""
        # Not even the first one fits.
        while _width(f"{named}… {more}") > room:
            named = named[:-1]
        return f"{named}…", more


def stream_print(sheet: Sheet, rows: Iterable[Row], layout: str, shell: str) -> Iterable[str]:
    """
    Make the page to print: the shell, with slips or rows where it says ROWS_GO_HERE.

    Rows are asked for when the beginning of the shell has been sent, and as it goes on. Nothing is
    rendered across a yield, so that no language leaks into another answer.
    """
    head, foot = shell.split(ROWS_GO_HERE)
    name, size, room = PAGES_OF[layout]
    customer = sheet.batch.customer.language
    # The time zone is the request's, which is over when the first slip is made.
    slips = make_slips(
        rows,
        customer,
        customer if layout == "list" else "",
        room=room,
        zone=timezone.get_current_timezone(),
    )
    return chain([head], _stream(slips, sheet, size=size, template=get_template(name)), [foot])


def _stream(slips: Iterator[Slip], sheet: Sheet, *, size: int, template) -> Iterator[str]:
    language, total = sheet.batch.customer.language, len(sheet.sealed)
    context = {"batch": sheet.batch, "words": words_of(language)}
    shown, block = 0, list(islice(slips, size))
    while True:
        following = list(islice(slips, size))
        before, shown = shown, shown + len(block)
        places = _in_languages(language, partial(_say_places, before + 1, shown, total))
        end = () if following else _in_languages(language, partial(_say_end, shown, total))
        yield template.render(
            context | {"slips": block, "before": before, "places": places, "end": end}
        )
        if not following:
            break
        block = following


def _say_places(first: int, last: int, total: int) -> str:
    if first >= last:
        return _("User %(n)s of %(total)s") % {"n": _number(last), "total": _number(total)}
    return _("Users %(first)s–%(last)s of %(total)s") % {
        "first": _number(first),
        "last": _number(last),
        "total": _number(total),
    }


def _say_end(shown: int, total: int) -> str:
    text = ngettext("%(n)s of %(total)s user printed", "%(n)s of %(total)s users printed", total)
    return text % {"n": _number(shown), "total": _number(total)}


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)


# --- In a file ---------------------------------------------------------------------------------


def csv_rows(rows: Iterable[Row]) -> Iterator[list[str]]:
    """The rows of the file, headed in the active language; write_csv makes the cells safe."""
    yield [
        str(title)
        for title in (
            _("Name"),
            _("User name"),
            _("Temporary password"),
            _("Valid until"),
            _("Licenses"),
            _("Contact address"),
            _("Sign-in address"),
            _("Note"),
        )
    ]
    address = sign_in_address()
    for row in rows:
        yield [
            row.name,
            row.user_name,
            row.password.reveal() if row.password else "",
            timezone.localtime(row.valid_until).strftime("%Y-%m-%d %H:%M") if row.password else "",
            "; ".join(row.licenses),
            row.contact_email,
            address,
            str(row.reason),
        ]
