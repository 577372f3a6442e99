"""
Counts recent tries, so that passwords cannot be guessed.

They are in a table, because a cache evicts entries when it is full. Its keys are keyed hashes, so
that the table reveals no account and no address.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

import audit.operations as audit
from audit import client
from partners.models import Tries

WITHIN = timedelta(minutes=15)
# Wrong tries of one account from one address, or in one browser that it has signed in with.
MAX_OWN = 5
# The same, once the address, the partner, the customer or the installation has many failures.
MAX_OWN_WHEN_MANY = 2
# Wrong tries of one account from everywhere; known browsers can go on.
MAX_ACCOUNT = 20

# From this number of failures they are "many".
MANY = {"address": 30, "partner": 100, "customer": 100, "installation": 1000}

# Failures of one kind that are recorded for a customer or a partner per hour.
MAX_RECORDED = 100
RECORDED_WITHIN = timedelta(hours=1)


class TooManyTries(Exception):
    """There were too many recent tries; the password was not checked."""

    def __init__(self, is_new: bool = False):
        super().__init__()
        # Whether this try locked the whole account.
        self.is_new = is_new


@dataclass(frozen=True)
class Attempt:
    """A counted try, before the password is checked."""

    own: str
    account: str
    wider: tuple[str, ...]
    # Recent tries of the account from this address or browser, this one included.
    number: int
    allowed: int
    # From an address with many failures: other tries are hashed before it.
    is_suspicious: bool

    @property
    def is_last(self) -> bool:
        """Whether a failure of this one locks the account at this address or browser."""
        return self.number == self.allowed


def client_network() -> str:
    """The address of the client; of IPv6 its /64, within which a client can change its address."""
    address = client.current()
    if not address:
        return ""
    network = ipaddress.ip_network(address)
    return str(network.supernet(new_prefix=64) if network.version == 6 else network)


def begin_attempt(account: tuple, *, browser: str = "", around: dict[str, object]) -> Attempt:
    """
    Count a try before the password is checked, so that parallel tries are limited too.

    Two limits lock out even the right password: wrong tries of this account from this address (or
    in this browser), and wrong tries of this account from everywhere.

    :param account: identifies the account and its password: a new one resets the count.
    :param browser: the id of the browser if the account has signed in with it before.
    :param around: further ids for which failures are counted, by the keys of MANY.
    :raises TooManyTries: beyond a limit; a refused try does not count for the account.
    """
    around = {"address": client_network(), "installation": "", **around}
    wider = {Tries.key_of("failed", kind, value): MANY[kind] for kind, value in around.items()}
    if browser:
        allowed, own = MAX_OWN, Tries.key_of("browser", *account, browser)
        is_suspicious = False
    else:
        counts = counts_of(wider)
        many = {name for name, most in wider.items() if counts.get(name, 0) >= most}
        is_suspicious = Tries.key_of("failed", "address", around["address"]) in many
        allowed = MAX_OWN_WHEN_MANY if many else MAX_OWN
        own = Tries.key_of("address", *account, around["address"])
    number = count_one(own)
    if number > allowed:
        raise TooManyTries
    account_key = Tries.key_of("account", *account)
    of_account = count_one(account_key)
    if of_account > MAX_ACCOUNT and not browser:
        raise TooManyTries(is_new=of_account == MAX_ACCOUNT + 1)
    return Attempt(own, account_key, tuple(wider), number, allowed, is_suspicious)


def fail_attempt(attempt: Attempt) -> None:
    """Count a failure for all ids around the account."""
    for name in attempt.wider:
        count_one(name)


def clear_attempt(attempt: Attempt) -> None:
    """Reset the count of the account after the right password."""
    Tries.objects.filter(key__in=[attempt.own, attempt.account]).delete()


@transaction.atomic
def withdraw_attempt(attempt: Attempt) -> None:
    """Uncount a try whose password was not checked."""
    with connection.cursor() as cursor:
        for name in (attempt.own, attempt.account):
            cursor.execute(
                f"UPDATE {Tries._meta.db_table} SET count = greatest(count - 1, 0) WHERE key = %s",
                [name],
            )


@transaction.atomic
def count_one(name: str, *, within: timedelta = WITHIN) -> int:
    """Count one for the key, and return the count since its period began."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Tries._meta.db_table} AS t (key, count, expires_at) VALUES (%s, 1, %s)
            ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN t.expires_at > %s THEN least(t.count + 1, 1000000) ELSE 1 END,
                expires_at = CASE WHEN t.expires_at > %s THEN t.expires_at
                    ELSE excluded.expires_at END
            RETURNING count
            """,
            [name, timezone.now() + within, timezone.now(), timezone.now()],
        )
        return cursor.fetchone()[0]


def counts_of(names: Iterable[str]) -> dict[str, int]:
    """The counts of those keys that have one."""
    found = Tries.objects.filter(key__in=list(names), expires_at__gt=timezone.now())
    return dict(found.values_list("key", "count"))


def record_failure(
    action: str,
    *,
    subject: audit.Subject,
    around: audit.Subject,
    too_many: str,
    customer_id: UUID | None = None,
    by: audit.Actor,
) -> None:
    """
    Record a failed sign-in or a lockout in the transaction of the caller.

    At most MAX_RECORDED of each action per hour for one customer or partner; the next one records
    `too_many` once, and the rest only counts. Otherwise anyone could flood the record.

    :param around: the customer or partner.
    """
    number = count_one(Tries.key_of("recorded", action, around.id), within=RECORDED_WITHIN)
    if number <= MAX_RECORDED:
        audit.record(action, subject=subject, customer_id=customer_id, by=by)
    elif number == MAX_RECORDED + 1:
        audit.record(too_many, subject=around, customer_id=customer_id, by=by)
