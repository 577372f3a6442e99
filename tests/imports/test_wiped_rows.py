"""Rows of a file that did not become users: names in them are removed with the file."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from batches.errors import NotPlanned
from batches.models import Batch, Line
from batches.operations.control import cancel_batch, start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from batches.queries.batch import get_progress
from imports import tasks
from imports.models import Upload, UploadPart
from imports.operations.repair import skip_lines
from imports.operations.upload import keep_file, wipe_files
from imports.routes import find_partners_with_expired_files
from partners import tenancy
from tests import factories
from tests.imports.test_import import plan, rows, show, start
from users.acts.purge import purge_due
from users.models import CustomerUser

WORD = "zebediah"
HEADER = (
    "User name,First name,Last name,Display name,Job title,Department,Phone,Contact address,"
    "Usage location,Licenses,Permissions,Language,Zebediah’s notes\r\n"
)


def row(local, **more):
    """A row that names a person in every cell that takes a text."""
    cells = {
        "user_name": local, "first": "Zebediah", "last": "Quux", "display": f"Zebediah {local}",
        "job": "Zebediah’s deputy", "department": "Zebediah & Co", "phone": "+1 555 Zebediah",
        "contact": f"zebediah.{local}@mail.example", "location": "US", "products": "",
        "permissions": "", "language": "", "notes": "met Zebediah",
    } | more  # fmt: skip
    return ",".join(cells.values()) + "\r\n"


def age():
    """Let a day and an hour go by since everything was uploaded."""
    past = timezone.now() - timedelta(hours=25)
    Batch.objects.update(created_at=past)
    Upload.objects.update(created_at=past)


def places_of(word: str) -> list[str]:
    """Where the word stands, in any column of any table that the app can read."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(table_name), quote_ident(column_name), data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2"
        )
        columns = cursor.fetchall()
        for table, column, kind in columns:
            text = f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {text} ILIKE %s", [f"%{word}%"])
            if cursor.fetchone()[0]:
                found.append(f"{table}.{column}")
    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    return found + ["session" for text in sessions if word in text.lower()]


@pytest.fixture
def imported(as_alice, contoso, office, alice):
    """An import of which rows were done, invalid, left out, stopped, and failed as they ran."""
    factories.user(
        contoso, "Zebediah Gone", user_name="zebediah-again@contoso.example",
        deleted_at=timezone.now(), purge_at=timezone.now(),
    )  # fmt: skip
    content = HEADER + "".join(
        [
            row("zebediah-done"),
            row("zebediah-again"),
            row("zebediah-elsewhere@zebediah.example"),
            row("zebediah-done", display="Zebediah the second"),
            row("zebediah!bad"),
            row("zebediah-nowhere", location="Zebediahland"),
            row("zebediah-office", products="Zebediah Office"),
            row("zebediah-rights", permissions="Zebediah’s boss"),
            row("zebediah-mail", contact="zebediah"),
            row("zebediah-tongue", language="Zebediahish"),
            row("zebediah-out"),
            row("zebediah-taken"),
            row("zebediah-long", job="Zebediah" * 30),
        ]
    )
    batch = plan(as_alice, content.encode(), products=[str(office.pk)])
    out = batch.lines.get(input__user_name="zebediah-out@contoso.example")
    skip_lines(batch=batch, numbers=[out.number], by=alice)
    factories.user(contoso, "Zed", user_name="zebediah-taken@contoso.example")
    start(as_alice, batch)
    batch.refresh_from_db()
    states = set(batch.lines.values_list("state", flat=True))
    assert states == {"done", "invalid", "left_out", "failed"}
    return batch


def purge_all():
    now = timezone.now()
    there = CustomerUser.objects.filter(user_name__contains=WORD)
    there.filter(deleted_at=None).update(deleted_at=now, purge_at=now)
    there.update(purge_at=now)
    purge_due()


def test_no_name_is_left_after_purge_and_wipe(as_alice, contoso, alice, imported):
    waiting = plan(as_alice, (HEADER + row("zebediah-waits") + row("zebediah?")).encode())
    dropped = plan(as_alice, (HEADER + row("zebediah-dropped")).encode())
    cancel_batch(batch=dropped, by=alice)
    refused = plan(as_alice, b"Zebediah;Quux\r\nZebediah;Qux\r\n")
    assert (waiting.state, refused.state) == ("planned", "refused")
    assert {"batches_batch.plan", "batches_line.input", "batches_line.problems"} <= set(
        places_of(WORD)
    )

    age()
    wipe_files()
    purge_all()

    assert places_of(WORD) == []


def test_warning_drops_name_of_purged_user(as_alice, contoso):
    factories.user(
        contoso, "Zebediah Gone", user_name="ann@contoso.example",
        deleted_at=timezone.now(), purge_at=timezone.now(),
    )  # fmt: skip
    batch = plan(as_alice, rows("ann,Ann,Ames,"))
    start(as_alice, batch)
    assert batch.lines.get().problems[0]["params"] == {"name": "Zebediah Gone"}
    age()
    wipe_files()
    purge_due()

    line = batch.lines.get()
    assert (line.state, line.input["first_name"]) == ("done", "Ann")
    assert places_of(WORD) == []


