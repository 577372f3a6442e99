from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from batches.models import Batch
from batches.operations.control import start_batch
from tests import factories
from tests.users.test_search_users import delete, give
from users.acts.reset import plan_resets
from users.models import CustomerUser


@pytest.fixture
def ann(contoso):
    return factories.user(contoso, "Ann", first_name="Ann", department="Finance", location="DE")


def page(client, user):
    """The text of the user's page."""
    response = client.get(reverse("users:user", args=[user.customer.slug, user.pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_page_shows_profile_licenses_and_disabled_plans(as_alice, ann, office):
    give(ann, office)
    mail = office.product.plans.get(name="Mail")
    ann.assignments.update(disabled_plans=[mail.pk])

    text = page(as_alice, ann)

    for words in ("Finance", "Germany", "Office E3", "Meetings", "Switched off: Mail"):
        assert words in text


def test_page_explains_each_permission(as_alice, ann):
    ann.permissions = ["billing_administrator"]
    ann.save()

    text = page(as_alice, ann)

    assert "Billing administrator" in text
    assert "Can view invoices and buy subscriptions." in text
    assert "Global administrator" not in text


def test_page_explains_plain_user(as_alice, ann):
    assert "Can use licenses and services." in page(as_alice, ann)


def test_page_shows_state_of_sign_in(as_alice, ann):
    ann.is_blocked = True
    ann.password_state = CustomerUser.PasswordState.TEMPORARY
    ann.password_expires_at = timezone.now() - timedelta(days=1)
    ann.save()

    text = page(as_alice, ann)

    assert ">Blocked<" in text
    assert "Temporary password not changed yet" in text
    assert "(expired)" in text
    assert "Never" in text


def test_its_history_leads_to_the_batches(as_alice, alice, ann, contoso):
    batch = plan_resets(customer=contoso, users=[ann.pk], by=alice)
    start_batch(batch=batch, by=alice)

    text = page(as_alice, ann)

    assert "Password reset" in text
    assert "Alice" in text
    assert reverse("batches:batch", args=["contoso", batch.pk]) in text


def test_deleted_user_is_marked_and_cannot_be_reset(as_alice, alice, ann, contoso):
    batch = Batch.objects.create(
        customer=contoso,
        kind="delete",
        state=Batch.State.DONE,
        by=alice,
        by_name="Alice",
        reason="Left",
    )
    delete(ann, deletion=batch.pk)

    text = page(as_alice, ann)

    assert "This user is deleted." in text
    assert "Alice deleted the account on" in text
    assert "Reason: Left." in text
    assert reverse("users:reset_one", args=["contoso", ann.pk]) not in text


@pytest.mark.parametrize(
    ("member", "permissions", "may"),
    [
        ("alice", [], True),
        ("alice", ["user_administrator"], True),
        ("helen", [], True),
        ("helen", ["user_administrator"], False),
        ("bob", [], False),
    ],
)
def test_reset_is_offered_with_permission_only(client, request, ann, member, permissions, may):
    CustomerUser.objects.filter(pk=ann.pk).update(permissions=permissions)
    client.force_login(request.getfixturevalue(member))

    address = reverse("users:reset_one", args=["contoso", ann.pk])
    assert (address in page(client, ann)) == may


def test_foreign_and_absent_users_are_alike(as_alice, client, mallory, ann, contoso):
    other = factories.user(factories.customer("fabrikam", "Fabrikam"), "Ben")

    def status(pk):
        return client.get(reverse("users:user", args=["contoso", pk])).status_code

    assert status(other.pk) == 404
    assert status(uuid4()) == 404
    client.force_login(mallory)
    assert status(ann.pk) == 404


def test_page_needs_fixed_number_of_queries(as_alice, alice, ann, contoso, office):
    def asked():
        with CaptureQueriesContext(connection) as captured:
            page(as_alice, ann)
        return len(captured)

    give(ann, office)
    asked()
    one = asked()
    for number in range(4):
        give(ann, factories.subscription(contoso, f"Product {number}", plans=("A", "B")))

    assert asked() == one
