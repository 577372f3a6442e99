"""Seats: assigned, revoked, and swapped."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from customers.models import Customer
from licensing.allocation import allocate
from licensing.models import Assignment, Subscription, WaitingSeat
from licensing.rules import LicenseChange, Seat
from partners.postgres import execute


class Wanted(NamedTuple):
    """A seat that a user is to get, and the service plans to switch off."""

    user_id: UUID
    subscription_id: UUID
    disabled_plans: tuple[UUID, ...] = ()

    @classmethod
    def of(cls, user_id: UUID, seat: Seat) -> "Wanted":
        return cls(user_id, _read_id(seat.subscription), tuple(map(UUID, seat.disabled_plans)))


# The lines of a batch name the same few subscriptions again and again.
_read_id = lru_cache(maxsize=1_000)(UUID)


@dataclass(frozen=True)
class Assigned:
    """The result for the wanted seats; those held before count as assigned."""

    given: tuple[Wanted, ...] = ()
    # No seat was free.
    short: tuple[Wanted, ...] = ()
    # The subscription is suspended, or not this customer's.
    closed: tuple[Wanted, ...] = ()
    by_user: dict[UUID, list[str]] = field(default_factory=dict)
    # Of the wanted subscriptions: those that a user held before.
    had: dict[UUID, list[str]] = field(default_factory=dict)

    def of(self, user_id: UUID) -> list[str]:
        return self.by_user.get(user_id, [])

    def missing(self) -> dict[UUID, dict[str, list[str]]]:
        """Return the "short" and "closed" subscriptions by user without a seat."""
        lacks: dict[UUID, dict[str, list[str]]] = {}
        for word, wants in (("short", self.short), ("closed", self.closed)):
            for want in wants:
                lacks.setdefault(want.user_id, {}).setdefault(word, []).append(
                    str(want.subscription_id)
                )
        return lacks


class SeatChange(NamedTuple):
    """Seats that a user gets and returns; with both it is a swap, done as a whole or not."""

    user_id: UUID
    wanted: tuple[Wanted, ...] = ()
    given_back: tuple[UUID, ...] = ()

    @classmethod
    def of(cls, user_id: UUID, change: LicenseChange) -> "SeatChange":
        return cls(
            user_id,
            tuple(Wanted.of(user_id, seat) for seat in change.add),
            tuple(map(_read_id, change.remove)),
        )


@dataclass(frozen=True)
class SeatsChanged:
    """The assigned and revoked seats, and by user the seats missing for swaps that were not done."""

    assigned: Assigned
    # As `revoke` returns it.
    revoked: dict[UUID, list[dict]]
    kept: dict[UUID, list[str]]


def assign(*, customer: Customer, wanted: Sequence[Wanted], cause: UUID | None) -> Assigned:
    """Assign the wanted seats in list order, while seats are free."""
    changes = [SeatChange(want.user_id, (want,)) for want in wanted]
    return change_seats(customer=customer, changes=changes, cause=cause).assigned


@transaction.atomic
def change_seats(
    *,
    customer: Customer,
    changes: Sequence[SeatChange],
    cause: UUID | None,
    passes_on: bool = False,
) -> SeatsChanged:
    """
    Give seats and take them back, in the order of the list, as far as seats are free.

    With `passes_on` a seat that one change gives back is free for those after it, and changes that
    only give back go first; otherwise it is for the waitlist, or for later changes.

    Locks the subscriptions in the order of their ids, so that two members cannot both take the last
    seat; the caller has locked the customer's counter row before. Six statements at most, whatever
    the length of the list. The caller writes the audit trail.
    """
    wanted = [want for change in changes for want in change.wanted]
    asked = Counter([want.subscription_id for want in wanted])
    given_back = [
        (change.user_id, subscription) for change in changes for subscription in change.given_back
    ]
    subscriptions = {}
    if wanted:
        subscriptions = lock_subscriptions(
            customer, {*asked, *(subscription for _user, subscription in given_back)}
        )
    if all(pk in subscriptions and subscriptions[pk].free >= seats for pk, seats in asked.items()):
        # Enough for all, so the seats held are not read.
        revoked = revoke(customer=customer, seats=given_back) if given_back else {}
        had = insert(customer=customer, wanted=wanted, causes=[cause] * len(wanted))
        return SeatsChanged(_sum_up(wanted, had), revoked, {})
    seats = [(want.user_id, want.subscription_id) for want in wanted]
    held = find_held(customer, seats + given_back if passes_on else seats)
    if passes_on:
        changes = sorted(changes, key=lambda change: bool(_find_new(change, held)))
    free = Counter({pk: subscription.free for pk, subscription in subscriptions.items()})
    # Seats of a suspended subscription are not assigned.
    is_open = {pk for pk, subscription in subscriptions.items() if subscription.is_open}
    given, new, short, closed, kept = [], [], [], [], {}
    taken = set(held)
    for change in changes:
        freed = [
            subscription
            for subscription in change.given_back
            if subscription in is_open and (change.user_id, subscription) in held
        ]
        lacks = allocate(
            free,
            _find_new(change, taken),
            is_swap=bool(change.given_back),
            freed=freed if passes_on else (),
        )
        if lacks and change.given_back:
            kept[change.user_id] = [str(subscription) for subscription in lacks]
            continue
        for want in change.wanted:
            seat = want.user_id, want.subscription_id
            if want.subscription_id in lacks:
                (short if want.subscription_id in is_open else closed).append(want)
                continue
            given.append(want)
            if seat not in taken:
                taken.add(seat)
                new.append(want)
    back = [seat for seat in given_back if seat[0] not in kept]
    # Returned before they are assigned, so that never more seats are in use than were bought.
    revoked = revoke(customer=customer, seats=back) if back else {}
    insert(customer=customer, wanted=new, causes=[cause] * len(new))
    return SeatsChanged(_sum_up(given, held.intersection(seats), short, closed), revoked, kept)


def _find_new(change: SeatChange, held: Collection[tuple[UUID, UUID]]) -> list[UUID]:
    asked = (want.subscription_id for want in change.wanted)
    return [subscription for subscription in asked if (change.user_id, subscription) not in held]


def _sum_up(
    given: Sequence[Wanted],
    held: Collection[tuple[UUID, UUID]],
    short: Sequence[Wanted] = (),
    closed: Sequence[Wanted] = (),
) -> Assigned:
    by_user, had = defaultdict(list), defaultdict(list)
    texts = {pk: str(pk) for pk in {want.subscription_id for want in given}}
    for user_id, subscription_id, _disabled_plans in given:
        by_user[user_id].append(texts[subscription_id])
    for user_id, subscription_id in held:
        had[user_id].append(str(subscription_id))
    return Assigned(tuple(given), tuple(short), tuple(closed), dict(by_user), dict(had))


def lock_subscriptions(customer: Customer, ids: Iterable[UUID]) -> dict[UUID, Subscription]:
    """Lock these subscriptions of the customer in the order of their ids, against any change."""
    locked = Subscription.objects.select_for_update(of=("self",), no_key=True)
    found = locked.filter(customer=customer, pk__in=set(ids)).order_by("pk")
    return {subscription.pk: subscription for subscription in found}


def find_held(customer: Customer, seats: Sequence[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Return which of these seats, as (user, subscription), are held."""
    # By user first, as a subscription can have a hundred thousand seats in use.
    found = execute(
        f"""
        SELECT a.user_id, a.subscription_id FROM ROWS CROSS JOIN LATERAL (
            SELECT user_id, subscription_id FROM {Assignment._meta.db_table}
            WHERE customer_id = %(customer)s AND user_id = r.user_id
                AND subscription_id = r.subscription_id
            LIMIT 1
        ) a
        """,
        seats_as_rows(seats),
        customer=customer.pk,
    )
    return set(found)


