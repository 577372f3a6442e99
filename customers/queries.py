from itertools import count
from uuid import UUID

from django.db.models import Q, QuerySet

from partners.models import Member

from . import names
from .models import Customer, Domain

# Addresses of pages stand where a customer's slug would.
RESERVED_SLUGS = frozenset({"add"})
# More would make a page heavy; each customer's own pages show what is theirs.
MOST_CHOICES = 200


def find_customers(*, member: Member) -> QuerySet[Customer]:
    """The customers this member may see, in no order."""
    customers = Customer.objects.filter(partner_id=member.partner_id)
    if member.is_limited:
        customers = customers.filter(Q(scopes__member=member))
    return customers


def get_customer(slug: str, *, member: Member) -> Customer | None:
    """The customer of this name among those the member may see, or None."""
    return find_customers(member=member).filter(slug=slug).first()


def find_choices(*, member: Member, chosen: Customer | None = None) -> list[Customer]:
    """The customers that a filter offers the member, by name: the first ones, and who is chosen."""
    found = list(find_customers(member=member).order_by("sort_key", "pk")[:MOST_CHOICES])
    return found if chosen is None or chosen in found else [chosen, *found]


def is_slug_free(slug: str, *, member: Member) -> bool:
    """Whether a new customer of the member's partner may have this slug."""
    taken = Customer.objects.filter(partner_id=member.partner_id, slug=slug)
    return slug not in RESERVED_SLUGS and not taken.exists()


def propose_slug(name: str, *, member: Member) -> str:
    """A slug for a new customer of this name that no other of the partner has."""
    stem = names.propose_slug(name)[: names.SLUG_LIMIT - 4].strip("-") or "customer"
    found = Customer.objects.filter(partner_id=member.partner_id, slug__startswith=stem)
    taken = {*found.values_list("slug", flat=True), *RESERVED_SLUGS}
    numbered = (f"{stem}-{number}" for number in count(2))
    return stem if stem not in taken else next(slug for slug in numbered if slug not in taken)


def find_domains(customer: Customer) -> QuerySet[Domain]:
    """The customer's domains, the default one first."""
    return customer.domains.order_by("-is_default", "name")


def get_domain(customer: Customer, domain_id: UUID) -> Domain | None:
    """The domain of this id among the customer's, or None."""
    return customer.domains.filter(pk=domain_id).first()
