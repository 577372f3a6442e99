"""The activity log: actions as sentences, with their changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import queries as audit
from audit.models import Event
from customers.models import Customer
from customers.queries import CustomerFilter, find_customers, get_customer_filter
from partners.models import Member
from partners.queries import find_members
from partners.roles import Permission
from portal import changes, sentences

PERIODS = {
    "day": (gettext_lazy("Last 24 hours"), timedelta(days=1)),
    "week": (gettext_lazy("Last 7 days"), timedelta(days=7)),
    "month": (gettext_lazy("Last 30 days"), timedelta(days=30)),
    "year": (gettext_lazy("Last 365 days"), timedelta(days=365)),
}


@dataclass(frozen=True)
class Entry:
    event: Event
    icon: str
    sentence: SafeString
    changes: list[changes.Change]
    url: str


@dataclass(frozen=True)
class Log:
    """A page of entries, with the choices of the filters."""

    entries: list[Entry]
    before: UUID | None
    after: UUID | None
    members: list[Member]
    # None in the log of a single customer.
    customers: CustomerFilter | None


def find_logged(
    *,
    member: Member,
    customer: Customer | None = None,
    q: str = "",
    group: str = "",
    period: str = "",
    by: UUID | None = None,
    user: UUID | None = None,
    batch: UUID | None = None,
    **_places,
) -> QuerySet[Event]:
    """
    The filtered events that the member can see.

    Without permission for the whole log, these are the member's own; for limited members, those of
    their customers.
    """
    if not member.may(Permission.VIEW_ALL_ACTIVITY):
        by = member.pk
    customers = None
    if customer is not None:
        customers = [customer.pk]
    elif member.is_limited:
        customers = find_customers(member=member).values("pk")
    return audit.find_events(
        partner_id=member.partner_id,
        group=group or "",
        by_id=by,
        customers=customers,
        subject_id=user,
        batch_id=batch,
        text=q or "",
        since=timezone.now() - PERIODS[period][1] if period else None,
    )


def get_log(*, member: Member, of: Customer | None = None, **values) -> Log:
    """A page of the log of one customer or all, by the values of FindEvents."""
    after, before = values.pop("after", None), values.pop("before", None)
    choice = None if of else get_customer_choice(member=member, **values)
    customer = of or choice.chosen
    events = find_logged(member=member, **values | {"customer": customer})
    if choice and choice.is_missing:
        events = events.none()
    page = audit.get_page(events, after=after, before=before)
    customers = Customer.objects.in_bulk({event.customer_id for event in page.events} - {None})
    members = []
    if member.may(Permission.VIEW_ALL_ACTIVITY):
        members = list(find_members(partner_id=member.partner_id).order_by("name", "pk"))
    return Log(
        entries=[
            Entry(
                event=event,
                icon=sentences.icon_of(event),
                sentence=sentences.of_event(event, customer),
                changes=changes.of_event(event),
                url=url_of(event, customer),
            )
            for event in page.events
            for customer in [customers.get(event.customer_id)]
        ],
        before=page.before,
        after=page.after,
        members=members,
        customers=choice,
    )


def get_customer_choice(
    *, member: Member, customer: str | None = None, whose: str | None = None, **_others
) -> CustomerFilter:
    """The filter by customer, by the values of FindEvents."""
    return get_customer_filter(member=member, slug=customer or "", text=whose or "")


def to_rows(events: QuerySet[Event], *, member: Member) -> Iterator[list[str]]:
    """Yield a header, then a row for each event, in the language and time zone of the reader."""
    yield [
        _("Time"),
        _("Who"),
        _("Email"),
        _("Action"),
        _("Subject"),
        _("Customer"),
        _("Job"),
        _("Changes"),
        _("IP address"),
    ]
    names = dict(find_customers(member=member).values_list("pk", "name"))
    for event in events.iterator():
        yield [
            timezone.localtime(event.at).isoformat(" ", "seconds"),
            event.by_name if event.by_id else str(sentences.SYSTEM),
            event.by_email,
            str(event.label),
            changes.subject_of(event),
            names.get(event.customer_id, ""),
            str(event.batch_id or ""),
            "; ".join(str(change) for change in changes.of_event(event)),
            event.client or "",
        ]


def url_of(event: Event, customer: Customer | None) -> str:
    """The page of the event's subject, or ''."""
    if customer is None:
        return ""
    if event.batch_id:
        return reverse("batches:batch", args=[customer.slug, event.batch_id])
    if event.action.startswith("user.") and event.action != "user.purged" and event.subject_id:
        return reverse("users:user", args=[customer.slug, event.subject_id])
    return reverse("portal:customer", args=[customer.slug])
