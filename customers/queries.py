from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from customers import names
from customers.models import Customer, Domain
from partners.models import Member

# Addresses of pages stand where a customer's slug would.
RESERVED_SLUGS = frozenset({"add"})
# More would make a page heavy; each customer's own pages show what is theirs.
MOST_CHOICES = 200
# So many of those that a text finds are shown; more letters leave fewer.
MOST_FOUND = 20


def find_customers(*, member: Member) -> QuerySet[Customer]:
    """The customers this member may see, in no order."""
    customers = Customer.objects.filter(partner_id=member.partner_id)
    if member.is_limited:
        customers = customers.filter(Q(scopes__member=member))
    return customers


def get_customer(slug: str, *, member: Member) -> Customer | None:
    """The customer of this name among those the member may see, or None."""
    return find_customers(member=member).filter(slug=slug).first()


def find_called(customers: QuerySet[Customer], text: str) -> QuerySet[Customer]:
    """Those of the customers whose name, or one of whose domains, has the text in it."""
    domains = Domain.objects.filter(customer=OuterRef("pk"), name__contains=text.lower())
    found = Q(name__icontains=text) | Exists(domains)
    # The sort key holds the name without accents: "cafe" finds "Café".
    if folded := names.sort_key(text):
        found |= Q(sort_key__contains=folded)
    return customers.filter(found)


@dataclass(frozen=True)
class CustomerFilter:
    """By which customer a list is narrowed, and what may be chosen instead."""

    chosen: Customer | None
    # All that the member may see; of a member who sees many, those of whom the text was found.
    choices: Sequence[Customer]
    # They are too many for a list, and one is found by typing.
    is_search: bool
    text: str = ""
    has_more: bool = False
    # The one that the address names is none whom the member may see.
    is_unknown: bool = False

    @property
    def is_open(self) -> bool:
        """Whether one was looked for and none is chosen yet, so that nothing can be listed."""
        return bool(self.text) and self.chosen is None

    @property
    def is_missing(self) -> bool:
        """Whether there is none of whom anything could be listed, though one was asked for."""
        return self.is_open or self.is_unknown


def get_customer_filter(*, member: Member, slug: str = "", text: str = "") -> CustomerFilter:
    """
    What a filter by customer offers the member: a list or, where they are many, a search.

    A text that only one customer is called by chooses that one; a `slug` says it outright.
    """
    everybody = find_customers(member=member).order_by("sort_key", "pk")
    chosen = get_customer(slug, member=member) if slug else None
    is_unknown = bool(slug) and chosen is None
    if slug or not text:
        first = list(everybody[: MOST_CHOICES + 1])
        is_search = len(first) > MOST_CHOICES
        choices = () if is_search else first
        return CustomerFilter(chosen, choices, is_search=is_search, is_unknown=is_unknown)
    # Also of a member to whom few are offered as a list: the address may come from one who sees
    # many, and what it says must not mean all of them.
    found = list(find_called(everybody, text)[: MOST_FOUND + 1])
    if len(found) == 1:
        return CustomerFilter(found[0], found, is_search=True, text=text)
    has_more = len(found) > MOST_FOUND
    return CustomerFilter(None, found[:MOST_FOUND], is_search=True, text=text, has_more=has_more)


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


def find_verified_domains(customer: Customer) -> list[str]:
    """The domains in which users of the customer may be named, the default one first."""
    domains = customer.domains.filter(is_verified=True)
    return list(domains.order_by("-is_default", "name").values_list("name", flat=True))
