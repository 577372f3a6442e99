"""The waitlist: users without a free seat get the next one, and their member gets a report."""

from threading import Barrier, Thread
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from batches import texts
from batches.models import Batch, Line
from batches.operations.control import start_batch
from batches.queries.batch import get_progress
from licensing import queries as licensing_queries
from licensing.models import Assignment, ProductRule, Subscription, WaitingSeat
from licensing.operations.seats import Wanted, assign
from licensing.operations.subscriptions import change_subscription
from licensing.queries import find_product_names
from partners import tenancy
from partners.access import Refused
from partners.roles import Role
from tests import PATIENCE, factories
from users import tasks
from users.acts.delete import plan_deletes
from users.acts.licenses import Changes, plan_licenses
from users.acts.restore import plan_restores
from users.acts.waitlist import fill_waiting, stop_waiting, sweep_waiting
from users.models import CustomerUser
from users.queries.routes import find_partners_with_free_seats

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, name, location="US") for name in "ABCDEF"]


@pytest.fixture
def visio(contoso):
    """Two seats for six people."""
    return factories.subscription(contoso, "Visio", seats=2)


def hold(subscription, *users, disabled_plans=()):
    wanted = [Wanted(user.pk, subscription.pk, tuple(disabled_plans)) for user in users]
    assign(customer=subscription.customer, wanted=wanted, cause=None)


def plan(contoso, users, by, when_short="queue", **changes):
    sets = {name: frozenset(str(one.pk) for one in value) for name, value in changes.items()}
    return plan_licenses(
        customer=contoso,
        users=[user.pk for user in users],
        changes=Changes(**sets),
        when_short=when_short,
        by=by,
    )


def run(contoso, users, by, **changes):
    return start_batch(batch=plan(contoso, users, by, **changes), by=by)


def delete(contoso, users, by):
    batch = plan_deletes(customer=contoso, users=[user.pk for user in users], by=by)
    return start_batch(batch=batch, by=by)


def buy(subscription, seats, by, **more):
    with transaction.atomic():
        subscription.refresh_from_db()
    values = {"state": subscription.state, "renews_on": None} | more
    change_subscription(subscription=subscription, seats=seats, **values, by=by)


def fill(contoso):
    return fill_waiting(customer_id=contoso.pk)


def lines(batch) -> list[Line]:
    return list(Line.objects.filter(batch=batch).order_by("number"))


def said(contoso, line) -> list[str]:
    (shown,) = texts.show([line], find_product_names(contoso))
    return [one.text for one in shown.messages]


def states(batch) -> list[str]:
    return [line.state for line in lines(batch)]


def holders(subscription) -> set:
    return set(Assignment.objects.filter(subscription=subscription).values_list("user", flat=True))


def line_of(subscription) -> list:
    waits = WaitingSeat.objects.filter(subscription=subscription).order_by("pk")
    return list(waits.values_list("user", flat=True))


def keys(users) -> list:
    return [user.pk for user in users]


def from_the_queue() -> Batch:
    return Batch.objects.get(kind="queue")


def test_plan_shows_places_of_waiting_users(contoso, visio, people, alice):
    batch = plan(contoso, people[:5], alice, add=[visio])

    (seats,) = batch.plan["seats"]
    assert (seats["short"], seats["waits"], seats["line"], seats["left"]) == (3, 3, 0, 0)
    assert [one.problems for one in lines(batch)][:2] == [[], []]
    assert said(contoso, lines(batch)[4]) == ["Will wait for “Visio”, place 3."]


def test_users_without_seat_wait_in_list_order(contoso, visio, people, alice):
    batch = run(contoso, people[:5], alice, add=[visio])

    assert states(batch) == ["done", "done", "partly", "partly", "partly"]
    assert holders(visio) == set(keys(people[:2]))
    assert line_of(visio) == keys(people[2:5])
    last = lines(batch)[4]
    assert last.result["waiting"] == [str(visio.pk)]
    assert "short" not in last.result
    assert said(contoso, last) == ["Waiting for Visio, place 3."]


