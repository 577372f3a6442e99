"""One file with users of many customers."""

import csv
import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Job
from customers.models import Scope
from imports.models import UnmatchedRow, Upload, UploadPart
from imports.operations import split as operation
from imports.operations.split import (
    NothingToStart,
    receive_multi_upload,
    start_imports,
    wipe_unmatched_rows,
)
from imports.operations.upload import remember_columns
from imports.queries import find_unmatched_rows
from imports.routes import find_partners_with_expired_files
from partners import tenancy
from partners.access import Refused
from tests import factories
from tests.workers import run_chunk, split_file
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

HEADER = "Customer,User name,Display name\n"


@pytest.fixture
def fabrikam(inside):
    return factories.customer(
        "fabrikam", "Fabrikam Ltd", domains=("fabrikam.example",), location="DE"
    )


def split(by, text, **options):
    options = {"purpose": "create", "mode": "good"} | options
    upload = receive_multi_upload(name="all.csv", parts=[text.encode()], options=options, by=by)
    split_file(upload_id=upload.pk)
    upload.refresh_from_db()
    return upload


def plans(upload):
    batches = Batch.objects.filter(split_from=upload.pk).order_by("id")
    return {
        one.customer.slug: sorted(line.input["user_name"] for line in one.lines.all())
        for one in batches
    }


def unmatched_rows(upload):
    return [row.content for row in find_unmatched_rows(upload)]


def work(upload):
    for chunk in Job.objects.filter(batch__split_from=upload.pk, state="pending"):
        run_chunk(batch_id=chunk.batch_id, number=chunk.number)


def test_each_customer_gets_a_plan_of_its_own(contoso, fabrikam, alice):
    upload = split(alice, HEADER + "Contoso,ann,Ann\nfabrikam,bo,Bo\nFABRIKAM ltd.,cy,Cy\n")

    assert upload.state == "split"
    assert plans(upload) == {
        "contoso": ["ann@contoso.example"],
        "fabrikam": ["bo@fabrikam.example", "cy@fabrikam.example"],
    }
    assert not UploadPart.objects.exists()
    assert Event.objects.get(action="import.uploaded").subject_name == "all.csv"


def test_each_customers_own_location_fills_the_gaps(contoso, fabrikam, alice):
    upload = split(alice, HEADER + "Contoso,ann,Ann\nFabrikam Ltd,bo,Bo\n")

    locations = {
        one.customer.slug: one.lines.get().input["location"]
        for one in Batch.objects.filter(split_from=upload.pk)
    }
    assert locations == {"contoso": "US", "fabrikam": "DE"}


def test_domain_decides_customer_without_column(contoso, fabrikam, alice):
    text = "User name,Display name\nann@contoso.example,Ann\nbo@FABRIKAM.example,Bo\n"

    assert plans(split(alice, text)) == {
        "contoso": ["ann@contoso.example"],
        "fabrikam": ["bo@fabrikam.example"],
    }


def test_unmatched_rows_are_listed_with_reason(contoso, fabrikam, alice):
    text = HEADER + "Contosso,ann,Ann\n,bo,Bo\n,cy@nowhere.example,Cy\nContoso,di,Di\n"

    upload = split(alice, text)

    assert upload.plan["unmatched"] == 3
    said = [(one["line"], one["code"], one["suggestion"]) for one in unmatched_rows(upload)]
    assert said == [
        (2, "customer_unknown", "Contoso"),
        (3, "customer_missing", ""),
        (4, "domain_of_nobody", ""),
    ]
    assert plans(upload) == {"contoso": ["di@contoso.example"]}


def test_hidden_customer_is_reported_like_unknown_one(contoso, fabrikam, helen):
    Scope.objects.create(member=helen, customer=contoso)
    helen.is_limited = True
    helen.save()

    upload = split(helen, HEADER + "Contoso,ann,Ann\nFabrikam Ltd,bo,Bo\nNobody Ltd,cy,Cy\n")

    assert plans(upload) == {"contoso": ["ann@contoso.example"]}
    codes = [one["code"] for one in unmatched_rows(upload)]
    assert codes == ["customer_unknown", "customer_unknown"]
    assert "abrikam" not in unmatched_rows(upload)[1]["suggestion"]


def test_a_rivals_customer_is_as_absent_as_none(contoso, rival, alice):
    with tenancy.tenant(rival.pk):
        factories.customer("wayne", "Wayne", domains=("wayne.example",))

    upload = split(alice, HEADER + "Wayne,ann,Ann\nContoso,bo,Bo\n")

    assert unmatched_rows(upload)[0]["code"] == "customer_unknown"


