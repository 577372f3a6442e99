"""
How often something was tried lately, so that passwords cannot be guessed.

Counted in a table of PostgreSQL of which nothing is culled: a cache would forget some of it when
others fill it. The keys are keyed hashes, so that the table names no account and no address.
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
# The same from an address, or while a customer or the installation, that has seen many.
MAX_OWN_WHEN_MANY = 2
# Wrong tries of one account from everywhere; a browser that is known goes on.
MAX_ACCOUNT = 20

# How many failures are many, by what they are counted for.
MANY = {"address": 30, "partner": 100, "customer": 100, "installation": 1000}

# Failures and lockouts that go on record for a customer, or a partner, in an hour; of each.
MAX_RECORDED = 100
RECORDED_WITHIN = timedelta(hours=1)


class TooManyTries(Exception):
    """It was tried too often lately; nothing was looked at."""

    def __init__(self, is_new: bool = False):
        super().__init__()
        # Whether this try is the one that locked the whole account.
        self.is_new = is_new


@dataclass(frozen=True)
class Attempt:
    """A try that was counted, and is about to be looked at."""

    own: str
    account: str
    wider: tuple[str, ...]
    # Tries of the account from this address or browser lately, this one included.
    number: int
    allowed: int
    # From an address that has failed often: what comes from elsewhere is hashed before it.
    is_suspicious: bool

    @property
    def is_last(self) -> bool:
        """Whether no other may follow, should this one fail."""
        return self.number == self.allowed


def client_network() -> str:
    """The address of the client; of IPv6 its /64, as one client has as many addresses as it likes."""
    address = client.current()
    if not address:
        return ""
    network = ipaddress.ip_network(address)
    return str(network.supernet(new_prefix=64) if network.version == 6 else network)


def begin_attempt(account: tuple, *, browser: str = "", around: dict[str, object]) -> Attempt:
    """
    Count a try before the password is looked at, so that tries in parallel are bounded too.

    A right password passes whatever failed around it, but for two bounds: the wrong tries of this
    account from this address (or in this browser), and those of this account from everywhere.

    :param account: what makes the account, its stored hash included: a new password begins anew.
    :param browser: the id of the browser, where the account has signed in there before.
    :param around: the ids for which failures are counted besides, named as in MANY.
    :raises TooManyTries: beyond a bound; what is refused has not counted for the account.
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
    """Count a failure for everything around it."""
    for name in attempt.wider:
        count_one(name)


def clear_attempt(attempt: Attempt) -> None:
    """Forget the wrong tries of the account: this one was right."""
    Tries.objects.filter(key__in=[attempt.own, attempt.account]).delete()


@transaction.atomic
def withdraw_attempt(attempt: Attempt) -> None:
    """Let the try not have been: nothing was looked at."""
    with connection.cursor() as cursor:
        for name in (attempt.own, attempt.account):
            cursor.execute(
                f"UPDATE {Tries._meta.db_table} SET count = greatest(count - 1, 0) WHERE key = %s",
                [name],
            )


@transaction.atomic
def count_one(name: str, *, within: timedelta = WITHIN) -> int:
    """Count one under this key; returns how many there are since the first that is not too old."""
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
    """How many are counted under each of these keys that has any."""
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
    Record a failed sign-in or a lockout, inside the transaction of the caller.

    Of each kind, so many an hour for one customer or partner; then once, under the name of
    `too_many`, that the others of this hour are only counted. Else anyone could fill the record.
    """
    number = count_one(Tries.key_of("recorded", action, around.id), within=RECORDED_WITHIN)
    if number <= MAX_RECORDED:
        audit.record(action, subject=subject, customer_id=customer_id, by=by)
    elif number == MAX_RECORDED + 1:
        audit.record(too_many, subject=around, customer_id=customer_id, by=by)
