"""Who waits for what the others would give back: all are served at once, in order, none too many."""

from collections import Counter, defaultdict
from itertools import combinations
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from licensing import queries
from licensing.models import Assignment, Subscription, WaitingSeat
from licensing.operations import waitlist
from licensing.operations.seats import revoke
from tests import factories
from tests.licensing.test_waitlist import allow, fill, hold, holders, keys, line, queue


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, f"Person {number:02}", location="US") for number in range(8)]


@pytest.fixture
def products(contoso):
    """Three products of one seat each."""
    return [factories.subscription(contoso, name, seats=1) for name in ("One", "Two", "Three")]


@pytest.mark.django_db
def test_two_who_want_each_others_seat_are_served_at_once(contoso, products, people):
    one, two, _three = products
    ann, bo = people[:2]
    hold(one, ann)
    hold(two, bo)
    queue(two, ann, gives_up=[one])
    assert not queries.is_anybodys_turn(contoso)
    queue(one, bo, gives_up=[two])
    assert queries.is_anybodys_turn(contoso)

    ended = fill(contoso)

    assert [order.user_id for order in ended] == keys([ann, bo])
    assert (holders(one), holders(two)) == ({bo.pk}, {ann.pk})
    assert ended[0].gave_up == [{"subscription": str(one.pk), "plans_off": []}]
    assert not WaitingSeat.objects.exists()
    assert sorted(one.assigned for one in Subscription.objects.all()) == [0, 1, 1]
    assert fill(contoso) == []


@pytest.mark.django_db
def test_three_in_a_circle_are_served_at_once(contoso, products, people):
    for number, product in enumerate(products):
        hold(product, people[number])
    for number, product in enumerate(products):
        queue(products[(number + 1) % 3], people[number], gives_up=[product])

    assert len(fill(contoso)) == 3

    assert [holders(one) for one in products] == [{people[n].pk} for n in (2, 0, 1)]


@pytest.mark.django_db
def test_a_chain_that_does_not_lead_back_waits(contoso, products, people):
    one, two, three = products
    for product, user in zip(products, people, strict=False):
        hold(product, user)
    queue(two, people[0], gives_up=[one])
    queue(three, people[1], gives_up=[two])

    assert not queries.is_anybodys_turn(contoso)
    assert fill(contoso) == []
    assert (holders(one), holders(two)) == ({people[0].pk}, {people[1].pk})


@pytest.mark.django_db
def test_of_those_who_give_the_same_the_first_in_line_is_served(contoso, people):
    one = factories.subscription(contoso, "One", seats=2)
    two = factories.subscription(contoso, "Two", seats=1)
    first, second, other, before = people[:4]
    hold(one, first, second)
    hold(two, other)
    # Whoever gives nothing back is passed over, and keeps the place.
    queue(two, before)
    queue(two, first, second, gives_up=[one])
    queue(one, other, gives_up=[two])

    assert [order.user_id for order in fill(contoso)] == keys([first, other])

    assert (holders(one), holders(two)) == ({other.pk, second.pk}, {first.pk})
    assert line(two) == keys([before, second])


@pytest.mark.django_db
def test_what_is_not_held_any_more_is_not_given(contoso, products, people):
    one, two, _three = products
    ann, bo = people[:2]
    hold(one, ann)
    hold(two, bo)
    queue(two, ann, gives_up=[one])
    queue(one, bo, gives_up=[two])
    revoke(customer=contoso, seats=[(ann.pk, one.pk)])

    # The free seat goes to Bo, and Bo's to Ann: nobody needs a circle for that.
    assert [order.user_id for order in fill(contoso)] == keys([bo, ann])
    assert (holders(one), holders(two)) == ({bo.pk}, {ann.pk})


@pytest.mark.django_db
def test_plans_come_as_they_were_asked_for_and_go_as_they_were(contoso, people):
    suite = factories.subscription(contoso, "Suite", seats=1, plans=("Mail", "Meetings"))
    other = factories.subscription(contoso, "Other", seats=1)
    mail, meetings = (plan.pk for plan in suite.product.plans.order_by("name"))
    hold(suite, people[0], plans_off=[mail])
    hold(other, people[1])
    queue(other, people[0], gives_up=[suite])
    queue(suite, people[1], gives_up=[other], plans_off=[meetings])

    first, _second = fill(contoso)

    assert first.gave_up == [{"subscription": str(suite.pk), "plans_off": [str(mail)]}]
    assert Assignment.objects.get(subscription=suite).plans_off == [meetings]


@pytest.mark.django_db
def test_whom_the_judge_refuses_waits_no_longer_and_the_next_takes_the_place(contoso, people):
    one = factories.subscription(contoso, "One", seats=2)
    two = factories.subscription(contoso, "Two", seats=1)
    first, second, other = people[:3]
    hold(one, first, second)
    hold(two, other)
    queue(two, first, second, gives_up=[one])
    queue(one, other, gives_up=[two])

    def judge(user_id, _held, _after):
        return [{"code": "not_sold"}] if user_id == first.pk else []

    ended = fill(contoso, judge)

    assert [(order.user_id, len(order.problems)) for order in ended] == [
        (first.pk, 1),
        (second.pk, 0),
        (other.pk, 0),
    ]
    assert (holders(one), holders(two)) == ({first.pk, other.pk}, {second.pk})


