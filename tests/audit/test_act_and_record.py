"""An act and its record stand together or not at all (promise 18)."""

import pytest
from django.db import Error, connections, transaction
from django.utils import timezone

from audit.models import Event
from batches.operations.control import start_batch
from handover.operations.sheet import hand_over, open_sheet
from partners import tenancy
from tests import factories
from tests.architecture import walk
from users.acts.add import add_user, finish_set
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.acts.licenses import Changes, plan_licenses
from users.acts.purge import plan_purges, purge_due
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores
from users.models import CustomerUser

PERSON = {"user_name": "new@contoso.example", "display_name": "New", "products": []}


@pytest.fixture
def acts(inside, alice):
    """Every act on users by its name, ready to be done."""
    customer = factories.customer("contoso", "Contoso", ("contoso.example",))
    office = factories.subscription(customer, "Office")
    ann = factories.user(customer, "Ann", location="US")
    gone = factories.user(customer, "Gone", deleted_at=timezone.now(), purge_at=timezone.now())
    with transaction.atomic():
        added = add_user(
            customer=customer, person=PERSON | {"user_name": "first@contoso.example"}, by=alice
        )
    arguments = {"customer": customer, "by": alice}

    def run(plan, users, **more):
        batch = plan(users=[user.pk for user in users], **arguments, **more)
        return start_batch(batch=batch, by=alice)

    give = Changes(add=frozenset([str(office.pk)]))
    return {
        "add": lambda: add_user(person=PERSON, **arguments),
        "finish": lambda: finish_set(batch=added.batch, by=alice),
        "show": lambda: open_sheet(batch=added.batch, way="shown", by=alice),
        "hand over": lambda: hand_over(batch=added.batch, unopened=1, by=alice),
        "reset": lambda: run(plan_resets, [ann]),
        "block": lambda: run(plan_blocks, [ann], block=True),
        "licenses": lambda: run(plan_licenses, [ann], changes=give),
        "delete": lambda: run(plan_deletes, [ann]),
        "restore": lambda: run(plan_restores, [gone]),
        "purge now": lambda: run(plan_purges, [gone]),
        "purge": purge_due,
    }


NAMES = [
    "add",
    "finish",
    "show",
    "hand over",
    "reset",
    "block",
    "licenses",
    "delete",
    "restore",
    "purge now",
    "purge",
]


@pytest.fixture
def no_record():
    """Writing to the record fails."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("REVOKE INSERT ON audit_event FROM portal_app")
        yield
        cursor.execute("GRANT INSERT ON audit_event TO portal_app")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", NAMES)
def test_without_its_record_nothing_is_done(acts, northwind, no_record, name):
    before = walk.checksum(northwind.pk)

    with (
        pytest.raises(Error, match="permission denied for table audit_event"),
        transaction.atomic(),
    ):
        acts[name]()

    assert walk.checksum(northwind.pk) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", NAMES)
def test_each_act_is_on_record(acts, northwind, name):
    def count():
        with tenancy.tenant(northwind.pk), transaction.atomic():
            return Event.objects.count()

    before = count()
    if name == "purge":
        acts[name]()
    else:
        with transaction.atomic():
            acts[name]()

    assert count() > before


@pytest.mark.django_db(transaction=True)
def test_app_role_cannot_change_events(acts, northwind):
    for alias in ("default", "owner"):
        for statement in ("UPDATE audit_event SET action = 'x'", "DELETE FROM audit_event"):
            with (
                pytest.raises(Error, match="permission denied|append-only"),
                transaction.atomic(using=alias),
                connections[alias].cursor() as cursor,
            ):
                cursor.execute(statement)
    with transaction.atomic():
        assert CustomerUser.objects.count() == 3
