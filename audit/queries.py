"""Reads the record, latest first, page by page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from audit.models import Event

PAGE_SIZE = 50

SIGN_INS = (
    "customer.sign_ins_attacked",
    "member.locked_out",
    "member.sign_in_failed",
    "member.signed_in",
    "member.signed_out",
    "partner.sign_ins_attacked",
    "user.locked_out",
    "user.sign_in_failed",
    "user.signed_in",
    "user.signed_out",
)

# Filters of the log: label, and prefixes of the actions.
GROUPS = {
    "users": (_("Users"), ("user.added", "user.edited", "user.blocked", "user.unblocked")),
    "licenses": (_("Licenses"), ("user.licenses_changed",)),
    "passwords": (_("Passwords and sheets"), ("user.password_", "sheet.")),
    "deleting": (
        _("Deletion and restore"),
        ("user.deleted", "user.restored", "user.purge"),
    ),
    "batches": (
        _("Jobs and files"),
        ("batch.", "import.", "users.exported", "activity.exported"),
    ),
    "customers": (_("Customers and domains"), ("customer.", "domain.")),
    "products": (_("Subscriptions and products"), ("subscription.", "product.", "plan.")),
    "sign_ins": (_("Sign-ins"), SIGN_INS),
    "staff": (
        _("Staff"),
        (
            "member.deactivated",
            "member.factor_",
            "member.invit",
            "member.joined",
            "member.limits_changed",
            "member.password_",
            "member.profile_changed",
            "member.reactivated",
            "member.role_changed",
            "partner.created",
        ),
    ),
}


@dataclass(frozen=True)
class Page:
    """`before` and `after` are None where there are no later or earlier events."""

    events: list[Event]
    before: UUID | None
    after: UUID | None


def find_events(
    *,
    partner_id: UUID,
    group: str = "",
    by_id: UUID | None = None,
    customers: Iterable[UUID] | QuerySet | None = None,
    subject_id: UUID | None = None,
    batch_id: UUID | None = None,
    text: str = "",
    since: datetime | None = None,
) -> QuerySet[Event]:
    """
    The partner's events, latest first.

    :param group: a key of GROUPS.
    :param text: the beginning of the subject's name.
    """
    events = Event.objects.filter(partner_id=partner_id).order_by("-id")
    exact = {"by_id": by_id, "subject_id": subject_id, "batch_id": batch_id}
    events = events.filter(**{name: value for name, value in exact.items() if value})
    if customers is not None:
        events = events.filter(customer_id__in=customers)
    if group:
        in_group = Q()
        for prefix in GROUPS[group][1]:
            in_group |= Q(action__startswith=prefix)
        events = events.filter(in_group)
    if text:
        events = events.filter(subject_name__istartswith=text)
    if since:
        events = events.filter(pk__gte=first_key_at(since))
    return events


def get_page(
    events: QuerySet[Event], *, after: UUID | None = None, before: UUID | None = None
) -> Page:
    """The page of events earlier than `after` or later than `before`; the first page for neither."""
    if before:
        rows = list(events.filter(pk__gt=before).order_by("id")[: PAGE_SIZE + 1])
        if len(rows) <= PAGE_SIZE:
            return get_page(events)
        rows = rows[:PAGE_SIZE][::-1]
        return Page(rows, rows[0].pk, rows[-1].pk)
    rows = list((events.filter(pk__lt=after) if after else events)[: PAGE_SIZE + 1])
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return Page(rows, rows[0].pk if rows and after else None, rows[-1].pk if has_more else None)


def first_key_at(moment: datetime) -> UUID:
    """The smallest uuid7 that a row created at this moment can have."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
