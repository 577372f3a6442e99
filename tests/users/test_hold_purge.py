"""Holding a purge: held users are never purged, and a release leaves time for a restore."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import start_batch
from partners import tenancy
from partners.access import Refused
from tests import factories
from users import tasks
from users.acts.hold import WrongDays, plan_holds
from users.acts.purge import plan_purges, purge_due
from users.acts.restore import plan_restores
from users.acts.selection import NothingToChange
from users.acts.undo import plan_undo
from users.models import CustomerUser
from users.queries.routes import find_partners_to_purge

pytestmark = pytest.mark.django_db

LIST = "/customers/contoso/users/"
HOLD = f"{LIST}hold/"
DAY = timedelta(days=1)


def gone(customer, name, *, left=20 * DAY, **fields):
    """A deleted user with the time left until the purge."""
    now = timezone.now()
    return factories.user(customer, name, deleted_at=now, purge_at=now + left, **fields)


@pytest.fixture
def people(contoso):
    return [gone(contoso, "Ann"), gone(contoso, "Bo")]


def run(customer, users, by, act="hold", **more):
    ids = [user.pk for user in users]
    batch = plan_holds(customer=customer, users=ids, act=act, by=by, **more)
    return start_batch(batch=batch, by=by)


def undo(batch, by):
    planned = plan_undo(batch=batch, by=by)
    return start_batch(batch=planned, by=by)


def move(user, left):
    CustomerUser.objects.filter(pk=user.pk).update(purge_at=timezone.now() + left)


def days_left(user) -> int:
    """Days until the purge, begun ones counted."""
    user.refresh_from_db()
    return -((timezone.now() - user.purge_at) // DAY)


def is_held(*users) -> list[bool]:
    for user in users:
        user.refresh_from_db()
    return [user.is_held for user in users]


def codes(batch) -> list[list[str]]:
    found = Line.objects.filter(batch=batch).order_by("number")
    return [[one["code"] for one in line.problems] for line in found]


def results(batch) -> list[str]:
    found = Line.objects.filter(batch=batch).order_by("number")
    return [line.result.get("code") or line.state for line in found]


def page(client, answer) -> str:
    return client.get(answer["Location"]).content.decode()


def test_only_users_without_hold_are_purged(contoso, people, alice):
    ann, bo = people
    run(contoso, [ann], alice)
    for user in people:
        move(user, -DAY)

    assert purge_due() == 1
    assert list(CustomerUser.objects.all()) == [ann]
    assert purge_due() == 0


@pytest.mark.django_db(transaction=True)
def test_purge_task_ends_with_held_users_left(northwind):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        customer = factories.customer("contoso", "Contoso")
        ann = gone(customer, "Ann", left=-DAY, is_held=True)
    assert find_partners_to_purge() == [northwind.pk]

    tasks.purge()

    with tenancy.tenant(northwind.pk), transaction.atomic():
        assert list(CustomerUser.objects.all()) == [ann]


def test_owner_cannot_purge_held_user_early(as_alice, contoso, people, alice):
    ann, bo = people
    run(contoso, [ann], alice)
    ids = [user.pk for user in people]

    batch = plan_purges(customer=contoso, users=ids, by=alice)

    assert codes(batch) == [["held"], []]
    shown = as_alice.get(f"/customers/contoso/batches/{batch.pk}/").content.decode()
    assert "The purge of this user is on hold. Release it first." in shown
    start_batch(batch=batch, by=alice)
    assert list(CustomerUser.objects.all()) == [ann]


def test_user_held_after_plan_is_not_purged(as_alice, contoso, people, alice):
    ids = [user.pk for user in people]
    batch = plan_purges(customer=contoso, users=ids, by=alice)
    run(contoso, people[:1], alice)

    start_batch(batch=batch, by=alice)

    assert results(batch) == ["held", "done"]
    assert list(CustomerUser.objects.all()) == people[:1]
    shown = as_alice.get(f"/customers/contoso/batches/{batch.pk}/").content.decode()
    assert "The purge of this user is on hold. Release it first." in shown


def test_release_leaves_at_least_a_week(contoso, people, alice):
    ann, bo = people
    cy = gone(contoso, "Cy", left=3 * DAY)
    run(contoso, [ann, bo, cy], alice)
    move(bo, -400 * DAY)

    batch = run(contoso, [ann, bo, cy], alice, "release")

    assert is_held(ann, bo, cy) == [False, False, False]
    assert [days_left(user) for user in (ann, bo, cy)] == [20, 7, 7]
    assert batch.plan["near"] == 2
    assert purge_due() == 0


def test_late_release_still_leaves_a_week(contoso, people, alice):
    (ann, _bo) = people
    run(contoso, [ann], alice)
    batch = plan_holds(customer=contoso, users=[ann.pk], act="release", by=alice)
    move(ann, -DAY)

    start_batch(batch=batch, by=alice)

    assert (is_held(ann), days_left(ann)) == ([False], 7)


def test_extension_counts_from_day_or_now(contoso, people, alice):
    ann, bo = people
    move(bo, -5 * DAY)

    batch = run(contoso, people, alice, "extend", days=30)

    assert [days_left(user) for user in people] == [50, 30]
    assert batch.options == {"act": "extend", "days": 30}


@pytest.mark.parametrize("days", [0, -1, 366])
def test_extension_is_a_day_to_a_year(contoso, people, alice, days):
    with pytest.raises(WrongDays):
        run(contoso, people, alice, "extend", days=days)


def test_unchanged_hold_is_reported_without_event(contoso, people, alice):
    ann, bo = people
    run(contoso, [ann], alice)
    day = ann.purge_at

    with pytest.raises(NothingToChange):
        run(contoso, [ann], alice)
    with pytest.raises(NothingToChange):
        run(contoso, [bo], alice, "release")
    put_off = run(contoso, [ann], alice, "extend", days=1)

    assert codes(put_off) == [["stays_held"]]
    ann.refresh_from_db()
    assert (ann.is_held, ann.purge_at) == (True, day + DAY)
    actions = Event.objects.filter(action__startswith="user.purge_").order_by("id")
    assert [event.action for event in actions] == ["user.purge_held", "user.purge_moved"]
    assert (actions[0].before, actions[0].after) == ({"is_held": False}, {"is_held": True})


def test_restored_user_is_not_held(contoso, people, alice):
    ids = [user.pk for user in people]
    batch = plan_holds(customer=contoso, users=ids, act="extend", days=9, by=alice)
    move(people[1], 99 * DAY)
    restored = plan_restores(customer=contoso, users=ids[:1], by=alice)
    start_batch(batch=restored, by=alice)

    start_batch(batch=batch, by=alice)

    assert results(batch) == ["gone", "changed"]
    assert days_left(people[1]) == 99


def test_restore_ends_hold(contoso, people, alice):
    (ann, _bo) = people
    run(contoso, [ann], alice)

    batch = plan_restores(customer=contoso, users=[ann.pk], by=alice)
    start_batch(batch=batch, by=alice)

    assert is_held(ann) == [False]


def test_undo_of_restore_brings_hold_back(contoso, people, alice):
    run(contoso, people[:1], alice)
    ids = [user.pk for user in people]
    batch = plan_restores(customer=contoso, users=ids, by=alice)
    start_batch(batch=batch, by=alice)

    undone = undo(batch, alice)
    assert is_held(*people) == [True, False]

    undo(undone, alice)
    assert is_held(*people) == [False, False]


@pytest.mark.parametrize(("act", "days"), [("hold", 0), ("release", 0), ("extend", 30)])
def test_undo_of_undo_holds_again(contoso, alice, act, days):
    users = [
        gone(contoso, "Ann", is_held=act == "release"),
        gone(contoso, "Bo", left=2 * DAY, is_held=act == "release"),
    ]

    def state():
        return list(CustomerUser.objects.order_by("pk").values_list("is_held", "purge_at"))

    before = state()
    batch = run(contoso, users, alice, act, days=days)
    after = state()
    assert before != after

    undone = undo(batch, alice)
    assert (results(undone), state()) == (["done", "done"], before)
    undo(undone, alice)
    assert state() == after


def test_undo_leaves_a_week_after_passed_day(contoso, people, alice):
    (ann, _bo) = people
    batch = run(contoso, [ann], alice)
    move(ann, -DAY)

    undone = undo(batch, alice)

    assert codes(undone) == [["purge_day_past"]]
    assert (is_held(ann), days_left(ann)) == ([False], 7)
    assert purge_due() == 0


def test_undo_explains_holds_changed_meanwhile(contoso, people, alice):
    ann, bo = people
    cy, dee = gone(contoso, "Cy"), gone(contoso, "Dee")
    batch = run(contoso, [ann, bo, cy, dee], alice, "extend", days=5)
    move(ann, 99 * DAY)
    restored = plan_restores(customer=contoso, users=[bo.pk], by=alice)
    start_batch(batch=restored, by=alice)
    move(cy, -DAY)
    purge_due()

    planned = plan_undo(batch=batch, by=alice)

    assert codes(planned)[:2] == [["purge_changed_since"], ["restored_since"]]
    assert codes(planned)[-1] == []


def test_hold_needs_owner_or_admin_agent(client, contoso, people, helen, bob):
    for member in (helen, bob):
        with pytest.raises(Refused):
            run(contoso, people, member)
        client.force_login(member)
        assert client.post(HOLD, {"ids": str(people[0].pk), "act": "hold"}).status_code == 403
        assert HOLD not in client.get(f"{LIST}?tab=deleted").content.decode()


def test_list_leads_over_plan_to_badge(as_alice, contoso, people):
    ann, bo = people
    listed = as_alice.get(f"{LIST}?tab=deleted").content.decode()
    assert f'formaction="{HOLD}?act=hold"' in listed
    sent = {"ids": f"{ann.pk},{bo.pk}"}

    planned = as_alice.post(f"{HOLD}?act=hold", sent)
    shown = page(as_alice, planned)
    assert "<h1>Hold purge of 2 users?</h1>" in shown
    assert "There’s no purge until you release the hold" in shown
    assert "Purge on hold: No → Yes" in shown
    as_alice.post(f"{planned['Location']}start/", {"reason": "Lawsuit", "ticket": "T-9"})
    assert "<h1>Purge of 2 users held</h1>" in page(as_alice, planned)

    held = as_alice.get(f"{LIST}?tab=deleted&purge=held")
    assert {row.user.pk for row in held.context["list"].rows} == {ann.pk, bo.pk}
    assert "20 days left" not in held.content.decode()
    assert f'formaction="{HOLD}?act=release"' in held.content.decode()
    own = as_alice.get(f"{LIST}{ann.pk}/").content.decode()
    assert "The purge is on hold" in own
    assert "Purge on hold" in own

    planned = as_alice.post(f"{HOLD}?act=release", {"ids": "", "all": "1", "query": "tab=deleted"})
    assert "<h1>Release purge of 2 users?</h1>" in page(as_alice, planned)
    as_alice.post(f"{planned['Location']}start/")
    assert "<h1>Purge of 2 users released</h1>" in page(as_alice, planned)
    assert is_held(ann, bo) == [False, False]
    assert "20 days left" in as_alice.get(f"{LIST}?tab=deleted").content.decode()


def test_menu_extends_at_once_and_page_asks_days(as_alice, contoso, people):
    sent = {"ids": str(people[0].pk)}

    planned = as_alice.post(f"{HOLD}?days=90", sent)
    assert "<h1>Put off purge of 1 user?</h1>" in page(as_alice, planned)
    assert "The purge takes place 90 days later" in page(as_alice, planned)

    asked = as_alice.post(f"{HOLD}?act=extend", sent)
    assert asked["Location"].startswith(f"{HOLD}?ids=")
    assert "Put off purge of 1 user" in page(as_alice, asked)
    typed = {"shown": "1", "act": "extend", "counted": "1"}
    for days, said in (
        ("", "Enter by how many days"),
        ("0", "greater than or equal to 1"),
        ("366", "less than or equal to 365"),
        ("9" * 5_000, "Enter a whole number"),
    ):
        answer = as_alice.post(asked["Location"], typed | {"days": days})
        assert (answer.status_code, said in answer.content.decode()) == (422, True)
    planned = as_alice.post(asked["Location"], typed | {"days": "11"})
    as_alice.post(f"{planned['Location']}start/")
    assert "<h1>Purge of 1 user put off</h1>" in page(as_alice, planned)
    assert days_left(people[0]) == 31


@pytest.mark.parametrize("act", ["", "keep", "\0"])
def test_unknown_act_holds_no_users(as_alice, contoso, people, act):
    answer = as_alice.post(HOLD, {"ids": str(people[0].pk), "act": act})

    assert answer["Location"].startswith(f"{HOLD}?ids=")
    assert not Batch.objects.exists()


def test_hold_needs_fixed_number_of_queries(contoso, alice):
    users = [gone(contoso, f"Ann {number:02}") for number in range(51)]

    def count(some) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            run(contoso, some, alice)
        return len(asked)

    assert count(users[:1]) == count(users[1:])
