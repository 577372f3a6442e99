"""Which customers a limited member may see."""

from collections.abc import Sequence
from uuid import UUID

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
    Let the member see these customers only, or all of them; it counts from the next page on.

    What was chosen is kept while the member sees all customers, and so are those that `by` does not
    see.

    :raises partners.LastOwner: and changes nothing, where no owner who sees all would be left.
    :raises partners.OwnRights: where it is the member themselves.
    :raises partners.BeyondOwnRights: where `by` does not see all that the member is given.
    """
    was_limited = set_limited(member=member, is_limited=is_limited, by=by)
    before = {"is_limited": was_limited, "customers": _names(member)}
    if is_limited:
        _choose(member, [customer.pk for customer in customers], by)
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


def _choose(member: Member, chosen: Sequence[UUID], by: Member) -> None:
    seen = find_customers(member=by)
    if seen.filter(pk__in=chosen).count() < len(set(chosen)):
        raise BeyondOwnRights
    scopes = Scope.objects.filter(member=member, partner_id=member.partner_id)
    scopes.filter(customer__in=seen).exclude(customer_id__in=chosen).delete()
    Scope.objects.bulk_create(
        [Scope(member=member, customer_id=pk) for pk in chosen], ignore_conflicts=True
    )
