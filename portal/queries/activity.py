"""Recent activity, one sentence per action."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from audit import queries as audit
from audit.models import Event
from batches.acts import get_act
from batches.models import Batch
from customers.models import Customer
from customers.queries import find_customers
from partners.models import Member
from partners.roles import Permission
from portal import sentences
from portal.queries.log import url_of
from portal.queries.scope import seen_by

MAX_ACTS = 8
DAYS = 30
# A large batch writes one event per user, and every user signs in; no more events than these are
# searched for others.
MAX_EVENTS = 2_000


@dataclass(frozen=True)
class Act:
    at: datetime
    icon: str
    sentence: SafeString
    url: str = ""


def find_acts(*, member: Member, most: int = MAX_ACTS) -> Sequence[Act]:
    """
    The latest actions that the member can see: of all members, or only their own.

    A batch is listed once, without the events of its users.
    """
    since = audit.first_key_at(timezone.now() - timedelta(days=DAYS))
    batches = seen_by(Batch.objects, member).filter(pk__gte=since, started_at__isnull=False)
    events = audit.find_events(partner_id=member.partner_id)
    if not member.may(Permission.VIEW_ALL_ACTIVITY):
        batches, events = batches.filter(by=member), events.filter(by_id=member.pk)
    if member.is_limited:
        events = events.filter(customer_id__in=find_customers(member=member).values("pk"))
    batches = batches.select_related("customer").order_by("-pk")[:most]
    found = [
        Act(
            at=batch.started_at,
            icon=get_act(batch.kind).icon,
            sentence=sentences.of_batch(batch),
            url=reverse("batches:batch", args=[batch.customer.slug, batch.pk]),
        )
        for batch in batches
    ]
    listed = Q(batch_id=None) | ~Q(action__startswith="user.") & ~Q(action="batch.started")
    # Sign-ins would crowd out the actions of members; they are in the log.
    listed &= ~Q(action__in=audit.SIGN_INS)
    latest = events.filter(pk__gte=since)[:MAX_EVENTS].values("pk")
    beside = list(Event.objects.filter(listed, pk__in=latest).order_by("-pk")[:most])
    customers = Customer.objects.in_bulk({event.customer_id for event in beside} - {None})
    for event in beside:
        customer = customers.get(event.customer_id)
        sentence = sentences.of_event(event, customer)
        found.append(Act(event.at, sentences.icon_of(event), sentence, url_of(event, customer)))
    return sorted(found, key=lambda act: act.at, reverse=True)[:most]
