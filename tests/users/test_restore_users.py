import pytest

from audit.models import Event
from batches.models import Line
from batches.operations.control import start_batch
from customers.models import UserCount
from licensing.models import Subscription
from licensing.operations.seats import Wanted, assign
from partners.roles import Role
from tests import factories
from users.acts.delete import plan_deletes
from users.acts.rename import rename_restored
from users.acts.restore import plan_restores
from users.models import CustomerUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(contoso, office):
    """Two users with a seat each, deleted; the subscription has one seat left by then."""
    users = [factories.user(contoso, name) for name in ("Ann", "Bo")]
    wanted = [Wanted(user.pk, office.pk) for user in users]
    assign(customer=contoso, wanted=wanted, cause=None)
    return users


@pytest.fixture
def gone(two, contoso, alice):
    batch = plan_deletes(customer=contoso, users=[user.pk for user in two], by=alice)
    start_batch(batch=batch, by=alice)
    return two


def restore(contoso, users, by, **options):
    ids = [user.pk for user in users]
    batch = plan_restores(customer=contoso, users=ids, by=by, **options)
    return start_batch(batch=batch, by=by)


def lines_of(batch) -> dict:
    return {line.user_id: line for line in Line.objects.filter(batch=batch)}


def test_users_are_restored_with_free_seats(contoso, office, gone, alice):
    Subscription.objects.filter(pk=office.pk).update(seats=1)

    batch = restore(contoso, gone, alice)

    assert batch.plan["seats"][0]["short"] == 1
    states = [lines_of(batch)[user.pk].state for user in gone]
    assert states == ["done", "partly"]
    assert lines_of(batch)[gone[1].pk].result["short"] == [str(office.pk)]
    count = UserCount.objects.get(customer=contoso)
    assert (count.active, count.deleted, count.unlicensed) == (2, 0, 1)


def test_the_old_password_stays(contoso, gone, alice):
    before = CustomerUser.objects.get(pk=gone[0].pk).password

    batch = restore(contoso, gone, alice)

    assert CustomerUser.objects.get(pk=gone[0].pk).password == before
    assert not batch.has_secrets


def test_restore_can_issue_new_passwords(contoso, gone, alice):
    batch = restore(contoso, gone, alice, new_passwords=True)

    batch.refresh_from_db()
    assert batch.has_secrets
    assert {user.password_batch for user in CustomerUser.objects.all()} == {batch.pk}
    assert all(line.sealed for line in Line.objects.filter(batch=batch))


def test_taken_name_must_be_replaced(contoso, gone, alice):
    factories.user(contoso, "New Ann", user_name=gone[0].user_name)
    batch = plan_restores(customer=contoso, users=[gone[0].pk], by=alice)
    line = Line.objects.get(batch=batch)
    assert (line.state, line.problems[0]["code"]) == ("invalid", "name_taken")

    rename = {"batch": batch, "number": line.number, "by": alice}
    taken = gone[0].user_name.partition("@")[0]
    assert rename_restored(local_part=taken, **rename) == ["name_taken"]
    assert rename_restored(local_part="a b", **rename) != []
    assert rename_restored(local_part="ann.old", **rename) == []
    start_batch(batch=batch, by=alice)

    user = CustomerUser.objects.get(pk=gone[0].pk)
    assert (user.user_name, user.deleted_at) == ("ann.old@contoso.example", None)
    assert "ann.old" in user.search


def test_name_taken_after_plan_fails_line_alone(contoso, gone, alice):
    ids = [user.pk for user in gone]
    batch = plan_restores(customer=contoso, users=ids, by=alice)
    factories.user(contoso, "New Ann", user_name=gone[0].user_name)

    start_batch(batch=batch, by=alice)

    assert lines_of(batch)[gone[0].pk].result == {"code": "name_taken"}
    assert lines_of(batch)[gone[1].pk].state == "done"


def test_two_users_of_one_name_restore_one(contoso, office, alice):
    first = factories.user(contoso, "Ann", user_name="ann@contoso.example")
    for user in (first, None):
        user = user or factories.user(contoso, "Ann", user_name="ann@contoso.example")
        batch = plan_deletes(customer=contoso, users=[user.pk], by=alice)
        start_batch(batch=batch, by=alice)
    ids = CustomerUser.objects.values_list("pk", flat=True)

    batch = plan_restores(customer=contoso, users=ids, by=alice)
    start_batch(batch=batch, by=alice)

    assert sorted(line.state for line in Line.objects.filter(batch=batch)) == ["done", "invalid"]


def test_administrator_is_restored_without_permissions(contoso, northwind, alice, helen):
    boss = factories.user(contoso, "Boss", permissions=["user_administrator"])
    batch = plan_deletes(customer=contoso, users=[boss.pk], by=alice)
    start_batch(batch=batch, by=alice)

    restore(contoso, [boss], helen)

    boss.refresh_from_db()
    assert (boss.permissions, boss.is_administrator) == ([], False)
    assert helen.role == Role.HELPDESK_AGENT


def test_user_restored_meanwhile_fails_alone(contoso, gone, alice):
    ids = [user.pk for user in gone]
    batch = plan_restores(customer=contoso, users=ids, by=alice)
    restore(contoso, gone[:1], alice)

    start_batch(batch=batch, by=alice)

    assert [lines_of(batch)[user.pk].state for user in gone] == ["failed", "done"]


def test_event_has_user_name_only_if_changed(contoso, gone, alice):
    factories.user(contoso, "New Ann", user_name=gone[0].user_name)
    ids = [user.pk for user in gone]
    batch = plan_restores(customer=contoso, users=ids, by=alice)
    rename_restored(batch=batch, number=1, local_part="ann.old", by=alice)
    start_batch(batch=batch, by=alice)

    ann, bo = Event.objects.filter(action="user.restored").order_by("subject_name")
    assert ann.before == {"user_name": gone[0].user_name}
    assert ann.after["user_name"] == "ann.old@contoso.example"
    assert (bo.before, "user_name" in bo.after) == ({}, False)
