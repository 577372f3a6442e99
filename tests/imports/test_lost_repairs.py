"""Repairs that do not outlive another reading of the file: which they were, and why."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from batches.models import UPLOADS_KEPT
from batches.operations.control import cancel_batch, start_batch
from handover.operations import sheet
from imports import lost_repairs
from imports.models import LostRepair
from imports.operations.repair import leave_out
from imports.operations.upload import wipe_files
from licensing.queries import find_product_names
from tests import factories
from tests.imports.test_import import plan, show
from tests.imports.test_repair import mend, person
from tests.imports.test_reread import HEADER, read_again, type_anew

JOB_TITLE = {"department": "job_title"}
NOT_THERE = "The plan has no such row any more: the file has none there, or it changes nothing."


def tell(batch):
    """Each lost repair as its line, what it was, and why it is lost."""
    batch.refresh_from_db()
    found = lost_repairs.tell(batch, find_product_names(batch.customer))
    return [(row.line, one.text, one.why) for row in found.rows for one in row.repairs]


def read_file(client, batch, kind="csv"):
    answer = client.post(reverse("imports:lost_repairs", args=["contoso", batch.pk, kind]))
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def planned(as_alice, contoso, office):
    """Plan the import of these rows, as alice."""

    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        return plan(as_alice, content, **fields)

    return make


@pytest.fixture
def lost(planned, alice):
    """A plan in which what was typed for Bob's department is lost, and his name is kept."""
    batch = planned("bo b,Bob,,Sales,", "cy c,Cy,,,")
    type_anew(batch, 1, alice, user_name="bob@contoso.example", department="IT")
    type_anew(batch, 2, alice, user_name="cy@contoso.example")
    assert read_again(batch, alice, columns=JOB_TITLE) == {"kept": 1, "lost": 1}
    return batch


def test_the_plan_tells_the_row_what_was_typed_and_what_it_reads_now(as_alice, lost):
    assert tell(lost) == [(2, "Department: Sales → IT", "The cell is read as empty now.")]
    page = show(as_alice, lost)
    assert "1 row whose repair could not be kept" in page
    assert "Department: Sales → IT" in page
    assert reverse("imports:repair_line", args=["contoso", lost.pk, 1]) in page


def test_it_stays_told_while_other_rows_are_repaired(as_alice, alice, lost):
    type_anew(lost, 2, alice, department="IT")

    assert "Department: Sales → IT" in show(as_alice, lost)


def test_who_edits_the_row_has_seen_it(as_alice, alice, lost):
    type_anew(lost, 1, alice, department="IT")

    assert tell(lost) == []
    assert "could not be kept" not in show(as_alice, lost).split("<main", 1)[1]


def test_who_leaves_the_row_out_has_seen_it(alice, lost):
    leave_out(batch=lost, numbers=[1], by=alice)

    assert tell(lost) == []


def test_it_fits_again_where_the_file_is_read_as_before(alice, lost):
    assert read_again(lost, alice, columns={"department": "department"}) == {"kept": 2, "lost": 0}

    assert (person(lost, 1)["user_name"], person(lost, 1)["department"]) == (
        "bob@contoso.example",
        "IT",
    )
    assert tell(lost) == []


def test_it_is_still_told_after_one_more_reading_that_does_not_fit(alice, lost):
    assert read_again(lost, alice, when_short="queue") == {"kept": 1, "lost": 1}

    assert tell(lost) == [(2, "Department: Sales → IT", "The cell is read as empty now.")]
    assert person(lost, 1)["user_name"] == "bob@contoso.example"


def test_a_later_repair_of_another_cell_fits_with_it(planned, alice, office):
    batch = planned("bob,Bob,E3,,Mars")
    mend(batch, alice, "product_unknown", "products", "E3", value=str(office.pk))
    read_again(batch, alice, columns={"licenses": "job_title"})
    mend(batch, alice, "location_unknown", "location", "Mars", value="CN")
    assert len(tell(batch)) == 1

    assert read_again(batch, alice, columns={"licenses": "products"}) == {"kept": 1, "lost": 0}

    (product,) = person(batch, 1)["products"]
    assert (product["subscription"], person(batch, 1)["location"]) == (str(office.pk), "CN")