def test_a_file_that_cannot_be_read_is_refused(contoso, alice):
    upload = split(alice, "what is this\n")

    assert upload.state == "refused"
    assert upload.plan["refused"]["code"] == "no_header"
    assert not UploadPart.objects.exists()


def test_a_second_worker_splits_nothing_again(contoso, alice):
    upload = split(alice, HEADER + "Contoso,ann,Ann\n")

    split_file(upload_id=upload.pk)

    assert Batch.objects.filter(split_from=upload.pk).count() == 1


def test_file_that_crashes_workers_is_refused(contoso, alice):
    upload = receive_multi_upload(name="a.csv", parts=[b"x"], options={}, by=alice)
    Job.objects.update(attempts=3)

    split_file(upload_id=upload.pk)

    upload.refresh_from_db()
    assert (upload.state, upload.plan["refused"]["code"]) == ("refused", "internal")


def test_all_imports_start_together_in_workers(contoso, fabrikam, alice):
    upload = split(alice, HEADER + "Contoso,ann,Ann\nFabrikam Ltd,bo,Bo\n")

    assert start_imports(upload=upload, ticket="T-9", by=alice) == 2

    assert not CustomerUser.objects.exists()
    work(upload)
    assert CustomerUser.objects.count() == 2
    assert set(Batch.objects.values_list("state", "ticket")) == {("done", "T-9")}
    with pytest.raises(NothingToStart):
        start_imports(upload=upload, by=alice)


def test_all_or_nothing_import_with_errors_waits(contoso, fabrikam, alice):
    upload = split(alice, HEADER + "Contoso,ä,Ann\nFabrikam Ltd,bo,Bo\n", mode="all")

    assert start_imports(upload=upload, by=alice) == 1

    states = {one.customer.slug: one.state for one in Batch.objects.filter(split_from=upload.pk)}
    assert states == {"contoso": "planned", "fabrikam": "running"}


def test_import_without_valid_rows_waits(contoso, fabrikam, alice):
    upload = split(alice, HEADER + "Contoso,a b,Ann\nFabrikam Ltd,bo,Bo\n")

    assert start_imports(upload=upload, by=alice) == 1

    states = dict(Batch.objects.filter(split_from=upload.pk).values_list("customer__slug", "state"))
    assert states["contoso"] == Batch.State.PLANNED


def test_a_reader_uploads_nothing(contoso, bob):
    with pytest.raises(Refused):
        receive_multi_upload(name="a.csv", parts=[b"x"], options={}, by=bob)


def test_starting_upload_of_another_needs_approval_permission(contoso, alice, helen):
    upload = split(alice, HEADER + "Contoso,ann,Ann\n")

    with pytest.raises(Refused):
        start_imports(upload=upload, by=helen)


# Pages


def send(client, text, **fields):
    file = SimpleUploadedFile("all.csv", text.encode())
    return client.post(reverse("imports:upload_many"), {"file": file, "mode": "good"} | fields)


def test_upload_leads_over_plans_to_start(as_alice, contoso, fabrikam, alice):
    answer = send(as_alice, HEADER + "Contoso,ann,Ann\nFabrikam Ltd,bo,Bo\nNobody,cy,Cy\n")
    upload = Upload.objects.get()
    assert answer.url == reverse("imports:multi_upload", args=[upload.pk])
    assert "is being read" in as_alice.get(answer.url).content.decode()

    split_file(upload_id=upload.pk)
    page = " ".join(as_alice.get(answer.url).content.decode().split())
    assert "Fabrikam Ltd" in page
    assert "“Nobody” is not one of your customers." in page
    assert "Start 2 imports" in page

    url = reverse("imports:start_imports", args=[upload.pk])
    page = " ".join(as_alice.post(url, follow=True).content.decode().split())
    assert "2 imports started." in page
    work(upload)
    assert CustomerUser.objects.count() == 2


def test_limited_member_sees_own_customers_only(client, contoso, fabrikam, alice, helen):
    upload = split(alice, HEADER + "Contoso,ann,Ann\nFabrikam Ltd,bo,Bo\nNobody,cy,Cy\n")
    Scope.objects.create(member=helen, customer=contoso)
    helen.is_limited = True
    helen.save()
    client.force_login(helen)

    page = client.get(reverse("imports:multi_upload", args=[upload.pk])).content.decode()

    assert "Contoso" in page
    assert "Fabrikam" not in page
    assert "Nobody" not in page


