"""Limits members to selected customers."""

from collections.abc import Sequence

from django.db import transaction

import audit.operations as audit
from customers.models import Customer, Scope
from customers.queries import find_customers
from partners.models import Member
from partners.operations.members import BeyondOwnRights, set_limited


@transaction.atomic
def limit_member(
    *, member: Member, is_limited: bool, customers: Sequence[Customer], by: Member
) -> None:
    """
    Limit the member to these customers, or lift the limit, from the next request on.

    The selection is kept while the member sees all customers, and so are customers in it that `by`
    does not see.

    :raises LastOwner: if no active owner with access to all customers would be left.
    :raises OwnRights: if it is the member themselves.
    :raises BeyondOwnRights: if `by` does not see all of these customers.
    """
    was_limited = set_limited(member=member, is_limited=is_limited, by=by)
    before = {"is_limited": was_limited, "customers": _names(member)}
    if is_limited:
        chosen = {customer.pk for customer in customers}
        visible = find_customers(member=by)
        if visible.filter(pk__in=chosen).count() < len(chosen):
            raise BeyondOwnRights
        scopes = Scope.objects.filter(member=member, partner_id=member.partner_id)
        scopes.filter(customer__in=visible).exclude(customer_id__in=chosen).delete()
        Scope.objects.bulk_create(
            [Scope(member=member, customer_id=pk) for pk in chosen], ignore_conflicts=True
        )
    after = {"is_limited": is_limited, "customers": _names(member)}
    if after != before:
        audit.record(
            "member.limits_changed",
            subject=audit.Subject(member.pk, member.name, before, after),
            by=by,
        )


def _names(member: Member) -> list[str]:
    scopes = Scope.objects.filter(member=member, partner_id=member.partner_id)
    return list(scopes.order_by("customer__sort_key").values_list("customer__name", flat=True))
