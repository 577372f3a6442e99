"""Counters that only the database writes, and the alarm when one of them is wrong."""

import logging

import pytest
from django.db import Error, connection, connections, transaction
from django.utils import timezone

from customers.models import CountDifference, UserCount
from licensing.models import Assignment, Subscription
from partners import tenancy
from partners.roles import Role
from portal.celery import app
from portal.queries.attention import find_needs
from tests import factories
from tests.users.test_counts import counted, kept
from users import tasks
from users.models import CustomerUser
from users.recount import recount


def execute(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.fixture
def full(contoso, office):
    """A subscription with five seats, all assigned."""
    for number in range(5):
        user = factories.user(contoso, f"Person {number}")
        Assignment.objects.create(customer=contoso, subscription=office, user=user)
    return office


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE licensing_subscription SET assigned = 0",
        "UPDATE licensing_subscription SET assigned = assigned - 1, seats = seats",
        "UPDATE licensing_subscription SET customer_id = customer_id",
        "UPDATE licensing_subscription SET partner_id = partner_id",
        "UPDATE customers_usercount SET active = 0",
        "UPDATE customers_usercount SET deleted = 0, blocked = 0, unlicensed = 0",
        "UPDATE customers_usercount SET customer_id = customer_id",
        "DELETE FROM customers_usercount",
        "INSERT INTO customers_usercount SELECT * FROM customers_usercount",
        "TRUNCATE licensing_assignment",
        "TRUNCATE users_customeruser CASCADE",
        "ALTER TABLE licensing_assignment DISABLE TRIGGER ALL",
    ],
)
def test_app_writes_no_counter_and_disables_no_trigger(full, contoso, statement):
    with pytest.raises(Error, match="permission denied|must be owner"):
        execute(statement)

    user = factories.user(contoso, "One too many")
    with pytest.raises(Error, match="subscription_seats"), transaction.atomic():
        Assignment.objects.create(customer=contoso, subscription=full, user=user)


@pytest.mark.django_db
def test_new_subscription_has_no_assigned_seats(contoso):
    for assigned in (3, -1):
        with pytest.raises(Error, match="starts at zero"), transaction.atomic():
            factories.subscription(contoso, "Office", assigned=assigned)


@pytest.mark.django_db
def test_partner_of_a_counter_cannot_change(contoso, rival):
    with pytest.raises(Error, match="row-level security"):
        execute("UPDATE customers_usercount SET partner_id = %s", rival.pk)


@pytest.mark.django_db
def test_users_and_seats_cannot_move(contoso, full, rival):
    other = factories.customer("other", "Other")
    factories.user(contoso, "Unlicensed")
    for statement in (
        "UPDATE users_customeruser SET customer_id = %s",
        "UPDATE licensing_assignment SET customer_id = %s",
    ):
        with pytest.raises(Error, match="stays with|never moved|keeps the id"):
            execute(statement, other.pk)
    with pytest.raises(Error, match="row-level security|stays with"):
        execute("UPDATE users_customeruser SET partner_id = %s", rival.pk)

    assert (kept(contoso), kept(other)) == (counted(contoso), (0, 0, 0, 0))


@pytest.mark.django_db
def test_deleted_subscription_leaves_counters_right(contoso, full):
    assert kept(contoso) == (5, 0, 0, 0)

    Subscription.objects.filter(pk=full.pk).delete()

    assert kept(contoso) == counted(contoso) == (5, 0, 0, 5)
    assert recount() == 0