def test_no_user_waits_twice(contoso, visio, people, alice):
    run(contoso, people[:4], alice, add=[visio])

    again = plan(contoso, people[2:5], alice, add=[visio])

    assert said(contoso, lines(again)[0]) == ["Will wait for “Visio”, place 1."]
    assert (again.plan["seats"][0]["line"], again.plan["seats"][0]["waits"]) == (2, 1)
    start_batch(batch=again, by=alice)
    assert line_of(visio) == keys(people[2:5])
    assert [one.result["places"][str(visio.pk)] for one in lines(again)] == [1, 2, 3]


def test_first_come_leaves_waitlist_empty(contoso, visio, people, alice):
    run(contoso, people, alice, when_short="first", add=[visio])

    assert line_of(visio) == []


def test_bought_seats_go_to_first_on_waitlist(contoso, visio, people, alice):
    queued = run(contoso, people[:5], alice, add=[visio])
    buy(visio, 4, alice)

    assert fill(contoso) == 2

    assert holders(visio) == set(keys(people[:4]))
    assert line_of(visio) == [people[4].pk]
    batch = from_the_queue()
    assert (batch.by, batch.state, batch.total) == (alice, "done", 2)
    assert batch.options == {"causes": [str(queued.pk)]}
    assert [(one.user_id, one.state) for one in lines(batch)] == [
        (people[2].pk, "done"),
        (people[3].pk, "done"),
    ]
    assert texts.heading(batch, get_progress(batch)) == "Licenses assigned to 2 waiting users"
    events = Event.objects.filter(action="user.licenses_changed", batch_id=batch.pk)
    assert set(events.values_list("subject_id", flat=True)) == set(keys(people[2:4]))
    assert fill(contoso) == 0
    assert Batch.objects.filter(kind="queue").count() == 1


def test_each_member_gets_report_of_own_users(contoso, visio, people, alice, northwind):
    carol = factories.member(northwind, "carol", role=Role.ADMIN_AGENT)
    run(contoso, people[:3], alice, add=[visio])
    run(contoso, people[3:5], carol, add=[visio])
    buy(visio, 5, alice)

    assert fill(contoso) == 3

    told = Batch.objects.filter(kind="queue").values_list("by", "total")
    assert dict(told) == {alice.pk: 1, carol.pk: 2}


def test_waiting_swap_keeps_old_license(contoso, visio, people, alice):
    old = factories.subscription(contoso, "Old", seats=6, plans=("Mail",))
    other = factories.subscription(contoso, "Other", seats=6)
    off = [old.product.plans.get().pk]
    hold(old, *people[:4], disabled_plans=off)
    hold(other, *people[:4], disabled_plans=off)

    batch = run(contoso, people[:4], alice, add=[visio], remove=[old])

    assert states(batch) == ["done", "done", "partly", "partly"]
    assert holders(old) == set(keys(people[2:4]))
    assert "removed" not in lines(batch)[2].result
    buy(visio, 3, alice)
    assert fill(contoso) == 1
    assert holders(visio) == set(keys(people[:3]))
    assert holders(old) == {people[3].pk}
    assert Assignment.objects.get(user=people[3], subscription=old).disabled_plans == off
    assert set(
        Assignment.objects.filter(subscription=other).values_list("user_id", flat=True)
    ) == set(keys(people[:4]))
    assert all(one.disabled_plans == off for one in Assignment.objects.filter(subscription=other))
    (line,) = lines(from_the_queue())
    assert line.result == {
        "assigned": [str(visio.pk)],
        "removed": [str(old.pk)],
        "held": [{"subscription": str(old.pk), "disabled_plans": [str(off[0])]}],
    }


