"""The waitlist for seats: joining it, leaving it, and getting the seats that become free."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from customers.models import Customer
from licensing import queries
from licensing.allocation import allocate
from licensing.models import Subscription, WaitingSeat
from licensing.operations.seats import (
    Wanted,
    insert,
    lock_subscriptions,
    revoke,
    seats_as_rows,
)
from partners.postgres import among, execute

# The places of each line that are read in one transaction.
MAX_PLACES = 2_000


@dataclass(frozen=True)
class WaitRequest:
    """A seat to wait for, and for a swap the subscriptions that the user returns for it."""

    wanted: Wanted
    gives_up: tuple[UUID, ...] = ()


@transaction.atomic
def wait(
    *, customer: Customer, requests: Iterable[WaitRequest], cause: UUID | None
) -> dict[tuple[UUID, UUID], int]:
    """
    Put these requests in line, in their order; returns the place of each (user, subscription).

    A user on the waitlist for the same seat keeps the place, with what is requested now.
    The caller has locked the customer's counter row, so that no two can be first.
    """
    by_seat = {
        (request.wanted.user_id, request.wanted.subscription_id): request for request in requests
    }
    if not by_seat:
        return {}
    execute(
        f"""
        INSERT INTO {WaitingSeat._meta.db_table}
            (partner_id, customer_id, user_id, subscription_id, disabled_plans, gives_up, cause)
        SELECT %(partner)s, %(customer)s, r.user_id, r.subscription_id,
            COALESCE(string_to_array(NULLIF(r.disabled_plans, ''), ',')::uuid[], '{{}}'),
            COALESCE(string_to_array(NULLIF(r.gives_up, ''), ',')::uuid[], '{{}}'), %(cause)s
        FROM ROWS ORDER BY r.place
        ON CONFLICT (user_id, subscription_id) DO UPDATE SET disabled_plans = EXCLUDED.disabled_plans,
            gives_up = EXCLUDED.gives_up, cause = EXCLUDED.cause
        """,
        {
            "place integer": list(range(len(by_seat))),
            "user_id uuid": [user_id for user_id, _subscription_id in by_seat],
            "subscription_id uuid": [subscription_id for _user_id, subscription_id in by_seat],
            "disabled_plans text": [
                ",".join(map(str, request.wanted.disabled_plans)) for request in by_seat.values()
            ],
            "gives_up text": [",".join(map(str, request.gives_up)) for request in by_seat.values()],
        },
        partner=customer.partner_id,
        customer=customer.pk,
        cause=cause,
    )
    places = queries.get_places(customer, {user_id for user_id, _subscription_id in by_seat})
    return {seat: places[seat].number for seat in by_seat}


@transaction.atomic
def stop_waiting(
    *, customer: Customer, seats: Sequence[tuple[UUID, UUID]]
) -> dict[UUID, list[str]]:
    """End these waits, given as (user, subscription); returns the ended ones by user."""
    if not seats:
        return {}
    ended = execute(
        f"""
        DELETE FROM {WaitingSeat._meta.db_table} w USING ROWS
        WHERE w.customer_id = %(customer)s AND w.user_id = r.user_id
            AND w.subscription_id = r.subscription_id
        RETURNING w.user_id, w.subscription_id
        """,
        seats_as_rows(seats),
        customer=customer.pk,
    )
    return _group_by_user(ended)


@transaction.atomic
def stop_all_waiting(*, customer: Customer, users: Sequence[UUID]) -> dict[UUID, list[str]]:
    """End every wait of these users; returns per user the subscriptions waited for."""
    ended = execute(
        f"""
        DELETE FROM {WaitingSeat._meta.db_table}
        WHERE customer_id = %(customer)s AND user_id = ANY(%(users)s)
        RETURNING user_id, subscription_id
        """,
        customer=customer.pk,
        users=list(users),
    )
    return _group_by_user(ended)


def _group_by_user(rows: Iterable[tuple[UUID, UUID]]) -> dict[UUID, list[str]]:
    waits = defaultdict(list)
    for user_id, subscription_id in rows:
        waits[user_id].append(str(subscription_id))
    return dict(waits)


@dataclass(eq=False)
class Order:
    """
    Seats that a user gets together or not at all: one, or all that a swap asks for.

    When its wait is over, `problems` are why the user got none, or `gave_up` what was returned
    for them, as it was held: {"subscription", "disabled_plans"}.
    """

    user_id: UUID
    cause: UUID | None
    gives_up: tuple[UUID, ...]
    waits: list[WaitingSeat]
    # The seats among them that the user still held when the new ones were assigned.
    back: set[UUID] = field(default_factory=set)
    problems: Sequence[dict] = ()
    gave_up: list[dict] = field(default_factory=list)
    is_over: bool = False

    @property
    def subscriptions(self) -> list[UUID]:
        return [waiting.subscription_id for waiting in self.waits]

    @property
    def wanted(self) -> list[Wanted]:
        return [
            Wanted(self.user_id, waiting.subscription_id, tuple(waiting.disabled_plans))
            for waiting in self.waits
        ]


# What forbids that a user holds the second set of subscriptions in place of the first.
FindConflicts = Callable[[UUID, frozenset[UUID], frozenset[UUID]], Sequence[dict]]


@dataclass
class Waitlist:
    """The first orders on a customer's waitlist, with the facts that decide about them."""

    customer: Customer
    free: dict[UUID, int]
    # Per subscription the orders in line, the first first.
    lines: dict[UUID, list[Order]]
    # By user the seats held, and all that they wait for.
    held: dict[UUID, set[UUID]]
    awaited: dict[UUID, set[UUID]]
    # Seats that users on the waitlist got otherwise.
    needless: list[tuple[UUID, UUID]]
    # By user the seats that were not held before.
    new: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))

    @property
    def users(self) -> set[UUID]:
        return set(self.awaited)


