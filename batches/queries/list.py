"""The list of batches of one or all customers, with the filters of its address."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import QueryDict

from batches.acts import get_acts
from batches.models import Batch
from batches.queries.batch import Page, count_lines, get_page_by_key
from customers import queries as customers
from customers.filters import LONGEST_SEARCH, UnknownFilter, read_values
from customers.models import Customer
from partners.models import Member

State = Batch.State

# The words for states in an address.
STATES = {
    "waiting": [State.PLANNED, State.REFUSED, State.OPEN],
    "running": [State.RUNNING, State.CHECKING],
    "paused": [State.PAUSED],
    "done": [State.DONE],
    "canceled": [State.CANCELED],
}
# The searched fields; batches in which all of them are empty are not in the index.
NOTES = ("ticket", "reason", "source_name")
# In a longer search the last words are searched as one text.
MAX_WORDS = 6

# Filters that apps above register in AppConfig.ready(): by the name in the address, the allowed
# values and a function that filters batches for a member.
OTHER_FILTERS: dict[str, tuple[Collection[str], Callable[..., QuerySet[Batch]]]] = {}


def register_filter(
    name: str, values: Collection[str], narrow: Callable[..., QuerySet[Batch]]
) -> None:
    """Let the list be filtered by `name`, a field of BatchFilters, with `narrow(batches, member=)`."""
    OTHER_FILTERS[name] = values, narrow


@dataclass(frozen=True)
class BatchFilters:
    """The filters of a list of batches; empty values do not filter."""

    q: str = ""
    show: str = ""
    kind: str = ""
    # Only in the list of all customers.
    customer: Customer | None = None
    # The text typed to find that customer.
    whose: str = ""
    by: str = ""
    # Registered by handover.
    passwords: str = ""

    @property
    def is_set(self) -> bool:
        return self != BatchFilters()


@dataclass(frozen=True)
class BatchList:
    """A page of batches, with the filters that are set and the customers to choose from."""

    filters: BatchFilters
    page: Page
    # The customers to choose from; None on the list of a customer.
    customers: customers.CustomerFilter | None
    # The error for an unknown filter in the address; nothing is listed then.
    problem: str = ""

    @property
    def is_filtered(self) -> bool:
        return bool(self.problem) or self.filters.is_set


def get_batch_list(*, member: Member, of: Customer | None, query: QueryDict) -> BatchList:
    """The page for an address; without batches where a filter is unknown."""
    try:
        filters = read_batch_filters(query, member=member, of=of)
    except UnknownFilter as error:
        choice = None if of else customers.get_customer_filter(member=member)
        return BatchList(BatchFilters(), Page([]), choice, problem=error.message)
    choice = None
    if not of:
        slug = filters.customer.slug if filters.customer else ""
        choice = customers.get_customer_filter(member=member, slug=slug, text=filters.whose)
        filters = replace(filters, customer=choice.chosen)
    if choice and choice.is_open:
        return BatchList(filters, Page([]), choice)
    page = get_page_by_key(
        find_batches(filters, member=member, of=of).prefetch_related("customer"),
        "pk",
        after=_read_key(query.get("after")),
        before=_read_key(query.get("before")),
        is_newest_first=True,
    )
    count_lines(page.rows)
    return BatchList(filters, page, choice)


def read_batch_filters(query: QueryDict, *, member: Member, of: Customer | None) -> BatchFilters:
    """
    Read the filters from an address.

    :raises UnknownFilter: where a name or a value is unknown or given twice, for a customer that
        the member may not see, and for any customer in the list of one customer.
    """
    values = read_values(query)
    allowed = {
        "show": STATES,
        "kind": [act.kind for act in get_acts() if act.has_batches],
        "by": ["me"],
    }
    allowed |= {name: words for name, (words, _narrow) in OTHER_FILTERS.items()}
    known = {field.name for field in fields(BatchFilters)} - (
        {"customer", "whose"} if of else set()
    )
    is_known = values.keys() <= known and all(
        values[name] in words for name, words in allowed.items() if name in values
    )
    texts = {name: values.get(name, "") for name in ("q", "whose")}
    if not is_known or any(len(text) > LONGEST_SEARCH for text in texts.values()):
        raise UnknownFilter
    # No text in Postgres holds a NUL.
    read = values | {name: text.replace("\0", "") for name, text in texts.items()}
    if "customer" in values:
        read["customer"] = customers.get_customer(read["customer"].replace("\0", ""), member=member)
        if read["customer"] is None:
            raise UnknownFilter
    return BatchFilters(**read)


def _read_key(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def find_batches(
    filters: BatchFilters, *, member: Member, of: Customer | None = None
) -> QuerySet[Batch]:
    """The batches that match, of one customer or of all that the member may see."""
    batches = Batch.objects.filter(partner_id=member.partner_id)
    if customer := of or filters.customer:
        batches = batches.filter(customer=customer)
    elif member.is_limited:
        batches = batches.filter(customer__in=customers.find_customers(member=member))
    if filters.show:
        batches = batches.filter(state__in=STATES[filters.show])
    if filters.kind:
        batches = batches.filter(kind=filters.kind)
    if filters.by:
        batches = batches.filter(by=member)
    for name, (_values, narrow) in OTHER_FILTERS.items():
        if getattr(filters, name):
            batches = narrow(batches, member=member)
    return _search(batches, filters.q) if filters.q else batches


def _search(batches: QuerySet[Batch], text: str) -> QuerySet[Batch]:
    """The batches with each of the words in one of their notes."""
    # The condition of the index batch_noted, which is read from the newest batch on.
    batches = batches.exclude(**dict.fromkeys(NOTES, ""))
    for word in text.split(maxsplit=MAX_WORDS - 1):
        found = Q()
        for name in NOTES:
            found |= Q(**{f"{name}__icontains": word})
        batches = batches.filter(found)
    return batches
