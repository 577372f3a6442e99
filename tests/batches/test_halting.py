"""Batches that stand still, and how they go on. tests/chaos does it with real faults."""

from contextlib import contextmanager

import pytest
from celery import Celery
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections, transaction
from django.urls import reverse

from batches.models import Batch, Job, Line
from batches.operations.control import start_batch
from batches.operations.lease import DATABASE, MEMBER, pause, resume
from batches.operations.plan import PlannedLine, create_batch, save_lines
from batches.operations.wake import sweep
from partners.tenancy import uuid7
from portal.celery import app
from tests.workers import check_upload, run_chunk
from users.models import CustomerUser

commits = pytest.mark.django_db(transaction=True)

# Makes the database report a full disk for writes to this table.
NO_ROOM = """
CREATE FUNCTION app.test_no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON {} FOR EACH STATEMENT EXECUTE FUNCTION app.test_no_room();
"""


@contextmanager
def no_room_in(table):
    with connections["owner"].cursor() as cursor:
        cursor.execute(NO_ROOM.format(table))
    try:
        yield
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("DROP FUNCTION app.test_no_room CASCADE")


@pytest.fixture(autouse=True)
def told():
    """The wake-ups, which go nowhere."""
    sent = []

    def send_task(_task, *, kwargs, **_more):
        with transaction.atomic():
            sent.append(Job.objects.get(pk=kwargs["job_id"]).number)

    nobody = Celery("nobody", set_as_current=True)
    nobody.send_task = send_task
    yield sent
    app.set_current()


@pytest.fixture
def batch(contoso, alice, told):
    """An import of 200 people in four chunks, begun."""
    with transaction.atomic():
        made = create_batch(customer=contoso, kind="import", by=alice)
        people = [
            {"user_name": f"u{n}@contoso.example", "display_name": f"U {n}", "location": "US"}
            for n in range(200)
        ]
        lines = [PlannedLine(uuid7(), {"products": []} | person) for person in people]
        save_lines(batch=made, lines=lines)
        start_batch(batch=made, by=alice)
    told.clear()
    return made


def state_of(batch):
    with transaction.atomic():
        batch.refresh_from_db()
    return batch.state, batch.halted_by


def attempts():
    with transaction.atomic():
        return list(Job.objects.order_by("number").values_list("attempts", flat=True))


@commits
def test_full_disk_pauses_batch_without_counting_attempt(batch, told):
    with no_room_in("users_customeruser"):
        for number in (1, 2, 1):
            run_chunk(batch_id=batch.pk, number=number)

        assert state_of(batch) == ("paused", "database")
        assert attempts() == [0, 0, 0, 0]
        with transaction.atomic():
            assert set(Line.objects.values_list("state", flat=True)) == {"planned"}


@commits
def test_one_chunk_tries_after_outage_then_wakes_others(batch, told):
    with no_room_in("users_customeruser"):
        for number in (1, 2, 3):
            run_chunk(batch_id=batch.pk, number=number)
        assert (sweep(), told) == (1, [1])
        run_chunk(batch_id=batch.pk, number=1)
        assert (sweep(), told) == (1, [1, 1])

    run_chunk(batch_id=batch.pk, number=1)

    assert state_of(batch) == ("running", "")
    assert told == [1, 1, 2, 3, 4]


@commits
def test_full_disk_does_not_fail_single_line(batch):
    with transaction.atomic():
        Job.objects.filter(number=1).update(attempts=4)
        Line.objects.filter(number=7).update(state="trying", result={"tries": 1})

    with no_room_in("users_customeruser"):
        for _ in range(3):
            run_chunk(batch_id=batch.pk, number=1)
    run_chunk(batch_id=batch.pk, number=1)

    with transaction.atomic():
        chunk = Job.objects.get(batch=batch, number=1)
        assert set(chunk.lines.values_list("state", flat=True)) == {"done"}


@commits
def test_batch_paused_by_member_stays_paused(batch, told):
    with transaction.atomic():
        assert pause(batch_id=batch.pk, because=MEMBER)
        Job.objects.update(enqueued_at=None)

    run_chunk(batch_id=batch.pk, number=1)

    assert (sweep(), told) == (0, [])
    assert attempts() == [0, 0, 0, 0]
    assert not resume(batch=batch, because=DATABASE)
    assert state_of(batch) == ("paused", "member")


@commits
def test_resume_by_member_wakes_every_chunk(batch, told):
    pause(batch_id=batch.pk, because=MEMBER)

    assert resume(batch=batch, because=MEMBER)

    assert state_of(batch) == ("running", "")
    assert told == [1, 2, 3, 4]


@commits
def test_pause_by_member_replaces_pause_for_database(batch):
    pause(batch_id=batch.pk, because=DATABASE)

    assert pause(batch_id=batch.pk, because=MEMBER)
    assert not pause(batch_id=batch.pk, because=DATABASE)

    assert state_of(batch) == ("paused", "member")


@commits
def test_batch_paused_in_last_chunk_ends(batch):
    for number in (1, 2, 3):
        run_chunk(batch_id=batch.pk, number=number)
    pause(batch_id=batch.pk, because=DATABASE)

    run_chunk(batch_id=batch.pk, number=4)

    assert state_of(batch) == ("done", "")


@commits
def test_check_continues_after_full_disk(as_alice, contoso):
    rows = b"User name,Display name\r\nu1,U 1\r\nu2,U 2\r\n"
    as_alice.post(
        reverse("imports:upload", args=["contoso"]),
        {
            "file": SimpleUploadedFile("people.csv", rows),
            "domain": "contoso.example",
            "location": "US",
            "mode": "good",
        },
    )
    with transaction.atomic():
        batch = Batch.objects.get()

    with no_room_in("batches_line"):
        for _ in range(5):
            check_upload(batch_id=batch.pk)
        assert state_of(batch) == ("checking", "database")
        page = as_alice.get(reverse("batches:batch", args=["contoso", batch.pk])).content.decode()
        assert "Waiting for the database." in page
    check_upload(batch_id=batch.pk)

    assert state_of(batch) == ("planned", "")


@commits
def test_full_disk_in_request_shows_error_only(as_alice, contoso):
    as_alice.raise_request_exception = False
    typed = {
        "token": str(uuid7()),
        "first_name": "Amara",
        "last_name": "Okafor",
        "display_name": "",
        "user_name": "amara",
        "domain": "contoso.example",
        "location": "US",
        "kind": "user",
        "do": "add",
    }

    with no_room_in("users_customeruser"):
        answer = as_alice.post(reverse("users:add", args=["contoso"]), typed)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Not available right now" in answer.content.decode()
    with transaction.atomic():
        assert Batch.objects.count() == CustomerUser.objects.count() == 0