@transaction.atomic
def lock_waitlist(*, customer: Customer) -> Waitlist | None:
    """
    Lock the customer's subscriptions and read the first in line; None where no seat can be given.

    The caller has locked the customer's counter row. Five statements.
    """
    if not queries.has_assignable_seats(customer):
        return None
    bought = customer.subscriptions.values_list("pk", flat=True)
    subscriptions = lock_subscriptions(customer, bought)
    first = execute(
        f"""
        SELECT w.id, w.user_id FROM ROWS CROSS JOIN LATERAL (
            SELECT id, user_id FROM {WaitingSeat._meta.db_table}
            WHERE subscription_id = r.id ORDER BY id LIMIT %(number)s
        ) w
        """,
        {"id uuid": [pk for pk, subscription in subscriptions.items() if subscription.is_open]},
        number=MAX_PLACES,
    )
    user_of = dict(first)
    users = set(user_of.values())
    held = defaultdict(set)
    for user_id, ones in queries.get_held(customer, users).items():
        held[user_id] = set(map(UUID, ones))
    awaited, needless, orders = defaultdict(set), [], {}
    for waiting in WaitingSeat.objects.filter(customer=customer, user__in=among(users)).order_by(
        "pk"
    ):
        if waiting.subscription_id in held[waiting.user_id]:
            needless.append((waiting.user_id, waiting.subscription_id))
            continue
        awaited[waiting.user_id].add(waiting.subscription_id)
        gives_up = tuple(sorted(waiting.gives_up))
        key = (waiting.user_id, waiting.cause, gives_up) if gives_up else waiting.pk
        order = orders.setdefault(key, Order(waiting.user_id, waiting.cause, gives_up, []))
        order.waits.append(waiting)
    return Waitlist(
        customer,
        {pk: subscription.free for pk, subscription in subscriptions.items()},
        # An order that is only read in part would overtake those before it.
        arrange(
            order
            for order in orders.values()
            if all(waiting.pk in user_of for waiting in order.waits)
        ),
        dict(held),
        dict(awaited),
        needless,
    )


def arrange(orders: Iterable[Order]) -> dict[UUID, list[Order]]:
    """Return per subscription the orders that ask for it, in their order."""
    lines = defaultdict(list)
    for order in orders:
        for subscription_id in order.subscriptions:
            lines[subscription_id].append(order)
    return dict(lines)


