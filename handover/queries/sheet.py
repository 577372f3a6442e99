"""The sheet of a batch: who opened it, what was mailed, and the lines that it shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, starmap
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    Q,
    QuerySet,
    Value,
)
from django.db.models.expressions import RawSQL
from django.utils import timezone

import audit.queries as audit
from audit.models import Event
from batches.models import Batch, Line
from customers.models import Customer
from handover.models import Handover
from handover.sheet import MAIL_FAILURES
from partners.models import Member
from partners.roles import Permission
from users.models import CustomerUser

OPENED = "sheet.opened"
# As many openings and failed mails as the card names; the others are a number.
NAMED = 8
# Rows of which Python has an object at the same time.
TAKEN_AT_ONCE = 500
# Members offered as recipients.
MOST_READERS = 200


@dataclass(frozen=True)
class HandoverCard:
    """What became of the passwords of a batch, for a member who may open sheets."""

    batch: Batch
    # Passwords that can be handed over, by this member and by others.
    passwords: int
    # Those of administrators among them, which this member may not see.
    withheld: int
    # Those that no member was shown, that are on no paper and in no file, and that no mail took.
    unopened: int
    # Until when users can sign in with them; the first day where there are several.
    valid_until: datetime | None
    # Whether this member may say that they were handed over, and so destroy all of them.
    may_destroy: bool
    # Those that are nobody's any more, by why: used, replaced, expired or deleted.
    lost: dict[str, int]
    # Passwords that their users have not replaced yet.
    unused: int
    opened: int
    openings: Sequence[Event]
    waiting: int
    sent: int
    links_opened: int
    failed: int
    # Addresses with the reason why nothing was sent there.
    failures: Sequence[tuple[str, str]]

    @property
    def state(self) -> str:
        """Whether the sheet can be opened: open, running, handed_over, expired or spent."""
        if self.batch.state not in (Batch.State.OPEN, Batch.State.DONE):
            return "running"
        if self.batch.handed_over_at:
            return "handed_over"
        if not self.batch.has_secrets or self.batch.sheet_expires_at <= timezone.now():
            return "expired"
        return "open" if self.passwords else "spent"

    @property
    def is_offered(self) -> bool:
        """Whether there is anything that this member can show, print or mail."""
        return self.state == "open" and self.passwords > self.withheld

    @property
    def mails(self) -> int:
        """How many mails there are, sent or not."""
        return self.waiting + self.sent + self.links_opened + self.failed

    @property
    def links_waiting(self) -> int:
        """Mails that nobody has opened yet; their links die when the sheet is handed over."""
        return self.waiting + self.sent


def get_handover(batch: Batch, *, member: Member) -> HandoverCard | None:
    """The hand-over card of a batch; None without passwords, and for who may not open sheets."""
    if batch.sheet_expires_at is None or not member.may(Permission.RESET_PASSWORDS):
        return None
    events = audit.find_events(partner_id=batch.partner_id).filter(batch_id=batch.pk, action=OPENED)
    mails = dict(
        batch.handovers.exclude(kind=Handover.Kind.REMINDER)
        .order_by()
        .values_list("state")
        .annotate(number=Count("pk"))
    )
    may_all = member.may(Permission.ACT_ON_ADMINISTRATORS)
    counts = _count_passwords(batch, may_all=may_all)
    withheld = counts.by_reason.pop("administrator", 0)
    failed = mails.get(Handover.State.FAILED, 0)
    return HandoverCard(
        batch=batch,
        passwords=counts.by_reason.pop("", 0) + withheld,
        withheld=withheld,
        unopened=counts.unopened,
        valid_until=counts.valid_until,
        may_destroy=may_all or not counts.administrators,
        lost=counts.by_reason,
        unused=counts.unused,
        opened=events.count(),
        openings=list(events[:NAMED]),
        waiting=mails.get(Handover.State.QUEUED, 0),
        sent=mails.get(Handover.State.SENT, 0),
        links_opened=mails.get(Handover.State.OPENED, 0),
        failed=failed,
        failures=_find_failures(batch) if failed else [],
    )


def _find_failures(batch: Batch) -> list[tuple[str, str]]:
    failed = (
        batch.handovers.filter(state=Handover.State.FAILED)
        .exclude(kind=Handover.Kind.REMINDER)
        .order_by("-id")
    )
    return [(mail.to, MAIL_FAILURES.get(mail.error, "")) for mail in failed[:NAMED]]


class SheetLine(NamedTuple):
    """A line that issued a password, with what its user is by now."""

    number: int
    user_id: UUID
    name: str
    user_name: str
    language: str
    contact_email: str
    # The ids of subscriptions, as JSON.
    assigned: str | None
    short: str | None
    valid_until: datetime | None
    # Why its password must not be shown: a key of users.sheets.REASONS, or ''.
    withheld: str


ISSUED = "l.partner_id = %(partner)s AND l.batch_id = %(batch)s AND l.state IN ('done', 'partly')"

# With the partner in it, Postgres asks once and not for each row whose users they are. It must not
# take it, nor the customer, for the way to a user: right after an import, before it has counted
# the new rows, it would walk all of them for each line. Of a subquery it guesses no such thing.
WITH_USERS = f"""
    {Line._meta.db_table} l LEFT JOIN {CustomerUser._meta.db_table} u
        ON u.id = l.user_id AND u.partner_id = (SELECT %(partner)s::uuid)
