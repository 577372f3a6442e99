"""Users, and what became of them in a batch, as the cells of a file."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from users import sentences
from users.importing import columns, export
from users.models import Batch, Line, UserPermission
from users.queries import Bought

LINES_AT_ONCE = 500

FIELDS = (
    "user_name",
    "display_name",
    "last_name",
    "first_name",
    "location",
    "products",
    "permissions",
    "job_title",
    "department",
    "phone",
    "contact_email",
    "language",
)


def in_cells(users: Iterable[Any], bought: Sequence[Bought]) -> Iterator[list[str]]:
    """A header, then a row for each user, as `queries.find_exported` gives them."""
    header = [str(columns.LABELS[name]) for name in FIELDS]
    header += [_("Sign-in"), _("Added"), _("Last sign-in"), _("Deleted"), _("To be purged")]
    yield header
    names = {one.id: one.name for one in bought}
    permissions = _permissions()
    sign_in = {False: _("Allowed"), True: _("Blocked")}
    zone = timezone.get_current_timezone()

    def moment(value):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M") if value else ""

    for user in users:
        texts = {
            "products": "; ".join(names.get(str(key), "") for key in user.held),
            "permissions": "; ".join(permissions[code] for code in user.permissions),
        }
        yield [
            *(texts[name] if name in texts else getattr(user, name) for name in FIELDS),
            sign_in[user.is_blocked],
            *map(moment, (user.added_at, user.signed_in_at, user.deleted_at, user.purge_at)),
        ]


def to_import(users: Iterable[Any], bought: Sequence[Bought], language: str) -> Iterator[list[str]]:
    """
    The template filled with the users: as it is, it can be imported and changes nothing.

    Its columns and names are those of the empty template in that language.
    """
    header = columns.template_names(language)
    # The user name brings its domain along.
    del header["domain"]
    yield list(header.values())
    with translation.override(language):
        permissions = _permissions()
    products = export.ProductCells((one.id, one.name, one.part_number) for one in bought)
    for user in users:
        texts = {
            "products": products.write(map(str, user.held)),
            "permissions": "; ".join(permissions[code] for code in user.permissions),
        }
        yield [texts[name] if name in texts else getattr(user, name) for name in header]


def _permissions() -> dict[str, str]:
    return {choice.value: str(choice.label) for choice in UserPermission}


def results(batch: Batch, lines: Iterator[Line], bought: Sequence[Bought]) -> Iterator[list[str]]:
    """A header, then what became of each line of a batch, as its page says it."""
    yield [
        _("Line"),
        _("User name"),
        _("Display name"),
        _("Act"),
        _("Result"),
        _("Changes"),
        _("Licenses"),
        _("Remarks"),
    ]
    names = {one.id: one.name for one in bought}
    while block := list(islice(lines, LINES_AT_ONCE)):
        for line in sentences.show(block, names, is_over=batch.started_at is not None):
            yield [
                "" if line.number is None else str(line.number),
                line.user_name,
                line.name,
                line.act or str(batch.get_kind_display()),
                line.label,
                "; ".join(line.changes),
                "; ".join(line.products),
                " ".join(map(_say, line.said)),
            ]


def _say(said: sentences.Said) -> str:
    place = f"{said.column} “{said.value}”" if said.value else said.column
    return place + pgettext("between a label and a value", ": ") + said.text if place else said.text
