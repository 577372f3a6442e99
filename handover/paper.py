"""The rows of a sheet on paper and in a file."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, groupby, islice
from secrets import token_hex

from django.template.loader import get_template
from django.utils import timezone, translation
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from handover.operations.sheet import Sheet
from handover.queries import Row
from users.my.routes import sign_in_address

# By layout: the template of the rows, how many of them are rendered at once, and how many Latin
# letters of licenses each has room for.
LAYOUTS = {
    "slips": ("handover/sheet_slips.html", 8, 50),
    "list": ("handover/sheet_rows.html", 100, 76),
}

# Where the rows are streamed into the printed page. No name of a user can be this.
ROWS_GO_HERE = f"rows-{token_hex(16)}"

HTML_LANGUAGES = {"zh-hans": "zh-Hans"}

# The longest part of a user name that each size of its letters holds on one line of a slip; all are
# of one width. print.css has the sizes.
SIZES = {"": 38, "long": 47, "longer": 65, "longest": 76}
# Latin letters of a department that stand beside a name.
DEPARTMENT_WIDTH = 28
# A name that is wider than this number of Latin letters is printed smaller.
NAME_WIDTH = 60


def words_of(language: str) -> tuple[dict[str, str], ...]:
    """The texts for a recipient of this language: in it, and in English beside any other."""
    address = sign_in_address().partition("://")[2]
    return tuple(
        {
            "language": HTML_LANGUAGES.get(code, code),
            "user_name": _("User name"),
            "password": _("Temporary password"),
            "password_short": _("Password"),
            "licenses": _("Licenses"),
            "department": _("Department"),
            "no_department": _("No department"),
            "help": pgettext("before a phone number or an address", "Help:"),
            "valid_until": _("Valid until"),
            "name": pgettext("of a person", "Name"),
            "sign_in": _("Sign in at %(address)s and choose your own password.")
            % {"address": address},
            "keep": _("Confidential. Shred after use."),
        }
        for code in _each_language(language)
    )


def _each_language(language: str) -> Iterator[str]:
    """Activate the language of a recipient, and then English beside any other, in turn."""
    for code in dict.fromkeys((language, "en")):
        with translation.override(code):
            yield code


def _in_languages(language: str, text: Callable[[], str]) -> tuple[tuple[str, str], ...]:
    """The text in the languages of a recipient, each with the language's name in HTML."""
    return tuple((HTML_LANGUAGES.get(code, code), text()) for code in _each_language(language))


@dataclass(frozen=True, slots=True)
class Slip:
    """A row with the texts of its recipient."""

    row: Row
    words: tuple[dict[str, str], ...]
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
    def department(self) -> str:
        """As much of the department as there is room for beside the name."""
        return _cut(self.row.department, DEPARTMENT_WIDTH)

    @property
    def is_long(self) -> bool:
        """Whether the name of the user is printed smaller."""
        return _width(self.row.name) > NAME_WIDTH