def test_returned_seat_goes_to_next_waiting_user(contoso, visio, people, alice):
    old = factories.subscription(contoso, "Old", seats=1)
    hold(visio, *people[4:])
    hold(old, people[0])
    run(contoso, people[1:2], alice, add=[old])
    run(contoso, people[:1], alice, add=[visio], remove=[old])

    delete(contoso, people[4:5], alice)
    assert fill(contoso) == 2

    assert holders(old) == {people[1].pk}
    assert holders(visio) == {people[0].pk, people[5].pk}


def test_conflict_ends_wait(contoso, visio, people, alice):
    rival = factories.subscription(contoso, "Rival", seats=5)
    run(contoso, people[:5], alice, add=[visio])
    hold(rival, people[2])
    ProductRule.objects.create(product=rival.product, kind="excludes", other=visio.product)
    CustomerUser.objects.filter(pk=people[3].pk).update(location="")
    buy(visio, 3, alice)

    assert fill(contoso) == 3

    assert holders(visio) == {people[0].pk, people[1].pk, people[4].pk}
    assert line_of(visio) == []
    batch = from_the_queue()
    assert states(batch) == ["failed", "failed", "done"]
    first, second, _third = (said(contoso, one) for one in lines(batch))
    assert "Rival" in first[0]
    assert second[0].startswith("This user has no usage location")
    assert first[1] == second[1]
    assert "is no longer waiting" in first[1]


def test_a_product_not_sold_there_ends_the_wait(contoso, visio, people, alice):
    run(contoso, people[:3], alice, add=[visio])
    CustomerUser.objects.filter(pk=people[2].pk).update(location="FR")
    visio.product.not_sold_in = ["FR"]
    visio.product.save()
    buy(visio, 3, alice)

    fill(contoso)

    assert states(from_the_queue()) == ["failed"]
    assert people[2].pk not in holders(visio)


def test_a_suspended_subscription_lets_them_wait(contoso, visio, people, alice):
    run(contoso, people[:3], alice, add=[visio])
    buy(visio, 5, alice, state="suspended")

    assert fill(contoso) == 0
    assert line_of(visio) == [people[2].pk]

    buy(visio, 5, alice, state="active")
    assert fill(contoso) == 1


def test_suspended_subscription_lets_all_users_wait(contoso, visio, people, alice):
    batch = plan(contoso, people[:2], alice, add=[visio])
    buy(visio, 2, alice, state="suspended")

    start_batch(batch=batch, by=alice)

    assert states(batch) == ["partly", "partly"]
    assert line_of(visio) == keys(people[:2])


def test_deletion_ends_wait_for_good(contoso, visio, people, alice):
    run(contoso, people[:4], alice, add=[visio])
    planned = plan_deletes(customer=contoso, users=[people[2].pk], by=alice)
    assert planned.plan["waiting"] == 1

    start_batch(batch=planned, by=alice)

    assert line_of(visio) == [people[3].pk]
    assert lines(planned)[0].result == {"stopped": [str(visio.pk)]}
    back = plan_restores(customer=contoso, users=[people[2].pk], by=alice)
    start_batch(batch=back, by=alice)
    assert line_of(visio) == [people[3].pk]


def test_removing_awaited_license_ends_wait(contoso, visio, people, alice):
    run(contoso, people[:4], alice, add=[visio])

    batch = run(contoso, people[1:3], alice, remove=[visio])

    assert states(batch) == ["done", "done"]
    assert lines(batch)[1].result["stopped"] == [str(visio.pk)]
    assert said(contoso, lines(batch)[1]) == ["No longer waiting for Visio."]
    assert line_of(visio) == [people[3].pk]