@pytest.mark.django_db
def test_a_suspended_subscription_is_in_no_circle(contoso, products, people):
    one, two, _three = products
    hold(one, people[0])
    hold(two, people[1])
    queue(two, people[0], gives_up=[one])
    queue(one, people[1], gives_up=[two])
    Subscription.objects.filter(pk=two.pk).update(state="suspended")

    assert not queries.is_anybodys_turn(contoso)
    assert fill(contoso) == []


@pytest.mark.django_db
def test_what_one_gets_now_is_given_back_later_only(contoso, products, people):
    """Whoever waits for two and for three, and would give two for three, gets one after another."""
    one, two, three = products
    ann, bo = people[:2]
    hold(one, ann)
    queue(two, ann, gives_up=[one])
    queue(three, ann, gives_up=[two], cause=uuid4())
    queue(two, bo)

    rounds = []
    while ended := fill(contoso):
        rounds.append([(order.user_id, order.subscriptions) for order in ended])

    assert rounds == [
        [(ann.pk, [two.pk])],
        [(ann.pk, [three.pk]), (bo.pk, [two.pk])],
    ]
    assert all(s.assigned <= s.seats for s in Subscription.objects.all())


@pytest.mark.django_db
def test_the_number_of_statements_does_not_grow(contoso):
    numbers = []
    for number in (1, 40):
        one = factories.subscription(contoso, f"One {number}", seats=number)
        two = factories.subscription(contoso, f"Two {number}", seats=number)
        left = [factories.user(contoso, f"L {number} {n}") for n in range(number)]
        right = [factories.user(contoso, f"R {number} {n}") for n in range(number)]
        hold(one, *left)
        hold(two, *right)
        queue(two, *left, gives_up=[one])
        queue(one, *right, gives_up=[two])
        with CaptureQueriesContext(connection) as seen:
            assert len(fill(contoso)) == 2 * number
        numbers.append(len(seen))

    assert numbers[0] == numbers[1] <= 20


# As above without a database: any lines, any seats.
SEATS = [UUID(int=number) for number in range(4)]
NOBODY = UUID(int=99)
USERS = [UUID(int=100 + number) for number in range(7)]


@st.composite
def queues(draw, most_wanted: int = 1) -> waitlist.Queue:
    """Lines of users who hold something, with what is free; at most one order a user and cause."""
    held, orders = {}, []
    for user in USERS:
        held[user] = draw(st.sets(st.sampled_from(SEATS), max_size=3))
        for cause in range(draw(st.integers(0, 2))):
            wanted = draw(
                st.lists(st.sampled_from(SEATS), min_size=1, max_size=most_wanted, unique=True)
            )
            wanted = [
                one
                for one in wanted
                if one not in held[user]
                and not any(
                    order.user_id == user and one in order.subscriptions for order in orders
                )
            ]
            gives = draw(st.sets(st.sampled_from(SEATS), max_size=2)) - set(wanted)
            if wanted:
                waits = [
                    WaitingSeat(partner_id=NOBODY, user_id=user, subscription_id=one)
                    for one in wanted
                ]
                orders.append(waitlist.Order(user, UUID(int=cause), tuple(sorted(gives)), waits))
    orders = draw(st.permutations(orders))
    for place, order in enumerate(orders):
        for n, one in enumerate(order.waits):
            one.pk = UUID(int=1000 + 10 * place + n)
    free = {one: draw(st.integers(0, 1)) for one in SEATS}
    return as_queue(free, held, orders)


def as_queue(free: dict, held: dict, orders: list) -> waitlist.Queue:
    """The queue in which these orders wait, in their order."""
    awaited = defaultdict(set)
    for order in orders:
        awaited[order.user_id] |= set(order.subscriptions)
    return waitlist.Queue(
        customer=SimpleNamespace(),
        free=free,
        lines=waitlist._lines_of(orders, {one.pk for order in orders for one in order.waits}),
        held=held,
        awaited=dict(awaited),
        needless=[],
        is_cut=False,
    )


def told(held: dict[str, str], orders: list[tuple[str, str, str]]) -> waitlist.Queue:
    """The same in letters: what each holds, and who wants what for what; nothing is free."""
    ids = {letter: UUID(int=ord(letter)) for letter in map(chr, range(128))}
    made = []
    for place, (user, wanted, gives) in enumerate(orders):
        waits = [
            WaitingSeat(
                pk=UUID(int=1000 + place),
                partner_id=NOBODY,
                user_id=ids[user],
                subscription_id=ids[wanted],
            )
        ]
        made.append(
            waitlist.Order(ids[user], UUID(int=place), tuple(ids[one] for one in gives), waits)
        )
    held = {ids[user]: {ids[one] for one in ones} for user, ones in held.items()}
    seats = {one for ones in held.values() for one in ones}
    return as_queue(defaultdict(int, dict.fromkeys(seats, 0)), held, made)


