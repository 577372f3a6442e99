"""Undoing swaps where no seat is free, or only a few are: in the order of the lines."""

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from batches.operations.wake import MAX_LINES_IN_REQUEST
from licensing.models import Assignment, Subscription
from licensing.operations.seats import revoke
from tests import factories
from tests.users.test_queue import fill, hold, holders, run
from tests.workers import run_chunk
from users.acts.licenses import Changes, plan_licenses
from users.acts.undo import plan_undo

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, name, location="US") for name in "ABCDEF"]


@pytest.fixture
def products(contoso):
    """Three products of one seat each."""
    return [factories.subscription(contoso, name, seats=1) for name in ("One", "Two", "Three")]


@pytest.fixture
def exchange(contoso, people, products, alice):
    """Make a batch, the last user first, in which each user got the seat of the next."""

    def make(number):
        some = list(zip(people[:number], products[:number], strict=True))
        for user, product in some:
            hold(product, user)
        for place, (user, product) in enumerate(some):
            wanted = products[(place + 1) % number]
            run(contoso, [user], alice, add=[wanted], remove=[product])
        assert fill(contoso) == 0
        set_seats(products[0], 2)
        assert fill(contoso) == number
        set_seats(products[0], 1)
        return Batch.objects.get(kind="queue")

    return make


def set_seats(product, seats):
    Subscription.objects.filter(pk=product.pk).update(seats=seats)


def who_holds(products):
    return [holders(product) for product in products]


def assert_seats_are_kept():
    assert not Subscription.objects.filter(assigned__gt=F("seats")).exists()
    for one in Subscription.objects.all():
        assert one.assigned == Assignment.objects.filter(subscription=one).count()


def states(batch):
    found = Line.objects.filter(batch=batch).order_by("number")
    return [(one.state, [problem["code"] for problem in one.problems]) for one in found]


@pytest.mark.parametrize("number", [2, 3])
def test_without_a_free_seat_all_keep_theirs(exchange, people, products, alice, number):
    batch = exchange(number)
    before = who_holds(products)
    assert before[0] == {people[number - 1].pk}

    planned = plan_undo(batch=batch, by=alice)

    assert states(planned) == [("planned", ["seat_missing"])] * number
    seats = [(one["free"], one["left"], one["short"]) for one in planned.plan["seats"]]
    assert seats == [(0, 0, 1)] * number
    undone = start_batch(batch=planned, by=alice)

    lines = Line.objects.filter(batch=undone)
    assert {(one.state, one.result["code"]) for one in lines} == {("failed", "kept_old")}
    assert who_holds(products) == before
    assert_seats_are_kept()


def test_a_free_seat_goes_from_line_to_line(exchange, people, products, alice):
    batch = exchange(2)
    set_seats(products[1], 2)

    planned = plan_undo(batch=batch, by=alice)

    assert states(planned) == [("planned", [])] * 2
    seats = {one["name"]: (one["free"], one["left"], one["short"]) for one in planned.plan["seats"]}
    assert seats == {"One": (0, 0, 0), "Two": (1, 1, 0)}
    undone = start_batch(batch=planned, by=alice)

    assert states(undone) == [("done", [])] * 2
    assert who_holds(products)[:2] == [{user.pk} for user in people[:2]]
    assert_seats_are_kept()
    changed = Event.objects.filter(action="user.licenses_changed", batch_id=undone.pk)
    assert changed.count() == 2


def test_seat_of_later_line_comes_too_late(exchange, people, products, alice):
    batch = exchange(2)
    set_seats(products[0], 2)

    planned = plan_undo(batch=batch, by=alice)
    assert states(planned) == [("planned", ["seat_missing"]), ("planned", [])]
    undone = start_batch(batch=planned, by=alice)

    assert [state for state, _codes in states(undone)] == ["failed", "done"]
    assert who_holds(products)[:2] == [{people[0].pk, people[1].pk}, set()]
    assert_seats_are_kept()


def test_undo_of_undo_swaps_again(exchange, products, alice):
    batch = exchange(2)
    Subscription.objects.update(seats=2)
    for _again in range(3):
        before = who_holds(products)
        planned = plan_undo(batch=batch, by=alice)
        batch = start_batch(batch=planned, by=alice)
        assert who_holds(products) == before[1::-1] + before[2:]
        assert_seats_are_kept()


def test_seat_lost_after_plan_unlicenses_no_user(exchange, people, products, alice):
    batch = exchange(2)
    ann, bo, cy = people[:3]
    set_seats(products[1], 2)
    planned = plan_undo(batch=batch, by=alice)
    # Between plan and start the free seat goes to another user.
    hold(products[1], cy)

    undone = start_batch(batch=planned, by=alice)

    lines = Line.objects.filter(batch=undone)
    assert {(one.state, one.result["code"]) for one in lines} == {("failed", "kept_old")}
    assert who_holds(products) == [{bo.pk}, {ann.pk, cy.pk}, set()]
    assert_seats_are_kept()


def test_plan_warns_where_the_chain_is_broken(contoso, exchange, people, products, alice):
    batch = exchange(2)
    revoke(customer=contoso, seats=[(people[1].pk, products[0].pk)])
    hold(products[0], people[2])

    planned = plan_undo(batch=batch, by=alice)

    assert states(planned) == [
        ("planned", ["license_gone_since", "seat_missing"]),
        ("planned", ["seat_missing"]),
    ]
    assert [one["short"] for one in planned.plan["seats"]] == [1, 1]


