"""Undoing an exchange of licenses where every seat is taken: they give each other's back."""

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from batches.operations.run import run_chunk
from batches.operations.wake import AT_ONCE
from licensing.models import Assignment, Subscription
from licensing.operations.seats import revoke
from tests import factories
from tests.users.test_queue import fill, hold, holders, run
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
def circle(contoso, people, products, alice):
    """The batch in which so many people got the seat of the next, all at once."""

    def make(number):
        some = list(zip(people[:number], products[:number], strict=True))
        for user, product in some:
            hold(product, user)
        for place, (user, product) in enumerate(some):
            wanted = products[(place + 1) % number]
            run(contoso, [user], alice, give=[wanted], take=[product])
        assert fill(contoso) == number
        return Batch.objects.get(kind=Batch.Kind.QUEUE)

    return make


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
def test_who_exchanged_seats_get_their_own_back(circle, people, products, alice, number):
    batch = circle(number)
    assert who_holds(products)[0] == {people[number - 1].pk}

    planned = plan_undo(batch=batch, by=alice)

    assert states(planned) == [("planned", [])] * number
    seats = [(one["free"], one["left"], one["short"]) for one in planned.plan["seats"]]
    assert seats == [(0, 0, 0)] * number
    undone = start_batch(batch=planned, by=alice)

    assert states(undone) == [("done", [])] * number
    assert who_holds(products)[:number] == [{user.pk} for user in people[:number]]
    assert_seats_are_kept()
    changed = Event.objects.filter(action="user.licenses_changed", batch_id=undone.pk)
    assert changed.count() == number


def test_the_undo_of_such_an_undo_brings_the_exchange_back(circle, people, products, alice):
    batch = circle(2)
    for _again in range(3):
        before = who_holds(products)
        planned = plan_undo(batch=batch, by=alice)
        batch = start_batch(batch=planned, by=alice)
        assert who_holds(products) != before
        assert_seats_are_kept()


def test_where_one_of_them_has_nothing_to_give_any_more_nobody_is_left_without(
    contoso, circle, people, products, alice
):
    batch = circle(2)
    ann, bo, cy = people[:3]
    # Between plan and start the first seat goes to somebody else.
    planned = plan_undo(batch=batch, by=alice)
    revoke(customer=contoso, seats=[(bo.pk, products[0].pk)])
    hold(products[0], cy)

    undone = start_batch(batch=planned, by=alice)

    first, second = Line.objects.filter(batch=undone).order_by("number")
    assert (first.state, first.result["code"]) == ("failed", "kept_old")
    assert (second.state, second.result["code"]) == ("failed", "kept_old")
    assert who_holds(products) == [{cy.pk}, {ann.pk}, set()]
    assert_seats_are_kept()


def test_a_plan_says_who_keeps_what_they_have_as_the_circle_is_broken(
    contoso, circle, people, products, alice
):
    batch = circle(2)
    revoke(customer=contoso, seats=[(people[1].pk, products[0].pk)])
    hold(products[0], people[2])

    planned = plan_undo(batch=batch, by=alice)

    assert states(planned) == [
        ("planned", ["seat_missing"]),
        ("planned", ["license_gone_since", "seat_missing"]),
    ]
    assert [one["short"] for one in planned.plan["seats"]] == [1, 1]


def test_a_suspended_seat_that_is_given_back_is_nobodys(contoso, circle, people, products, alice):
    batch = circle(2)
    planned = plan_undo(batch=batch, by=alice)
    Subscription.objects.filter(pk=products[0].pk).update(state="suspended")

    undone = start_batch(batch=planned, by=alice)

    assert [state for state, _codes in states(undone)] == ["failed", "failed"]
    assert who_holds(products)[:2] == [{people[1].pk}, {people[0].pk}]


