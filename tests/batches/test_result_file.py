import csv
import io

import pytest
import python_calamine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import start_batch
from partners.roles import Role
from tests import factories
from tests.handover.handing_over import rows_of
from users.acts.edit import plan_edits
from users.acts.licenses import Changes, plan_licenses
from users.acts.reset import plan_resets


def url(batch, kind="csv"):
    return reverse("users:result", args=["contoso", batch.pk, "csv"]).removesuffix("csv") + kind


def content(response):
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def read(client, batch):
    """The rows of the file, by the names in its header."""
    text = content(client.post(url(batch))).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def give(contoso, office, by, *names):
    """Give a seat to new users of these names; the last of them may find none."""
    users = [factories.user(contoso, name, location="US").pk for name in names]
    changes = Changes(add=frozenset({str(office.pk)}))
    batch = plan_licenses(customer=contoso, users=users, changes=changes, by=by)
    return start_batch(batch=batch, by=by)


def reset(contoso, by, *names):
    users = [factories.user(contoso, name).pk for name in names]
    batch = plan_resets(customer=contoso, users=users, by=by)
    return start_batch(batch=batch, by=by)


def test_file_has_result_of_every_line(as_alice, alice, contoso, office):
    type(office).objects.update(seats=1)
    batch = give(contoso, office, alice, "Ann", "Ben")

    first, second = read(as_alice, batch)

    ann = contoso.users.get(display_name="Ann")
    assert first == {
        "Line": "1",
        "User name": ann.user_name,
        "Display name": "Ann",
        "Action": "Manage licenses",
        "Result": "Done",
        "Changes": "",
        # The plus would begin a formula.
        "Licenses": "'+ Office E3",
        "Remarks": "",
    }
    assert second["Display name"] == "Ben"
    assert second["Result"] == "No license"
    assert second["Licenses"] == ""
    assert "No seat was free for Office E3" in second["Remarks"]


def test_file_has_changes_of_an_edit(as_alice, alice, contoso):
    users = [factories.user(contoso, "Ann", department="Sales").pk]
    batch = plan_edits(customer=contoso, users=users, changes={"department": "IT"}, by=alice)

    (row,) = read(as_alice, start_batch(batch=batch, by=alice))

    assert row["Action"] == "Edit users"
    assert row["Changes"] == "Department: Sales → IT"


def test_workbook_has_the_same_cells(as_alice, alice, contoso, office):
    batch = give(contoso, office, alice, "=Ann")

    answer = as_alice.post(url(batch, "xlsx"))

    workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content(answer)))
    _header, row = workbook.get_sheet_by_index(0).to_python()
    assert row[2:4] == ["=Ann", "Manage licenses"]
    assert row[4:7] == ["Done", "", "+ Office E3"]
    assert answer["Content-Disposition"].startswith('attachment; filename="contoso-licenses-')
    assert answer["Content-Security-Policy"] == "sandbox"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_file_has_no_passwords(as_alice, alice, contoso, kind):
    batch = reset(contoso, alice, "Ann")
    (password,) = [one.reveal() for one in opened(batch, alice)]

    file = content(as_alice.post(url(batch, kind)))

    if kind == "xlsx":
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(file))
        file = str(workbook.get_sheet_by_index(0).to_python()).encode()
    assert b"Ann" in file
    assert password.encode() not in file


def opened(batch, by):
    """The passwords of a sheet."""
    return [row.password for row in rows_of(batch, by)]


def test_file_is_in_language_of_member(client, alice, contoso):
    batch = reset(contoso, alice, "Ann")
    type(alice).objects.filter(pk=alice.pk).update(language="zh-hans")
    client.force_login(alice)

    text = content(client.post(url(batch))).decode()

    assert "用户名" in text
    assert '"完成"' in text or "已完成" in text


def test_many_lines_take_as_many_queries_as_one(as_alice, alice, contoso):
    def count(batch):
        with CaptureQueriesContext(connection) as queries:
            content(as_alice.post(url(batch)))
        return len(queries)

    one = reset(contoso, alice, "Ann")
    many = reset(contoso, alice, *(f"Ben {n}" for n in range(40)))
    # A result of a restore, which needs a query for its text.
    Line.objects.update(state="failed", result={"code": "name_taken"})

    assert count(many) == count(one)


