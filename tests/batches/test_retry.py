"""Trying again what a batch could not do: what is taken over, and what is asked anew."""

import pytest

from batches.errors import LastAdministrator, TooFewSeats
from batches.models import Batch, Job, Line
from batches.operations.control import start_batch, stop_batch
from batches.operations.retry import plan_retry
from imports.operations.check import receive_file
from imports.operations.full_list import TooManyMissing
from licensing.operations.subscriptions import change_subscription
from tests import factories
from tests.workers import check_upload, run_chunk
from users.acts.delete import plan_deletes
from users.acts.licenses import Changes, plan_licenses
from users.acts.purge import plan_purges
from users.models import CustomerUser

pytestmark = pytest.mark.django_db


def work(batch):
    """Do what the workers would do."""
    for chunk in Job.objects.filter(batch=batch, state="pending"):
        run_chunk(batch_id=batch.pk, number=chunk.number)
    batch.refresh_from_db()


@pytest.fixture
def stopped_full_list(contoso, alice):
    """A complete list without 60 of 80 users, stopped before any of these left."""
    for number in range(80):
        factories.user(contoso, f"User {number:03}", user_name=f"u{number:03}@contoso.example")
    rows = "".join(f"u{number:03}@contoso.example\n" for number in range(20))
    batch = receive_file(
        customer=contoso,
        name="people.csv",
        parts=[f"User name\n{rows}".encode()],
        options={"purpose": "full_list", "mode": "good", "max_missing": 80, "defaults": {}},
        by=alice,
    )
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    start_batch(batch=batch, by=alice)
    stop_batch(batch=batch, by=alice)
    batch.refresh_from_db()
    return batch


def test_a_stopped_full_list_lets_the_rest_go(stopped_full_list, as_alice, contoso, alice):
    again = plan_retry(batch=stopped_full_list, by=alice)

    page = as_alice.get(f"/customers/contoso/batches/{again.pk}/")
    assert page.status_code == 200
    assert "60 of 80 users" in page.content.decode()
    start_batch(batch=again, by=alice)
    work(again)
    assert again.state == "done"
    assert CustomerUser.objects.filter(deleted_at=None).count() == 20


def test_a_stopped_full_list_keeps_its_share(stopped_full_list, alice):
    again = plan_retry(batch=stopped_full_list, by=alice)
    # Most have left otherwise since, so that what remains is far more than the share.
    again.plan["missing_users"]["max"] = 10
    again.save()

    with pytest.raises(TooManyMissing):
        start_batch(batch=again, by=alice)


def test_last_administrator_is_confirmed_again(contoso, alice):
    ann = factories.user(contoso, "Ann", permissions=["global_administrator"])
    others = [factories.user(contoso, f"User {number:03}").pk for number in range(60)]
    batch = plan_deletes(customer=contoso, users=[ann.pk, *others], by=alice)
    start_batch(batch=batch, may_take_last_administrator=True, by=alice)
    stop_batch(batch=batch, by=alice)
    batch.refresh_from_db()

    again = plan_retry(batch=batch, by=alice)

    with pytest.raises(LastAdministrator):
        start_batch(batch=again, by=alice)
    start_batch(batch=again, may_take_last_administrator=True, by=alice)
    work(again)
    assert not CustomerUser.objects.filter(deleted_at=None).exists()


def test_retry_keeps_all_or_none_of_licenses(as_alice, contoso, alice):
    visio = factories.subscription(contoso, "Visio", seats=60)
    users = [factories.user(contoso, f"User {one:03}", location="US").pk for one in range(60)]
    changes = Changes(add=frozenset([str(visio.pk)]))
    batch = plan_licenses(
        customer=contoso, users=users, changes=changes, when_short="none", by=alice
    )
    start_batch(batch=batch, by=alice)
    stop_batch(batch=batch, by=alice)
    change_subscription(
        subscription=visio, seats=5, state="active", renews_on=visio.renews_on, by=alice
    )

    again = plan_retry(batch=Batch.objects.get(pk=batch.pk), by=alice)

    (seats,) = again.plan["seats"]
    assert (seats["wanted"], seats["free"], seats["short"]) == (60, 5, 55)
    assert as_alice.get(f"/customers/contoso/batches/{again.pk}/").status_code == 200
    with pytest.raises(TooFewSeats):
        start_batch(batch=again, by=alice)


def test_two_retries_create_no_user_twice(contoso, alice):
    batch = receive_file(
        customer=contoso,
        name="people.csv",
        parts=[b"User name,Display name\nann@contoso.example,Ann\n"],
        options={"purpose": "create", "mode": "good", "defaults": {"location": "US"}},
        by=alice,
    )
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    taken = factories.user(contoso, "Ann", user_name="ann@contoso.example")
    start_batch(batch=batch, by=alice)
    CustomerUser.objects.filter(pk=taken.pk).update(user_name="another@contoso.example")
    first = plan_retry(batch=batch, by=alice)
    second = plan_retry(batch=batch, by=alice)
    start_batch(batch=first, by=alice)
    user = CustomerUser.objects.get(user_name="ann@contoso.example")
    for plan in (plan_deletes, plan_purges):
        done = plan(customer=contoso, users=[user.pk], by=alice)
        start_batch(batch=done, by=alice)

    start_batch(batch=second, by=alice)

    assert CustomerUser.objects.get() == taken
    assert Line.objects.get(batch=second).result == {"code": "gone"}
    assert Batch.objects.get(pk=second.pk).state == "done"
