import pytest
from django.urls import reverse

from batches.models import Batch, Line
from imports.models import ImportColumn, Upload
from imports.queries import find_column_meanings, find_preview
from tests import factories
from tests.imports.test_import import plan, send, show, start
from tests.workers import check_upload


def settings_of(batch):
    return reverse("imports:settings", args=["contoso", batch.pk])


def check_again(client, batch, **columns):
    data = {"domain": "contoso.example", "location": "US", "mode": "good"} | columns
    answer = client.post(settings_of(batch), data)
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    return answer


def test_every_column_is_shown_with_sample_cells(as_alice, contoso):
    content = "User name,Display name,Hobby,Password\n" + "".join(
        f"u{n},U {n % 2},nick{n},secret{n}\n" for n in range(9)
    )
    batch = plan(as_alice, content.encode())

    assert [
        (one["header"], one["field"], one["cells"]) for one in find_preview(batch)["columns"]
    ] == [
        ("User name", "user_name", ["u0", "u1", "u2"]),
        ("Display name", "display_name", ["U 0", "U 1"]),
        ("Hobby", "", ["nick0", "nick1", "nick2"]),
        ("Password", "password", []),
    ]
    page = as_alice.get(settings_of(batch)).content.decode()
    assert "nick1" in page
    assert "secret1" not in page
    assert '<option value="display_name" selected>' in page


def test_assigned_column_applies_to_next_file(as_alice, contoso):
    content = b"User name,Display name,Abt.\namy,Amy,Sales\n"
    batch = plan(as_alice, content)
    assert Line.objects.get().input["department"] == ""

    answer = check_again(
        as_alice, batch, column_0="user_name", column_1="display_name", column_2="department"
    )

    assert answer.status_code == 302
    assert Line.objects.get(batch=batch).input["department"] == "Sales"
    assert list(ImportColumn.objects.values_list("header", "field")) == [("abt", "department")]
    again = plan(as_alice, b"User name,Display name,ABT\nbob,Bob,IT\n")
    assert Line.objects.get(batch=again).input["department"] == "IT"
    assert "is unknown" not in show(as_alice, again)


def test_known_column_is_skipped_and_included(as_alice, contoso):
    batch = plan(as_alice, b"User name,Display name,Phone\namy,Amy,123\n")

    check_again(as_alice, batch, column_0="user_name", column_1="display_name", column_2="")
    assert Line.objects.get(batch=batch).input["phone"] == ""

    check_again(as_alice, batch, column_0="user_name", column_1="display_name", column_2="phone")
    assert Line.objects.get(batch=batch).input["phone"] == "123"
    assert list(ImportColumn.objects.values_list("header", "field")) == [("phone", "phone")]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_file_with_unknown_header_needs_assigned_columns(as_alice, contoso, delimiter):
    text = "Wer,Wie,Stelle\namy,Amy,Boss\nbob,Bob,Chef\n".replace(",", delimiter)
    batch = plan(as_alice, text.encode())
    assert batch.state == "refused"
    page = as_alice.get(settings_of(batch)).content.decode()
    assert "Wer" in page
    assert "Chef" in page

    check_again(as_alice, batch, column_0="user_name", column_1="display_name", column_2="")

    assert batch.state == "planned"
    assert [line.input["user_name"] for line in Line.objects.order_by("number")] == [
        "amy@contoso.example",
        "bob@contoso.example",
    ]


def test_a_field_that_is_none_is_refused(as_alice, contoso):
    batch = plan(as_alice, b"User name,Display name,X\namy,Amy,1\n")

    answer = check_again(
        as_alice, batch, column_0="user_name", column_1="display_name", column_2="password"
    )

    assert answer.status_code == 422
    assert not ImportColumn.objects.exists()
    assert batch.state == "planned"


def test_column_names_are_kept_per_customer(as_alice, contoso):
    ImportColumn.objects.create(customer=contoso, header="abt", field="department")
    other = factories.customer("fabrikam", "Fabrikam")

    assert find_column_meanings(contoso) == {"abt": "department"}
    assert find_column_meanings(other) == {}


def test_sample_cells_are_deleted_with_file(as_alice, contoso):
    batch = plan(as_alice, b"User name,Display name,X\namy,Amy,1\n")
    assert Upload.objects.get(batch=batch).preview

    start(as_alice, batch)

    assert not Upload.objects.filter(batch=batch).exists()


def test_a_file_of_another_kind_shows_no_columns(as_alice, contoso):
    send(as_alice, b"%PDF-1.4 nothing")
    batch = Batch.objects.get()
    check_upload(batch_id=batch.pk)

    assert find_preview(batch)["columns"] == []
    assert "Columns of the file" not in as_alice.get(settings_of(batch)).content.decode()
