"""Sheets with passwords that wait to be handed over: for pages, and for those to remind of them."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import (
    BooleanField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    QuerySet,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Least
from django.utils import timezone

from batches.models import Batch, Line
from customers.models import Customer
from customers.queries import find_customers
from handover.models import Handover
from handover.queries.sheet import WITH_USERS
from partners.models import Member
from partners.roles import Permission, Role
from users.models import CustomerUser

A_DAY = timedelta(days=1)

# Somebody still has the password that the batch of the outer query sealed. Of a set that was begun
# anew the first lines hold none any more; so many of their users are looked at, and then it is
# taken for granted that there is more to hand over.
MOST_LOOKED_AT = 500
STILL_SOMEBODYS = f"""
    SELECT FROM (
        SELECT u.id, row_number() OVER () AS place FROM {CustomerUser._meta.db_table} u
        WHERE u.password_batch = {Batch._meta.db_table}.id AND u.password_state = 'temporary'
            AND u.deleted_at IS NULL AND u.password_expires_at > %s
            AND (%s OR NOT u.is_administrator)
        LIMIT {MOST_LOOKED_AT}
    ) u CROSS JOIN LATERAL (
        SELECT l.sealed FROM {Line._meta.db_table} l
        WHERE l.partner_id = {Batch._meta.db_table}.partner_id AND l.user_id = u.id
            AND l.batch_id = {Batch._meta.db_table}.id LIMIT 1
    ) l
    WHERE l.sealed IS NOT NULL OR u.place = {MOST_LOOKED_AT}
"""


def with_passwords(batches: QuerySet[Batch], *, member: Member) -> QuerySet[Batch]:
    """Those of the batches with a password that the member can hand over now."""
    now = timezone.now()
    if not member.may(Permission.RESET_PASSWORDS):
        return batches.none()
    may_all = member.may(Permission.ACT_ON_ADMINISTRATORS)
    somebodys = RawSQL(f"EXISTS ({STILL_SOMEBODYS})", [now, may_all], BooleanField())
    is_open = batches.exclude(sheet_key="").filter(
        state__in=[Batch.State.OPEN, Batch.State.DONE],
        handed_over_at=None,
        sheet_expires_at__gt=now,
    )
    return is_open.alias(is_somebodys=somebodys).filter(is_somebodys=True)


@dataclass(frozen=True)
class WaitingSheet:
    """A batch with passwords that a member can hand over, and how many these are."""

    batch: Batch
    passwords: int


def find_waiting_sheets(
    batches: QuerySet[Batch], *, member: Member, limit: int
) -> list[WaitingSheet]:
    """Those of the batches with passwords that the member can hand over, the most urgent first."""
    found = list(with_passwords(batches, member=member).order_by("sheet_expires_at", "pk")[:limit])
    if not found:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT l.batch_id, count(*) FROM {WITH_USERS}
            WHERE l.partner_id = %(partner)s AND l.batch_id = ANY(%(batches)s)
                AND l.sealed IS NOT NULL AND u.password_batch = l.batch_id
                AND u.password_state = 'temporary' AND u.deleted_at IS NULL
                AND u.password_expires_at > %(now)s
                AND (%(may_all)s OR NOT u.is_administrator)
            GROUP BY l.batch_id
            """,
            {
                "partner": member.partner_id,
                "batches": [batch.pk for batch in found],
                "now": timezone.now(),
                "may_all": member.may(Permission.ACT_ON_ADMINISTRATORS),
            },
        )
        numbers = dict(cursor.fetchall())
    return [WaitingSheet(batch, numbers[batch.pk]) for batch in found if batch.pk in numbers]


def find_sheets_to_remind_of() -> QuerySet[Batch]:
    """
    The batches with passwords that expire soon, where no member was reminded of that.

    Soon is a day before, or when half of the time is over where a sheet has less than two days.
    """
    now = timezone.now()
    reminders = Handover.objects.filter(
        batch=OuterRef("pk"),
        kind=Handover.Kind.REMINDER,
        # A set that is begun anew has another end.
        expires_at=OuterRef("sheet_expires_at"),
    )
    half = ExpressionWrapper(
        F("customer__sheet_hours") * RawSQL("interval '30 minutes'", []),
        output_field=DurationField(),
    )
    return (
        Batch.objects.exclude(sheet_key="")
        .alias(half=half)
        .filter(
            ~Exists(reminders),
            state__in=[Batch.State.OPEN, Batch.State.DONE],
            customer__state=Customer.State.ACTIVE,
            handed_over_at=None,
            sheet_expires_at__gt=now,
            sheet_expires_at__lte=now + Least(Value(A_DAY), F("half")),
        )
    )


def find_members_to_remind(batch: Batch) -> list[Member]:
    """The member who made the batch, or else the owners: those of them who can open its sheet."""
    maker = Member.objects.filter(pk=batch.by_id, is_active=True)
    owners = Member.objects.filter(partner_id=batch.partner_id, is_active=True, role=Role.OWNER)
    for members in (maker, owners.order_by("pk")):
        able = [member for member in members if _can_open(batch, member)]
        if able:
            return able
    return []


def _can_open(batch: Batch, member: Member) -> bool:
    is_seen = find_customers(member=member).filter(pk=batch.customer_id).exists()
    return is_seen and with_passwords(Batch.objects.filter(pk=batch.pk), member=member).exists()
