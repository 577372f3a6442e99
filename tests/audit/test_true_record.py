"""What portal_app can write into the record, and remove from it, with SQL of its own."""

from datetime import timedelta

import pytest
from django.db import Error, connection, transaction
from django.utils import timezone

import audit.operations as audit
from audit.models import Event
from handover.operations.sheet import open_sheet
from partners.models import Member
from partners.operations.members import change_role
from partners.roles import Role
from partners.tenancy import uuid7
from tests import factories
from users.acts.add import add_user
from users.acts.purge import pseudonym
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

INSERT = """
    INSERT INTO audit_event
        (partner_id, by_id, by_name, by_email, action, subject_id, subject_name{more})
    VALUES (app.current_partner(), %s, %s, %s, %s, %s, %s{values})
"""


def insert(by_id, by_name, by_email="", *, action="user.edited", subject=(None, "Ann"), **more):
    statement = INSERT.format(more="".join(f", {name}" for name in more), values=", %s" * len(more))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [by_id, by_name, by_email, action, *subject, *more.values()])


@pytest.fixture
def ann(contoso, alice):
    """A user with events of her own and of a batch."""
    person = {"user_name": "ann@contoso.example", "display_name": "Ann", "products": []}
    added = add_user(customer=contoso, person=person, by=alice)
    open_sheet(batch=added.batch, way="shown", by=alice)
    return CustomerUser.objects.get(pk=added.line.user_id)


def test_event_cannot_be_dated_or_moved(inside, alice):
    for column, value in (("at", timezone.now() - timedelta(days=1)), ("id", uuid7())):
        with pytest.raises(Error, match="permission denied for table audit_event"):
            insert(alice.pk, alice.name, alice.email, **{column: value})

    insert(alice.pk, alice.name, alice.email)
    assert timezone.now() - Event.objects.get().at < timedelta(minutes=1)


def test_event_has_real_name_of_member(inside, alice, bob, mallory):
    unknown = uuid7()
    for by_id, by_name, by_email in (
        (alice.pk, bob.name, alice.email),
        (alice.pk, "alice", alice.email),
        (alice.pk, "", alice.email),
        (alice.pk, alice.name, bob.email),
        (alice.pk, alice.name, ""),
        (unknown, alice.name, alice.email),
        (mallory.pk, mallory.name, mallory.email),
    ):
        with pytest.raises(Error, match="as the member is called"):
            insert(by_id, by_name, by_email)

    assert not Event.objects.exists()


def test_event_without_member_bears_no_members_name(inside, alice, ann):
    before = Event.objects.count()
    for by_name in (alice.name, "Alice ", "System", "", ann.display_name):
        with pytest.raises(Error, match="by the portal or by its own user"):
            insert(None, by_name, subject=(ann.pk, ann.user_name))
    # Nor that of another user.
    ben = factories.user(ann.customer, "Ben")
    with pytest.raises(Error, match="by the portal or by its own user"):
        insert(None, ben.user_name, subject=(ann.pk, ann.user_name))
    assert Event.objects.count() == before

    for by_name in ("system", "one-time link", ann.user_name):
        insert(None, by_name, subject=(ann.pk, ann.user_name))


def test_event_after_rename_has_new_name(inside, alice):
    Member.objects.filter(pk=alice.pk).update(name="Alice Ng")

    audit.record("user.edited", subject=audit.Subject(None, "Ann"), by=alice)

    assert alice.name == "Alice"
    assert Event.objects.latest("id").by_name == "Alice Ng"


def borrow(customer, key):
    """Add a deleted user with the id of something else, and purge that user."""
    factories.user(customer, "Borrowed", pk=key, deleted_at=timezone.now(), purge_at=timezone.now())
    assert CustomerUser.objects.filter(pk=key).delete()[0]


def test_only_user_names_can_be_cleared(inside, contoso, office, alice, northwind):
    carol = factories.member(northwind, "carol", Role.READER)
    change_role(member=carol, role=Role.ADMIN_AGENT, by=alice)
    for action, key, name in (
        ("member.role_changed", carol.pk, carol.name),
        ("customer.edited", contoso.pk, contoso.name),
        ("product.edited", office.product_id, "Office E3"),
        ("plan.added", office.product.plans.first().pk, "Mail"),
        ("subscription.seats_changed", office.pk, "Office E3"),
    ):
        audit.record(action, subject=audit.Subject(key, name), by=alice)
        borrow(contoso, key)

    assert not Event.objects.filter(subject_name__startswith="sha256:").exists()
    assert Event.objects.filter(subject_name=carol.name).count() == 2


def test_names_of_batches_stay(contoso, ann):
    batch = contoso.batches.get()
    borrow(contoso, batch.pk)

    opened = Event.objects.get(action="sheet.opened")
    assert (opened.subject_name, opened.after["way"]) == (str(batch.kind), "shown")


def test_events_of_existing_user_cannot_be_cleared(contoso, ann):
    with pytest.raises(Error, match="deleted first, then purged"), transaction.atomic():
        CustomerUser.objects.filter(pk=ann.pk).delete()
    with pytest.raises(Error, match="keeps the id"), transaction.atomic():
        CustomerUser.objects.filter(pk=ann.pk).update(id=uuid7())

    assert Event.objects.filter(subject_name="ann@contoso.example").exists()


def test_purge_removes_names_in_the_deleting_statement(contoso, ann):
    CustomerUser.objects.filter(pk=ann.pk).update(
        deleted_at=timezone.now(), purge_at=timezone.now()
    )
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM users_customeruser WHERE id = %s", [ann.pk])

    assert {event.subject_name for event in Event.objects.filter(subject_id=ann.pk)} == {
        pseudonym("ann@contoso.example")
    }


def test_temporary_tables_cannot_be_created():
    with (
        pytest.raises(Error, match="permission denied to create temporary tables"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TEMPORARY TABLE audit_event (id uuid)")