"""

# What comes first counts: who was deleted is not told to have chosen a password.
WITHHELD = """
    CASE WHEN u.id IS NULL OR u.customer_id <> %(customer)s OR u.deleted_at IS NOT NULL
            THEN 'deleted'
        WHEN u.password_state = 'chosen' THEN 'used'
        WHEN u.password_state = 'none' AND u.is_administrator THEN 'promoted'
        WHEN u.password_batch IS DISTINCT FROM l.batch_id THEN 'replaced'
        WHEN u.password_expires_at <= %(now)s THEN 'expired'
        WHEN l.sealed IS NULL THEN 'gone'
        WHEN u.is_administrator AND NOT %(may_all)s THEN 'administrator'
        ELSE '' END
"""


def _of(batch: Batch, *, may_all: bool = False, **more) -> dict:
    """What the conditions above speak of."""
    return {
        "partner": batch.partner_id,
        "customer": batch.customer_id,
        "batch": batch.pk,
        "now": timezone.now(),
        "may_all": may_all,
    } | more


@dataclass(frozen=True)
class Passwords:
    """How many passwords of a batch are still sealed, by why they are withheld."""

    by_reason: dict[str, int]
    administrators: int
    # Users who still have the temporary password of the batch, sealed or not.
    unused: int
    # Those that can be handed over, and that were never shown, printed, downloaded or mailed.
    unopened: int
    valid_until: datetime | None


# What became of a line is known from the log and from the mails: of each opening the log keeps the
# lines, and a mail that was sent counts while its link works.
UNOPENED = f"""
    withheld IN ('', 'administrator') AND NOT l.number <@ %(opened)s::int4multirange
        AND NOT EXISTS (
            SELECT FROM {Handover._meta.db_table} h
            WHERE h.partner_id = %(partner)s AND h.batch_id = %(batch)s AND h.state = 'sent'
                AND h.kind <> 'reminder' AND (h.kind = 'user_text' OR h.expires_at > %(now)s)
                AND (h.line_number = l.number OR h.line_number IS NULL)
        )
"""


def count_unopened(batch: Batch) -> int:
    """How many passwords that can be handed over were never shown, printed, downloaded or mailed."""
    return _count_passwords(batch, may_all=True).unopened


def _find_opened_lines(batch: Batch) -> str:
    """The lines whose passwords were opened, as Postgres writes several ranges of numbers."""
    events = audit.find_events(partner_id=batch.partner_id).filter(batch_id=batch.pk, action=OPENED)
    ranges = []
    for after in events.order_by().values_list("after", flat=True):
        # Openings from before lines were kept began at the first one.
        lines = after.get("lines") or f"1-{after['passwords']}"
        ranges += (part.split("-") for part in lines.split(",") if after["passwords"])
    return "{" + ",".join(f"[{first},{last}]" for first, last in ranges) + "}"


def _count_passwords(batch: Batch, *, may_all: bool) -> Passwords:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT withheld, count(sealed), count(sealed) FILTER (WHERE is_administrator),
                count(*) FILTER (WHERE is_unused), count(sealed) FILTER (WHERE {UNOPENED}),
                min(password_expires_at) FILTER (WHERE withheld IN ('', 'administrator'))
            FROM (
                SELECT {WITHHELD} AS withheld, l.number, l.sealed, u.is_administrator,
                    u.password_expires_at,
                    u.password_state = 'temporary' AND u.password_batch = l.batch_id
                        AND u.deleted_at IS NULL AS is_unused
                FROM {WITH_USERS} WHERE {ISSUED}
            ) l
            GROUP BY withheld
            """,
            _of(batch, may_all=may_all, opened=_find_opened_lines(batch)),
        )
        rows = cursor.fetchall()
    return Passwords(
        by_reason={row[0]: row[1] for row in rows if row[1]},
        administrators=sum(row[2] for row in rows),
        unused=sum(row[3] for row in rows),
        unopened=sum(row[4] for row in rows),
        valid_until=min((row[5] for row in rows if row[5]), default=None),
    )


