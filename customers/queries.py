from django.db.models import Q, QuerySet

from partners.models import Member

from .models import Customer


def find_customers(*, member: Member) -> QuerySet[Customer]:
    """The customers this member may see, in no order."""
    customers = Customer.objects.filter(partner_id=member.partner_id)
    if member.is_limited:
        customers = customers.filter(Q(scopes__member=member))
    return customers


def get_customer(slug: str, *, member: Member) -> Customer | None:
    """The customer of this name among those the member may see, or None."""
    return find_customers(member=member).filter(slug=slug).first()
