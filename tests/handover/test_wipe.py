from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from handover import tasks
from handover.operations.sheet import NothingLeft, SheetExpired, hand_over, open_sheet, wipe
from handover.routes import find_partners_with_expired_secrets
from partners import tenancy
from tests.handover.handing_over import add, secret_of
from users.acts import issue


def end(batch):
    """Let the time of the sheet be over."""
    Batch.objects.filter(pk=batch.pk).update(sheet_expires_at=timezone.now())


@pytest.fixture
def batch(contoso, alice):
    return add(contoso, alice, "ann")


def test_policy_of_customer_sets_time_of_sheet(contoso, alice):
    contoso.sheet_hours = 5
    contoso.save()

    batch = add(contoso, alice, "ann")

    left = batch.sheet_expires_at - timezone.now()
    assert timedelta(hours=4, minutes=59) < left <= timedelta(hours=5)


def test_expired_sheet_does_not_open_before_wipe(batch, alice):
    end(batch)

    with pytest.raises(SheetExpired):
        open_sheet(batch=batch, way="shown", by=alice)
    with pytest.raises(SheetExpired):
        hand_over(batch=batch, by=alice)


def test_wipe_deletes_expired_passwords_and_closes_set(batch, alice):
    end(batch)

    assert wipe() == 1

    batch.refresh_from_db()
    assert (batch.sheet_key, batch.state, batch.handed_over_at) == ("", "done", None)
    assert Line.objects.get(batch=batch).sealed is None
    assert Event.objects.get(action="sheet.expired").batch_id == batch.pk


def test_wipe_keeps_unexpired_passwords(batch, alice):
    before = secret_of(batch)

    assert wipe() == 0

    assert secret_of(batch) == before


def test_wipe_is_recorded_once(batch):
    end(batch)
    wipe()

    assert wipe() == 0
    assert Event.objects.filter(action="sheet.expired").count() == 1


def test_batch_continues_after_its_sheet_expired(batch, alice):
    end(batch)
    batch.refresh_from_db()
    old_key = batch.sheet_key

    issue.issue_passwords(batch=batch, lines=list(batch.lines.all()))

    with pytest.raises(NothingLeft):
        open_sheet(batch=batch, way="shown", by=alice)
    assert batch.sheet_key not in ("", old_key)


@pytest.mark.django_db(transaction=True)
def test_beat_finds_the_partner_and_wipes(contoso, alice, northwind):
    with transaction.atomic():
        batch = add(contoso, alice, "ann")
        end(batch)
    assert find_partners_with_expired_secrets() == [northwind.pk]

    with tenancy.tenant(None):
        tasks.wipe()

    with transaction.atomic():
        batch.refresh_from_db()
    assert batch.sheet_key == ""
    assert find_partners_with_expired_secrets() == []