def exchange_many(contoso, alice, number):
    """A batch of so many lines: each second user got what the user before gave back."""
    seats = [factories.subscription(contoso, name, seats=number) for name in ("Here", "There")]
    users = [factories.user(contoso, f"U {n:03}", location="US") for n in range(2 * number)]
    for place, user in enumerate(users):
        hold(seats[place % 2], user)
    here, there = (str(one.pk) for one in seats)
    batch = create_batch(customer=contoso, kind=Batch.Kind.LICENSES, by=alice)
    change = {"give": [], "take": [], "plans": []}
    save_lines(
        batch=batch,
        lines=[
            PlannedLine(
                user.pk,
                {"user_name": user.user_name, "display_name": user.display_name}
                | change
                | {
                    "give": [{"subscription": here if place % 2 else there, "plans_off": []}],
                    "take": [there if place % 2 else here],
                },
            )
            for place, user in enumerate(users)
        ],
    )
    # There was room for all of them then.
    Subscription.objects.update(seats=2 * number)
    start_batch(batch=batch, by=alice)
    for chunk in batch.chunks.filter(state="pending"):
        run_chunk(batch_id=batch.pk, number=chunk.number)
    batch.refresh_from_db()
    assert batch.state == "done"
    Subscription.objects.update(seats=number)
    return batch, users, seats


def test_many_who_exchanged_seats_are_done_at_once(contoso, alice):
    number = AT_ONCE
    batch, users, (here, there) = exchange_many(contoso, alice, number)
    assert holders(here) == {user.pk for user in users[1::2]}

    # Also where nobody had to give anything on when it was planned.
    Subscription.objects.update(seats=2 * number)
    planned = plan_undo(batch=batch, by=alice)
    Subscription.objects.update(seats=number)
    undo = start_batch(batch=planned, by=alice)
    (chunk,) = undo.chunks.all()
    run_chunk(batch_id=undo.pk, number=chunk.number)

    assert holders(here) == {user.pk for user in users[::2]}
    assert holders(there) == {user.pk for user in users[1::2]}
    assert set(Line.objects.filter(batch=undo).values_list("state", flat=True)) == {"done"}
    assert_seats_are_kept()


def test_many_are_undone_with_as_many_questions_as_two(contoso, alice):
    asked = []
    for number in (1, 20):
        batch, _users, seats = exchange_many(contoso, alice, number)
        planned = plan_undo(batch=batch, by=alice)
        with CaptureQueriesContext(connection) as seen:
            start_batch(batch=planned, by=alice)
        asked.append(len(seen))
        for one in seats:
            Assignment.objects.filter(subscription=one).delete()

    assert asked[0] == asked[1]


def test_a_change_of_more_than_licenses_gives_its_seat_on_too(contoso, people, products, alice):
    """Of a file that brings people up to date: one also got another department."""
    one, two, _three = products
    ann, bo = people[:2]
    hold(one, ann)
    hold(two, bo)
    Subscription.objects.update(seats=2)
    batch = create_batch(customer=contoso, kind=Batch.Kind.IMPORT, by=alice)
    swap = [(ann, two, one, {"department": "IT"}), (bo, one, two, {})]
    save_lines(
        batch=batch,
        lines=[
            PlannedLine(
                user.pk,
                {
                    "user_name": user.user_name,
                    "display_name": user.display_name,
                    "act": "update",
                    "changes": changes,
                    "was": {"department": ""} if changes else {},
                    "give": [{"subscription": str(gets.pk), "plans_off": []}],
                    "take": [str(gives.pk)],
                    "plans": [],
                },
            )
            for user, gets, gives, changes in swap
        ],
    )
    start_batch(batch=batch, by=alice)
    Subscription.objects.update(seats=1)
    assert who_holds(products)[:2] == [{bo.pk}, {ann.pk}]

    planned = plan_undo(batch=batch, by=alice)
    acts = list(planned.lines.order_by("number").values_list("input__act", flat=True))
    assert acts == ["update", "licenses"]
    undone = start_batch(batch=planned, by=alice)

    assert states(undone) == [("done", []), ("done", [])]
    assert who_holds(products)[:2] == [{ann.pk}, {bo.pk}]
    ann.refresh_from_db()
    assert ann.department == ""
    assert_seats_are_kept()


def test_a_change_that_is_no_undo_promises_nobody_elses_seat(contoso, people, products, alice):
    """As before: who takes part in a plan waits for a free seat, or in line."""
    one, two, _three = products
    hold(one, people[0])
    hold(two, people[1])
    changes = Changes(give=frozenset([str(two.pk)]), take=frozenset([str(one.pk)]))

    planned = plan_licenses(customer=contoso, users=[people[0].pk], changes=changes, by=alice)

    assert states(planned) == [("planned", ["seat_missing"])]
