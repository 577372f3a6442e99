"""A batch that is stopped while a worker is about to do one of its lines."""

import pytest
from django.db import transaction

from batches.models import Batch, Job, Line
from batches.operations.control import start_batch, stop_batch
from customers.counts import lock_customer
from tests import PATIENCE, factories
from tests.users.test_no_deadlocks import as_another, wait_for_a_waiting_backend
from tests.workers import run_chunk
from users.acts.block import plan_blocks
from users.models import CustomerUser


@pytest.mark.django_db(transaction=True)
def test_stopped_line_is_not_applied_later(inside, contoso, alice):
    users = [factories.user(contoso, f"User {number:03}").pk for number in range(60)]
    batch = plan_blocks(customer=contoso, users=users, block=True, by=alice)
    start_batch(batch=batch, by=alice)
    # The next attempt goes line by line.
    with transaction.atomic():
        Job.objects.filter(batch=batch).update(attempts=1)

    with transaction.atomic():
        lock_customer(contoso)
        run = {"batch_id": batch.pk, "number": 1}
        thread, raised = as_another(lambda: run_chunk(**run))
        wait_for_a_waiting_backend(raised)
        assert stop_batch(batch=batch, by=alice) == 60
    thread.join(PATIENCE)

    assert raised == []
    with transaction.atomic():
        assert not CustomerUser.objects.filter(is_blocked=True).exists()
        assert Line.objects.filter(batch=batch, state="left_out").count() == 60
        assert Batch.objects.get(pk=batch.pk).state == "done"
