"""The sheet of a batch: who opened it, what was mailed, and the lines that it shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count
from django.utils import timezone

import audit.queries as audit
from audit.models import Event
from partners.models import Member
from partners.roles import Permission
from users.models import Batch, CustomerUser, Handover, Line

OPENED = "sheet.opened"
# As many openings and failed mails as the card names; the others are a number.
NAMED = 8


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
    failures: Sequence[Handover]

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
        failures=list(batch.handovers.filter(state=Handover.State.FAILED).order_by("-id")[:NAMED])
        if failed
        else [],
    )


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
