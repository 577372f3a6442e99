"""Temporary passwords of a batch: created, hashed for sign-in, sealed for the sheet, ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

import audit.operations as audit
from batches.acts import LineInput
from batches.models import Batch, Line
from partners.models import Member
from partners.postgres import among, execute
from users import passwords
from users.models import CustomerUser, UserSession


@dataclass(frozen=True)
class Issued:
    """New temporary passwords, in the order of their lines."""

    hashes: list[str]
    sealed: list[bytes]
    # None where there are none.
    expires_at: datetime | None


NONE_ISSUED = Issued([], [], None)


def issue_passwords(*, batch: Batch, lines: Sequence[LineInput]) -> Issued:
    """
    Create a temporary password for the user of each line.

    The first of a batch sets its key and starts the time of its sheet. A set with an expired sheet
    loses its old passwords. The caller holds the lock of the customer, and writes the hashes and
    the sealed passwords.
    """
    if batch.sheet_key and batch.sheet_expires_at <= timezone.now():
        Line.objects.filter(batch=batch, sealed__isnull=False).update(sealed=None)
        batch.sheet_key = ""
    if not batch.sheet_key:
        batch.sheet_key = passwords.new_batch_key()
        batch.sheet_expires_at = timezone.now() + timedelta(hours=batch.customer.sheet_hours)
        batch.handed_over_at, batch.handed_over_by = None, ""
        batch.save(
            update_fields=["sheet_key", "sheet_expires_at", "handed_over_at", "handed_over_by"]
        )
    secrets = passwords.make_temporary_passwords(len(lines))
    return Issued(
        hashes=passwords.hash_temporary(secrets),
        sealed=passwords.seal(
            batch.sheet_key,
            secrets,
            passwords.contexts(batch, ((line.number, line.user_id) for line in lines)),
        ),
        expires_at=timezone.now() + timedelta(days=batch.customer.password_days),
    )


def give_passwords(*, batch: Batch, lines: Sequence[LineInput]) -> dict[UUID, bytes]:
    """
    Replace the passwords of the lines' users, and end their sessions at /my/.

    Returns the sealed passwords by user. The caller holds the lock of the customer.
    """
    if not lines:
        return {}
    issued = issue_passwords(batch=batch, lines=lines)
    users = [line.user_id for line in lines]
    execute(
        f"""
        UPDATE {CustomerUser._meta.db_table} u SET password = r.password,
            password_state = 'temporary', password_expires_at = %(expires_at)s,
            password_batch = %(batch)s, locked_until = NULL, version = version + 1
        FROM ROWS WHERE u.id = r.id AND u.customer_id = %(customer)s
        """,
        {"id uuid": users, "password text": issued.hashes},
        expires_at=issued.expires_at,
        batch=batch.pk,
        customer=batch.customer_id,
    )
    UserSession.objects.filter(user__in=among(users)).delete()
    return dict(zip(users, issued.sealed, strict=True))


def end_temporary_passwords(
    *, customer_id: UUID, users: Mapping[UUID, str], batch_id: UUID | None = None, by: Member
) -> list[UUID]:
    """
    End the temporary passwords and the sessions of users that become administrators.

    Also those that the same member has issued: sheets are printed and links passed on, so any
    member may have seen them. Links to ended passwords stop working. The caller holds the locks of
    the users.

    :param users: the user names by id.
    :return: the ids of the users that had a temporary password.
    """
    temporary = CustomerUser.PasswordState.TEMPORARY
    found = CustomerUser.objects.filter(customer=customer_id, password_state=temporary)
    ended = list(found.filter(pk__in=among(users)).values_list("pk", flat=True))
    Line.objects.filter(user_id__in=among(ended), sealed__isnull=False).update(sealed=None)
    CustomerUser.objects.filter(pk__in=among(ended)).update(
        password="",
        password_state=CustomerUser.PasswordState.NONE,
        password_expires_at=None,
        password_batch=None,
    )
    UserSession.objects.filter(user__in=among(ended)).delete()
    audit.record_many(
        "user.password_ended",
        subjects=[audit.Subject(pk, users[pk]) for pk in ended],
        customer_id=customer_id,
        batch_id=batch_id,
        by=by,
    )
    return ended
