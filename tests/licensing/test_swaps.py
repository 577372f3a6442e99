"""Users in line who give a license back for the one they wait for."""

from collections import Counter, defaultdict
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
from licensing.operations.seats import SeatChange, Wanted, change_seats, revoke
from tests import factories
from tests.licensing.test_waitlist import allow, buy, fill, hold, holders, keys, queue


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, f"Person {number:02}", location="US") for number in range(8)]


@pytest.fixture
def products(contoso):
    """Three products of one seat each."""
    return [factories.subscription(contoso, name, seats=1) for name in ("One", "Two", "Three")]


def swap(user, new, old):
    return SeatChange(user.pk, (Wanted(user.pk, new.pk),), (old.pk,))


@pytest.mark.django_db
@pytest.mark.parametrize("passes_on", [False, True])
def test_swaps_of_each_others_seat_keep_the_old(contoso, products, people, passes_on):
    one, two, _three = products
    ann, bo = people[:2]
    hold(one, ann)
    hold(two, bo)

    changed = change_seats(
        customer=contoso,
        changes=[swap(ann, two, one), swap(bo, one, two)],
        cause=None,
        passes_on=passes_on,
    )

    assert changed.kept == {ann.pk: [str(two.pk)], bo.pk: [str(one.pk)]}
    assert changed.revoked == {}
    assert (holders(one), holders(two)) == ({ann.pk}, {bo.pk})


@pytest.mark.django_db
@pytest.mark.parametrize("passes_on", [False, True])
def test_freed_seat_goes_on_only_where_asked(contoso, products, people, passes_on):
    one, two, three = products
    ann, bo, cy = people[:3]
    hold(one, ann)
    hold(two, bo)
    changes = [
        swap(bo, one, two),
        SeatChange(cy.pk, (Wanted(cy.pk, two.pk),)),
        SeatChange(ann.pk, (), (one.pk,)),
    ]

    changed = change_seats(customer=contoso, changes=changes, cause=None, passes_on=passes_on)

    assert holders(one) == ({bo.pk} if passes_on else set())
    assert holders(two) == ({cy.pk} if passes_on else {bo.pk})
    assert changed.kept == ({} if passes_on else {bo.pk: [str(one.pk)]})
    assert changed.revoked[ann.pk] == [{"subscription": str(one.pk), "disabled_plans": []}]
    assert holders(three) == set()


@pytest.mark.django_db
def test_users_who_want_each_others_seat_wait(contoso, products, people):
    one, two, _three = products
    ann, bo = people[:2]
    hold(one, ann)
    hold(two, bo)
    queue(two, ann, gives_up=[one])
    queue(one, bo, gives_up=[two])

    assert not queries.has_assignable_seats(contoso)
    assert fill(contoso) == []

    # One more seat serves both.
    buy(two, 2)
    ended = fill(contoso)

    assert [order.user_id for order in ended] == keys([ann, bo])
    assert (holders(one), holders(two)) == ({bo.pk}, {ann.pk})
    assert ended[0].gave_up == [{"subscription": str(one.pk), "disabled_plans": []}]
    assert not WaitingSeat.objects.exists()
    assert sorted(one.assigned for one in Subscription.objects.all()) == [0, 1, 1]
    assert fill(contoso) == []


@pytest.mark.django_db
def test_chain_without_free_seat_waits(contoso, products, people):
    one, two, three = products
    for product, user in zip(products, people, strict=False):
        hold(product, user)
    queue(two, people[0], gives_up=[one])
    queue(three, people[1], gives_up=[two])

    assert not queries.has_assignable_seats(contoso)
    assert fill(contoso) == []
    assert (holders(one), holders(two)) == ({people[0].pk}, {people[1].pk})


@pytest.mark.django_db
def test_license_given_up_otherwise_serves_the_line(contoso, products, people):
    one, two, _three = products
    ann, bo = people[:2]
    hold(one, ann)
    hold(two, bo)
    queue(two, ann, gives_up=[one])
    queue(one, bo, gives_up=[two])
    revoke(customer=contoso, seats=[(ann.pk, one.pk)])

    # The free seat goes to Bo, and Bo's to Ann.
    assert [order.user_id for order in fill(contoso)] == keys([bo, ann])
    assert (holders(one), holders(two)) == ({bo.pk}, {ann.pk})


@pytest.mark.django_db
def test_swap_keeps_plans_as_requested_and_as_held(contoso, people):
    suite = factories.subscription(contoso, "Suite", seats=1, plans=("Mail", "Meetings"))
    other = factories.subscription(contoso, "Other", seats=1)
    mail, meetings = (plan.pk for plan in suite.product.plans.order_by("name"))
    hold(suite, people[0], disabled_plans=[mail])
    queue(other, people[0], gives_up=[suite])
    queue(suite, people[1], disabled_plans=[meetings])

    first, _second = fill(contoso)

    assert first.gave_up == [{"subscription": str(suite.pk), "disabled_plans": [str(mail)]}]
    assert Assignment.objects.get(subscription=suite).disabled_plans == [meetings]


