"""The lines of those who wait for a seat: joining, leaving, and taking turns."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction

from licensing import queries
from licensing.models import Subscription, WaitingSeat
from licensing.operations.seats import Wanted, insert, lock_subscriptions, revoke
from licensing.operations.swaps import Swaps
from partners.postgres import among

if TYPE_CHECKING:
    from customers.models import Customer

# So many of each line are looked at in one transaction.
AT_MOST = 2_000


@dataclass(frozen=True)
class Wish:
    """A seat that a user shall wait for, and the subscriptions to give back for it: a swap."""

    wanted: Wanted
    gives_up: tuple[UUID, ...] = ()


@transaction.atomic
def wait(
    *, customer: "Customer", wishes: Iterable[Wish], cause: UUID | None
) -> dict[tuple[UUID, UUID], int]:
    """
    Put these wishes in line, in their order; returns the place of each (user, subscription).

    Who waits for the same seat already keeps the place in line, and what is wished now counts. The
    caller has locked the customer's counter row, so that no two can be first.
    """
    by_seat = {(one.wanted.user_id, one.wanted.subscription_id): one for one in wishes}
    if not by_seat:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {WaitingSeat._meta.db_table}
                (partner_id, customer_id, user_id, subscription_id, plans_off, gives_up, cause)
            SELECT %s, %s, w.user_id, w.subscription_id,
                COALESCE(string_to_array(NULLIF(w.plans_off, ''), ',')::uuid[], '{{}}'),
                COALESCE(string_to_array(NULLIF(w.gives_up, ''), ',')::uuid[], '{{}}'), %s
            FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[]) WITH ORDINALITY
                AS w(user_id, subscription_id, plans_off, gives_up, place)
            ORDER BY w.place
            ON CONFLICT (user_id, subscription_id) DO UPDATE SET plans_off = EXCLUDED.plans_off,
                gives_up = EXCLUDED.gives_up, cause = EXCLUDED.cause
            """,
            [
                customer.partner_id,
                customer.pk,
                cause,
                [user_id for user_id, _subscription_id in by_seat],
                [subscription_id for _user_id, subscription_id in by_seat],
                [",".join(map(str, one.wanted.plans_off)) for one in by_seat.values()],
                [",".join(map(str, one.gives_up)) for one in by_seat.values()],
            ],
        )
    places = queries.get_places(customer, {user_id for user_id, _subscription_id in by_seat})
    return {seat: places[seat].number for seat in by_seat}


@transaction.atomic
def stop_waiting(
    *, customer: "Customer", seats: Sequence[tuple[UUID, UUID]]
) -> dict[UUID, list[str]]:
    """End these waits, given as (user, subscription); returns per user those that there were."""
    if not seats:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM {WaitingSeat._meta.db_table} w
            USING unnest(%s::uuid[], %s::uuid[]) AS s(user_id, subscription_id)
            WHERE w.customer_id = %s AND w.user_id = s.user_id
                AND w.subscription_id = s.subscription_id
            RETURNING w.user_id, w.subscription_id
            """,
            [[user for user, _seat in seats], [seat for _user, seat in seats], customer.pk],
        )
        return _by_user(cursor.fetchall())


@transaction.atomic
def stop_all_waiting(*, customer: "Customer", users: Sequence[UUID]) -> dict[UUID, list[str]]:
    """End every wait of these users; returns per user the subscriptions waited for."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            DELETE FROM {WaitingSeat._meta.db_table} WHERE customer_id = %s AND user_id = ANY(%s)
            RETURNING user_id, subscription_id
            """,
            [customer.pk, list(users)],
        )
        return _by_user(cursor.fetchall())


def _by_user(rows: Iterable[tuple[UUID, UUID]]) -> dict[UUID, list[str]]:
    waits = defaultdict(list)
    for user_id, subscription_id in rows:
        waits[user_id].append(str(subscription_id))
    return dict(waits)


@dataclass(eq=False)
class Order:
    """
    Seats that a user gets together or not at all: one, or all that a swap asks for.

    In the end `problems` says why the user got none, or `gave_up` what was given back for them, as
    it was held: {"subscription", "plans_off"}.
    """

    user_id: UUID
    cause: UUID | None
    gives_up: tuple[UUID, ...]
    waits: list[WaitingSeat]
    # What of it the user still holds when the turn has come.
    back: set[UUID] = field(default_factory=set)
    problems: Sequence[dict] = ()
    gave_up: list[dict] = field(default_factory=list)
    is_over: bool = False

    @property
    def place(self) -> UUID:
        """Since when it waits, beside the others."""
        return self.waits[0].pk

    @property
    def subscriptions(self) -> list[UUID]:
        """What the order asks for."""
        return [one.subscription_id for one in self.waits]

    @property
    def wanted(self) -> list[Wanted]:
        """The same as seats to be given."""
        return [
            Wanted(self.user_id, one.subscription_id, tuple(one.plans_off)) for one in self.waits
        ]


# What speaks against a user's holding one set of subscriptions in place of another.
Judge = Callable[[UUID, frozenset[UUID], frozenset[UUID]], Sequence[dict]]


@dataclass
class Queue:
    """The beginnings of a customer's lines, with everything that decides whose turn it is."""

    customer: "Customer"
    free: dict[UUID, int]
    # Per subscription the orders in line, the first first.
    lines: dict[UUID, dict[int, Order]]
    # Per user what is held now, and everything waited for.
    held: dict[UUID, set[UUID]]
    awaited: dict[UUID, set[UUID]]
    # Seats waited for by who has got them otherwise.
    needless: list[tuple[UUID, UUID]]
    # Whether more wait than were looked at.
    is_cut: bool
    # Per user what was not held before the turns were taken.
    new: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))

    @property
    def users(self) -> set[UUID]:
        """Everybody whose turn it may be."""
        return set(self.awaited)


