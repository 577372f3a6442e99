"""Permissions for the imports of a file for many customers."""

import pytest

from batches.models import Batch
from customers.models import Customer, Scope
from imports.operations.split import receive_multi_upload, start_imports
from partners.roles import Role
from tests import factories
from tests.workers import split_file

pytestmark = pytest.mark.django_db

TEXT = b"Customer,User name,Display name\nContoso,ann,Ann\nFabrikam Ltd,bo,Bo\n"


@pytest.fixture
def upload(contoso, inside, alice):
    factories.customer("fabrikam", "Fabrikam Ltd", domains=("fabrikam.example",), location="DE")
    upload = receive_multi_upload(
        name="all.csv", parts=[TEXT], options={"purpose": "create", "mode": "good"}, by=alice
    )
    split_file(upload_id=upload.pk)
    upload.refresh_from_db()
    return upload


def states(upload):
    batches = Batch.objects.filter(split_from=upload.pk)
    return dict(batches.values_list("customer__slug", "state"))


def test_nothing_is_started_out_of_the_members_reach(upload, northwind, contoso):
    carol = factories.member(northwind, "carol", role=Role.ADMIN_AGENT)
    Scope.objects.create(member=carol, customer=contoso)
    carol.is_limited = True
    carol.save()

    assert start_imports(upload=upload, by=carol) == 1

    assert states(upload) == {"contoso": "running", "fabrikam": "planned"}


def test_nothing_is_started_for_an_archived_customer(upload, alice):
    Customer.objects.filter(slug="fabrikam").update(state=Customer.State.ARCHIVED)

    assert start_imports(upload=upload, by=alice) == 1

    assert states(upload) == {"contoso": "running", "fabrikam": "planned"}


def test_a_ticket_is_read_like_any_other(as_alice, upload):
    answer = as_alice.post(f"/import/{upload.pk}/start/", {"ticket": "T-1\0"}, follow=True)

    assert answer.status_code == 200
