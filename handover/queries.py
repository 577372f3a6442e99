"""Passwords of a batch that can be handed over, and the emails that do it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection
from django.db.models import (
    BooleanField,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Least
from django.utils import timezone

import audit.queries as audit
from audit.models import Event
from batches.models import Batch, Line
from customers.models import Customer
from customers.queries import find_customers
from handover.models import Handover, Withheld
from licensing.queries import find_product_names
from partners.models import Member
from partners.queries import find_members
from partners.roles import Permission, Role
from users.models import CustomerUser
from users.passwords import Secret

OPENED = "sheet.opened"
MAX_NAMED = 8
MAX_READERS = 200
# Rows that are Python objects at the same time.
FETCH_BATCH_SIZE = 500
# Users of a batch that are checked for a sealed password; beyond them there is taken to be one.
MAX_CHECKED = 500
REMIND_BEFORE = timedelta(days=1)
OVER = (Batch.State.OPEN, Batch.State.DONE)

# --- One sheet ---------------------------------------------------------------------------------


def get_state(batch: Batch) -> str:
    """Whether the passwords of a batch can be opened: open, running, handed_over or expired."""
    if batch.state not in OVER:
        return "running"
    if batch.handed_over_at:
        return "handed_over"
    if not batch.has_secrets or batch.sheet_expires_at <= timezone.now():
        return "expired"
    return "open"


def _find_open(batches: QuerySet[Batch]) -> QuerySet[Batch]:
    """Those with passwords that can be opened: the filter for `get_state`."""
    return batches.exclude(sheet_key="").filter(
        state__in=OVER, handed_over_at=None, sheet_expires_at__gt=timezone.now()
    )


# With the partner in it, Postgres compares it once and not for each row. It must not use it, or the
# customer, to find a user: right after an import, before it has counted the new rows, it would walk
# all of them for each line. It makes no such guess about a subquery.
LINES_WITH_USERS = f"""
    {Line._meta.db_table} l LEFT JOIN {CustomerUser._meta.db_table} u
        ON u.id = l.user_id AND u.partner_id = (SELECT %(partner)s::uuid)
"""

# The lines that issued a password, with the reason why it is withheld: the first that applies, or ''.
SHEET = f"""
    SELECT l.number, l.user_id, l.sealed, l.input, l.result, u.display_name, u.user_name,
        u.language, u.contact_email, u.is_administrator, u.password_expires_at,
        u.password_state = 'temporary' AND u.password_batch = l.batch_id
            AND u.deleted_at IS NULL AS is_unused,
        CASE WHEN u.id IS NULL OR u.customer_id <> %(customer)s OR u.deleted_at IS NOT NULL
                THEN 'deleted'
            WHEN u.password_state = 'chosen' THEN 'used'
            WHEN u.password_state = 'none' AND u.is_administrator THEN 'promoted'
            WHEN u.password_state = 'none' THEN 'none'
            WHEN u.password_batch IS DISTINCT FROM l.batch_id THEN 'replaced'
            WHEN u.password_expires_at <= %(now)s THEN 'expired'
            WHEN l.sealed IS NULL THEN 'gone'
            WHEN u.is_administrator AND NOT %(may_all)s THEN 'administrator'
            ELSE '' END AS withheld
    FROM {LINES_WITH_USERS}
    WHERE l.partner_id = %(partner)s AND l.batch_id = %(batch)s AND l.state IN ('done', 'partly')
