"""Limits rows of all customers to those that a member can see."""

from django.db.models import QuerySet

from customers.queries import find_customers
from partners.models import Member


def seen_by(rows: QuerySet, member: Member) -> QuerySet:
    """The rows of customers that the member can see."""
    if member.is_limited:
        return rows.filter(customer__in=find_customers(member=member).values("pk"))
    return rows.filter(partner_id=member.partner_id)