def spoil(statement, *parameters):
    """Write a counter past all guards, as the owner of the tables."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)


SPOILED = [
    ("UPDATE licensing_subscription SET assigned = 0 WHERE id = %s", "assigned", 0, 1),
    ("UPDATE customers_usercount SET active = 9 WHERE customer_id = %s", "active", 9, 1),
    ("UPDATE customers_usercount SET deleted = 9 WHERE customer_id = %s", "deleted", 9, 1),
    ("UPDATE customers_usercount SET blocked = 9 WHERE customer_id = %s", "blocked", 9, 0),
    ("UPDATE customers_usercount SET unlicensed = 9 WHERE customer_id = %s", "unlicensed", 9, 0),
]


@pytest.fixture
def places(northwind, alice):
    """Commit a customer with a user, a deleted user and a seat."""
    with tenancy.tenant(northwind.pk), transaction.atomic():
        contoso = factories.customer("contoso", "Contoso")
        office = factories.subscription(contoso, "Office E3")
        factories.user(contoso, "Gone", deleted_at=timezone.now(), purge_at=timezone.now())
        user = factories.user(contoso, "Ann")
        Assignment.objects.create(customer=contoso, subscription=office, user=user)
    return {"assigned": office.pk, "customer": contoso.pk}


@pytest.fixture
def found(northwind):
    def read():
        with tenancy.tenant(northwind.pk), transaction.atomic():
            names = ("customer_id", "subscription_id", "counter", "kept", "counted")
            return list(CountDifference.objects.values_list(*names))

    return read


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("statement", "counter", "wrong", "right"), SPOILED)
def test_wrong_counter_is_reported_and_not_repaired(
    places, northwind, rival, alice, found, caplog, statement, counter, wrong, right
):
    spoil(statement, places.get(counter, places["customer"]))

    with caplog.at_level(logging.ERROR):
        tasks.recount()
    tasks.recount()

    of = places["assigned"] if counter == "assigned" else None
    assert found() == [(places["customer"], of, counter, wrong, right)]
    ((level, message),) = {(record.levelname, record.getMessage()) for record in caplog.records}
    assert level == "ERROR"
    assert f"{counter} is kept as {wrong} and counted as {right}" in message
    assert str(northwind.pk) in message
    with tenancy.tenant(northwind.pk), transaction.atomic():
        seats = Subscription.objects.get().assigned
        count = UserCount.objects.get()
        assert (seats if counter == "assigned" else getattr(count, counter)) == wrong


@pytest.mark.django_db(transaction=True)
def test_missing_counter_is_reported(places, found):
    spoil("DELETE FROM customers_usercount")

    tasks.recount()

    assert {(counter, wrong) for *_of, counter, wrong, _right in found()} == {
        ("active", None),
        ("deleted", None),
    } | {("blocked", None), ("unlicensed", None)}


@pytest.mark.django_db(transaction=True)
def test_alarm_ends_with_an_equal_recount(places, northwind, alice, bob, rival, mallory, client):
    def needs(member):
        with tenancy.tenant(member.partner_id), transaction.atomic():
            return [
                need
                for need in find_needs(member=member)
                if need.title.startswith("Counts don’t match")
            ]

    spoil("UPDATE licensing_subscription SET assigned = 3")
    assert needs(alice) == []
    tasks.recount()

    (need,) = needs(alice)
    assert need.title == "Counts don’t match: Assigned seats · Office E3"
    assert need.about.startswith("Contoso · Shown: 3, counted: 1.")
    assert (need.tone, need.url) == ("bad", "/customers/contoso/")
    assert (needs(bob), needs(mallory)) == ([], [])
    assert needs(factories.member(northwind, "adam", Role.ADMIN_AGENT)) == [need]
    client.force_login(alice)
    assert "Counts don’t match" in client.get("/").content.decode()

    spoil("UPDATE licensing_subscription SET assigned = 1")
    tasks.recount()
    assert needs(alice) == []


@pytest.mark.django_db(transaction=True)
def test_right_counters_raise_no_alarm(places, northwind, found, caplog):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        factories.customer("empty", "Empty")
        blocked = factories.user(factories.customer("other", "Other"), "Bo", is_blocked=True)
        CustomerUser.objects.filter(pk=blocked.pk).update(is_blocked=True)

    tasks.recount()

    assert (found(), caplog.records) == ([], [])


def test_beat_recounts_every_night():
    entry = app.conf.beat_schedule["recount"]

    assert entry["task"] == tasks.recount.name
    assert (entry["schedule"].hour, entry["schedule"].minute) == ({2}, {30})