@transaction.atomic
def look_at_lines(*, customer: "Customer") -> Queue | None:
    """
    Lock the customer's subscriptions and read who is first in line; None where nobody can get any.

    The caller has locked the customer's counter row. Five statements.
    """
    if not queries.is_anybodys_turn(customer):
        return None
    bought = customer.subscriptions.values_list("pk", flat=True)
    subscriptions = lock_subscriptions(customer, bought)
    first = _find_first([pk for pk, one in subscriptions.items() if one.is_open])
    users = {user_id for _pk, user_id, _subscription_id in first}
    held = defaultdict(set)
    for user_id, ones in queries.get_held(customer, users).items():
        held[user_id] = set(map(UUID, ones))
    awaited, needless, orders = defaultdict(set), [], {}
    waits = WaitingSeat.objects.filter(customer=customer, user__in=among(users))
    for one in waits.order_by("pk"):
        if one.subscription_id in held[one.user_id]:
            needless.append((one.user_id, one.subscription_id))
            continue
        awaited[one.user_id].add(one.subscription_id)
        gives_up = tuple(sorted(one.gives_up))
        key = (one.user_id, one.cause, gives_up) if gives_up else one.pk
        order = orders.setdefault(key, Order(one.user_id, one.cause, gives_up, []))
        order.waits.append(one)
    seen = {pk for pk, _user_id, _subscription_id in first}
    return Queue(
        customer,
        {pk: one.free for pk, one in subscriptions.items()},
        _lines_of(orders.values(), seen),
        dict(held),
        dict(awaited),
        needless,
        is_cut=any(number >= AT_MOST for number in _lengths(first).values()),
    )