def test_counts_and_reasons_stay(as_alice, imported):
    progress = get_progress(imported)
    age()
    wipe_files()

    imported.refresh_from_db()
    assert get_progress(imported) == progress
    page = show(as_alice, imported, show="skipped")
    assert "removed" in page
    assert "“…” isn’t a known country or region." in page
    assert "“…” isn’t a domain" not in page
    assert "… isn’t a domain of this customer." in page
    assert "This is the same person as in line 2." in page
    assert "This user name was taken after the check." in show(as_alice, imported, show="failed")
    # Rows that became users keep everything.
    assert "Zebediah zebediah-done" in show(as_alice, imported, show="done")


def test_wiped_rows_cannot_be_downloaded(as_alice, imported):
    address = reverse("imports:failed_rows", args=["contoso", imported.pk, "csv"])
    page = show(as_alice, imported)
    assert "You can download them until" in page
    assert address in page
    assert b"zebediah-out" not in (content := b"".join(as_alice.post(address)))
    assert b"zebediah-nowhere" in content
    age()
    wipe_files()

    page = show(as_alice, imported)
    assert "The file and the names in these rows were removed." in page
    assert address not in page
    answer = as_alice.post(address, follow=True)
    assert "The uploaded file has been removed." in answer.content.decode()
    assert Event.objects.filter(action="batch.errors_exported").count() == 1


def test_unstarted_import_is_dropped_after_a_day(as_alice, contoso, alice):
    batch = plan(as_alice, rows("ann,Ann,Ames,", "bo,Bo,Byrd,"))
    assert "You can start this import until" in show(as_alice, batch)
    age()
    wipe_files()

    batch.refresh_from_db()
    assert (batch.state, batch.finished_at is not None) == ("canceled", True)
    event = Event.objects.get(action="batch.canceled")
    assert (event.by_id, event.by_name, event.batch_id) == (None, "system", batch.pk)
    assert "This import was not started within 24 hours" in show(as_alice, batch)
    with pytest.raises(NotPlanned):
        start_batch(batch=batch, by=alice)
    assert not CustomerUser.objects.exists()


@pytest.mark.parametrize("state", ["running", "paused"])
def test_pending_rows_are_kept(as_alice, contoso, state):
    batch = plan(as_alice, rows("ann,Ann,Ames,"))
    Batch.objects.filter(pk=batch.pk).update(state=state, started_at=timezone.now())
    age()
    wipe_files()

    assert batch.lines.get().input["first_name"] == "Ann"
    assert find_partners_with_expired_files() == []


def test_before_the_day_is_over_nothing_is_wiped(as_alice, imported):
    before = list(imported.lines.order_by("number").values_list("input", "problems"))
    Batch.objects.update(created_at=timezone.now() - timedelta(hours=23))
    wipe_files()

    assert list(imported.lines.order_by("number").values_list("input", "problems")) == before


def test_value_of_a_waiting_repair_is_wiped(as_alice, contoso, alice):
    batch = plan(as_alice, (HEADER + row("zebediah-waits")).encode())
    Batch.objects.filter(pk=batch.pk).update(
        state="checking", plan=batch.plan | {"repair": {"value": "zebediah.example"}}
    )
    age()
    wipe_files()

    assert places_of(WORD) == []


def test_row_of_existing_user_stays_until_purge(as_alice, contoso, alice):
    ann = factories.user(contoso, "Ann", user_name="ann@contoso.example")
    batch = plan(as_alice, b"User name,Phone\r\nann,+1 555 0100\r\n", purpose="update")
    line = batch.lines.get()
    assert (line.user_id, line.input["user_name"]) == (ann.pk, "ann@contoso.example")
    skip_lines(batch=batch, numbers=[line.number], by=alice)
    age()
    wipe_files()

    line.refresh_from_db(fields=["input"])
    assert line.input["user_name"] == "ann@contoso.example"


@pytest.mark.django_db(transaction=True)
def test_beat_finds_the_partner_and_wipes_rows(northwind, alice):
    with tenancy.tenant(northwind.pk):
        customer = factories.customer("contoso", "Contoso", ("contoso.example",))
        batch = create_batch(customer=customer, kind="import", by=alice)
        person = {"user_name": "ann@contoso.example", "display_name": "Ann"}
        save_lines(batch=batch, lines=[PlannedLine(tenancy.uuid7(), person)])
        with transaction.atomic():
            age()
    assert find_partners_with_expired_files() == [northwind.pk]

    tasks.wipe()

    assert find_partners_with_expired_files() == []
    with tenancy.tenant(northwind.pk), transaction.atomic():
        assert Line.objects.get().input == {"user_name": "", "display_name": ""}


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
def test_uploads_are_deleted_after_a_day_or_end(contoso, alice, state, age, is_kept):
    batch = create_batch(customer=contoso, kind="import", state=state, by=alice)
    Batch.objects.filter(pk=batch.pk).update(created_at=timezone.now() - age)
    keep_file(name="a.csv", parts=[b"name"], options={}, batch=batch, by=alice)

    wipe_files()

    assert Upload.objects.filter(batch=batch).exists() is is_kept
    assert UploadPart.objects.exists() is is_kept
