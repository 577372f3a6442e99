"""The sheet of a batch: who opened it, what was mailed, and the lines that it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
from customers.models import Customer
from partners.models import Member
from partners.roles import Permission
from users.models import Batch, CustomerUser, Handover, Line
from users.sheets import MAIL_FAILURES

OPENED = "sheet.opened"
# As many openings and failed mails as the card names; the others are a number.
NAMED = 8
# Members offered as recipients.
MOST_READERS = 200


@dataclass(frozen=True)
class HandoverCard:
    """What became of the passwords of a batch, for a member who may open sheets."""

    batch: Batch
    passwords: int
    # Passwords of administrators, which this member may not see.
    withheld: int
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
        """Whether the sheet can be opened: open, running, handed_over or expired."""
        if self.batch.state not in (Batch.State.OPEN, Batch.State.DONE):
            return "running"
        if self.batch.handed_over_at:
            return "handed_over"
        if not self.batch.has_secrets or self.batch.sheet_expires_at <= timezone.now():
            return "expired"
        return "open"

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
    mails = dict(batch.handovers.order_by().values_list("state").annotate(number=Count("pk")))
    passwords, administrators, unused = _count_passwords(batch)
    may_all = member.may(Permission.ACT_ON_ADMINISTRATORS)
    failed = mails.get(Handover.State.FAILED, 0)
    return HandoverCard(
        batch=batch,
        passwords=passwords,
        withheld=0 if may_all else administrators,
        unused=unused,
        opened=events.count(),
        openings=list(events[:NAMED]),
        waiting=mails.get(Handover.State.QUEUED, 0),
        sent=mails.get(Handover.State.SENT, 0),
        links_opened=mails.get(Handover.State.OPENED, 0),
        failed=failed,
        failures=_find_failures(batch) if failed else [],
    )


def _find_failures(batch: Batch) -> list[tuple[str, str]]:
    failed = batch.handovers.filter(state=Handover.State.FAILED).order_by("-id")
    return [(mail.to, MAIL_FAILURES.get(mail.error, "")) for mail in failed[:NAMED]]


def _count_passwords(batch: Batch) -> tuple[int, int, int]:
    """Sealed passwords of the batch, those of administrators, and those still to be used."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(l.sealed), count(l.sealed) FILTER (WHERE u.is_administrator),
                count(*) FILTER (WHERE u.password_state = 'temporary'
                    AND u.password_batch = l.batch_id AND u.deleted_at IS NULL)
            FROM {Line._meta.db_table} l
            LEFT JOIN {CustomerUser._meta.db_table} u ON u.id = l.user_id
            WHERE l.batch_id = %s AND l.state IN ('done', 'partly')
            """,
            [batch.pk],
        )
        return cursor.fetchone()


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A line that issued a password, sealed, with what its user is by now."""

    number: int
    user_id: UUID
    name: str
    user_name: str
    language: str
    contact_email: str
    assigned: list[str]
    short: list[str]
    sealed: bytes | None
    valid_until: datetime | None
    # Why it must not be shown to anybody: a key of users.sheets.REASONS, or ''.
    outdated: str
    is_administrator: bool


def find_sheet_lines(
    batch: Batch, *, after: int = 0, limit: int | None = None, number: int | None = None
) -> list[SheetLine]:
    """
    The lines of the batch that issued passwords, in their order, in one statement.

    The customer is no condition of the join: right after an import, before Postgres has counted
    the new rows, it would walk all users of the customer for each line.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT l.number, l.user_id, coalesce(u.display_name, l.input->>'display_name'),
                coalesce(u.user_name, l.input->>'user_name'), coalesce(u.language, ''),
                coalesce(u.contact_email, ''),
                ARRAY(SELECT jsonb_array_elements_text(coalesce(l.result->'assigned', '[]'))),
                ARRAY(SELECT jsonb_array_elements_text(coalesce(l.result->'short', '[]'))),
                l.sealed, u.password_expires_at,
                CASE WHEN u.id IS NULL OR u.customer_id <> %s OR u.deleted_at IS NOT NULL
                        THEN 'deleted'
                    WHEN u.password_state = 'chosen' THEN 'used'
                    WHEN u.password_batch IS DISTINCT FROM l.batch_id THEN 'replaced'
                    WHEN u.password_expires_at <= %s THEN 'expired'
                    WHEN l.sealed IS NULL THEN 'gone'
                    ELSE '' END,
                coalesce(u.is_administrator, false)
            FROM {Line._meta.db_table} l
            LEFT JOIN {CustomerUser._meta.db_table} u ON u.id = l.user_id
            WHERE l.batch_id = %s AND l.state IN ('done', 'partly') AND l.number > %s
                AND (%s::integer IS NULL OR l.number = %s)
            ORDER BY l.number LIMIT %s
            """,
            [batch.customer_id, timezone.now(), batch.pk, after, number, number, limit],
        )
        return [SheetLine(*row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Recipients:
    """Who of a sheet can be mailed, and who has no contact address."""

    reachable: int
    without_address: list[SheetLine]


def get_recipients(batch: Batch, *, member: Member) -> Recipients:
    """The users of the sheet whose passwords are still to be handed over, by their address."""
    may_all = member.may(Permission.ACT_ON_ADMINISTRATORS)
    lines = [
        line
        for line in find_sheet_lines(batch)
        if not line.outdated and (may_all or not line.is_administrator)
    ]
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