def _find_first(subscriptions: Sequence[UUID]) -> list[tuple[UUID, UUID, UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT w.id, w.user_id, w.subscription_id FROM unnest(%s::uuid[]) AS s(id)
                CROSS JOIN LATERAL (
                    SELECT id, user_id, subscription_id FROM {WaitingSeat._meta.db_table}
                    WHERE subscription_id = s.id ORDER BY id LIMIT %s
                ) w
            """,
            [list(subscriptions), AT_MOST],
        )
        return cursor.fetchall()


def _lengths(first: Iterable[tuple[UUID, UUID, UUID]]) -> dict[UUID, int]:
    lengths = defaultdict(int)
    for _pk, _user_id, subscription_id in first:
        lengths[subscription_id] += 1
    return lengths


def _lines_of(orders: Iterable[Order], seen: set[UUID]) -> dict[UUID, dict[int, Order]]:
    lines = defaultdict(dict)
    for order in orders:
        # An order that is not seen in full would overtake those who are before it.
        if all(one.pk in seen for one in order.waits):
            for subscription_id in order.subscriptions:
                lines[subscription_id][id(order)] = order
    return lines


@transaction.atomic
def take_turns(*, queue: Queue, judge: Judge) -> list[Order]:
    """
    Give the free seats to the first in line, and what they give back to who waits for that.

    Where nothing is free, those are served who wait for what the others give back, in a circle.
    They pass over who is before them in line and gives nothing back: without the circle no seat
    would be free. Of those who could stand in it, the first in line do.

    Whom the judge refuses waits no longer. Returns all whose wait has ended, in the order in which
    it did; the audit is the caller's. Three statements, whatever the length of the lines.
    """
    ended = _decide(queue, judge)
    given = [order for order in ended if not order.problems]
    back = [(order.user_id, one) for order in given for one in order.back]
    # Given back before they are given on, so that no moment knows more seats than there are.
    held = revoke(customer=queue.customer, seats=back) if back else {}
    for order in given:
        order.gave_up = [
            one for one in held.get(order.user_id, ()) if UUID(one["subscription"]) in order.back
        ]
    insert(
        customer=queue.customer,
        wanted=[want for order in given for want in order.wanted],
        causes=[order.cause for order in given for _want in order.wanted],
    )
    refused = [
        (order.user_id, one) for order in ended if order.problems for one in order.subscriptions
    ]
    stop_waiting(customer=queue.customer, seats=queue.needless + refused)
    return ended


def _decide(queue: Queue, judge: Judge) -> list[Order]:
    """Serve one after another as long as anybody can be, alone or in a circle."""
    ended = _walk(queue, judge)
    while exchanged := _exchange(queue, judge):
        ended += exchanged + _walk(queue, judge)
    return ended


def _walk(queue: Queue, judge: Judge) -> list[Order]:
    """Walk along the lines as long as a seat is free that somebody can have."""
    ended: list[Order] = []
    free = queue.free
    ready = deque(pk for pk in queue.lines if free[pk] > 0)
    while ready:
        subscription_id = ready.popleft()
        line = queue.lines[subscription_id]
        for order in line.values():
            if free[subscription_id] < 1:
                break
            if order.is_over or any(free[one] < 1 for one in order.subscriptions):
                continue
            problems = _ask(queue, order, judge)
            if problems is None:
                continue
            _end(queue, order, problems)
            ended.append(order)
            # Seats given back, and what was waited for until something else was held.
            again = {*order.gives_up, *queue.awaited[order.user_id]}
            ready.extend(sorted(one for one in again & queue.lines.keys() if free[one] > 0))
        for key in [key for key, order in line.items() if order.is_over]:
            del line[key]
    return ended


def _exchange(queue: Queue, judge: Judge) -> list[Order]:
    """Serve those who can give to each other, circle by circle, the longest waiting first."""
    ended: list[Order] = []
    orders = {order: None for line in queue.lines.values() for order in line.values()}
    swaps = Swaps(
        {
            order: given
            for order in sorted(orders, key=lambda one: one.waits[0].pk)
            if not order.is_over
            and (given := frozenset(queue.held.get(order.user_id, ())) & set(order.gives_up))
        }
    )
    while members := swaps.find_circle({one: queue.free[one] for one in queue.lines}):
        problems = {order: _ask(queue, order, judge) for order in members}
        # Whoever may not have it, or must wait on, leaves the circle broken for now.
        out = [order for order in members if problems[order] is None or problems[order]]
        for order in out or members:
            if problems[order] is not None:
                _end(queue, order, problems[order])
                ended.append(order)
        swaps.remove(out or members)
    return ended


def _ask(queue: Queue, order: Order, judge: Judge) -> Sequence[dict] | None:
    """What speaks against an order for which all seats are there; None where it goes on waiting."""
    if queue.new[order.user_id] & set(order.gives_up):
        # What is given back must be held; it is as soon as these turns have been taken.
        return None
    held = queue.held.setdefault(order.user_id, set())
    asked, back = set(order.subscriptions), held & set(order.gives_up)
    after = held - back | asked
    problems = judge(order.user_id, frozenset(held), frozenset(after))
    others = queue.awaited[order.user_id] - asked
    if problems and others and not judge(order.user_id, frozenset(held), frozenset(after | others)):
        # What is missing yet is waited for as well.
        return None
    return problems


def _end(queue: Queue, order: Order, problems: Sequence[dict]) -> None:
    """Note that an order waits no longer, and what it has got and given back."""
    order.is_over, order.problems = True, problems
    asked = set(order.subscriptions)
    queue.awaited[order.user_id] -= asked
    if problems:
        return
    held = queue.held[order.user_id]
    order.back = held & set(order.gives_up)
    queue.held[order.user_id] = held - order.back | asked
    queue.new[order.user_id] |= asked
    for one in asked:
        queue.free[one] -= 1
    for one in order.back:
        # Of a suspended subscription the seat is free, but for nobody.
        queue.free[one] += one in queue.lines


Tell = Callable[["Customer"], None]
_TOLD: list[Tell] = []


def when_seats_are_free(tell: Tell) -> Tell:
    """Register who is to be told, with the customer, when seats were bought that somebody awaits."""
    _TOLD.append(tell)
    return tell


def tell_of_free_seats(subscription: Subscription) -> None:
    """Tell those who have registered, where somebody waits for what is free now."""
    if queries.is_anybodys_turn(subscription.customer):
        for tell in _TOLD:
            tell(subscription.customer)