def seats_as_rows(seats: Sequence[tuple[UUID, UUID]]) -> dict[str, list]:
    return {
        "user_id uuid": [user_id for user_id, _one in seats],
        "subscription_id uuid": [subscription_id for _user_id, subscription_id in seats],
    }


def insert(
    *, customer: Customer, wanted: Sequence[Wanted], causes: Sequence[UUID | None]
) -> list[tuple[UUID, UUID]]:
    """
    Write seats that are free, each with its cause, in one statement.

    Users on the waitlist for such a seat are removed from it. Returns the seats that were
    held already, as (user, subscription).
    """
    if not wanted:
        return []
    # In the order of the users: neighbors in the indexes are written one after the other.
    return execute(
        f"""
        WITH wanted AS (SELECT * FROM ROWS), given AS (
            INSERT INTO {Assignment._meta.db_table}
                (partner_id, customer_id, user_id, subscription_id, disabled_plans, cause)
            SELECT %(partner)s, %(customer)s, w.user_id, w.subscription_id,
                COALESCE(string_to_array(NULLIF(w.disabled_plans, ''), ',')::uuid[], '{{}}'), w.cause
            FROM wanted w ORDER BY w.user_id
            ON CONFLICT (user_id, subscription_id) DO NOTHING
            RETURNING user_id, subscription_id
        ), served AS (
            DELETE FROM {WaitingSeat._meta.db_table} w USING given
            WHERE w.customer_id = %(customer)s AND w.user_id = given.user_id
                AND w.subscription_id = given.subscription_id
        )
        SELECT user_id, subscription_id FROM wanted EXCEPT SELECT * FROM given
        """,
        {**_columns_of(wanted), "cause uuid": list(causes)},
        partner=customer.partner_id,
        customer=customer.pk,
    )