@pytest.mark.django_db
def test_conflict_of_a_swap_serves_the_next(contoso, people):
    one = factories.subscription(contoso, "One", seats=2)
    two = factories.subscription(contoso, "Two", seats=1)
    first, second = people[:2]
    hold(one, first, second)
    queue(two, first, second, gives_up=[one])

    def find_conflicts(user_id, _held, _after):
        return [{"code": "not_sold"}] if user_id == first.pk else []

    ended = fill(contoso, find_conflicts)

    assert [(order.user_id, len(order.problems)) for order in ended] == [
        (first.pk, 1),
        (second.pk, 0),
    ]
    assert (holders(one), holders(two)) == ({first.pk}, {second.pk})


@pytest.mark.django_db
def test_swap_for_a_suspended_subscription_waits(contoso, products, people):
    one, two, _three = products
    hold(one, people[0])
    queue(two, people[0], gives_up=[one])
    Subscription.objects.filter(pk=two.pk).update(state="suspended")

    assert not queries.has_assignable_seats(contoso)
    assert fill(contoso) == []


@pytest.mark.django_db
def test_new_license_is_given_up_in_next_round(contoso, products, people):
    """Ann waits for two and, giving two up, for three: one after the other."""
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
        buy(two, number + 1)
        with CaptureQueriesContext(connection) as seen:
            assert len(fill(contoso)) == 2 * number
        numbers.append(len(seen))

    assert numbers[0] == numbers[1] <= 20


# As above without a database: any lines, any seats.
SEATS = [UUID(int=number) for number in range(4)]
NOT_A_ROW = UUID(int=99)
USERS = [UUID(int=100 + number) for number in range(7)]


@st.composite
def waitlists(draw, most_wanted: int = 1) -> waitlist.Waitlist:
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
                    WaitingSeat(partner_id=NOT_A_ROW, user_id=user, subscription_id=one)
                    for one in wanted
                ]
                orders.append(waitlist.Order(user, UUID(int=cause), tuple(sorted(gives)), waits))
    orders = draw(st.permutations(orders))
    for place, order in enumerate(orders):
        for n, one in enumerate(order.waits):
            one.pk = UUID(int=1000 + 10 * place + n)
    awaited = defaultdict(set)
    for order in orders:
        awaited[order.user_id] |= set(order.subscriptions)
    return waitlist.Waitlist(
        customer=SimpleNamespace(),
        free={one: draw(st.integers(0, 2)) for one in SEATS},
        lines=waitlist.arrange(orders),
        held=held,
        awaited=dict(awaited),
        needless=[],
    )


def count_seats(found) -> Counter:
    """All seats there are: those that are free and those that are held."""
    held = Counter(one for ones in found.held.values() for one in ones)
    return held + Counter(found.free)


def waiting_in(found) -> list:
    """The orders that still wait, the longest waiting first."""
    orders = {order for line in found.lines.values() for order in line}
    return sorted((one for one in orders if not one.is_over), key=lambda one: one.waits[0].pk)


@given(waitlists(most_wanted=3))
@settings(max_examples=150, deadline=None)
def test_no_seat_is_made_up_and_no_license_lost(found):
    before = count_seats(found)
    held = {user: set(ones) for user, ones in found.held.items()}

    ended = waitlist.select_orders(found, allow)

    # Seats of a subscription without a line are not counted once they are given back.
    assert count_seats(found) <= before
    assert min(found.free.values()) >= 0
    got, gave = defaultdict(set), defaultdict(set)
    for order in ended:
        assert order.back <= held[order.user_id] & set(order.gives_up)
        assert not order.back & gave[order.user_id]
        got[order.user_id] |= set(order.subscriptions)
        gave[order.user_id] |= order.back
    for user, ones in found.held.items():
        assert ones == held[user] - gave[user] | got[user]
        assert gave[user] == set() or got[user] != set()


@given(waitlists(most_wanted=3))
@settings(max_examples=150, deadline=None)
def test_no_user_waits_for_seats_that_are_free(found):
    waitlist.select_orders(found, allow)

    for order in waiting_in(found):
        is_next_round = found.new[order.user_id] & set(order.gives_up)
        assert is_next_round or any(found.free[one] < 1 for one in order.subscriptions)


@given(waitlists())
@settings(max_examples=150, deadline=None)
def test_of_equal_requests_the_earlier_is_served(found):
    lines = {one: list(line) for one, line in found.lines.items()}
    held = {user: frozenset(ones) for user, ones in found.held.items()}
    alone = Counter(order.user_id for line in lines.values() for order in line)

    ended = set(waitlist.select_orders(found, allow))

    for orders in lines.values():
        served = defaultdict(list)
        for order in orders:
            if alone[order.user_id] == 1:
                served[held[order.user_id] & frozenset(order.gives_up)].append(order in ended)
        for flags in served.values():
            assert flags == sorted(flags, reverse=True)


@given(waitlists())
@settings(max_examples=100, deadline=None)
def test_without_swaps_first_in_line_are_served(found):
    for order in waiting_in(found):
        order.gives_up = ()
    free = dict(found.free)
    lines = {one: list(line) for one, line in found.lines.items()}

    ended = set(waitlist.select_orders(found, allow))

    assert ended == {order for one, line in lines.items() for order in line[: free[one]]}
