from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from customers import names
from customers.models import Customer, Domain
from partners.models import Member

# Parts of URLs in the place of a customer's slug.
RESERVED_SLUGS = frozenset({"add"})
# Customers in a select box; with more than these, a search replaces it.
MAX_CHOICES = 200
MAX_FOUND = 20


def find_customers(*, member: Member) -> QuerySet[Customer]:
    """The customers that the member can see, in no order."""
    customers = Customer.objects.filter(partner_id=member.partner_id)
    if member.is_limited:
        customers = customers.filter(Q(scopes__member=member))
    return customers


def get_customer(slug: str, *, member: Member) -> Customer | None:
    """The customer of this slug if the member can see it, or None."""
    return find_customers(member=member).filter(slug=slug).first()


def find_called(customers: QuerySet[Customer], text: str) -> QuerySet[Customer]:
    """The customers with the text in their name or in a domain."""
    domains = Domain.objects.filter(customer=OuterRef("pk"), name__contains=text.lower())
    found = Q(name__icontains=text) | Exists(domains)
    # The sort key holds the name without accents: "cafe" finds "Café".
    if folded := names.sort_key(text):
        found |= Q(sort_key__contains=folded)
    return customers.filter(found)


@dataclass(frozen=True)
class CustomerFilter:
    """The state of a filter by customer."""

    chosen: Customer | None
    # All customers that the member can see; in a search, those that the text finds.
    choices: Sequence[Customer]
    # A search replaces the select box, because there are too many customers.
    is_search: bool
    text: str = ""
    has_more: bool = False
    # The URL has a slug of no customer that the member can see.
    is_unknown: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a text was searched and no customer is chosen yet."""
        return bool(self.text) and self.chosen is None

    @property
    def is_missing(self) -> bool:
        """Whether the filter is used without a result, so that nothing may be listed."""
        return self.is_open or self.is_unknown


def get_customer_filter(*, member: Member, slug: str = "", text: str = "") -> CustomerFilter:
    """
    Build a filter by customer for the member: a select box or, with many customers, a search.

    A text that finds one customer chooses it, as a `slug` does.
    """
    customers = find_customers(member=member).order_by("sort_key", "pk")
    chosen = get_customer(slug, member=member) if slug else None
    is_unknown = bool(slug) and chosen is None
    if slug or not text:
        first = list(customers[: MAX_CHOICES + 1])
        is_search = len(first) > MAX_CHOICES
        choices = () if is_search else first
        return CustomerFilter(chosen, choices, is_search=is_search, is_unknown=is_unknown)
    # Also for a member with a select box: the URL may be from a member with a search, and its text
    # must not be ignored.
    found = list(find_called(customers, text)[: MAX_FOUND + 1])
    if len(found) == 1:
        return CustomerFilter(found[0], found, is_search=True, text=text)
    has_more = len(found) > MAX_FOUND
    return CustomerFilter(None, found[:MAX_FOUND], is_search=True, text=text, has_more=has_more)


def is_slug_free(slug: str, *, member: Member) -> bool:
    """Whether a new customer of the member's partner can have this slug."""
    taken = Customer.objects.filter(partner_id=member.partner_id, slug=slug)
    return slug not in RESERVED_SLUGS and not taken.exists()


def propose_slug(name: str, *, member: Member) -> str:
    """A free slug for a new customer of this name."""
    stem = names.propose_slug(name)[: names.SLUG_LIMIT - 4].strip("-") or "customer"
    found = Customer.objects.filter(partner_id=member.partner_id, slug__startswith=stem)
    taken = {*found.values_list("slug", flat=True), *RESERVED_SLUGS}
    numbered = (f"{stem}-{number}" for number in count(2))
    return stem if stem not in taken else next(slug for slug in numbered if slug not in taken)


def find_domains(customer: Customer) -> QuerySet[Domain]:
    """The customer's domains, default first."""
    return customer.domains.order_by("-is_default", "name")


def get_domain(customer: Customer, domain_id: UUID) -> Domain | None:
    return customer.domains.filter(pk=domain_id).first()


def find_verified_domains(customer: Customer) -> list[str]:
    """The domains for user names, default first."""
    domains = customer.domains.filter(is_verified=True)
    return list(domains.order_by("-is_default", "name").values_list("name", flat=True))