def _columns_of(wanted: Sequence[Wanted]) -> dict[str, list]:
    return {
        "user_id uuid": [want.user_id for want in wanted],
        "subscription_id uuid": [want.subscription_id for want in wanted],
        "disabled_plans text": [
            ",".join(map(str, want.disabled_plans)) if want.disabled_plans else ""
            for want in wanted
        ],
    }


@transaction.atomic
def revoke_all(*, customer: Customer, users: Sequence[UUID]) -> dict[UUID, list[dict]]:
    """
    Free every seat of these users, in one statement.

    Returns per user what was held, as a batch's line keeps it: {"subscription", "disabled_plans"}.
    """
    freed = execute(
        f"""
        DELETE FROM {Assignment._meta.db_table}
        WHERE customer_id = %(customer)s AND user_id = ANY(%(users)s)
        RETURNING user_id, subscription_id::text, array_to_string(disabled_plans, ',')
        """,
        customer=customer.pk,
        users=list(users),
    )
    return _held_by_user(freed)


def _held_by_user(rows: Iterable[tuple[UUID, str, str]]) -> dict[UUID, list[dict]]:
    """Rows of user, subscription and plans switched off; texts, as ids would only be written."""
    held = defaultdict(list)
    for user_id, subscription, disabled_plans in rows:
        off = disabled_plans.split(",") if disabled_plans else []
        held[user_id].append({"subscription": subscription, "disabled_plans": off})
    return dict(held)


@transaction.atomic
def revoke(*, customer: Customer, seats: Sequence[tuple[UUID, UUID]]) -> dict[UUID, list[dict]]:
    """
    Free these seats, given as (user, subscription), in one statement.

    Returns per user what was held, as `revoke_all` does.
    """
    freed = execute(
        f"""
        DELETE FROM {Assignment._meta.db_table} a USING ROWS
        WHERE a.customer_id = %(customer)s AND a.user_id = r.user_id
            AND a.subscription_id = r.subscription_id
        RETURNING a.user_id, a.subscription_id::text, array_to_string(a.disabled_plans, ',')
        """,
        seats_as_rows(seats),
        customer=customer.pk,
    )
    return _held_by_user(freed)


@transaction.atomic
def change_plans(*, customer: Customer, wanted: Sequence[Wanted]) -> dict[UUID, list[dict]]:
    """
    Switch service plans on and off for seats that are held, in one statement.

    Returns by user the changed seats with their plans before.
    """
    if not wanted:
        return {}
    changed = execute(
        f"""
        UPDATE {Assignment._meta.db_table} a SET disabled_plans = w.disabled_plans
        FROM (
            SELECT user_id, subscription_id,
                COALESCE(string_to_array(NULLIF(disabled_plans, ''), ',')::uuid[], '{{}}') AS disabled_plans
            FROM ROWS
        ) w
        WHERE a.customer_id = %(customer)s AND a.user_id = w.user_id
            AND a.subscription_id = w.subscription_id AND a.disabled_plans <> w.disabled_plans
        RETURNING a.user_id, a.subscription_id::text, array_to_string(old.disabled_plans, ',')
        """,
        _columns_of(wanted),
        customer=customer.pk,
    )
    return _held_by_user(changed)