def test_an_empty_file_is_refused_in_a_sentence(as_alice, contoso):
    answer = send(as_alice, "")

    assert answer.status_code == 422
    assert "The file is empty." in answer.content.decode()


def test_page_needs_fixed_number_of_queries(as_alice, alice, inside):
    for number in range(30):
        factories.customer(f"c{number}", f"Customer {number:02}", domains=(f"c{number}.example",))
    counts = []
    for number in (1, 30):
        text = HEADER + "".join(f"c{n},ann,Ann\n" for n in range(number))
        url = reverse("imports:multi_upload", args=[split(alice, text).pk])
        as_alice.get(url)
        with CaptureQueriesContext(connection) as captured:
            as_alice.get(url)
        counts.append(len(captured))

    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_database_outage_does_not_refuse_file(contoso, alice, monkeypatch):
    with transaction.atomic():
        upload = receive_multi_upload(name="a.csv", parts=[b"x"], options={}, by=alice)

    def stop(*_arguments, **_more):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as away:
        away.setattr(operation, "read_file", stop)
        split_file(upload_id=upload.pk)

    with transaction.atomic():
        upload.refresh_from_db()
        assert (upload.state, Job.objects.get().attempts) == ("checking", 0)


# Unmatched rows as a file, and columns as assigned before


def download(client, upload, kind="csv"):
    return client.post(reverse("imports:unmatched_rows", args=[upload.pk, kind]))


def content_of(answer):
    return b"".join(answer.streaming_content)


UNMATCHED = HEADER.strip() + ",Domain,Phone\n"


def test_unmatched_rows_are_downloaded_with_reasons(as_alice, contoso, alice):
    text = UNMATCHED + "Contosso,ann,Ann,,=1+1\n,bo,Bo,nowhere.example,\nContoso,di,Di,,\n"

    answer = download(as_alice, split(alice, text))

    assert "errors-no-customer" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(content_of(answer).decode("utf-8-sig"))))
    assert [(row["Customer"], row["User name"], row["Error"]) for row in rows] == [
        ("Contosso", "ann", "“Contosso” is not one of your customers. Suggestion: Contoso"),
        ("", "bo", "nowhere.example isn’t a verified domain of your customers."),
    ]
    assert (rows[0]["Phone"], rows[1]["Domain"]) == ("'=1+1", "nowhere.example")


def test_download_of_unmatched_rows_is_recorded(as_alice, contoso, alice):
    upload = split(alice, UNMATCHED + "Contosso,ann,Ann,,\nContosso,bo,Bo,,\n")

    download(as_alice, upload, "xlsx")

    event = Event.objects.get(action="import.unmatched_exported")
    assert (event.by_id, event.subject_id, event.subject_name, event.after) == (
        alice.pk,
        upload.pk,
        upload.source_name,
        {"lines": 2, "file": "xlsx"},
    )
    assert (
        as_alice.get(reverse("imports:unmatched_rows", args=[upload.pk, "csv"])).status_code == 405
    )


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_corrected_file_can_be_imported(as_alice, contoso, alice, kind, language):
    upload = split(alice, UNMATCHED + "Contosso,ann,Ann,,=1+1\n")
    as_alice.cookies["django_language"] = language
    content = content_of(download(as_alice, upload, kind))
    factories.customer("contosso", "Contosso", domains=("contosso.example",))

    again = receive_multi_upload(
        name=f"again.{kind}", parts=[content], options=upload.options, by=alice
    )
    split_file(upload_id=again.pk)

    again.refresh_from_db()
    assert (again.state, again.plan["unmatched"], again.plan["notices"]) == ("split", 0, [])
    line = Batch.objects.get(split_from=again.pk).lines.get()
    assert (line.input["user_name"], line.input["phone"]) == ("ann@contosso.example", "=1+1")


def test_file_has_all_unmatched_rows(as_alice, contoso, alice, monkeypatch):
    monkeypatch.setattr("imports.multi_upload.MAX_SHOWN", 2)
    monkeypatch.setattr(operation, "LINES_PER_STATEMENT", 2)
    upload = split(alice, HEADER + "".join(f"Nobody,u{n},U {n}\n" for n in range(5)))

    page = " ".join(
        as_alice.get(reverse("imports:multi_upload", args=[upload.pk])).content.decode().split()
    )
    assert "Only the first 2 are shown here." in page
    assert reverse("imports:unmatched_rows", args=[upload.pk, "csv"]) in page

    rows = content_of(download(as_alice, upload)).decode("utf-8-sig").splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == [f'"u{n}"' for n in range(5)]


