"""Users, and what became of them in a batch, as the cells of a file."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

import audit.operations as audit
from batches import texts
from batches.acts import LineMessage
from batches.errors import UsersError
from batches.models import Batch, Line
from customers.models import Customer
from partners.models import Member
from users.models import CustomerUser, UserPermission
from users.queries.export import Bought
from users.rules.fields import LABELS

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


def to_rows(users: Iterable[Any], bought: Sequence[Bought]) -> Iterator[list[str]]:
    """A header, then a row for each user, as `queries.find_exported` gives them."""
    header = [str(LABELS[name]) for name in FIELDS]
    header += [_("Sign-in"), _("Added"), _("Last sign-in"), _("Deleted"), _("To be purged")]
    yield header
    names = {one.id: one.name for one in bought}
    permissions = {choice.value: str(choice.label) for choice in UserPermission}
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
        for line in texts.show(block, names, is_over=batch.started_at is not None):
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


def _say(said: LineMessage) -> str:
    place = f"{said.column} “{said.value}”" if said.value else said.column
    return place + pgettext("between a label and a value", ": ") + said.text if place else said.text


class NothingToExport(UsersError):
    """Nobody is in the list, or nobody is left of those who were chosen."""

    message = gettext_lazy("There is nobody to export. Clear the filters, or choose again.")


@transaction.atomic
def record_export(
    *, customer: Customer, users: QuerySet[CustomerUser], query: str, kind: str, by: Member
) -> int:
    """
    Record that these users are about to be handed out as a file; returns how many they are.

    The record comes first: what cannot be recorded is not handed out.

    :param query: the filters of the list they come from, as its address says them.
    :param kind: the kind of the file.
    :raises NothingToExport: where they are nobody.
    """
    number = users.order_by().count()
    if not number:
        raise NothingToExport
    audit.record(
        "users.exported",
        subject=audit.Subject(
            None,
            customer.name,
            after={
                "users": number,
                "filter": filter_on_record(query),
                "file": kind,
            },
        ),
        customer_id=customer.pk,
        by=by,
    )
    return number


def filter_on_record(query: str) -> str:
    """
    The filters of an export as the record keeps them: that a text was looked for, not which.

    It may be a person's name, which no purge would find there.
    """
    # No text in Postgres holds a NUL.
    asked = QueryDict(query.replace("\0", ""), mutable=True)
    if "q" in asked:
        asked["q"] = "*"
    return asked.urlencode(safe="*")


@transaction.atomic
def record_results(*, batch: Batch, kind: str, by: Member) -> None:
    """Record that the results of the batch are about to be handed out as this kind of file."""
    audit.record(
        "batch.exported",
        # Their number and no name: the record outlives a purge.
        subject=audit.Subject(
            batch.pk, str(batch.kind), after={"lines": batch.total, "file": kind}
        ),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