"""


class Row(NamedTuple):
    """One user of a sheet, with present data; `read_rows` adds the password."""

    number: int
    user_id: UUID
    name: str
    user_name: str
    language: str
    contact_email: str
    # The products that the batch assigned, and those for which it found no seat.
    licenses: tuple[str, ...]
    short: tuple[str, ...]
    valid_until: datetime | None
    withheld: Withheld | str
    password: Secret | None = None

    @property
    def reason(self) -> str:
        """Why there is no password, as a sentence; '' where there is one."""
        return Withheld(self.withheld).label if self.withheld else ""

    @property
    def has_address(self) -> bool:
        """Whether an email can be sent; an address with a line break in it is none."""
        try:
            validate_email(self.contact_email)
        except ValidationError:
            return False
        return True


def _query_sheet(query: str, batch: Batch, *, may_all: bool, **parameters) -> Iterator[tuple]:
    parameters |= {
        "partner": batch.partner_id,
        "customer": batch.customer_id,
        "batch": batch.pk,
        "now": timezone.now(),
        "may_all": may_all,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        yield from chain.from_iterable(iter(partial(cursor.fetchmany, FETCH_BATCH_SIZE), []))


def find_seals(
    batch: Batch,
    *,
    may_all: bool,
    after: int = 0,
    limit: int | None = None,
    number: int | None = None,
) -> Iterator[tuple[int, str, bytes | None, str]]:
    """
    Number, user id, sealed password and why it is withheld, of each line that issued a password.

    Members wait for it when they open a sheet, so it reads no names, and the ids are text.
    """
    query = f"""
        SELECT number, user_id::text, sealed, withheld FROM ({SHEET}) s
        WHERE number > %(after)s AND (%(number)s::integer IS NULL OR number = %(number)s)
        ORDER BY number LIMIT %(limit)s
    """
    return _query_sheet(query, batch, may_all=may_all, after=after, limit=limit, number=number)


def find_rows(batch: Batch, *, may_all: bool, numbers: Sequence[int] | None = None) -> list[Row]:
    """The lines of the batch that issued passwords, or those of these numbers, in their order."""
    query = f"""
        SELECT number, user_id, coalesce(display_name, input->>'display_name'),
            coalesce(user_name, input->>'user_name'), coalesce(language, ''),
            coalesce(contact_email, ''), result->>'assigned', result->>'short',
            password_expires_at, withheld
        FROM ({SHEET}) s
        WHERE %(numbers)s::integer[] IS NULL OR number = ANY(%(numbers)s)
        ORDER BY number
    """
    products = find_product_names(batch.customer)

    @cache
    def name(subscriptions: str | None) -> tuple[str, ...]:
        return tuple(products[pk] for pk in json.loads(subscriptions or "[]") if pk in products)

    return [
        Row(*line[:6], name(line[6]), name(line[7]), *line[8:])
        for line in _query_sheet(query, batch, may_all=may_all, numbers=numbers)
    ]


@dataclass(frozen=True)
class PasswordCounts:
    """How many passwords of a batch are still sealed."""

    by_reason: Counter[str]
    administrators: int
    # Users that still have the temporary password of the batch, sealed or not.
    unused: int
    # Those that can be handed over, and that were never shown, printed, downloaded or sent.
    unopened: int
    # When the first of those that can be handed over expires.
    valid_until: datetime | None

    @property
    def valid(self) -> int:
        """Those that can be handed over, by this member or by others."""
        return self.by_reason[""] + self.withheld

    @property
    def withheld(self) -> int:
        """Those that can be handed over, but not by this member."""
        return self.by_reason[Withheld.ADMINISTRATOR]

    @property
    def lost(self) -> dict[str, int]:
        """Those that are no longer valid, by why: used, replaced, expired or deleted."""
        no_loss = ("", Withheld.ADMINISTRATOR)
        return {why: n for why, n in self.by_reason.items() if n and why not in no_loss}


def count_passwords(batch: Batch, *, may_all: bool) -> PasswordCounts:
    """
    Count the passwords of a batch.

    The log knows the lines of each opening. A sent email counts as one while its link works.
    """
    ranges = []
    for after in _find_openings(batch).order_by().values_list("after", flat=True):
        ranges += (part.split("-") for part in after["lines"].split(",") if part)
    opened = "{" + ",".join(f"[{first},{last}]" for first, last in ranges) + "}"
    query = f"""
        SELECT withheld, count(sealed), count(sealed) FILTER (WHERE is_administrator),
            count(*) FILTER (WHERE is_unused),
            count(sealed) FILTER (WHERE withheld IN ('', 'administrator')
                AND NOT number <@ %(opened)s::int4multirange
                AND NOT EXISTS (
                    SELECT FROM {Handover._meta.db_table} h
                    WHERE h.partner_id = %(partner)s AND h.batch_id = %(batch)s
                        AND h.state = 'sent' AND h.kind <> 'reminder'
                        AND (h.kind = 'user_text' OR h.expires_at > %(now)s)
                        AND (h.line_number = s.number OR h.line_number IS NULL)
                )),
            min(password_expires_at) FILTER (WHERE withheld IN ('', 'administrator'))
        FROM ({SHEET}) s GROUP BY withheld
    """
    rows = list(_query_sheet(query, batch, may_all=may_all, opened=opened))
    return PasswordCounts(
        by_reason=Counter({row[0]: row[1] for row in rows}),
        administrators=sum(row[2] for row in rows),
        unused=sum(row[3] for row in rows),
        unopened=sum(row[4] for row in rows),
        valid_until=min((row[5] for row in rows if row[5]), default=None),
    )


def _find_openings(batch: Batch) -> QuerySet[Event]:
    events = audit.find_events(partner_id=batch.partner_id)
    return events.filter(batch_id=batch.pk, action=OPENED)


@dataclass(frozen=True)
class HandoverCard:
    """What became of the passwords of a batch, for members with access to sheets."""

    batch: Batch
    counts: PasswordCounts
    # Whether this member may mark all of them as handed over, and so delete this copy.
    may_delete: bool
    opened: int
    openings: Sequence[Event]
    # How many emails there are, by state.
    emails: Counter[str]
    failures: Sequence[Handover]

    @property
    def state(self) -> str:
        """That of the batch; spent where it is open and no password is valid."""
        state = get_state(self.batch)
        return "spent" if state == "open" and not self.counts.valid else state

    @property
    def is_offered(self) -> bool:
        """Whether this member can show, print or send any of them."""
        return self.state == "open" and self.counts.by_reason[""] > 0

    @property
    def links_waiting(self) -> int:
        """Emails not opened yet; their links stop working when the sheet is handed over."""
        return self.emails[Handover.State.QUEUED] + self.emails[Handover.State.SENT]


def get_handover(batch: Batch, *, member: Member) -> HandoverCard | None:
    """The card of a batch; None where it has no passwords or the member may not open sheets."""
    if batch.sheet_expires_at is None or not member.may(Permission.RESET_PASSWORDS):
        return None
    may_all = member.may(Permission.ACT_ON_ADMINISTRATORS)
    counts = count_passwords(batch, may_all=may_all)
    openings = _find_openings(batch)
    emails = batch.handovers.exclude(kind=Handover.Kind.REMINDER)
    by_state = emails.order_by().values_list("state").annotate(number=Count("pk"))
    failed = emails.filter(state=Handover.State.FAILED).order_by("-id")
    return HandoverCard(
        batch=batch,
        counts=counts,
        may_delete=may_all or not counts.administrators,
        opened=openings.count(),
        openings=openings[:MAX_NAMED],
        emails=Counter(dict(by_state)),
        failures=failed[:MAX_NAMED],
    )


# --- Sheets that wait --------------------------------------------------------------------------

VALID = """
    u.password_state = 'temporary' AND u.deleted_at IS NULL AND u.password_expires_at > %(now)s
    AND (%(may_all)s OR NOT u.is_administrator)
