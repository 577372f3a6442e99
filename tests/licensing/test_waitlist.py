from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from licensing import queries
from licensing.models import Assignment, Subscription, WaitingSeat
from licensing.operations.seats import Wanted, assign, revoke
from licensing.operations.subscriptions import change_subscription
from licensing.operations.waitlist import (
    WaitRequest,
    assign_waiting,
    lock_waitlist,
    stop_all_waiting,
    stop_waiting,
    wait,
)
from partners import tenancy
from tests import PATIENCE, factories


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, f"Person {number:02}", location="US") for number in range(8)]


@pytest.fixture
def full(contoso):
    """A subscription whose two seats are both taken."""
    bought = factories.subscription(contoso, "Full", seats=2)
    hold(bought, *[factories.user(contoso, f"Holder {n}") for n in range(2)])
    return bought


def hold(subscription, *users, disabled_plans=()):
    wanted = [Wanted(user.pk, subscription.pk, tuple(disabled_plans)) for user in users]
    assign(customer=subscription.customer, wanted=wanted, cause=None)


def queue(subscription, *users, gives_up=(), disabled_plans=(), cause=None):
    requests = [
        WaitRequest(
            Wanted(user.pk, subscription.pk, tuple(disabled_plans)),
            tuple(one.pk for one in gives_up),
        )
        for user in users
    ]
    return wait(customer=subscription.customer, requests=requests, cause=cause)


def allow(_user_id, _held, _after):
    return []


def fill(customer, find_conflicts=allow):
    found = lock_waitlist(customer=customer)
    return assign_waiting(waitlist=found, find_conflicts=find_conflicts) if found else []


def buy(subscription, seats):
    Subscription.objects.filter(pk=subscription.pk).update(seats=seats)


def holders(subscription) -> set:
    return set(Assignment.objects.filter(subscription=subscription).values_list("user", flat=True))


def line(subscription) -> list:
    waits = WaitingSeat.objects.filter(subscription=subscription).order_by("pk")
    return list(waits.values_list("user", flat=True))


def keys(users) -> list:
    return [user.pk for user in users]


@pytest.mark.django_db
def test_free_seats_go_to_first_in_line(contoso, full, people):
    # Not in the order in which they were made.
    queue(full, *reversed(people[:4]))
    queue(full, people[5])
    buy(full, 5)

    ended = fill(contoso)

    assert [order.user_id for order in ended] == keys([people[3], people[2], people[1]])
    assert line(full) == keys([people[0], people[5]])
    assert holders(full) >= set(keys(people[1:4]))
    full.refresh_from_db()
    assert (full.assigned, full.seats) == (5, 5)


@pytest.mark.django_db
def test_a_line_of_thousands_keeps_its_order(contoso, full):
    people = [factories.user(contoso, f"U {n}") for n in range(300)]
    queue(full, *people)

    assert line(full) == keys(people)
    places = queries.get_places(contoso, keys(people[99:100]))
    assert places[people[99].pk, full.pk] == queries.Place(100, 300)


@pytest.mark.django_db
def test_waiting_twice_keeps_the_place(contoso, full, people):
    queue(full, *people[:3])

    places = queue(full, people[0], disabled_plans=[full.pk])

    assert places == {(people[0].pk, full.pk): 1}
    assert line(full) == keys(people[:3])
    assert WaitingSeat.objects.get(user=people[0]).disabled_plans == [full.pk]


@pytest.mark.django_db
def test_assigned_seat_ends_the_wait(contoso, full, people):
    queue(full, *people[:2])
    buy(full, 3)

    hold(full, people[1])

    assert line(full) == keys(people[:1])


@pytest.mark.django_db
def test_service_plans_are_switched_off_as_requested(contoso, people):
    bought = factories.subscription(contoso, "Suite", seats=1, plans=("Mail", "Meetings"))
    hold(bought, people[0])
    off = [bought.product.plans.first().pk]
    queue(bought, people[1], disabled_plans=off)
    buy(bought, 2)

    fill(contoso)

    assert Assignment.objects.get(user=people[1]).disabled_plans == off