def test_member_can_end_wait(contoso, visio, people, alice, bob):
    run(contoso, people[:4], alice, add=[visio])
    user = people[2]
    with pytest.raises(Refused):
        stop_waiting(user=user, subscription_id=visio.pk, by=bob)

    assert stop_waiting(user=user, subscription_id=visio.pk, by=alice)
    assert not stop_waiting(user=user, subscription_id=visio.pk, by=alice)

    assert line_of(visio) == [people[3].pk]
    event = Event.objects.filter(action="user.licenses_changed").latest("pk")
    assert (event.subject_id, event.after) == (user.pk, {"stopped": [str(visio.pk)]})


def test_ending_wait_of_administrator_needs_permission(contoso, visio, people, alice, helen):
    run(contoso, people[:3], alice, add=[visio])
    user = people[2]
    CustomerUser.objects.filter(pk=user.pk).update(permissions=["global_administrator"])
    user.refresh_from_db()

    with pytest.raises(Refused):
        stop_waiting(user=user, subscription_id=visio.pk, by=helen)


def test_archived_customer_assigns_no_seats(contoso, visio, people, alice):
    run(contoso, people[:3], alice, add=[visio])
    buy(visio, 3, alice)
    contoso.state = contoso.State.ARCHIVED
    contoso.save()

    assert fill(contoso) == 0


@pytest.fixture
def sent(monkeypatch):
    """The wake-ups that would be sent."""
    wake_ups = []

    def send(task, *, kwargs, queue, **_more):
        wake_ups.append((task, queue, kwargs))

    monkeypatch.setattr("batches.operations.wake.current_app.send_task", send)
    return wake_ups


def test_freed_or_bought_seats_wake_worker(
    contoso, visio, people, alice, sent, django_capture_on_commit_callbacks
):
    expected = (
        "users.fill_waiting",
        "interactive",
        {"partner_id": str(contoso.partner_id), "customer_id": str(contoso.pk)},
    )

    def woken_by(act, *arguments, **more):
        sent.clear()
        with django_capture_on_commit_callbacks(execute=True):
            act(*arguments, **more)
        fill(contoso)
        return expected in sent

    assert not woken_by(run, contoso, people[:3], alice, add=[visio])
    assert woken_by(delete, contoso, people[:1], alice)
    run(contoso, people[3:6], alice, add=[visio])
    assert woken_by(run, contoso, people[1:2], alice, remove=[visio])
    assert woken_by(buy, visio, 3, alice)
    assert not woken_by(buy, visio, 10, alice, state="suspended")
    assert woken_by(buy, visio, 10, alice, state="active")
    assert not woken_by(buy, visio, 20, alice)


def test_sweep_finds_free_seats_without_wake_up(
    contoso, visio, people, alice, sent, django_capture_on_commit_callbacks
):
    run(contoso, people[:3], alice, add=[visio])
    assert find_partners_with_free_seats() == []
    Subscription.objects.filter(pk=visio.pk).update(seats=3)

    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()

    assert [(task, kwargs["customer_id"]) for task, _queue, kwargs in sent] == [
        ("users.fill_waiting", str(contoso.pk))
    ]
    tasks.fill_waiting(**sent[0][2])
    assert find_partners_with_free_seats() == []
    assert line_of(visio) == []


def test_a_rival_fills_nothing(contoso, visio, people, alice, rival):
    run(contoso, people[:3], alice, add=[visio])
    buy(visio, 3, alice)

    with tenancy.tenant(rival.pk):
        assert fill(contoso) == 0
        assert sweep_waiting() == 0
    assert line_of(visio) == [people[2].pk]


@pytest.mark.parametrize("act", ["apply", "fill"])
def test_the_number_of_statements_does_not_grow(contoso, visio, alice, act):
    hold(visio, *[factories.user(contoso, f"H {n}") for n in range(2)])
    numbers = []
    for number in (1, 40):
        users = [factories.user(contoso, f"U {number} {n}", location="US") for n in range(number)]
        batch = plan(contoso, users, alice, add=[visio])
        with CaptureQueriesContext(connection) as seen:
            start_batch(batch=batch, by=alice)
        if act == "fill":
            visio.refresh_from_db()
            buy(visio, visio.seats + number, alice)
            with CaptureQueriesContext(connection) as seen:
                assert fill(contoso) == number
        numbers.append(len(seen))

    assert numbers[0] == numbers[1]