def test_products_and_places_are_named(planned, alice, office):
    batch = planned("a,Amy,E3; E5,,", location="")
    mend(batch, alice, "product_unknown", "products", "E3", value=str(office.pk))
    mend(batch, alice, "location_missing", "location", value="CN")

    read_again(batch, alice, defaults={"location": "DE"}, columns={"licenses": "job_title"})

    assert tell(batch) == [
        (
            2,
            "Usage location: empty → China",
            "The cell is read as “Germany” now.",
        ),
        (2, "Licenses: E3, E5 → Office E3", "The cell is read as empty now."),
    ]


def test_a_row_that_is_not_left_out_any_more_says_whom_it_is_about(planned, alice):
    batch = planned("amy,Amy,,Anna,")
    leave_out(batch=batch, numbers=[1], by=alice)
    other = {"displayname": "job_title", "department": "display_name"}

    read_again(batch, alice, columns=other)

    assert tell(batch) == [(2, "Left out", "The row is about Anna now, and is not left out.")]


def test_a_row_that_is_in_the_plan_no_more_is_told_without_a_way_to_edit_it(
    as_alice,
    planned,
    contoso,
    alice,
):
    factories.user(contoso, "Amy", user_name="amy@contoso.example", department="Sales")
    batch = planned("amy,Amy,,Sales,", "bob,Bob,,Sales,")
    leave_out(batch=batch, numbers=[2], by=alice)
    type_anew(batch, 1, alice, user_name="anna@contoso.example")

    read_again(batch, alice, purpose="update", licenses="add")

    assert (2, "User name: amy@contoso.example → anna@contoso.example", NOT_THERE) in tell(batch)
    assert NOT_THERE.split(":")[0] in show(as_alice, batch)


def test_of_many_the_first_are_shown_and_the_file_has_all(as_alice, planned, alice):
    batch = planned(*(f"u{n},User {n},,Sales," for n in range(60)))
    for number in range(1, 61):
        type_anew(batch, number, alice, department="IT")

    read_again(batch, alice, columns=JOB_TITLE)

    page = show(as_alice, batch)
    assert "60 rows whose repairs could not be kept" in page
    assert page.count("Department: Sales → IT") == 50
    assert "Only the first 50 are shown here." in page
    rows = read_file(as_alice, batch)
    assert len(rows) == 60
    assert rows[59] == {
        "Line": "61",
        "User name": "u59@contoso.example",
        "Display name": "User 59",
        "Column": "Department",
        "Read before": "Sales",
        "Repair": "IT",
        "Remarks": "The cell is read as empty now.",
    }


def test_the_file_is_on_record(as_alice, alice, lost):
    read_file(as_alice, lost)

    event = Event.objects.get(action="batch.lost_repairs_exported")
    assert (event.by_id, event.batch_id, event.after) == (
        alice.pk,
        lost.pk,
        {"lines": 1, "file": "csv"},
    )


def test_the_file_is_for_who_may_import(client, bob, lost):
    client.force_login(bob)
    address = reverse("imports:lost_repairs", args=["contoso", lost.pk, "csv"])

    assert client.post(address).status_code == 403
    assert address not in show(client, lost)


def test_it_goes_when_the_import_is_started(alice, lost):
    start_batch(batch=lost, by=alice)

    assert not LostRepair.objects.exists()


def test_it_goes_when_the_plan_is_dropped(alice, lost):
    cancel_batch(batch=lost, by=alice)

    assert not LostRepair.objects.exists()


def test_it_goes_with_the_file(lost, monkeypatch):
    monkeypatch.setattr(sheet, "UPLOADS_KEPT", -UPLOADS_KEPT)

    wipe_files()

    assert not LostRepair.objects.exists()


def test_the_reading_asks_the_same_number_of_questions_however_much_is_lost(
    planned,
    alice,
):
    def ask(people, becomes):
        batch = planned(*(f"{people}-{n},User {n},,Sales," for n in range(people)))
        for number in range(1, people + 1):
            type_anew(batch, number, alice, department="IT")
        with CaptureQueriesContext(connection) as asked:
            said = read_again(batch, alice, columns={"department": becomes})
        assert said == {"kept": 0, "lost": people}
        return len(asked)

    assert ask(2, "job_title") == ask(12, "department")