@pytest.mark.django_db
def test_swap_passes_its_old_seat_on(contoso, full, people):
    old = factories.subscription(contoso, "Old", seats=2)
    oldest = factories.subscription(contoso, "Oldest", seats=1)
    hold(old, *people[:2])
    hold(oldest, people[2])
    queue(oldest, people[3])
    queue(old, people[2], people[4], gives_up=[oldest])
    queue(full, people[0], people[1], gives_up=[old])
    buy(full, 3)

    ended = fill(contoso)

    assert [order.user_id for order in ended] == keys([people[0], people[2], people[3]])
    assert people[0].pk in holders(full)
    assert holders(old) == {people[1].pk, people[2].pk}
    assert holders(oldest) == {people[3].pk}
    assert ended[0].gave_up == [{"subscription": str(old.pk), "disabled_plans": []}]
    assert line(full) == [people[1].pk]
    assert line(old) == [people[4].pk]


@pytest.mark.django_db
def test_swap_for_two_waits_for_both_seats(contoso, full, people):
    other = factories.subscription(contoso, "Other", seats=1)
    old = factories.subscription(contoso, "Old", seats=1)
    hold(other, people[7])
    hold(old, people[0])
    requests = [WaitRequest(Wanted(people[0].pk, one.pk), (old.pk,)) for one in (full, other)]
    wait(customer=contoso, requests=requests, cause=None)
    queue(full, people[1])
    buy(full, 3)

    assert [order.user_id for order in fill(contoso)] == [people[1].pk]
    assert holders(old) == {people[0].pk}

    buy(full, 4)
    buy(other, 2)
    (order,) = fill(contoso)

    assert set(order.subscriptions) == {full.pk, other.pk}
    assert holders(old) == set()
    assert not WaitingSeat.objects.exists()


@pytest.mark.django_db
def test_conflict_ends_the_wait_for_the_next(contoso, full, people):
    queue(full, *people[:2])
    buy(full, 3)

    def find_conflicts(user_id, _held, _after):
        return [{"code": "not_sold"}] if user_id == people[0].pk else []

    ended = fill(contoso, find_conflicts)

    assert [(order.user_id, len(order.problems)) for order in ended] == [
        (people[0].pk, 1),
        (people[1].pk, 0),
    ]
    assert people[0].pk not in holders(full)
    assert line(full) == []


@pytest.mark.django_db
def test_required_product_that_is_awaited_keeps_waiting(contoso, full, people):
    base = factories.subscription(contoso, "Base", seats=1)
    hold(base, people[7])
    queue(full, people[0])
    queue(base, people[0])
    buy(full, 3)

    def find_conflicts(_user_id, _held, after):
        return [{"code": "requires"}] if full.pk in after and base.pk not in after else []

    assert fill(contoso, find_conflicts) == []
    assert line(full) == [people[0].pk]

    buy(base, 2)
    assert [order.subscriptions for order in fill(contoso, find_conflicts)] == [
        [base.pk],
        [full.pk],
    ]


@pytest.mark.django_db
def test_suspended_subscription_keeps_its_line(contoso, people):
    bought = factories.subscription(contoso, "Late", seats=5, state="suspended")
    queue(bought, *people[:2])

    assert fill(contoso) == []
    assert line(bought) == keys(people[:2])

    Subscription.objects.filter(pk=bought.pk).update(state="active")
    assert len(fill(contoso)) == 2


@pytest.mark.django_db
def test_seat_of_suspended_subscription_is_not_assigned(contoso, full, people):
    old = factories.subscription(contoso, "Old", seats=1)
    hold(old, people[0])
    Subscription.objects.filter(pk=old.pk).update(state="suspended")
    queue(old, people[1])
    queue(full, people[0], gives_up=[old])
    buy(full, 3)

    assert [order.user_id for order in fill(contoso)] == [people[0].pk]
    assert line(old) == [people[1].pk]