def find_seals(
    batch: Batch, *, after: int = 0, limit: int | None = None, number: int | None = None
) -> Iterator[tuple[int, str, bytes | None]]:
    """
    Number, user and sealed password of each line that issued one, in their order.

    Whoever opens a sheet waits for it, so it asks for no users, and their ids come as text.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT l.number, l.user_id::text, l.sealed FROM {Line._meta.db_table} l
            WHERE {ISSUED} AND l.number > %(after)s
                AND (%(number)s::integer IS NULL OR l.number = %(number)s)
            ORDER BY l.number LIMIT %(limit)s
            """,
            _of(batch, after=after, limit=limit, number=number),
        )
        yield from chain.from_iterable(iter(partial(cursor.fetchmany, TAKEN_AT_ONCE), []))


def find_withheld(batch: Batch, *, may_all: bool, first: int, last: int) -> dict[int, str]:
    """Why passwords of these lines must not be shown, as keys of users.sheets.REASONS."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT * FROM (
                SELECT l.number, {WITHHELD} AS withheld FROM {WITH_USERS}
                WHERE {ISSUED} AND l.number BETWEEN %(first)s AND %(last)s
            ) l
            WHERE withheld <> '' ORDER BY number
            """,
            _of(batch, may_all=may_all, first=first, last=last),
        )
        return dict(cursor.fetchall())


def find_sheet_lines(
    batch: Batch, *, may_all: bool, numbers: Sequence[int] | None = None
) -> list[SheetLine]:
    """The lines of the batch that issued passwords, or those of these numbers, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT l.number, l.user_id, coalesce(u.display_name, l.input->>'display_name'),
                coalesce(u.user_name, l.input->>'user_name'), coalesce(u.language, ''),
                coalesce(u.contact_email, ''), l.result->>'assigned', l.result->>'short',
                u.password_expires_at, {WITHHELD}
            FROM {WITH_USERS}
            WHERE {ISSUED} AND (%(numbers)s::integer[] IS NULL OR l.number = ANY(%(numbers)s))
            ORDER BY l.number
            """,
            _of(batch, may_all=may_all, numbers=numbers),
        )
        return list(starmap(SheetLine, cursor.fetchall()))


@dataclass(frozen=True)
class Recipients:
    """Who of a sheet can be mailed, and who has no contact address."""

    reachable: int
    without_address: list[SheetLine]


def get_recipients(batch: Batch, *, member: Member) -> Recipients:
    """The users of the sheet whose passwords are still to be handed over, by their address."""
    may_all = member.may(Permission.ACT_ON_ADMINISTRATORS)
    lines = [line for line in find_sheet_lines(batch, may_all=may_all) if not line.withheld]
    return Recipients(
        reachable=sum(bool(line.contact_email) for line in lines),
        without_address=[line for line in lines if not line.contact_email],
    )


def find_sheet_readers(customer: Customer, *, member: Member) -> list[Member]:
    """The other members who may open every sheet of this customer, by name."""
    roles = set(Permission.RESET_PASSWORDS.roles) & set(Permission.ACT_ON_ADMINISTRATORS.roles)
    others = Member.objects.filter(
        Q(is_limited=False) | Q(scopes__customer=customer),
        partner_id=customer.partner_id,
        is_active=True,
        role__in=roles,
    )
    return list(others.exclude(pk=member.pk).order_by("name", "pk")[:MOST_READERS])


def find_due_mails(batch_id: UUID | str | None = None) -> QuerySet[Handover]:
    """The mails whose time has come: at once, then 1, 6, 31 and 156 minutes after they were made."""
    tries = Func(Value(5.0), F("attempts"), function="power", output_field=FloatField())
    minute = RawSQL("interval '1 minute'", [])
    pause = ExpressionWrapper((tries - 1.0) / 4.0 * minute, output_field=DurationField())
    due = Handover.objects.alias(
        due_at=ExpressionWrapper(F("created_at") + pause, output_field=DateTimeField())
    ).filter(state=Handover.State.QUEUED, due_at__lte=timezone.now())
    return due.filter(batch_id=batch_id) if batch_id else due


def find_batches_with_mail() -> list[UUID]:
    """The batches of which a mail is due."""
    return list(find_due_mails().order_by().values_list("batch_id", flat=True).distinct())
