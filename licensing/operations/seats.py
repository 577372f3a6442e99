"""Giving and taking seats."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from licensing.models import Assignment, Subscription, WaitingSeat

if TYPE_CHECKING:
    from customers.models import Customer


class Wanted(NamedTuple):
    """A seat of a subscription that a user shall have, and the service plans to leave out."""

    user_id: UUID
    subscription_id: UUID
    plans_off: tuple[UUID, ...] = ()

    @classmethod
    def from_json(cls, user_id: UUID, product: dict) -> "Wanted":
        """The seat as a batch's line writes it: {"subscription", "plans_off"}."""
        plans_off = tuple(map(UUID, product.get("plans_off", ())))
        return cls(user_id, _read_id(product["subscription"]), plans_off)


# The lines of a batch name the same few subscriptions again and again.
_read_id = lru_cache(maxsize=1_000)(UUID)


@dataclass(frozen=True)
class Assigned:
    """What became of the wanted seats; those held already count as given."""

    given: tuple[Wanted, ...] = ()
    # No seat was free.
    short: tuple[Wanted, ...] = ()
    # The subscription is suspended, or not this customer's.
    closed: tuple[Wanted, ...] = ()
    by_user: dict[UUID, list[str]] = field(default_factory=dict)
    # Of the subscriptions wanted: those that a user held already, and was not given anew.
    had: dict[UUID, list[str]] = field(default_factory=dict)

    def of(self, user_id: UUID) -> list[str]:
        """The subscriptions this user was given."""
        return self.by_user.get(user_id, [])

    def missing(self) -> dict[UUID, dict[str, list[str]]]:
        """Per user who lacks something: the subscriptions that are "short" and "closed"."""
        lacks: dict[UUID, dict[str, list[str]]] = {}
        for word, wants in (("short", self.short), ("closed", self.closed)):
            for want in wants:
                lacks.setdefault(want.user_id, {}).setdefault(word, []).append(
                    str(want.subscription_id)
                )
        return lacks


@transaction.atomic
def assign(*, customer: "Customer", wanted: Sequence[Wanted], cause: UUID | None) -> Assigned:
    """
    Give the wanted seats in the order of the list, as far as seats are free.

    Locks the subscriptions in the order of their ids, so that two members cannot both take the
    last seat; the caller has locked the customer's counter row before. Five statements at most,
    whatever the length of the list. The audit is the caller's, who knows the act.
    """
    if not wanted:
        return Assigned()
    asked = Counter([want.subscription_id for want in wanted])
    subscriptions = lock_subscriptions(customer, asked)
    if all(pk in subscriptions and subscriptions[pk].free >= seats for pk, seats in asked.items()):
        # Enough for everybody, so nobody need be looked up before.
        return _sum_up(wanted, _insert_missing(customer, wanted, cause))
    held = find_held(customer, wanted)
    given, new, short, closed = _choose(wanted, subscriptions, held)
    insert(customer=customer, wanted=new, causes=[cause] * len(new))
    return _sum_up(given, held, short, closed)


def _choose(wanted: Sequence[Wanted], subscriptions: dict[UUID, Subscription], held: set) -> tuple:
    """Who gets a seat or keeps one, who of them a new one, and who none: short or closed."""
    free = {pk: subscription.free for pk, subscription in subscriptions.items()}
    given, new, short, closed = [], [], [], []
    taken = set(held)
    for want in wanted:
        key = (want.user_id, want.subscription_id)
        subscription = subscriptions.get(want.subscription_id)
        if subscription is None or (not subscription.is_open and key not in taken):
            closed.append(want)
        elif key in taken:
            given.append(want)
        elif free[want.subscription_id] > 0:
            free[want.subscription_id] -= 1
            taken.add(key)
            given.append(want)
            new.append(want)
        else:
            short.append(want)
    return given, new, short, closed


def _sum_up(
    given: Sequence[Wanted],
    held: Collection[tuple[UUID, UUID]],
    short: Sequence[Wanted] = (),
    closed: Sequence[Wanted] = (),
) -> Assigned:
    by_user, had = defaultdict(list), defaultdict(list)
    texts = {pk: str(pk) for pk in {want.subscription_id for want in given}}
    for user_id, subscription_id, _plans_off in given:
        by_user[user_id].append(texts[subscription_id])
    for user_id, subscription_id in held:
        had[user_id].append(str(subscription_id))
    return Assigned(tuple(given), tuple(short), tuple(closed), dict(by_user), dict(had))


def lock_subscriptions(customer: "Customer", ids: Iterable[UUID]) -> dict[UUID, Subscription]:
    """Lock these subscriptions of the customer in the order of their ids, against any change."""
    locked = Subscription.objects.select_for_update(of=("self",), no_key=True)
    found = locked.filter(customer=customer, pk__in=set(ids)).order_by("pk")
    return {subscription.pk: subscription for subscription in found}


def find_held(customer: "Customer", wanted: Sequence[Wanted]) -> set[tuple[UUID, UUID]]:
    """Which of these seats, as (user, subscription), are held already."""
    with connection.cursor() as cursor:
        # By the user first: all who hold a subscription may be a hundred thousand.
        cursor.execute(
            f"""
            SELECT a.user_id, a.subscription_id
            FROM unnest(%s::uuid[], %s::uuid[]) AS w(user_id, subscription_id)
            CROSS JOIN LATERAL (
                SELECT user_id, subscription_id FROM {Assignment._meta.db_table}
                WHERE customer_id = %s AND user_id = w.user_id
                    AND subscription_id = w.subscription_id
                LIMIT 1
            ) a
            """,
            [*_as_columns(wanted), customer.pk],
        )
        return set(cursor.fetchall())