def test_member_without_access_downloads_no_unmatched_rows(client, contoso, alice, helen, bob):
    upload = split(alice, HEADER + "Contoso,ann,Ann\nNobody,cy,Cy\n")
    client.force_login(bob)
    assert download(client, upload).status_code == 403
    Scope.objects.create(member=helen, customer=contoso)
    helen.is_limited = True
    helen.save()
    client.force_login(helen)

    assert download(client, upload).status_code == 404
    assert client.get(reverse("imports:multi_upload", args=[upload.pk])).status_code == 200


def test_unknown_file_format_is_not_found(as_alice, contoso, alice):
    upload = split(alice, HEADER + "Nobody,cy,Cy\n")
    known = reverse("imports:unmatched_rows", args=[upload.pk, "csv"])

    assert as_alice.post(known.replace(".csv", ".pdf")).status_code == 404


@pytest.mark.parametrize(("days", "is_kept"), [(29, True), (31, False)])
def test_unmatched_rows_are_deleted_after_a_month(as_alice, contoso, alice, days, is_kept):
    upload = split(alice, HEADER + "Nobody,cy,Cy\n")
    long_ago = timezone.now() - timedelta(days=days)
    Upload.objects.filter(pk=upload.pk).update(created_at=long_ago)

    assert find_partners_with_expired_files() == ([] if is_kept else [upload.partner_id])
    wipe_unmatched_rows()

    page = as_alice.get(reverse("imports:multi_upload", args=[upload.pk])).content.decode()
    assert ("Cy" in page) is is_kept
    assert (reverse("imports:unmatched_rows", args=[upload.pk, "csv"]) in page) is is_kept
    assert UnmatchedRow.objects.exists() is is_kept
    assert "1 row belongs to no customer" in page
    assert "Only the first" not in page


def test_headers_of_file_without_unmatched_rows_are_deleted_too(contoso, alice):
    upload = split(alice, "Customer,User name,Jane Canary\nContoso,ann,x\n")
    assert "Jane Canary" in str(upload.plan)
    Upload.objects.update(created_at=timezone.now() - timedelta(days=31))
    # Those of the import, of which nothing is left after a day.
    Batch.objects.update(rows_wiped_at=timezone.now(), plan={})

    assert find_partners_with_expired_files() == [upload.partner_id]
    wipe_unmatched_rows()

    assert find_partners_with_expired_files() == []
    upload.refresh_from_db()
    assert "Jane Canary" not in str(upload.plan)


def test_file_waiting_for_split_is_kept(contoso, alice):
    upload = receive_multi_upload(name="a.csv", parts=[b"x"], options={}, by=alice)
    Upload.objects.update(created_at=timezone.now() - timedelta(days=40))

    assert find_partners_with_expired_files() == []
    wipe_unmatched_rows()

    assert upload.parts.count() == 1


def test_assigned_column_applies_to_every_customer(contoso, fabrikam, alice):
    remember_columns(customer=contoso, columns={"abteilungnr": "department", "raum": "job_title"})
    remember_columns(customer=fabrikam, columns={"raum": "phone", "telefon2": ""})
    text = "Customer,User name,Abteilung-Nr,Raum,Telefon 2\nFabrikam Ltd,bo,7,8,9\n"

    upload = split(alice, text)

    line = Batch.objects.get(split_from=upload.pk).lines.get().input
    assert (line["department"], line["job_title"], line["phone"]) == ("7", "", "")
    said = [(one["code"], one["value"]) for one in upload.plan["notices"]]
    assert said == [("column_not_kept", "Raum"), ("column_said", "Abteilung-Nr")]


def test_one_customer_does_not_define_header_for_others(contoso, fabrikam, alice):
    remember_columns(customer=contoso, columns={"department": "job_title"})

    upload = split(alice, "Customer,User name,Department\nFabrikam Ltd,bo,IT\n")

    assert Batch.objects.get(split_from=upload.pk).lines.get().input["department"] == "IT"


def test_columns_of_hidden_customers_are_ignored(contoso, fabrikam, helen, alice):
    remember_columns(customer=fabrikam, columns={"raum": "department"})
    Scope.objects.create(member=helen, customer=contoso)
    helen.is_limited = True
    helen.save()

    upload = split(helen, "Customer,User name,Raum\nContoso,bo,IT\n")

    assert Batch.objects.get(split_from=upload.pk).lines.get().input["department"] == ""
