"""Concurrent acts on one customer have no deadlocks, as all take their locks in one order."""

import random
import time
from contextlib import suppress
from threading import Thread

import pytest
from django.db import connection, transaction
from django.db.models import F

from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.control import start_batch
from customers.counts import lock_customer
from customers.models import UserCount
from handover.operations.mail import mail_users
from handover.operations.sheet import NoSheet, hand_over, open_sheet, wipe
from licensing.models import Subscription, WaitingSeat
from licensing.operations.subscriptions import TooFewSeats, change_subscription
from partners import tenancy
from tests import PATIENCE, factories
from tests.handover.handing_over import add
from users.acts.add import TEXTS, add_user
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.acts.edit import plan_edits
from users.acts.licenses import Changes, plan_licenses
from users.acts.profile import edit_user
from users.acts.purge import plan_purges
from users.acts.rename import rename_restored
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores
from users.acts.waitlist import fill_waiting
from users.models import CustomerUser, UserSession

SEED = 20261122
SECONDS = 6
THREADS = 10
PEOPLE = 24


def as_another(act, *arguments):
    """Start a thread that does the act as Northwind, and keep what it raised."""
    raised = []
    partner_id = tenancy.require_current()

    def run():
        try:
            with tenancy.tenant(partner_id):
                act(*arguments)
        except UsersError:
            pass
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    return thread, raised