def _width(text: str) -> int:
    """Measure a text in Latin letters; a Chinese character is as wide as two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def stream_print(
    sheet: Sheet, rows: Iterable[Row], layout: str, shell: str, *, by_department: bool = False
) -> Iterator[str]:
    """
    Yield the page to print: the shell, with slips or rows in the place of ROWS_GO_HERE.

    With rows `by_department`, each department begins on a new page.

    Rows are asked for when the beginning of the shell has been sent, and as it goes on. Nothing is
    rendered across a yield, so that no language leaks into another answer.
    """
    head, foot = shell.split(ROWS_GO_HERE)
    template, size, room = LAYOUTS[layout]
    fallback = sheet.batch.customer.language
    # The time zone is the request's, which is over when the first slip is made.
    zone = timezone.get_current_timezone()
    words = cache(words_of)
    dates = cache(lambda day, code: _in_languages(code, partial(date_format, day, "DATE_FORMAT")))
    licenses = cache(partial(_shorten, room=room))

    def make_slips() -> Iterator[Slip]:
        for row in rows:
            if row.password is not None:
                # A list has one language, each slip its recipient's.
                code = fallback if layout == "list" else row.language or fallback
                day = timezone.localtime(row.valid_until, zone).date()
                yield Slip(row, words(code), dates(day, code), *licenses(row.licenses, code))

    blocks = _cut_blocks(make_slips(), size, by_department=by_department)
    return chain([head], _render(blocks, sheet, get_template(template)), [foot])


@dataclass(frozen=True, slots=True)
class Block:
    """Slips that are rendered at once, all of one department where they are grouped by it."""

    slips: Sequence[Slip] = ()
    is_grouped: bool = False
    # Whether a department begins with it.
    is_first: bool = False

    @property
    def department(self) -> str:
        return self.slips[0].row.department


def _cut_blocks(slips: Iterator[Slip], size: int, *, by_department: bool) -> Iterator[Block]:
    for _key, group in groupby(slips, lambda slip: by_department and slip.row.department_key):
        is_first = by_department
        while some := list(islice(group, size)):
            yield Block(some, by_department, is_first)
            is_first = False


def _render(blocks: Iterator[Block], sheet: Sheet, template) -> Iterator[str]:
    language, total = sheet.batch.customer.language, len(sheet.sealed)
    context = {"batch": sheet.batch, "words": words_of(language)}
    shown, block = 0, next(blocks, Block())
    while block:
        following = next(blocks, None)
        before, shown = shown, shown + len(block.slips)
        places = _in_languages(language, partial(_describe_place, before + 1, shown, total))
        end = () if following else _in_languages(language, partial(_describe_end, shown, total))
        yield template.render(
            context | {"block": block, "before": before, "places": places, "end": end}
        )
        block = following


def _describe_place(first: int, last: int, total: int) -> str:
    numbers = {"first": _number(first), "last": _number(last), "total": _number(total)}
    if first >= last:
        return _("User %(n)s of %(total)s") % (numbers | {"n": numbers["last"]})
    return _("Users %(first)s–%(last)s of %(total)s") % numbers


def _describe_end(shown: int, total: int) -> str:
    text = ngettext("%(n)s of %(total)s user printed", "%(n)s of %(total)s users printed", total)
    return text % {"n": _number(shown), "total": _number(total)}


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)


def _shorten(names: Sequence[str], language: str, *, room: int) -> tuple[str, str]:
    """Name as many licenses as there is room for, and count the others."""
    if not names:
        return "", ""
    with translation.override(language):
        between = pgettext("between the parts of a list", ", ")
        for number in range(len(names), 0, -1):
            named, left = between.join(names[:number]), len(names) - number
            more = _("+%(number)s more") % {"number": left} if left else ""
            if _width(f"{named} {more}") <= room:
                return named, more
        # Not even the first one fits.
        return _cut(named, room - _width(more) - 1), more


def _cut(text: str, room: int) -> str:
    """As much of a text as there is room for, with a sign where it is cut."""
    if _width(text) <= room:
        return text
    while _width(text) >= room:
        text = text[:-1]
    return f"{text}…"


def csv_rows(rows: Iterable[Row]) -> Iterator[list[str]]:
    """The rows of the file, with a header in the active language."""
    yield [
        pgettext("of a person", "Name"),
        _("User name"),
        _("Temporary password"),
        _("Valid until"),
        _("Licenses"),
        _("Department"),
        _("Contact address"),
        _("Sign-in address"),
        _("Note"),
    ]
    address = sign_in_address()
    for row in rows:
        yield [
            row.name,
            row.user_name,
            row.password.reveal() if row.password else "",
            timezone.localtime(row.valid_until).strftime("%Y-%m-%d %H:%M") if row.password else "",
            "; ".join(row.licenses),
            row.department,
            row.contact_email,
            address,
            str(row.reason),
        ]