def test_file_has_lines_beyond_one_fetch(as_alice, alice, contoso, monkeypatch):
    monkeypatch.setattr("users.queries.export.FETCH_SIZE", 2)
    monkeypatch.setattr("users.export.LINE_BATCH_SIZE", 2)
    batch = reset(contoso, alice, *(f"Ann {n}" for n in range(5)))

    assert [row["Display name"] for row in read(as_alice, batch)] == [f"Ann {n}" for n in range(5)]


def test_what_has_not_been_started_has_no_result(as_alice, alice, contoso):
    ann = factories.user(contoso, "Ann")
    batch = plan_resets(customer=contoso, users=[ann.pk], by=alice)

    assert as_alice.post(url(batch)).status_code == 404
    assert "result.csv" not in page(as_alice, batch)


def test_there_is_no_other_kind_of_result(as_alice, alice, contoso):
    assert as_alice.post(url(reset(contoso, alice, "Ann"), "exe")).status_code == 404


def page(client, batch):
    return client.get(reverse("batches:batch", args=["contoso", batch.pk])).content.decode()


def test_batch_page_offers_file(as_alice, alice, contoso):
    batch = reset(contoso, alice, "Ann")

    text = page(as_alice, batch)

    assert f'formaction="{url(batch, "csv")}"' in text
    assert f'formaction="{url(batch, "xlsx")}"' in text
    assert "failed.csv" not in text


def test_download_is_recorded_with_number_of_lines(as_alice, alice, contoso):
    batch = reset(contoso, alice, "Ann", "Ben")

    content(as_alice.post(url(batch, "xlsx")))

    event = Event.objects.get(action="batch.exported")
    assert (event.by_id, event.customer_id, event.batch_id, event.subject_id) == (
        alice.pk,
        contoso.pk,
        batch.pk,
        batch.pk,
    )
    # Without names of users.
    assert (event.subject_name, event.before) == ("reset", {})
    assert event.after == {"lines": 2, "file": "xlsx"}
    log = as_alice.get(reverse("portal:activity"), {"group": "batches"}).content.decode()
    assert "<strong>Alice</strong> downloaded the result of a job at Contoso" in log


def test_the_record_is_read_in_chinese(client, as_alice, alice, contoso):
    content(as_alice.post(url(reset(contoso, alice, "Ann"))))
    type(alice).objects.filter(pk=alice.pk).update(language="zh-hans")
    client.force_login(alice)

    log = client.get(reverse("portal:activity"), {"group": "batches"}).content.decode()

    assert "<strong>Alice</strong> 下载了 Contoso 的任务结果" in log


def test_what_cannot_be_recorded_is_not_handed_out(as_alice, alice, contoso, monkeypatch):
    batch = reset(contoso, alice, "Ann")

    def fail(*_arguments, **_more):
        raise OSError("no room")

    monkeypatch.setattr("users.export.audit.record", fail)
    with pytest.raises(OSError, match="no room"):
        as_alice.post(url(batch))


def test_get_request_is_refused(as_alice, alice, contoso):
    assert as_alice.get(url(reset(contoso, alice, "Ann"))).status_code == 405
    assert not Event.objects.filter(action="batch.exported").exists()


def test_an_archived_customers_results_can_still_be_taken(as_alice, alice, contoso):
    batch = reset(contoso, alice, "Ann")
    type(contoso).objects.update(state="archived")

    assert [row["Display name"] for row in read(as_alice, batch)] == ["Ann"]


def test_member_without_permission_gets_no_file(client, alice, bob, mallory, contoso, northwind):
    batch = reset(contoso, alice, "Ann")
    limited = factories.member(northwind, "lim", role=Role.HELPDESK_AGENT, is_limited=True)

    for member, status in ((bob, 403), (limited, 404), (mallory, 404)):
        client.force_login(member)
        assert client.post(url(batch)).status_code == status
    client.force_login(bob)
    assert "result.csv" not in page(client, batch)


def test_another_customers_batch_has_no_result_here(as_alice, alice, contoso):
    other = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    batch = reset(other, alice, "Ann")

    assert as_alice.post(url(batch)).status_code == 404
    assert Batch.objects.filter(pk=batch.pk).exists()