def wait_for_a_waiting_backend(raised):
    """Return when a backend waits for a lock in this database."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            # Within one transaction the server shows the same picture for ever.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    pytest.fail(f"Nobody waits for a lock, but {raised}")


@pytest.mark.django_db(transaction=True)
def test_start_during_handover_has_no_deadlock(inside, contoso, alice):
    person = factories.user(contoso, "Ada Lovelace")
    batch = plan_resets(customer=contoso, users=[person.pk], by=alice)
    with transaction.atomic():
        theirs = Batch.objects.get(pk=batch.pk)

    with transaction.atomic():
        # As far as a hand-over comes before it looks at the batch.
        lock_customer(contoso)
        thread, raised = as_another(lambda: start_batch(batch=theirs, by=alice))
        wait_for_a_waiting_backend(raised)
        with pytest.raises(NoSheet):
            hand_over(batch=batch, by=alice)
    thread.join(PATIENCE)

    assert raised == []
    with transaction.atomic():
        assert Batch.objects.get(pk=batch.pk).state == Batch.State.DONE


class Storm:
    """Members that act on the same few users at once, in random order."""

    def __init__(self, customer, subscriptions, member, number):
        self.customer, self.subscriptions, self.member = customer, subscriptions, member
        self.random = random.Random(SEED + number)
        self.number, self.done = number, 0

    def rage(self):
        """Act until the time is up; what an act refuses politely is no failure."""
        acts = [
            self.add,
            self.reset,
            self.delete,
            self.restore,
            self.manage_licenses,
            self.block,
            self.relocate,
            self.hand_over,
            self.open_sheet,
            self.mail,
            self.purge,
            self.wipe,
            self.edit,
            self.fill,
            self.buy,
        ]
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            with suppress(UsersError):
                self.random.choice(acts)()
            self.done += 1

    @transaction.atomic
    def some(self, *, deleted=False):
        users = CustomerUser.objects.filter(
            customer=self.customer, deleted_at__isnull=not deleted
        ).order_by("pk")
        users = list(users.values_list("pk", flat=True))
        self.random.shuffle(users)
        return users[: self.random.randint(1, 12)]

    def start(self, batch, **choices):
        start_batch(batch=batch, **choices, by=self.member)

    @transaction.atomic
    def any_batch(self):
        batches = list(Batch.objects.filter(customer=self.customer).order_by("-pk")[:20])
        return self.random.choice(batches)

    def add(self):
        self.done += 1
        bought = self.random.sample(self.subscriptions, 2)
        add_user(
            customer=self.customer,
            person={
                "user_name": f"p{self.number}-{self.done}@contoso.example",
                "display_name": "Person",
                "contact_email": "person@home.example",
                "products": [{"subscription": str(one.pk), "disabled_plans": []} for one in bought],
            },
            is_last=self.random.random() < 0.5,
            by=self.member,
        )

    def reset(self):
        plan = {"customer": self.customer, "users": self.some(), "by": self.member}
        self.start(plan_resets(**plan))

    def delete(self):
        plan = {"customer": self.customer, "users": self.some()[:4], "by": self.member}
        self.start(plan_deletes(**plan))

    def restore(self):
        plan = {"customer": self.customer, "users": self.some(deleted=True), "by": self.member}
        batch = plan_restores(**plan)
        other = Thread(target=self.rename, args=[batch, tenancy.require_current()])
        other.start()
        self.start(batch, new_passwords=self.random.random() < 0.5)
        other.join()

    def rename(self, batch, partner_id):
        try:
            with tenancy.tenant(partner_id):
                self.rename_first(batch)
        except UsersError:
            pass
        except Exception as error:
            self.failed_aside.append(error)
        finally:
            connection.close()

    @transaction.atomic
    def rename_first(self, batch):
        theirs = Batch.objects.get(pk=batch.pk)
        name = f"r{self.number}-{self.done}"
        rename_restored(batch=theirs, number=1, local_part=name, by=self.member)

    def manage_licenses(self):
        give, take = (str(one.pk) for one in self.random.sample(self.subscriptions, 2))
        batch = plan_licenses(
            customer=self.customer,
            users=self.some(),
            changes=Changes(add=frozenset([give]), remove=frozenset([take])),
            when_short=self.random.choice(["first", "queue", "queue"]),
            by=self.member,
        )
        self.start(batch)

    def block(self):
        block = self.random.random() < 0.5
        plan = {"customer": self.customer, "users": self.some(), "by": self.member}
        self.start(plan_blocks(block=block, **plan))

    def relocate(self):
        plan = {"customer": self.customer, "users": self.some(), "by": self.member}
        self.start(plan_edits(changes={"location": self.random.choice(["US", "DE"])}, **plan))

    @transaction.atomic
    def edit(self):
        user = CustomerUser.objects.get(pk=self.some()[0])
        person = {name: getattr(user, name) for name in TEXTS}
        person |= {"display_name": f"Edited {self.done}", "permissions": []}
        edit_user(user=user, person=person, version=user.version, by=self.member)

    def fill(self):
        fill_waiting(customer_id=self.customer.pk)

    def buy(self):
        with suppress(TooFewSeats):
            change_subscription(
                subscription=self.random.choice(self.subscriptions),
                seats=self.random.randint(6, 9),
                state=self.random.choice(["active", "active", "suspended"]),
                renews_on=None,
                by=self.member,
            )

    def hand_over(self):
        hand_over(batch=self.any_batch(), unopened=1_000, by=self.member)

    def open_sheet(self):
        open_sheet(batch=self.any_batch(), way="shown", by=self.member)

    def mail(self):
        mail_users(batch=self.any_batch(), kind="user_link", by=self.member)

    def purge(self):
        plan = {"customer": self.customer, "users": self.some(deleted=True)[:2], "by": self.member}
        self.start(plan_purges(**plan))

    def wipe(self):
        wipe()


@pytest.mark.django_db(transaction=True)
def test_concurrent_acts_have_no_deadlock(inside, contoso, alice):
    bought = [factories.subscription(contoso, f"Office {n}", seats=8) for n in range(3)]
    with transaction.atomic():
        add(contoso, alice, *(f"person{n}" for n in range(PEOPLE)))
    storms = [Storm(contoso, bought, alice, number) for number in range(THREADS)]
    failed_aside = []
    for storm in storms:
        storm.failed_aside = failed_aside

    running = [as_another(storm.rage) for storm in storms]
    for thread, _raised in running:
        thread.join(PATIENCE)

    assert not any(thread.is_alive() for thread, _raised in running)
    assert [error for _thread, raised in running for error in raised] + failed_aside == []
    assert all(storm.done for storm in storms)
    with transaction.atomic():
        what_is_left_adds_up(contoso)


def what_is_left_adds_up(customer):
    count = UserCount.objects.get(customer=customer)
    assert count.active == customer.users.filter(deleted_at=None).count()
    assert count.deleted == customer.users.exclude(deleted_at=None).count()
    for one in Subscription.objects.filter(customer=customer):
        assert one.assigned == one.assignments.count() <= one.seats
    waits = WaitingSeat.objects.filter(customer=customer)
    assert not waits.exclude(user__deleted_at=None).exists()
    assert not waits.filter(user__assignments__subscription=F("subscription")).exists()
    # A line that was renamed into a batch that had run would wait for ever.
    left = Line.objects.filter(batch__state=Batch.State.DONE, state=Line.State.PLANNED)
    assert left.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("plan", [plan_deletes, plan_resets])
def test_sign_in_during_act_keeps_no_session(inside, contoso, alice, plan):
    """The act locks no users before it writes, so it has to end the sessions afterwards."""
    person = factories.user(contoso, "Ada Lovelace")
    batch = plan(customer=contoso, users=[person.pk], by=alice)

    with transaction.atomic():
        # The state of a sign-in before it creates the session.
        CustomerUser.objects.select_for_update(no_key=True).get(pk=person.pk)
        thread, raised = as_another(lambda: start_batch(batch=batch, by=alice))
        wait_for_a_waiting_backend(raised)
        UserSession.objects.create(customer=contoso, user=person, token_hash="0" * 64)
    thread.join(PATIENCE)

    assert raised == []
    with transaction.atomic():
        assert Line.objects.get(batch=batch).state == "done"
        assert not UserSession.objects.filter(user=person).exists()
