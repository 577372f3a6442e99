"""The kept counters equal what counting gives, after any kind of write."""

import random

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from customers.models import UserCount
from licensing.models import Assignment
from licensing.operations.seats import Wanted, assign
from partners import tenancy
from tests import factories
from users.models import CustomerUser

TRIGGERS = [
    ("users_customeruser", "counts_added"),
    ("users_customeruser", "counts_changed"),
    ("users_customeruser", "counts_purged"),
    ("licensing_assignment", "counts_given"),
    ("licensing_assignment", "counts_freed"),
]


def kept(customer) -> tuple:
    count = UserCount.objects.get(customer=customer)
    return count.active, count.deleted, count.blocked, count.unlicensed


def counted(customer) -> tuple:
    held = Exists(Assignment.objects.filter(user=OuterRef("pk")))
    users = CustomerUser.objects.filter(customer=customer)
    active = users.filter(deleted_at=None)
    return (
        active.count(),
        users.filter(deleted_at__isnull=False).count(),
        active.filter(is_blocked=True).count(),
        active.filter(~Q(held)).count(),
    )


def act(dice: random.Random, customer, subscriptions) -> None:
    """Change some of the customer's users in a random way, in one statement."""
    users = CustomerUser.objects.filter(customer=customer)
    some = dice.sample(list(users.values_list("pk", flat=True)), k=min(users.count(), 3))
    chosen = users.filter(pk__in=some)
    match dice.randrange(7):
        case 0:
            factories.user(customer, "New")
        case 1:
            chosen.update(deleted_at=timezone.now(), purge_at=timezone.now())
        case 2:
            chosen.update(deleted_at=None, purge_at=None)
        case 3:
            chosen.update(is_blocked=dice.random() < 0.5)
        case 4:
            Assignment.objects.bulk_create(
                [
                    Assignment(customer=customer, subscription=subscription, user_id=user)
                    for user in some
                    for subscription in subscriptions
                ],
                ignore_conflicts=True,
            )
        case 5:
            few = dice.choice([subscriptions[:1], subscriptions])
            Assignment.objects.filter(user__in=some, subscription__in=few).delete()
        case 6:
            chosen.exclude(deleted_at=None).delete()


def change_at_random(customer) -> list[tuple[tuple, tuple]]:
    """Return the counters and the counts after each of 200 changes."""
    dice = random.Random(11)
    subscriptions = [factories.subscription(customer, name, seats=10_000) for name in "AB"]
    seen = []
    for _turn in range(200):
        act(dice, customer, subscriptions)
        seen.append((kept(customer), counted(customer)))
    return seen


@pytest.mark.django_db
def test_counters_equal_counts_after_every_change(contoso):
    other = factories.customer("other", "Other")
    factories.user(other, "Other")

    seen = change_at_random(contoso)

    assert [pair for pair in seen if pair[0] != pair[1]] == []
    assert len({pair[0] for pair in seen}) > 50
    assert kept(other) == (1, 0, 0, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("table", "trigger"), TRIGGERS)
def test_each_trigger_is_needed(inside, contoso, table, trigger):
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        try:
            with transaction.atomic():
                seen = change_at_random(contoso)
        except IntegrityError:
            # A counter below zero is refused, which shows it as well.
            seen = [((0,), (1,))]
        finally:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")

    assert [pair for pair in seen if pair[0] != pair[1]] != []


@pytest.mark.django_db
def test_active_user_cannot_be_removed(contoso):
    user = factories.user(contoso, "Ann")

    with pytest.raises(IntegrityError, match="deleted first"), transaction.atomic():
        CustomerUser.objects.filter(pk=user.pk).delete()


def look_ups_of_users() -> int:
    """Return how often the table of users was searched in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_scan + idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'users_customeruser'"
        )
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_each_user_is_looked_up_once(northwind):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        contoso = factories.customer("contoso", "Contoso")
        office = factories.subscription(contoso, "Office")
        people = [factories.user(contoso, f"Person {number}") for number in range(4)]
    with connections["owner"].cursor() as cursor:
        # The statistics, here of the day before, decide how tables are joined.
        cursor.execute("ANALYZE")

    with tenancy.tenant(northwind.pk), transaction.atomic():
        for number in range(12):
            factories.customer(f"other{number}", f"Other {number}")
        before = look_ups_of_users()
        wanted = [Wanted(user.pk, office.pk) for user in people]
        assign(customer=contoso, wanted=wanted, cause=None)
        # By the trigger, and by the foreign key.
        assert look_ups_of_users() - before == 2 * len(people)
