from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.models import Event
from partners import tenancy
from users import operations, queries, tasks
from users.models import Batch, Line, Upload
from users.operations import secrets

from .handing_over import add, secret_of


def end(batch):
    """Let the time of the sheet be over."""
    Batch.objects.filter(pk=batch.pk).update(sheet_expires_at=timezone.now())


@pytest.fixture
def batch(contoso, alice):
    return add(contoso, alice, "ann")


def test_the_policy_of_the_customer_says_how_long_a_sheet_can_be_opened(contoso, alice):
    contoso.sheet_hours = 5
    contoso.save()

    batch = add(contoso, alice, "ann")

    left = batch.sheet_expires_at - timezone.now()
    assert timedelta(hours=4, minutes=59) < left <= timedelta(hours=5)


def test_an_expired_sheet_opens_for_nobody_even_before_it_is_wiped(batch, alice):
    end(batch)

    with pytest.raises(operations.SheetExpired):
        operations.open_sheet(batch=batch, way="shown", by=alice)
    with pytest.raises(operations.SheetExpired):
        operations.hand_over(batch=batch, by=alice)


def test_it_destroys_what_is_over_and_closes_the_set(batch, alice):
    end(batch)

    assert operations.wipe() == 1

    batch.refresh_from_db()
    assert (batch.sheet_key, batch.state, batch.handed_over_at) == ("", "done", None)
    assert Line.objects.get(batch=batch).sealed is None
    assert Event.objects.get(action="sheet.expired").batch_id == batch.pk


def test_it_leaves_what_is_not_over(batch, alice):
    before = secret_of(batch)

    assert operations.wipe() == 0

    assert secret_of(batch) == before


def test_it_is_recorded_once(batch):
    end(batch)
    operations.wipe()

    assert operations.wipe() == 0
    assert Event.objects.filter(action="sheet.expired").count() == 1


def test_a_batch_that_outlives_its_sheet_loses_what_expired_and_goes_on(batch, alice):
    end(batch)
    batch.refresh_from_db()
    old_key = batch.sheet_key

    secrets.issue_passwords(batch=batch, lines=list(batch.lines.all()))

    with pytest.raises(operations.NothingLeft):
        operations.open_sheet(batch=batch, way="shown", by=alice)
    assert batch.sheet_key not in ("", old_key)


@pytest.mark.parametrize(
    ("state", "age", "is_kept"),
    [
        ("planned", timedelta(hours=23), True),
        ("planned", timedelta(hours=25), False),
        ("running", timedelta(hours=1), True),
        ("done", timedelta(hours=1), False),
        ("canceled", timedelta(hours=1), False),
    ],
)
def test_uploads_go_after_a_day_or_with_the_end_of_the_batch(contoso, alice, state, age, is_kept):
    batch = operations.create_batch(customer=contoso, kind="import", state=state, by=alice)
    Batch.objects.filter(pk=batch.pk).update(created_at=timezone.now() - age)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users_upload (partner_id, batch_id, number, content) VALUES (%s, %s, 1, %s)",
            [batch.partner_id, batch.pk, b"name"],
        )

    operations.wipe()

    assert Upload.objects.filter(batch=batch).exists() is is_kept


@pytest.mark.django_db(transaction=True)
def test_beat_finds_the_partner_and_wipes(contoso, alice, northwind):
    with transaction.atomic():
        batch = add(contoso, alice, "ann")
        end(batch)
    assert queries.find_partners_to_wipe() == [northwind.pk]

    with tenancy.tenant(None):
        tasks.wipe()

    with transaction.atomic():
        batch.refresh_from_db()
    assert batch.sheet_key == ""
    assert queries.find_partners_to_wipe() == []
