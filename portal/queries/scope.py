"""What of a partner's rows a member may see, for pages that stand above single customers."""

from django.db.models import QuerySet

from customers.queries import find_customers
from partners.models import Member


def seen_by(rows: QuerySet, member: Member) -> QuerySet:
    """Those rows, each of one customer, whose customer the member may see."""
    if member.is_limited:
        return rows.filter(customer__in=find_customers(member=member).values("pk"))
    return rows.filter(partner_id=member.partner_id)
