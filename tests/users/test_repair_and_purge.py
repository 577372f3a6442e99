"""A repair that meets the purge of somebody whom the file is about."""

import pytest
from django.db import transaction

from tests import PATIENCE, factories
from tests.users.test_no_deadlocks import as_another, wait_for_a_waiting_backend
from users import operations
from users.models import Line


def run(plan, user, by):
    batch = plan(customer=user.customer, users=[user.pk], by=by)
    operations.start_batch(batch=batch, by=by)


@pytest.mark.django_db(transaction=True)
def test_a_repair_writes_nothing_back_about_who_was_purged(inside, contoso, alice):
    ann = factories.user(contoso, "Ann", user_name="ann@contoso.example", location="US")
    batch = operations.receive_file(
        customer=contoso,
        name="people.csv",
        parts=[b"User name,Department\nann@contoso.example,IT\n"],
        options={"purpose": "update", "mode": "good", "defaults": {}},
        by=alice,
    )
    operations.check_upload(batch_id=batch.pk)
    run(operations.plan_deletes, ann, alice)

    with transaction.atomic():
        run(operations.plan_purges, ann, alice)
        thread, raised = as_another(
            lambda: operations.leave_out(batch=batch, numbers=[1], by=alice)
        )
        wait_for_a_waiting_backend(raised)
    thread.join(PATIENCE)

    assert raised == []
    with transaction.atomic():
        assert Line.objects.get(batch=batch).input["user_name"] == ""


@pytest.mark.django_db(transaction=True)
def test_who_was_purged_gets_no_new_name(inside, contoso, alice):
    ann = factories.user(contoso, "Ann", user_name="ann@contoso.example", location="US")
    run(operations.plan_deletes, ann, alice)
    batch = operations.plan_restores(customer=contoso, users=[ann.pk], by=alice)

    with transaction.atomic():
        run(operations.plan_purges, ann, alice)
        thread, raised = as_another(
            lambda: operations.rename_restored(
                batch=batch, number=1, local_part="ann.lee", by=alice
            )
        )
        wait_for_a_waiting_backend(raised)
    thread.join(PATIENCE)

    assert raised == []
    with transaction.atomic():
        assert Line.objects.get(batch=batch).input["user_name"] == ""