"""

# A user still has the password that the batch of the outer query sealed. The first users of a set
# that was begun anew have none.
HAS_VALID_PASSWORD = f"""EXISTS (
    SELECT FROM (
        SELECT u.id, row_number() OVER () AS place FROM {CustomerUser._meta.db_table} u
        WHERE u.password_batch = {Batch._meta.db_table}.id AND {VALID}
        LIMIT {MAX_CHECKED}
    ) u CROSS JOIN LATERAL (
        SELECT l.sealed FROM {Line._meta.db_table} l
        WHERE l.partner_id = {Batch._meta.db_table}.partner_id AND l.user_id = u.id
            AND l.batch_id = {Batch._meta.db_table}.id LIMIT 1
    ) l
    WHERE l.sealed IS NOT NULL OR u.place = {MAX_CHECKED}
)"""


def with_passwords(batches: QuerySet[Batch], *, member: Member) -> QuerySet[Batch]:
    """Those of the batches with a password that the member can hand over now."""
    if not member.may(Permission.RESET_PASSWORDS):
        return batches.none()
    # Parameters of an ORM query have no names.
    has_valid = HAS_VALID_PASSWORD.replace("%(now)s", "%s").replace("%(may_all)s", "%s")
    values = [timezone.now(), member.may(Permission.ACT_ON_ADMINISTRATORS)]
    return _find_open(batches).filter(RawSQL(has_valid, values, BooleanField()))


@dataclass(frozen=True)
class WaitingSheet:
    """A batch with the number of its passwords that a member can hand over."""

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
            SELECT l.batch_id, count(*) FROM {LINES_WITH_USERS}
            WHERE l.partner_id = %(partner)s AND l.batch_id = ANY(%(batches)s)
                AND l.sealed IS NOT NULL AND u.password_batch = l.batch_id AND {VALID}
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
    # A set that is begun anew has another end.
    reminders = Handover.objects.filter(
        batch=OuterRef("pk"),
        kind=Handover.Kind.REMINDER,
        expires_at=OuterRef("sheet_expires_at"),
    )
    half = ExpressionWrapper(
        F("customer__sheet_hours") * Value(timedelta(minutes=30)), output_field=DurationField()
    )
    return _find_open(Batch.objects).filter(
        ~Exists(reminders),
        customer__state=Customer.State.ACTIVE,
        sheet_expires_at__lte=timezone.now() + Least(Value(REMIND_BEFORE), half),
    )


def find_members_to_remind(batch: Batch) -> list[Member]:
    """The member who made the batch, or else the owners: those with access to its sheet."""
    active = find_members(partner_id=batch.partner_id).filter(is_active=True)
    for members in (active.filter(pk=batch.by_id), active.filter(role=Role.OWNER).order_by("pk")):
        able = [
            member
            for member in members
            if find_customers(member=member).filter(pk=batch.customer_id).exists()
            and with_passwords(Batch.objects.filter(pk=batch.pk), member=member).exists()
        ]
        if able:
            return able
    return []


# --- Emails ------------------------------------------------------------------------------------


def find_recipients(batch: Batch, *, member: Member) -> list[Row]:
    """The users with a password that the member can hand over, with an address or without."""
    rows = find_rows(batch, may_all=member.may(Permission.ACT_ON_ADMINISTRATORS))
    return [row for row in rows if not row.withheld]


def find_sheet_readers(customer: Customer, *, member: Member) -> list[Member]:
    """The other members with access to every sheet of this customer, by name."""
    roles = set(Permission.RESET_PASSWORDS.roles) & set(Permission.ACT_ON_ADMINISTRATORS.roles)
    others = find_members(partner_id=customer.partner_id).exclude(pk=member.pk)
    able = others.filter(
        Q(is_limited=False) | Q(scopes__customer=customer), is_active=True, role__in=roles
    )
    return list(able.order_by("name", "pk")[:MAX_READERS])


def find_due_emails() -> QuerySet[Handover]:
    """The emails that are due: at once, then 1, 6, 31 and 156 minutes after they were made."""
    tries = f"{Handover._meta.db_table}.attempts"
    last = RawSQL(f"%s - (5 ^ {tries} - 1) / 4 * interval '1 minute'", [timezone.now()])
    return Handover.objects.filter(state=Handover.State.QUEUED, created_at__lte=last)
