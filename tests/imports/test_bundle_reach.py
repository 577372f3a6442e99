"""Permissions for the imports of a file for many customers."""

import pytest

from batches.models import Batch
from customers.models import Customer, Scope
from imports.operations.split import receive_bundle, start_bundle
from partners.roles import Role
from tests import factories
from tests.workers import split_file

pytestmark = pytest.mark.django_db

TEXT = b"Customer,User name,Display name\nContoso,ann,Ann\nFabrikam Ltd,bo,Bo\n"


@pytest.fixture
def bundle(contoso, inside, alice):
    factories.customer("fabrikam", "Fabrikam Ltd", domains=("fabrikam.example",), location="DE")
    bundle = receive_bundle(
        name="all.csv", parts=[TEXT], options={"purpose": "create", "mode": "good"}, by=alice
    )
    split_file(upload_id=bundle.pk)
    bundle.refresh_from_db()
    return bundle


def states(bundle):
    batches = Batch.objects.filter(bundle=bundle.pk)
    return dict(batches.values_list("customer__slug", "state"))


def test_nothing_is_started_out_of_the_members_reach(bundle, northwind, contoso):
    carol = factories.member(northwind, "carol", role=Role.ADMIN_AGENT)
    Scope.objects.create(member=carol, customer=contoso)
    carol.is_limited = True
    carol.save()

    assert start_bundle(bundle=bundle, by=carol) == 1

    assert states(bundle) == {"contoso": "running", "fabrikam": "planned"}


def test_nothing_is_started_for_an_archived_customer(bundle, alice):
    Customer.objects.filter(slug="fabrikam").update(state=Customer.State.ARCHIVED)

    assert start_bundle(bundle=bundle, by=alice) == 1

    assert states(bundle) == {"contoso": "running", "fabrikam": "planned"}


def test_a_ticket_is_read_like_any_other(as_alice, bundle):
    answer = as_alice.post(f"/import/{bundle.pk}/start/", {"ticket": "T-1\0"}, follow=True)

    assert answer.status_code == 200
