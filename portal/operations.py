"""Writes of pages above all apps."""

from django.db import transaction
from django.db.models import QuerySet

import audit.operations as audit
from audit.models import Event
from customers.models import Customer
from partners.models import Member
from users.export import filter_on_record


@transaction.atomic
def record_log_export(
    *, events: QuerySet[Event], customer: Customer | None, query: str, kind: str, by: Member
) -> int:
    """
    Record an export of these events before it happens, and return their number.

    :param customer: the customer of the log, if it is of one.
    :param query: the filters of the log, as in its URL.
    :param kind: the kind of the file.
    """
    number = events.order_by().count()
    audit.record(
        "activity.exported",
        subject=audit.Subject(
            None,
            customer.name if customer else "",
            after={"events": number, "filter": filter_on_record(query), "file": kind},
        ),
        customer_id=customer.pk if customer else None,
        by=by,
    )
    return number
