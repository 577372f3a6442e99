"""Repairs during the purge of a user in the file."""

import pytest
from django.db import transaction

from batches.models import Line
from batches.operations.control import start_batch
from imports.operations.check import receive_file
from imports.operations.repair import skip_lines
from tests import PATIENCE, factories
from tests.users.test_no_deadlocks import as_another, wait_for_a_waiting_backend
from tests.workers import check_upload
from users.acts.delete import plan_deletes
from users.acts.purge import plan_purges
from users.acts.rename import rename_restored
from users.acts.restore import plan_restores


def run(plan, user, by):
    batch = plan(customer=user.customer, users=[user.pk], by=by)
    start_batch(batch=batch, by=by)


@pytest.mark.django_db(transaction=True)
def test_repair_writes_nothing_about_purged_user(inside, contoso, alice):
    ann = factories.user(contoso, "Ann", user_name="ann@contoso.example", location="US")
    batch = receive_file(
        customer=contoso,
        name="people.csv",
        parts=[b"User name,Department\nann@contoso.example,IT\n"],
        options={"purpose": "update", "mode": "good", "defaults": {}},
        by=alice,
    )
    check_upload(batch_id=batch.pk)
    run(plan_deletes, ann, alice)

    with transaction.atomic():
        run(plan_purges, ann, alice)
        thread, raised = as_another(lambda: skip_lines(batch=batch, numbers=[1], by=alice))
        wait_for_a_waiting_backend(raised)
    thread.join(PATIENCE)

    assert raised == []
    with transaction.atomic():
        assert Line.objects.get(batch=batch).input["user_name"] == ""


@pytest.mark.django_db(transaction=True)
def test_purged_user_gets_no_new_name(inside, contoso, alice):
    ann = factories.user(contoso, "Ann", user_name="ann@contoso.example", location="US")
    run(plan_deletes, ann, alice)
    batch = plan_restores(customer=contoso, users=[ann.pk], by=alice)

    with transaction.atomic():
        run(plan_purges, ann, alice)
        thread, raised = as_another(
            lambda: rename_restored(batch=batch, number=1, local_part="ann.lee", by=alice)
        )
        wait_for_a_waiting_backend(raised)
    thread.join(PATIENCE)

    assert raised == []
    with transaction.atomic():
        assert Line.objects.get(batch=batch).input["user_name"] == ""
