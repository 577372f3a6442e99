import csv
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from batches.models import Batch, Job, Line
from imports.handlers import LimitedFile
from imports.models import Upload, UploadPart
from tests import factories
from tests.workers import check_upload
from users.models import CustomerUser

HEADER = "User name,First name,Last name,Display name\r\n"


def rows(*people):
    return (HEADER + "".join(f"{row}\r\n" for row in people)).encode()


def send(client, content, name="people.csv", **fields):
    file = SimpleUploadedFile(name, content)
    data = {"file": file, "domain": "contoso.example", "location": "US", "mode": "good"} | fields
    return client.post(reverse("imports:upload", args=["contoso"]), data)


def plan(client, content, name="people.csv", **fields):
    """Upload a file and do what the worker would do."""
    answer = send(client, content, name, **fields)
    assert answer.status_code == 302, answer.content.decode()
    batch = Batch.objects.latest("id")
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    return batch


def show(client, batch, **query):
    answer = client.get(reverse("batches:batch", args=["contoso", batch.pk]), query_params=query)
    assert answer.status_code == 200
    return answer.content.decode()


def start(client, batch):
    return client.post(reverse("batches:start", args=["contoso", batch.pk]), follow=True)


def test_the_page_offers_products_with_their_free_seats(as_alice, contoso, office):
    page = as_alice.get(reverse("imports:upload", args=["contoso"])).content.decode()

    assert "Office E3" in page
    assert "5 free" in page


def test_upload_is_stored_in_parts_unread(as_alice, contoso):
    answer = send(as_alice, b"x" * (2 * 1024 * 1024 + 5))

    batch = Batch.objects.get()
    assert answer.url == reverse("batches:batch", args=["contoso", batch.pk])
    assert batch.state == "checking"
    parts = UploadPart.objects.order_by("number")
    assert [len(part.content) for part in parts] == [1024 * 1024, 1024 * 1024, 5]
    assert list(Job.objects.values_list("kind", "state")) == [("check", "pending")]


def test_an_upload_is_on_record(as_alice, alice, contoso):
    send(as_alice, rows("a,A,B,"))

    event = Event.objects.get(action="import.uploaded")
    assert (event.by_id, event.subject_name) == (alice.pk, "people.csv")


def test_an_empty_file_is_refused_in_a_sentence(as_alice, contoso):
    answer = send(as_alice, b"")

    assert answer.status_code == 422
    assert "The file is empty." in answer.content.decode()
    assert not Batch.objects.exists()


def test_too_large_file_is_refused_with_message(as_alice, contoso, settings):
    settings.UPLOAD_LIMIT_BYTES = 1000

    answer = send(as_alice, b"x" * 1001)

    assert answer.status_code == 422
    assert "up to 1000" in answer.content.decode().replace("\xa0", " ")
    assert not Batch.objects.exists()


def test_far_too_large_file_keeps_choices(as_alice, contoso, settings):
    settings.UPLOAD_LIMIT_BYTES = 3_000_000
    answer = send(as_alice, b"x" * 9_000_000, location="CN")

    assert answer.status_code == 422
    assert "Split the file." in answer.content.decode()
    assert re.search('<option value="CN"[^>]* selected', answer.content.decode())


def test_file_is_stored_up_to_limit(settings):
    settings.UPLOAD_LIMIT_BYTES = 300_000
    handler = LimitedFile()
    handler.new_file("file", "people.csv", "text/csv", None)
    for start in range(0, 1_000_000, 50_000):
        handler.receive_data_chunk(b"x" * 50_000, start)

    with handler.file_complete(1_000_000) as kept:
        assert kept.size == 1_000_000
        assert len(kept.read()) == 350_000


def test_no_file_is_refused_in_a_sentence(as_alice, contoso):
    answer = as_alice.post(reverse("imports:upload", args=["contoso"]), {"mode": "good"})

    assert answer.status_code == 422
    assert "Choose a .csv or .xlsx file." in answer.content.decode()


