"""Giving and taking seats."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction

from licensing import queries
from licensing.models import Assignment, Subscription, WaitingSeat

if TYPE_CHECKING:
    from customers.models import Customer


@dataclass(frozen=True)
class Wanted:
    """A seat of a subscription that a user shall have, and the service plans to leave out."""

    user_id: UUID
    subscription_id: UUID
    plans_off: tuple[UUID, ...] = ()

    @classmethod
    def from_json(cls, user_id: UUID, product: dict) -> "Wanted":
        """The seat as a batch's line writes it: {"subscription", "plans_off"}."""
        plans_off = tuple(UUID(plan) for plan in product.get("plans_off", ()))
        return cls(user_id, UUID(product["subscription"]), plans_off)


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
    subscriptions = lock_subscriptions(customer, {want.subscription_id for want in wanted})
    held = set(
        Assignment.objects.filter(
            customer=customer,
            subscription__in=subscriptions,
            user__in=queries.among({want.user_id for want in wanted}),
        ).values_list("user_id", "subscription_id")
    )
    free = {pk: subscription.free for pk, subscription in subscriptions.items()}
    given, new, short, closed = [], [], [], []
    had = defaultdict(list)
    for user_id, subscription_id in held:
        had[user_id].append(str(subscription_id))
    for want in wanted:
        key = (want.user_id, want.subscription_id)
        subscription = subscriptions.get(want.subscription_id)
        if subscription is None or (not subscription.is_open and key not in held):
            closed.append(want)
        elif key in held:
            given.append(want)
        elif free[want.subscription_id] > 0:
            free[want.subscription_id] -= 1
            held.add(key)
            given.append(want)
            new.append(want)
        else:
            short.append(want)
    insert(customer=customer, wanted=new, causes=[cause] * len(new))
    by_user = defaultdict(list)
    for want in given:
        by_user[want.user_id].append(str(want.subscription_id))
    return Assigned(tuple(given), tuple(short), tuple(closed), dict(by_user), dict(had))


def lock_subscriptions(customer: "Customer", ids: Iterable[UUID]) -> dict[UUID, Subscription]:
    """Lock these subscriptions of the customer in the order of their ids, against any change."""
    locked = Subscription.objects.select_for_update(of=("self",), no_key=True)
    found = locked.filter(customer=customer, pk__in=set(ids)).order_by("pk")
    return {subscription.pk: subscription for subscription in found}


def insert(
    *, customer: "Customer", wanted: Sequence[Wanted], causes: Sequence[UUID | None]
) -> None:
    """
    Write seats that are free and not held, each with its cause, in one statement.

    Whoever waited for such a seat does not wait any more.
    """
    if not wanted:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH given AS (
                INSERT INTO {Assignment._meta.db_table}
                    (partner_id, customer_id, user_id, subscription_id, plans_off, cause)
                SELECT %s, %s, w.user_id, w.subscription_id,
                    COALESCE(string_to_array(NULLIF(w.plans_off, ''), ',')::uuid[], '{{}}'), w.cause
                FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[])
                    AS w(user_id, subscription_id, plans_off, cause)
                RETURNING user_id, subscription_id
            )
            DELETE FROM {WaitingSeat._meta.db_table} w USING given
            WHERE w.customer_id = %s AND w.user_id = given.user_id
                AND w.subscription_id = given.subscription_id
            """,
            [
                customer.partner_id,
                customer.pk,
                [want.user_id for want in wanted],
                [want.subscription_id for want in wanted],
                [",".join(map(str, want.plans_off)) for want in wanted],
                list(causes),
                customer.pk,
            ],
        )


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
            RETURNING user_id, subscription_id, plans_off
            """,
            [customer.pk, list(users)],
        )
        return _held_by_user(cursor.fetchall())


def _held_by_user(rows: Iterable[tuple[UUID, UUID, list[UUID]]]) -> dict[UUID, list[dict]]:
    held = defaultdict(list)
    for user_id, subscription_id, plans_off in rows:
        held[user_id].append(
            {
                "subscription": str(subscription_id),
                "plans_off": [str(plan) for plan in plans_off],
            }
        )
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
            RETURNING a.user_id, a.subscription_id, a.plans_off
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
            RETURNING a.user_id, a.subscription_id, old.plans_off
            """,
            [
                [want.user_id for want in wanted],
                [want.subscription_id for want in wanted],
                [",".join(map(str, want.plans_off)) for want in wanted],
                customer.pk,
            ],
        )
        return _held_by_user(cursor.fetchall())
