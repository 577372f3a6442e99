"""What is written by pages that stand above all apps."""

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
    Record that these events are about to be handed out as a file; returns how many they are.

    The record comes first: what cannot be recorded is not handed out. So the file may tell of it.

    :param customer: the one customer that they are of, where the log was of one.
    :param query: the filters of the log, as its address says them.
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