def test_check_plans_every_row_without_adding_users(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,", "bo b,Bob,,", "cy,Cy,Chen,Cy Chen"))

    assert batch.state == "planned"
    lines = list(Line.objects.order_by("number").values_list("number", "state"))
    assert lines == [(1, "planned"), (2, "invalid"), (3, "planned")]
    assert batch.plan["detected"]["encoding"]
    assert batch.plan["counts"] == {"ready": 2, "warned": 0, "failed": 1, "skipped": 0}
    assert not CustomerUser.objects.exists()


def test_plan_shows_problems_at_their_rows(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,", "bo b,Bob,,"))

    page = show(as_alice, batch)

    assert "Import 1 user" in page
    assert "1 line has an error." in page
    assert "allowed in a user name" in page
    assert "Comma" in page
    errors = show(as_alice, batch, show="errors")
    assert "bo b" in errors
    assert "Amy Parker" not in errors


def test_plan_shows_seats_before_and_after(as_alice, contoso, office):
    people = rows(*(f"u{n},U,{n}," for n in range(7)))

    batch = plan(as_alice, people, products=[str(office.pk)])

    page = show(as_alice, batch)
    assert "5 → 0" in page
    assert "2 users get no license" in page
    assert batch.plan["counts"] == {"ready": 5, "warned": 2, "failed": 0, "skipped": 0}


def test_starting_adds_the_good_rows(as_alice, contoso, office):
    batch = plan(as_alice, rows("amy,Amy,Parker,", "bo b,Bob,,"), products=[str(office.pk)])
    ids = list(Line.objects.order_by("number").values_list("user_id", flat=True))

    page = start(as_alice, batch).content.decode()

    user = CustomerUser.objects.get()
    assert (user.pk, user.user_name, user.location) == (ids[0], "amy@contoso.example", "US")
    assert user.assignments.get().subscription_id == office.pk
    assert "<h1>1 user added</h1>" in page
    assert not Upload.objects.exists()


def test_double_click_starts_import_once(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,"))
    start(as_alice, batch)

    page = start(as_alice, batch).content.decode()

    assert "This job has already been started or canceled." in page
    assert CustomerUser.objects.count() == 1
    assert Event.objects.filter(action="batch.started").count() == 1


def test_same_file_twice_adds_users_once(as_alice, contoso):
    people = rows("amy,Amy,Parker,", "bob,Bob,Stone,")
    start(as_alice, plan(as_alice, people))

    again = plan(as_alice, people)

    assert again.plan["counts"]["failed"] == 2
    page = show(as_alice, again)
    assert "Amy Parker already has this user name." in page
    assert reverse("batches:start", args=["contoso", again.pk]) not in page
    assert CustomerUser.objects.count() == 2


def test_two_plans_of_one_file_add_users_once(as_alice, contoso):
    people = rows("amy,Amy,Parker,")
    first, second = plan(as_alice, people), plan(as_alice, people)

    start(as_alice, first)
    page = start(as_alice, second).content.decode()

    assert CustomerUser.objects.count() == 1
    assert "This user name was taken after the check." in page


def test_all_or_nothing_refuses_a_file_with_errors(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,", "bo b,Bob,,"), mode="all")

    page = start(as_alice, batch).content.decode()

    batch.refresh_from_db()
    assert batch.state == "planned"
    assert "you chose to import only when every row is correct" in page
    assert not CustomerUser.objects.exists()


def test_all_or_nothing_runs_a_good_file(as_alice, contoso):
    start(as_alice, plan(as_alice, rows("amy,Amy,Parker,"), mode="all"))

    assert CustomerUser.objects.count() == 1


def test_unreadable_file_is_refused_with_message(as_alice, contoso):
    batch = plan(as_alice, b'User name,Display name\r\n"amy,Amy\r\n')

    assert batch.state == "refused"
    page = show(as_alice, batch)
    assert "The file cannot be read." in page
    assert "line 2" in page


def test_internal_error_refuses_file_and_is_logged(as_alice, contoso, caplog, monkeypatch):
    monkeypatch.setattr("imports.check.plan.make_plan", lambda *_: 1 / 0)

    batch = plan(as_alice, rows("amy,Amy,Parker,"))

    assert batch.state == "refused"
    assert "went wrong on our side" in show(as_alice, batch)
    assert "ZeroDivisionError" in caplog.text


def test_file_that_crashes_three_workers_is_refused(as_alice, contoso):
    send(as_alice, rows("amy,Amy,Parker,"))
    Job.objects.update(attempts=3)
    batch = Batch.objects.get()

    check_upload(batch_id=batch.pk)

    batch.refresh_from_db()
    assert batch.state == "refused"
    assert not Line.objects.exists()


def test_a_second_check_changes_nothing(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,"))
    before = list(Line.objects.values_list("number", "user_id"))

    check_upload(batch_id=batch.pk)

    assert list(Line.objects.values_list("number", "user_id")) == before


def test_file_can_be_read_again_differently(as_alice, contoso):
    content = "User name,Display name\r\nwang,王建国\r\n".encode("gb18030")
    batch = plan(as_alice, content, encoding="cp1252")
    assert "王建国" not in show(as_alice, batch)
    address = reverse("imports:settings", args=["contoso", batch.pk])
    assert "Check again" in as_alice.get(address).content.decode()

    answer = as_alice.post(
        address, {"encoding": "gb18030", "domain": "contoso.example", "mode": "good"}
    )

    assert answer.url == reverse("batches:batch", args=["contoso", batch.pk])
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    assert batch.state == "planned"
    assert "王建国" in show(as_alice, batch)


def test_a_started_import_cannot_be_read_differently(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,"))
    Batch.objects.filter(pk=batch.pk).update(state="running")

    answer = as_alice.post(
        reverse("imports:settings", args=["contoso", batch.pk]), {"mode": "good"}
    )

    assert answer.status_code == 422


def test_a_plan_can_be_dropped(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,"))

    as_alice.post(reverse("batches:cancel", args=["contoso", batch.pk]))

    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert not Upload.objects.exists()
    start(as_alice, batch)
    assert not CustomerUser.objects.exists()


def test_a_file_dropped_during_its_check_plans_nothing(as_alice, contoso):
    send(as_alice, rows("amy,Amy,Parker,"))
    batch = Batch.objects.get()
    Batch.objects.update(state="canceled")

    check_upload(batch_id=batch.pk)

    assert not Line.objects.exists()
    assert not Job.objects.filter(state="pending").exists()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_unchanged_template_can_be_imported(as_alice, contoso, office, language, kind):
    answer = as_alice.get(reverse("imports:template", args=["contoso", language, kind]))
    assert answer["Content-Disposition"].startswith("attachment")

    batch = plan(as_alice, answer.content, f"template.{kind}")

    assert batch.state == "planned"
    assert Line.objects.count() > 0
    assert not Line.objects.filter(state="invalid").exists()
    start(as_alice, batch)
    assert CustomerUser.objects.count() == Line.objects.count()


@pytest.mark.parametrize("name", ["de.csv", "en.exe"])
def test_there_is_no_other_template(as_alice, contoso, name):
    known = reverse("imports:template", args=["contoso", "en", "csv"])

    answer = as_alice.get(known.replace("en.csv", name))

    assert answer.status_code == 404


def test_failed_rows_are_downloaded_for_correction(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,", "bo b,Bob,Stone,"))
    start(as_alice, batch)

    answer = as_alice.post(reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"]))

    content = b"".join(answer.streaming_content)
    table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert len(table) == 2
    assert "bo b" in table[1][0]
    assert "allowed in a user name" in table[1][-1]
    corrected = content.replace(b"bo b", b"bob")
    start(as_alice, plan(as_alice, corrected))
    names = sorted(CustomerUser.objects.values_list("user_name", flat=True))
    assert names == ["amy@contoso.example", "bob@contoso.example"]


def test_failed_rows_come_back_as_a_workbook_too(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,", "bo b,Bob,Stone,"))
    address = reverse("imports:failed_rows", args=["contoso", batch.pk, "xlsx"])

    content = b"".join(as_alice.post(address).streaming_content)

    again = plan(as_alice, content, "errors.xlsx")
    assert [line.input["user_name"] for line in again.lines.all()] == ["bo b@contoso.example"]
    assert as_alice.post(address.replace("xlsx", "exe")).status_code == 404


def test_that_failed_rows_were_taken_is_on_record(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,", "bo b,Bob,Stone,", "c c,Cy,Stone,"))
    address = reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"])
    assert as_alice.get(address).status_code == 405

    as_alice.post(address)

    event = Event.objects.get(action="batch.errors_exported")
    assert (event.batch_id, event.after) == (batch.pk, {"lines": 2, "file": "csv"})
    log = as_alice.get(reverse("portal:activity"), {"group": "batches"}).content.decode()
    assert "downloaded the rows with errors of a job at Contoso" in log


def test_row_that_failed_in_run_is_downloaded(as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,"))
    factories.user(contoso, "Other Amy", user_name="amy@contoso.example")
    start(as_alice, batch)

    answer = as_alice.post(reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"]))

    assert b"after the check" in b"".join(answer.streaming_content)


def test_what_postgres_cannot_store_is_no_error(as_alice, contoso):
    batch = plan(as_alice, b"User name,Display name,Department\r\namy,A\x00my,D\x00\r\n")

    assert batch.state in {"planned", "refused"}
    show(as_alice, batch)


def test_a_helpdesk_agent_cannot_make_administrators(client, helen, contoso):
    client.force_login(helen)

    answer = send(client, rows("amy,Amy,Parker,"), permissions=["global_administrator"])

    assert answer.status_code == 302
    assert Batch.objects.get().options["defaults"]["permissions"] == []
    content = b"User name,Display name,Permissions\r\namy,Amy,Global administrator\r\n"
    batch = plan(client, content)
    assert Line.objects.get(batch=batch).state == "invalid"


def test_a_reader_may_not_import(client, bob, contoso):
    client.force_login(bob)

    assert send(client, rows("amy,Amy,Parker,")).status_code == 403


def test_a_rival_finds_nothing(client, mallory, as_alice, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,"))
    client.force_login(mallory)

    of_batch = ("batches:batch", "batches:start", "batches:cancel", "imports:settings")
    for address in (
        *(reverse(name, args=["contoso", batch.pk]) for name in of_batch),
        reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"]),
    ):
        assert client.get(address).status_code == 404
        assert client.post(address).status_code == 404


def test_starting_plan_of_another_needs_approval_permission(client, as_alice, helen, contoso):
    batch = plan(as_alice, rows("amy,Amy,Parker,"))
    client.force_login(helen)

    assert start(client, batch).status_code == 403
    assert reverse("batches:start", args=["contoso", batch.pk]) not in show(client, batch)


@pytest.mark.parametrize("state", ["planned", "done"])
def test_page_needs_fixed_number_of_queries(as_alice, contoso, office, state):
    # The first page a member sees makes the token of the session.
    as_alice.get(reverse("imports:upload", args=["contoso"]))
    counts = []
    for number in (1, 60):
        people = rows(*(f"x{number}y{n},U,{n}," for n in range(number)))
        batch = plan(as_alice, people, products=[str(office.pk)])
        if state == "done":
            Line.objects.filter(batch=batch).update(state="done")
            Batch.objects.filter(pk=batch.pk).update(state="done")
        with CaptureQueriesContext(connection) as captured:
            show(as_alice, batch)
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_lines_are_paged(as_alice, contoso):
    batch = plan(as_alice, rows(*(f"u{n},U,N{n:03}," for n in range(120))))

    first, second, third = (
        show(as_alice, batch),
        show(as_alice, batch, after=50),
        show(as_alice, batch, after=100),
    )

    assert "N000" in first
    assert "N050" not in first
    assert "N050" in second
    assert "N099" in second
    assert "N100" not in second
    assert "N119" in third
    back = show(as_alice, batch, before=101)
    assert "N050" in back
    assert "N099" in back
