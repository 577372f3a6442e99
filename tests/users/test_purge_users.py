from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from audit.models import Event
from batches.operations.control import start_batch
from customers.models import UserCount
from licensing.operations.seats import Wanted, assign
from partners import tenancy
from partners.access import Refused
from tests import factories
from tests.workers import run_chunk
from users import tasks
from users.acts.add import add_user
from users.acts.delete import plan_deletes
from users.acts.purge import plan_purges, pseudonym, purge_due
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores
from users.acts.selection import NoUsersSelected
from users.models import CustomerUser

PERSON = {
    "user_name": "zebediah@contoso.example",
    "display_name": "Zebediah Quux",
    "first_name": "Zebediah",
    "last_name": "Quux",
    "contact_email": "zebediah@mail.example",
}


@pytest.fixture
def zebediah(contoso, alice):
    """A user with personal data in every table that can have it."""
    added = add_user(customer=contoso, person=PERSON, by=alice)
    user = CustomerUser.objects.get(pk=added.line.user_id)
    for plan in (plan_resets, plan_deletes):
        batch = plan(customer=contoso, users=[user.pk], by=alice)
        start_batch(batch=batch, by=alice)
    return user


def make_due(user, by=timedelta(0)):
    CustomerUser.objects.filter(pk=user.pk).update(purge_at=timezone.now() - by)


def everything_that_names(word: str) -> list[str]:
    """The tables of the tenant in which the word stands, whatever the column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'partner_id'"
        )
        tables = [row[0] for row in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text ILIKE %s", [f"%{word}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return sorted(found)


@pytest.mark.django_db
def test_purge_removes_all_personal_data(contoso, zebediah):
    assert everything_that_names("zebediah") == [
        "audit_event",
        "batches_line",
        "users_customeruser",
    ]
    make_due(zebediah)

    assert purge_due() == 1

    assert everything_that_names("zebediah") == []
    assert UserCount.objects.get(customer=contoso).deleted == 0


@pytest.mark.django_db
def test_purge_stays_recorded(contoso, zebediah, alice):
    make_due(zebediah)
    purge_due()

    events = Event.objects.filter(subject_id=zebediah.pk).order_by("id")
    assert [event.action for event in events] == [
        "user.added",
        "user.password_reset",
        "user.deleted",
        "user.purged",
    ]
    assert {event.subject_name for event in events} == {pseudonym("zebediah@contoso.example")}
    assert events[0].by_name == alice.name


@pytest.mark.django_db
def test_no_user_is_purged_before_the_day(contoso, zebediah):
    make_due(zebediah, by=timedelta(minutes=-1))

    assert purge_due() == 0
    assert CustomerUser.objects.filter(pk=zebediah.pk).exists()


@pytest.mark.django_db
def test_change_of_retention_is_not_retroactive(contoso, zebediah):
    contoso.retention_days = 7
    contoso.save()

    left = CustomerUser.objects.get(pk=zebediah.pk).purge_at - timezone.now()
    assert left > timedelta(days=29)


@pytest.mark.django_db
def test_restored_user_is_never_purged(contoso, zebediah, alice):
    make_due(zebediah)
    batch = plan_restores(customer=contoso, users=[zebediah.pk], by=alice)
    start_batch(batch=batch, by=alice)

    assert purge_due() == 0
    assert CustomerUser.objects.get(pk=zebediah.pk).deleted_at is None


@pytest.mark.django_db
def test_the_owner_may_purge_before_the_day(contoso, zebediah, alice):
    batch = plan_purges(customer=contoso, users=[zebediah.pk], reason="asked", by=alice)
    batch = start_batch(batch=batch, by=alice)

    assert batch.state == "done"
    assert everything_that_names("zebediah") == []


@pytest.mark.django_db
def test_purge_needs_permission(contoso, zebediah, helen):
    with pytest.raises(Refused):
        plan_purges(customer=contoso, users=[zebediah.pk], by=helen)


@pytest.mark.django_db(transaction=True)
def test_beat_purges_each_partners_own(northwind, rival, alice, mallory):
    for partner in (northwind, rival):
        with tenancy.tenant(partner.pk), transaction.atomic():
            customer = factories.customer("contoso", "Contoso")
            now = timezone.now()
            factories.user(customer, "Due", deleted_at=now, purge_at=now)
            later = now + timedelta(days=1)
            factories.user(customer, "Later", deleted_at=now, purge_at=later)

    tasks.purge()

    for partner in (northwind, rival):
        with tenancy.tenant(partner.pk), transaction.atomic():
            assert [user.display_name for user in CustomerUser.objects.all()] == ["Later"]


@pytest.mark.django_db(transaction=True)
def test_purge_and_restore_never_meet(northwind, alice):
    """Two purges against two restores: each user is purged or restored, never both."""
    with tenancy.tenant(northwind.pk), transaction.atomic():
        customer = factories.customer("contoso", "Contoso")
        office = factories.subscription(customer, "Office", seats=100)
        users = [factories.user(customer, f"User {number}") for number in range(60)]
        wanted = [Wanted(user.pk, office.pk) for user in users]
        assign(customer=customer, wanted=wanted, cause=None)
        batch = plan_deletes(customer=customer, users=[u.pk for u in users], by=alice)
    with tenancy.tenant(northwind.pk):
        with transaction.atomic():
            start_batch(batch=batch, by=alice)
        for number in (1, 2):
            run_chunk(batch_id=batch.pk, number=number)
        with transaction.atomic():
            CustomerUser.objects.update(purge_at=timezone.now())
    gate, failures, restored = Barrier(4), [], []

    def purge():
        purge_due()

    def restore(some):
        for user in some:
            with transaction.atomic():
                try:
                    one = plan_restores(customer=customer, users=[user.pk], by=alice)
                except NoUsersSelected:
                    continue
                start_batch(batch=one, by=alice)
                if one.lines.get().state in ("done", "partly"):
                    restored.append(user.pk)

    def run(act, *arguments):
        try:
            with tenancy.tenant(northwind.pk):
                gate.wait()
                act(*arguments)
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [
        Thread(target=run, args=[purge]),
        Thread(target=run, args=[purge]),
        Thread(target=run, args=[restore, users[:30]]),
        Thread(target=run, args=[restore, users[30:]]),
    ]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert failures == []
    with tenancy.tenant(northwind.pk), transaction.atomic():
        purge_due()
        left = CustomerUser.objects.filter(deleted_at=None).values_list("pk", flat=True)
        assert set(left) == set(restored)
        office.refresh_from_db()
        assert office.assigned == len(restored)