@transaction.atomic
def assign_waiting(*, waitlist: Waitlist, find_conflicts: FindConflicts) -> list[Order]:
    """
    Assign the free seats to the first on the waitlist, and the seats that these return to others.

    The wait of a user with conflicts ends without a seat. Returns the orders that have ended, in
    the order in which it ended; the caller writes the audit trail. Three statements, whatever the length of
    the lines.
    """
    ended = select_orders(waitlist, find_conflicts)
    given = [order for order in ended if not order.problems]
    # Returned before they are assigned, so that never more seats are in use than were bought.
    back = [(order.user_id, subscription) for order in given for subscription in order.back]
    held = revoke(customer=waitlist.customer, seats=back) if back else {}
    for order in given:
        order.gave_up = [
            seat for seat in held.get(order.user_id, ()) if UUID(seat["subscription"]) in order.back
        ]
    insert(
        customer=waitlist.customer,
        wanted=[want for order in given for want in order.wanted],
        causes=[order.cause for order in given for _want in order.wanted],
    )
    refused = [
        (order.user_id, subscription)
        for order in ended
        if order.problems
        for subscription in order.subscriptions
    ]
    stop_waiting(customer=waitlist.customer, seats=waitlist.needless + refused)
    return ended


def select_orders(waitlist: Waitlist, find_conflicts: FindConflicts) -> list[Order]:
    """Walk along the lines as long as a seat is free that a user in line can have."""
    ended: list[Order] = []
    free = waitlist.free
    ready = deque(pk for pk in waitlist.lines if free[pk] > 0)
    while ready:
        subscription_id = ready.popleft()
        line = waitlist.lines[subscription_id]
        for order in line:
            if free[subscription_id] < 1:
                break
            if order.is_over or any(free[subscription] < 1 for subscription in order.subscriptions):
                continue
            problems = _check(waitlist, order, find_conflicts)
            if problems is None:
                continue
            _end(waitlist, order, problems)
            ended.append(order)
            # Returned seats, and seats waited for until another one was held.
            again = {*order.gives_up, *waitlist.awaited[order.user_id]}
            ready.extend(
                sorted(
                    subscription
                    for subscription in again & waitlist.lines.keys()
                    if free[subscription] > 0
                )
            )
        waitlist.lines[subscription_id] = [order for order in line if not order.is_over]
    return ended


def _check(
    waitlist: Waitlist, order: Order, find_conflicts: FindConflicts
) -> Sequence[dict] | None:
    """Return the conflicts of an order with free seats; None if it continues to wait."""
    if waitlist.new[order.user_id] & set(order.gives_up):
        # Returned seats must be held; they are once these seats have been written.
        return None
    held = waitlist.held.setdefault(order.user_id, set())
    asked, back = set(order.subscriptions), held & set(order.gives_up)
    before, after = frozenset(held), frozenset(held - back | asked)
    problems = find_conflicts(order.user_id, before, after)
    others = waitlist.awaited[order.user_id] - asked
    if problems and others and not find_conflicts(order.user_id, before, after | others):
        # What is missing yet is waited for as well.
        return None
    return problems


def _end(waitlist: Waitlist, order: Order, problems: Sequence[dict]) -> None:
    """Note the end of an order, with the seats assigned and returned."""
    order.is_over, order.problems = True, problems
    asked = set(order.subscriptions)
    waitlist.awaited[order.user_id] -= asked
    if problems:
        return
    held = waitlist.held[order.user_id]
    order.back = held & set(order.gives_up)
    waitlist.held[order.user_id] = held - order.back | asked
    waitlist.new[order.user_id] |= asked
    # Of a suspended subscription the seat is free, but no user can have it.
    freed = [subscription for subscription in order.back if subscription in waitlist.lines]
    allocate(waitlist.free, order.subscriptions, is_swap=True, freed=freed)


Notify = Callable[[Customer], None]
_NOTIFIED: list[Notify] = []


def when_seats_are_free(notify: Notify) -> Notify:
    """Register a function that is called, with the customer, when awaited seats become free."""
    _NOTIFIED.append(notify)
    return notify


def notify_of_free_seats(subscription: Subscription) -> None:
    """Call the registered functions if a user waits for a seat that is free now."""
    if queries.has_assignable_seats(subscription.customer):
        for notify in _NOTIFIED:
            notify(subscription.customer)