def in_threads(northwind, acts):
    """Do all of these at the same moment, each as Northwind; returns what was raised."""
    start, raised = Barrier(len(acts)), []

    def go(act):
        try:
            with tenancy.tenant(northwind.pk):
                start.wait(PATIENCE)
                act()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [Thread(target=go, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return raised


@pytest.mark.django_db(transaction=True)
def test_two_workers_assign_waiting_seats_once(contoso, visio, people, alice, northwind):
    run(contoso, people, alice, add=[visio])
    buy(visio, 5, alice)
    counts = []

    raised = in_threads(northwind, [lambda: counts.append(fill(contoso))] * 8)

    assert raised == []
    assert sorted(counts) == [0] * 7 + [3]
    with transaction.atomic():
        assert line_of(visio) == [people[5].pk]
        assert Batch.objects.filter(kind="queue").count() == 1


@pytest.mark.django_db(transaction=True)
def test_sixteen_workers_assign_no_seat_too_many(contoso, alice, northwind):
    people = [factories.user(contoso, f"P {n:02}", location="US") for n in range(40)]
    old = factories.subscription(contoso, "Old", seats=40)
    new = factories.subscription(contoso, "New", seats=8)
    with transaction.atomic():
        hold(old, *people)
    run(contoso, people, alice, add=[new], remove=[old])
    with transaction.atomic():
        assert line_of(new) == keys(people[8:])

    def free(number):
        delete(contoso, [people[number]], alice)
        fill(contoso)

    def watch():
        for _again in range(15):
            fill(contoso)
            with transaction.atomic():
                held = set(Assignment.objects.values_list("user", flat=True))
                active = CustomerUser.objects.filter(deleted_at=None)
                # No user is without a license at any time.
                assert set(active.values_list("pk", flat=True)) <= held

    acts = [lambda number=number: free(number) for number in range(8)] + [watch] * 8
    raised = in_threads(northwind, acts)

    assert raised == []
    fill(contoso)
    with transaction.atomic():
        assert holders(new) == set(keys(people[8:16]))
        assert line_of(new) == keys(people[16:])
        assert holders(old) == set(keys(people[16:]))
        assert Subscription.objects.get(pk=new.pk).assigned == 8
        done = Line.objects.filter(batch__kind="queue", state="done")
        assert sorted(done.values_list("user_id", flat=True)) == sorted(keys(people[8:16]))


def test_the_places_are_asked_for_once(contoso, visio, people, alice):
    run(contoso, people, alice, add=[visio])

    assert licensing_queries.count_waiting(contoso) == {visio.pk: 4}
    place = licensing_queries.get_places(contoso, [people[4].pk])[people[4].pk, UUID(str(visio.pk))]
    assert (place.number, place.of) == (3, 4)


def headed(as_alice, contoso, batch) -> str:
    """What the page of the batch is headed by; the list calls it the same."""
    page = as_alice.get(f"/customers/contoso/batches/{batch.pk}/").content.decode()
    heading = page.partition("<h1>")[2].partition("</h1>")[0]
    assert f"{heading}</a>" in as_alice.get("/batches/").content.decode()
    return heading


def test_heading_counts_changed_and_waiting_users(as_alice, contoso, visio, people, alice):
    old = factories.subscription(contoso, "Old", seats=6)
    hold(old, *people)

    both = run(contoso, people[:3], alice, add=[visio], remove=[old])
    assert headed(as_alice, contoso, both) == "Licenses of 2 users changed, 1 user waiting"
    none = run(contoso, people[3:5], alice, add=[visio], remove=[old])
    assert headed(as_alice, contoso, none) == "2 users added to the waitlist"
    # A user with one of two licenses counts as changed, and waits for the other.
    more = factories.subscription(contoso, "More", seats=6)
    some = run(contoso, people[5:], alice, add=[visio, more])
    assert headed(as_alice, contoso, some) == "Licenses of 1 user changed"
    assert get_progress(some).partly == 1

    type(alice).objects.filter(pk=alice.pk).update(language="zh-hans")
    assert headed(as_alice, contoso, both) == "已更改 2 个用户的许可证，1 个用户排队中"


def test_unchanged_users_without_waitlist_are_not_counted(as_alice, contoso, visio, people, alice):
    old = factories.subscription(contoso, "Old", seats=6)
    hold(old, *people)

    batch = run(contoso, people[:3], alice, when_short="first", add=[visio], remove=[old])

    assert headed(as_alice, contoso, batch) == "Licenses of 2 users changed"


@pytest.fixture
def swaps(contoso, visio, people, alice, northwind):
    """A swaps Visio for Project, queued by alice, and B the other way round, queued by carol."""
    project = factories.subscription(contoso, "Project", seats=2)
    carol = factories.member(northwind, "carol", role=Role.ADMIN_AGENT)
    hold(visio, people[0], people[2])
    hold(project, people[1], people[3])
    run(contoso, people[:1], alice, add=[project], remove=[visio])
    run(contoso, people[1:2], carol, add=[visio], remove=[project])
    return project


def test_mutual_swaps_wait_for_free_seat(contoso, visio, people, alice, swaps):
    assert find_partners_with_free_seats() == []
    assert fill(contoso) == 0
    assert (line_of(swaps), line_of(visio)) == ([people[0].pk], [people[1].pk])

    buy(swaps, 3, alice)
    assert find_partners_with_free_seats() == [contoso.partner_id]
    assert fill(contoso) == 2

    assert holders(visio) == {people[1].pk, people[2].pk}
    assert holders(swaps) == {people[0].pk, people[3].pk}
    assert [one.assigned for one in Subscription.objects.all()] == [2, 2]
    assert not WaitingSeat.objects.exists()
    assert find_partners_with_free_seats() == []
    # Each member gets a report.
    reports = Batch.objects.filter(kind="queue").values_list("by__name", "lines__user_id")
    assert dict(reports) == {"Alice": people[0].pk, "Carol": people[1].pk}
    for batch in Batch.objects.filter(kind="queue"):
        (done,) = lines(batch)
        assert done.state == "done"
        assert done.result["held"] == [
            {"subscription": done.result["removed"][0], "disabled_plans": []}
        ]
        assert Event.objects.filter(action="user.licenses_changed", batch_id=batch.pk).count() == 1
    assert fill(contoso) == 0


def test_swaps_without_free_seats_wake_no_worker(
    contoso, visio, people, alice, sent, django_capture_on_commit_callbacks
):
    project = factories.subscription(contoso, "Project", seats=1)
    old = factories.subscription(contoso, "Old", seats=1)
    hold(visio, *people[4:])
    hold(project, people[0])
    hold(old, people[1])
    with django_capture_on_commit_callbacks(execute=True):
        run(contoso, people[:1], alice, add=[visio], remove=[project])
        run(contoso, people[1:2], alice, add=[project], remove=[old])
        sweep_waiting()

    assert [task for task, _queue, _kwargs in sent if task == "users.fill_waiting"] == []


@pytest.mark.django_db(transaction=True)
def test_eight_workers_swap_once(contoso, visio, people, alice, northwind, swaps):
    buy(swaps, 3, alice)
    counts = []

    raised = in_threads(northwind, [lambda: counts.append(fill(contoso))] * 8)

    assert raised == []
    assert sorted(counts) == [0] * 7 + [2]
    with transaction.atomic():
        assert holders(visio) == {people[1].pk, people[2].pk}
        assert [one.assigned for one in Subscription.objects.all()] == [2, 2]