@pytest.mark.django_db
def test_user_taken_off_the_line_gets_nothing(contoso, full, people):
    queue(full, *people[:3])

    ended = stop_waiting(customer=contoso, seats=[(people[0].pk, full.pk), (people[5].pk, full.pk)])
    gone = stop_all_waiting(customer=contoso, users=[people[1].pk])

    assert (ended, gone) == ({people[0].pk: [str(full.pk)]}, {people[1].pk: [str(full.pk)]})
    buy(full, 5)
    assert [order.user_id for order in fill(contoso)] == [people[2].pk]


@pytest.mark.django_db
def test_long_line_is_served_in_rounds(contoso, full, people, monkeypatch):
    monkeypatch.setattr("licensing.operations.waitlist.MAX_PLACES", 3)
    queue(full, *people)
    buy(full, 9)

    rounds = []
    while ended := fill(contoso):
        rounds.append([order.user_id for order in ended])

    assert rounds == [keys(people[:3]), keys(people[3:6]), keys(people[6:7])]


@pytest.mark.django_db
def test_the_number_of_statements_does_not_grow(contoso, full):
    numbers = []
    for number in (1, 50):
        people = [factories.user(contoso, f"{number} {n}") for n in range(number)]
        queue(full, *people)
        full.refresh_from_db()
        buy(full, full.seats + number)
        with CaptureQueriesContext(connection) as seen:
            assert len(fill(contoso)) == number
        numbers.append(len(seen))

    assert numbers[0] == numbers[1] <= 20


@pytest.mark.django_db(transaction=True)
def test_sixteen_threads_assign_each_seat_once(contoso, northwind):
    bought = factories.subscription(contoso, "Few", seats=10)
    people = [factories.user(contoso, f"P {n}") for n in range(60)]
    hold(bought, *people[:10])
    queue(bought, *people[10:])
    start, raised, filled = Barrier(16), [], []

    def run(number):
        try:
            with tenancy.tenant(northwind.pk):
                start.wait(PATIENCE)
                for turn in range(3):
                    if number % 2:
                        with transaction.atomic():
                            lock(contoso)
                            filled.extend(fill(contoso))
                    elif number < 14 and turn == 0:
                        with transaction.atomic():
                            lock(contoso)
                            seat = (people[number // 2].pk, bought.pk)
                            revoke(customer=contoso, seats=[seat])
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert raised == []
    with transaction.atomic():
        filled.extend(fill(contoso))
    got = [order.user_id for order in filled]
    # Seven seats became free: the first seven in line have them, each once.
    assert sorted(got) == sorted(keys(people[10:17]))
    with transaction.atomic():
        assert Subscription.objects.get(pk=bought.pk).assigned == 10
        assert line(bought) == keys(people[17:])
        assert holders(bought) == set(keys(people[7:17]))


def lock(customer):
    """Take the lock that every operation on users takes first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM customers_usercount WHERE customer_id = %s FOR NO KEY UPDATE",
            [customer.pk],
        )


@pytest.mark.django_db
def test_added_seats_notify_only_where_users_wait(contoso, full, people, alice, monkeypatch):
    notified = []
    monkeypatch.setattr("licensing.operations.waitlist._NOTIFIED", [notified.append])

    def change(**changes):
        values = {"seats": 2, "state": "active", "renews_on": None} | changes
        change_subscription(subscription=full, **values, by=alice)

    change(seats=3)
    assert notified == []
    change(seats=2)
    queue(full, people[0])
    change(seats=4, state="suspended")
    assert notified == []
    change(seats=4)
    assert notified == [contoso]


@pytest.mark.django_db
def test_other_partner_neither_sees_nor_ends_waits(contoso, full, people, rival):
    queue(full, people[0])

    with tenancy.tenant(rival.pk):
        assert queries.count_waiting(contoso) == {}
        assert queries.get_places(contoso, keys(people)) == {}
        assert stop_all_waiting(customer=contoso, users=keys(people)) == {}
        assert not queries.has_assignable_seats(contoso)
    assert line(full) == keys(people[:1])