def served(queue) -> list[tuple[str, str]]:
    """Who was served with what, in letters."""
    ended = waitlist._decide(queue, allow)
    return sorted((chr(one.user_id.int), chr(one.subscriptions[0].int)) for one in ended)


def test_nobody_gives_the_same_seat_twice():
    """U waits for two things and would give y for either, but y is good for one of them only."""
    queue = told(
        {"M": "s", "U": "yw", "N": "l", "Q": "t"},
        [("M", "y", "s"), ("U", "l", "y"), ("N", "w", "l"), ("U", "t", "wy"), ("Q", "y", "t")],
    )
    before = seats_of(queue)

    # What N gives back is free in the end, and U has nothing left to give for it.
    assert served(queue) == [("N", "w"), ("Q", "y"), ("U", "l"), ("U", "t")]

    assert seats_of(queue) <= before
    assert min(queue.free.values()) >= 0


def test_who_waits_for_two_things_stands_in_nobodys_way():
    """U cannot be in the circle twice, so V takes the one place and U the other."""
    queue = told(
        {"U": "yw", "V": "y", "P": "z", "Q": "x"},
        [("U", "x", "y"), ("V", "x", "y"), ("P", "y", "z"), ("U", "z", "w"), ("Q", "w", "x")],
    )

    assert served(queue) == [("P", "y"), ("Q", "w"), ("U", "z"), ("V", "x")]


def test_who_has_waited_longest_is_in_the_circle():
    queue = told(
        {"A": "x", "B": "y", "C": "z"},
        [("A", "y", "x"), ("C", "y", "z"), ("B", "z", "y"), ("B", "x", "y")],
    )

    assert served(queue) == [("A", "y"), ("B", "x")]


def seats_of(queue) -> Counter:
    """All seats there are: those that are free and those that are held."""
    held = Counter(one for ones in queue.held.values() for one in ones)
    return held + Counter(queue.free)


def orders_of(queue) -> list:
    """The orders that still wait, the longest waiting first."""
    found = {order for line in queue.lines.values() for order in line.values()}
    return sorted((one for one in found if not one.is_over), key=lambda one: one.waits[0].pk)


def served_together(queue, orders) -> bool:
    """Whether these could all be served at once."""
    spare = Counter(queue.free)
    for order in orders:
        if queue.new[order.user_id] & set(order.gives_up):
            return False
        spare.update(queue.held[order.user_id] & set(order.gives_up))
    spare.subtract(one for order in orders for one in order.subscriptions)
    return min(spare.values()) >= 0 and len({one.user_id for one in orders}) == len(orders)


@given(queues(most_wanted=3))
@settings(max_examples=150, deadline=None)
def test_no_seat_too_many_and_nobody_gives_for_nothing(queue):
    before = seats_of(queue)
    held = {user: set(ones) for user, ones in queue.held.items()}

    ended = waitlist._decide(queue, allow)

    # What nobody waits for is not counted once it is given back.
    assert seats_of(queue) <= before
    assert min(queue.free.values()) >= 0
    got, gave = defaultdict(set), defaultdict(set)
    for order in ended:
        assert order.back <= held[order.user_id] & set(order.gives_up)
        assert not order.back & gave[order.user_id]
        got[order.user_id] |= set(order.subscriptions)
        gave[order.user_id] |= order.back
    for user, ones in queue.held.items():
        assert ones == held[user] - gave[user] | got[user]
        assert gave[user] == set() or got[user] != set()


@given(queues())
@settings(max_examples=150, deadline=None)
def test_nobody_waits_who_could_be_served(queue):
    waitlist._decide(queue, allow)

    left = orders_of(queue)
    for number in range(1, 5):
        for some in combinations(left, number):
            assert not served_together(queue, some), some


@given(queues())
@settings(max_examples=150, deadline=None)
def test_first_come_first_served(queue):
    """Of two who want the same one seat and would give the same, the later is not served alone."""
    lines = {one: list(line.values()) for one, line in queue.lines.items()}
    held = {user: frozenset(ones) for user, ones in queue.held.items()}
    alone = Counter(order.user_id for line in lines.values() for order in line)

    ended = set(waitlist._decide(queue, allow))

    for some in lines.values():
        served = defaultdict(list)
        for order in some:
            if alone[order.user_id] == 1:
                served[held[order.user_id] & frozenset(order.gives_up)].append(order in ended)
        for flags in served.values():
            assert flags == sorted(flags, reverse=True)


@given(queues())
@settings(max_examples=100, deadline=None)
def test_without_swaps_the_first_in_line_get_what_is_free(queue):
    for order in orders_of(queue):
        order.gives_up = ()
    free = dict(queue.free)
    lines = {one: list(line.values()) for one, line in queue.lines.items()}

    ended = set(waitlist._decide(queue, allow))

    assert ended == {order for one, line in lines.items() for order in line[: free[one]]}
