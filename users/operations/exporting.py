"""Putting on record that users, or what became of them, are taken out of the portal as a file."""

from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from customers.models import Customer
from partners.models import Member
from users import queries
from users.models import Batch, Bundle, CustomerUser

from .batches import UsersError
from .importing import FileGone


class NothingToExport(UsersError):
    """Nobody is in the list, or nobody is left of those who were chosen."""

    message = _("There is nobody to export. Clear the filters, or choose again.")


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
    _record_file("batch.exported", batch, batch.total, kind, by)


@transaction.atomic
def record_failed_rows(*, batch: Batch, kind: str, by: Member) -> None:
    """
    Record the same of the rows that were not imported.

    :raises FileGone: where they went with the file.
    """
    if batch.rows_wiped_at:
        raise FileGone
    failed = queries.find_failed_lines(batch).count()
    _record_file("batch.errors_exported", batch, failed, kind, by)


@transaction.atomic
def record_lost_repairs(*, batch: Batch, kind: str, by: Member) -> None:
    """Record the same of the repairs that no longer fit."""
    lost = queries.find_lost_repairs(batch).count()
    _record_file("batch.lost_repairs_exported", batch, lost, kind, by)


@transaction.atomic
def record_strays(*, bundle: Bundle, kind: str, by: Member) -> None:
    """Record the same of the rows of a file that belong to no customer."""
    after = {"lines": bundle.plan.get("strays", 0), "file": kind}
    subject = audit.Subject(bundle.pk, bundle.source_name, after=after)
    audit.record("import.strays_exported", subject=subject, by=by)


def _record_file(action: str, batch: Batch, number: int, kind: str, by: Member) -> None:
    audit.record(
        action,
        # How many they are, and nobody's name: the record outlives a purge.
        subject=audit.Subject(batch.pk, str(batch.kind), after={"lines": number, "file": kind}),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