def test_returned_seat_of_suspended_subscription_is_kept(exchange, people, products, alice):
    batch = exchange(2)
    set_seats(products[1], 2)
    planned = plan_undo(batch=batch, by=alice)
    Subscription.objects.filter(pk=products[0].pk).update(state="suspended")

    undone = start_batch(batch=planned, by=alice)

    assert [state for state, _codes in states(undone)] == ["done", "failed"]
    assert who_holds(products)[:2] == [set(), {people[0].pk, people[1].pk}]


def exchange_many(contoso, alice, number):
    """Make a batch in which two groups of users swapped their licenses."""
    seats = [factories.subscription(contoso, name, seats=number) for name in ("Here", "There")]
    users = [factories.user(contoso, f"U {n:03}", location="US") for n in range(2 * number)]
    for place, user in enumerate(users):
        hold(seats[place % 2], user)
    here, there = (str(one.pk) for one in seats)
    batch = create_batch(customer=contoso, kind="licenses", by=alice)
    change = {"add": [], "remove": [], "plans": []}
    save_lines(
        batch=batch,
        lines=[
            PlannedLine(
                user.pk,
                {"user_name": user.user_name, "display_name": user.display_name}
                | change
                | {
                    "add": [{"subscription": here if place % 2 else there, "disabled_plans": []}],
                    "remove": [there if place % 2 else here],
                },
            )
            for place, user in enumerate(users)
        ],
    )
    # There was room for all of them then.
    Subscription.objects.update(seats=2 * number)
    start_batch(batch=batch, by=alice)
    for chunk in batch.jobs.filter(state="pending"):
        run_chunk(batch_id=batch.pk, number=chunk.number)
    batch.refresh_from_db()
    assert batch.state == "done"
    Subscription.objects.update(seats=number)
    return batch, users, seats


def test_one_free_seat_serves_a_chunk_of_swaps(contoso, alice):
    number = MAX_LINES_IN_REQUEST
    batch, users, (here, there) = exchange_many(contoso, alice, number)
    assert holders(here) == {user.pk for user in users[1::2]}

    # Also where no seat had to be passed on when it was planned.
    Subscription.objects.update(seats=2 * number)
    planned = plan_undo(batch=batch, by=alice)
    Subscription.objects.update(seats=number)
    set_seats(here, number + 1)
    undo = start_batch(batch=planned, by=alice)
    chunk = undo.jobs.get(state="pending")
    run_chunk(batch_id=undo.pk, number=chunk.number)

    assert holders(here) == {user.pk for user in users[::2]}
    assert holders(there) == {user.pk for user in users[1::2]}
    assert set(Line.objects.filter(batch=undo).values_list("state", flat=True)) == {"done"}
    assert_seats_are_kept()


def test_number_of_statements_does_not_grow(contoso, alice):
    asked = []
    for number in (1, 20):
        batch, _users, seats = exchange_many(contoso, alice, number)
        set_seats(seats[0], number + 1)
        planned = plan_undo(batch=batch, by=alice)
        with CaptureQueriesContext(connection) as seen:
            start_batch(batch=planned, by=alice)
        asked.append(len(seen))
        for one in seats:
            Assignment.objects.filter(subscription=one).delete()

    assert asked[0] == asked[1]


def test_update_of_other_fields_passes_its_seat_on(contoso, people, products, alice):
    """An import that updates users: one also got another department."""
    one, two, _three = products
    ann, bo = people[:2]
    hold(one, ann)
    hold(two, bo)
    Subscription.objects.update(seats=2)
    batch = create_batch(customer=contoso, kind="import", by=alice)
    swap = [(ann, two, one, {"department": "IT"}), (bo, one, two, {})]
    save_lines(
        batch=batch,
        lines=[
            PlannedLine(
                user.pk,
                {
                    "user_name": user.user_name,
                    "display_name": user.display_name,
                    "changes": changes,
                    "was": {"department": ""} if changes else {},
                    "add": [{"subscription": str(gets.pk), "disabled_plans": []}],
                    "remove": [str(gives.pk)],
                    "plans": [],
                },
                act="update",
            )
            for user, gets, gives, changes in swap
        ],
    )
    start_batch(batch=batch, by=alice)
    Subscription.objects.update(seats=1)
    set_seats(one, 2)
    assert who_holds(products)[:2] == [{bo.pk}, {ann.pk}]

    planned = plan_undo(batch=batch, by=alice)
    # Also the line without other fields: the two are done together.
    assert list(planned.lines.values_list("act", flat=True)) == ["update", "update"]
    undone = start_batch(batch=planned, by=alice)

    assert states(undone) == [("done", []), ("done", [])]
    assert who_holds(products)[:2] == [{ann.pk}, {bo.pk}]
    ann.refresh_from_db()
    assert ann.department == ""
    assert_seats_are_kept()


def test_plan_of_licenses_promises_free_seats_only(contoso, people, products, alice):
    one, two, _three = products
    hold(one, people[0])
    hold(two, people[1])
    changes = Changes(add=frozenset([str(two.pk)]), remove=frozenset([str(one.pk)]))

    planned = plan_licenses(customer=contoso, users=[people[0].pk], changes=changes, by=alice)

    assert states(planned) == [("planned", ["seat_missing"])]
