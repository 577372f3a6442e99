"""Files of users and of results of batches: their cells, and the record of downloads."""

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
from batches.acts import LineMessage, texts_of
from batches.errors import UsersError
from batches.models import Batch, Line
from customers.models import Customer
from partners.models import Member
from users.models import CustomerUser, UserPermission
from users.queries.export import Bought
from users.rules.fields import LABELS

LINE_BATCH_SIZE = 500

FIELDS = (
    "user_name", "display_name", "last_name", "first_name", "location", "products", "permissions",
    "job_title", "department", "phone", "contact_email", "language",
)  # fmt: skip


def to_rows(users: Iterable[Any], bought: Sequence[Bought]) -> Iterator[list[str]]:
    """A header, then a row for each user of `find_exported`."""
    header = [str(LABELS[name]) for name in FIELDS]
    added, deleted = pgettext("when", "Added"), pgettext("when", "Deleted")
    header += [_("Sign-in"), added, _("Last sign-in"), deleted, _("To be purged")]
    yield header
    names = {subscription.id: subscription.name for subscription in bought}
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
    """A header, then the result of each line of a batch, in the words of its page."""
    header = (_("Line"), _("User name"), _("Display name"), _("Action"), _("Result"), _("Changes"))
    yield [*header, _("Licenses"), _("Remarks")]
    names = {subscription.id: subscription.name for subscription in bought}
    while block := list(islice(lines, LINE_BATCH_SIZE)):
        for line in texts.show(block, names, is_over=batch.started_at is not None):
            yield [
                "" if line.number is None else str(line.number),
                line.user_name,
                line.name,
                line.act or str(texts_of(batch).label),
                line.label,
                "; ".join(line.changes),
                "; ".join(line.products),
                " ".join(map(_describe, line.messages)),
            ]


def _describe(said: LineMessage) -> str:
    place = f"{said.column} “{said.value}”" if said.value else said.column
    return place + pgettext("between a label and a value", ": ") + said.text if place else said.text


class NothingToExport(UsersError):
    """The list is empty, or none of the selected users is left."""

    message = gettext_lazy("There are no users to export. Clear the filters or select users again.")


@transaction.atomic
def record_export(
    *, customer: Customer, users: QuerySet[CustomerUser], query: str, kind: str, by: Member
) -> int:
    """
    Record that these users are about to be downloaded as a file; returns their number.

    The record comes first: a download that cannot be recorded does not take place.

    :param query: the filters of the list in its address.
    :param kind: the kind of the file.
    :raises NothingToExport: where there are none.
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
    The filters of an export in the form of the record: without the text of a search.

    It may be the name of a person, which no purge would find there.
    """
    # No text in Postgres holds a NUL.
    filters = QueryDict(query.replace("\0", ""), mutable=True)
    if "q" in filters:
        filters["q"] = "*"
    return filters.urlencode(safe="*")


@transaction.atomic
def record_results(*, batch: Batch, kind: str, by: Member) -> None:
    """Record that the results of the batch are about to be downloaded as a file."""
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