def _as_columns(wanted: Sequence[Wanted]) -> tuple[list[UUID], list[UUID]]:
    return [want.user_id for want in wanted], [want.subscription_id for want in wanted]


def insert(
    *, customer: "Customer", wanted: Sequence[Wanted], causes: Sequence[UUID | None]
) -> None:
    """
    Write seats that are free and not held, each with its cause, in one statement.

    Whoever waited for such a seat does not wait any more.
    """
    if wanted:
        _insert(customer, wanted, causes)


def _insert_missing(
    customer: "Customer", wanted: Sequence[Wanted], cause: UUID | None
) -> list[tuple[UUID, UUID]]:
    """Write the seats that are not held; returns those that are, as (user, subscription)."""
    return _insert(
        customer,
        wanted,
        [cause] * len(wanted),
        on_conflict="ON CONFLICT (user_id, subscription_id) DO NOTHING",
    )


def _insert(
    customer: "Customer",
    wanted: Sequence[Wanted],
    causes: Sequence[UUID | None],
    *,
    on_conflict: str = "",
) -> list[tuple[UUID, UUID]]:
    """Write these seats; returns those that were passed over, as (user, subscription)."""
    with connection.cursor() as cursor:
        # In the order of the users: neighbors in the indexes are written one after the other.
        cursor.execute(
            f"""
            WITH wanted AS (
                SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[])
                    AS w(user_id, subscription_id, plans_off, cause)
            ), given AS (
                INSERT INTO {Assignment._meta.db_table}
                    (partner_id, customer_id, user_id, subscription_id, plans_off, cause)
                SELECT %s, %s, w.user_id, w.subscription_id,
                    COALESCE(string_to_array(NULLIF(w.plans_off, ''), ',')::uuid[], '{{}}'), w.cause
                FROM wanted w ORDER BY w.user_id
                {on_conflict}
                RETURNING user_id, subscription_id
            ), served AS (
                DELETE FROM {WaitingSeat._meta.db_table} w USING given
                WHERE w.customer_id = %s AND w.user_id = given.user_id
                    AND w.subscription_id = given.subscription_id
            )
            SELECT user_id, subscription_id FROM wanted EXCEPT SELECT * FROM given
            """,
            [
                *_as_columns(wanted),
                [",".join(map(str, want.plans_off)) if want.plans_off else "" for want in wanted],
                list(causes),
                customer.partner_id,
                customer.pk,
                customer.pk,
            ],
        )
        return cursor.fetchall()


@transaction.atomic
def revoke_all(*, customer: "Customer", users: Sequence[UUID]) -> dict[UUID, list[dict]]:
    """
    Free every seat of these users, in one statement.

    Returns per user what was held, as a batch's line keeps it: {"subscription", "plans_off"}.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM {Assignment._meta.db_table} WHERE customer_id = %s AND user_id = ANY(%s)
            RETURNING user_id, subscription_id::text, array_to_string(plans_off, ',')
            """,
            [customer.pk, list(users)],
        )
        return _held_by_user(cursor.fetchall())


def _held_by_user(rows: Iterable[tuple[UUID, str, str]]) -> dict[UUID, list[dict]]:
    """Rows of user, subscription and plans switched off; texts, as ids would only be written."""
    held = defaultdict(list)
    for user_id, subscription, plans_off in rows:
        off = plans_off.split(",") if plans_off else []
        held[user_id].append({"subscription": subscription, "plans_off": off})
    return dict(held)


@transaction.atomic
def revoke(*, customer: "Customer", seats: Sequence[tuple[UUID, UUID]]) -> dict[UUID, list[dict]]:
    """
    Free these seats, given as (user, subscription), in one statement.

    Returns per user what was held, as `revoke_all` does.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM {Assignment._meta.db_table} a
            USING unnest(%s::uuid[], %s::uuid[]) AS s(user_id, subscription_id)
            WHERE a.customer_id = %s AND a.user_id = s.user_id
                AND a.subscription_id = s.subscription_id
            RETURNING a.user_id, a.subscription_id::text, array_to_string(a.plans_off, ',')
            """,
            [[user for user, _held in seats], [held for _user, held in seats], customer.pk],
        )
        return _held_by_user(cursor.fetchall())


@transaction.atomic
def change_plans(*, customer: "Customer", wanted: Sequence[Wanted]) -> dict[UUID, list[dict]]:
    """
    Switch service plans on and off for seats that are held, in one statement.

    Returns per user the seats whose plans are different now, with the plans as they were.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Assignment._meta.db_table} a SET plans_off = w.plans_off
            FROM (
                SELECT user_id, subscription_id,
                    COALESCE(string_to_array(NULLIF(plans_off, ''), ',')::uuid[], '{{}}')
                        AS plans_off
                FROM unnest(%s::uuid[], %s::uuid[], %s::text[])
                    AS t(user_id, subscription_id, plans_off)
            ) w
            WHERE a.customer_id = %s AND a.user_id = w.user_id
                AND a.subscription_id = w.subscription_id AND a.plans_off <> w.plans_off
            RETURNING a.user_id, a.subscription_id::text, array_to_string(old.plans_off, ',')
            """,
            [
                [want.user_id for want in wanted],
                [want.subscription_id for want in wanted],
                [",".join(map(str, want.plans_off)) for want in wanted],
                customer.pk,
            ],
        )
        return _held_by_user(cursor.fetchall())
