"""Repairs of a full list: users without a row after a repair are deleted."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from batches.errors import LastAdministrator
from batches.models import Line
from batches.operations.control import start_batch
from batches.operations.retry import plan_retry
from imports.check.repair import How, Kind
from imports.operations import repair
from imports.operations.full_list import TooManyMissing
from imports.operations.repair import include_lines, repair_all, repair_line, skip_lines
from tests import factories
from tests.imports.test_import import plan, show
from tests.imports.test_import_modes import give
from tests.workers import check_upload
from users.models import CustomerUser

HEADER = "User name,Display name,Department,Usage location,Licenses\r\n"


@pytest.fixture
def people(contoso):
    """The active users."""
    return {
        name: factories.user(contoso, name.title(), user_name=f"{name}@contoso.example")
        for name in ("ann", "bo", "cy", "di")
    }


@pytest.fixture
def full_list(as_alice, contoso, office, people):
    """Plan these rows as the complete list, as alice."""

    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        fields = {"purpose": "full_list", "licenses": "add", "max_missing": "50"} | fields
        return plan(as_alice, content, **fields)

    return make


ALL = ("ann,,IT,,", "bo,,IT,,", "cy,,IT,,", "di,,IT,,")


def number_of(batch, name, act="update"):
    lines = Line.objects.filter(batch=batch, act=act)
    return lines.get(input__user_name=f"{name}@contoso.example").number


def missing_users(batch):
    lines = Line.objects.filter(batch=batch, act="leave").order_by("number")
    return {line.input["user_name"].partition("@")[0]: line.state for line in lines}


def rename(batch, by, name, to):
    number = number_of(batch, name)
    changes = {"user_name": f"{to}@contoso.example", "display_name": to.title()}
    assert repair_line(batch=batch, number=number, changes=changes, by=by) == []
    return number


def test_user_of_skipped_row_is_deleted(full_list, people, alice):
    batch = full_list(*ALL)
    assert missing_users(batch) == {}

    done = skip_lines(batch=batch, numbers=[number_of(batch, "bo")], by=alice)

    assert done.leaving == 1
    assert missing_users(batch) == {"bo": "planned"}
    assert batch.lines.get(act="leave").user_id == people["bo"].pk
    batch.refresh_from_db()
    assert batch.total == 5 == batch.lines.count()
    assert batch.plan["missing_users"]["count"] == 1
    start_batch(batch=batch, by=alice)
    assert set(CustomerUser.objects.exclude(deleted_at=None)) == {people["bo"]}


def test_user_of_included_row_stays(full_list, alice):
    batch = full_list(*ALL)
    row = number_of(batch, "bo")
    skip_lines(batch=batch, numbers=[row], by=alice)

    done = include_lines(batch=batch, numbers=[row], by=alice)

    assert (done.leaving, missing_users(batch)) == (-1, {"bo": "left_out"})
    skip_lines(batch=batch, numbers=[row], by=alice)
    assert missing_users(batch) == {"bo": "planned"}


def test_user_renamed_away_is_deleted(full_list, alice):
    batch = full_list(*ALL)

    row = rename(batch, alice, "bo", "bob")

    assert missing_users(batch) == {"bo": "planned"}
    assert Line.objects.get(batch=batch, number=row).act == "add"
    changes = {"user_name": "bo@contoso.example"}
    assert repair_line(batch=batch, number=row, changes=changes, by=alice) == []
    assert missing_users(batch) == {"bo": "left_out"}


def test_deletions_free_seats_for_new_users(full_list, people, office, contoso, alice):
    give(contoso, people["bo"], office)
    rows = [*ALL, *(f"n{n},N {n},,US,Office E3" for n in range(5))]
    batch = full_list(*rows)
    (seats,) = batch.plan["seats"]
    assert (seats["freed"], seats["short"]) == (0, 1)

    skip_lines(batch=batch, numbers=[number_of(batch, "bo")], by=alice)

    batch.refresh_from_db()
    (seats,) = batch.plan["seats"]
    assert (seats["freed"], seats["short"], seats["left"]) == (1, 0, 0)
    assert number_of(batch, "bo", "leave") < min(
        batch.lines.exclude(act="leave").values_list("number", flat=True)
    )
    start_batch(batch=batch, by=alice)
    assert set(batch.lines.values_list("state", flat=True)) == {"done", "left_out"}
    assert office.assignments.count() == 5


def test_repair_that_exceeds_share_blocks_list(as_alice, full_list, alice):
    batch = full_list(*ALL, max_missing="25")
    skip_lines(batch=batch, numbers=[number_of(batch, "bo")], by=alice)
    assert "More users are missing" not in show(as_alice, batch)

    skip_lines(batch=batch, numbers=[number_of(batch, "cy")], by=alice)

    assert "More users are missing" in show(as_alice, batch)
    with pytest.raises(TooManyMissing):
        start_batch(batch=batch, by=alice)


def test_skipping_row_detects_last_administrator(full_list, people, alice):
    CustomerUser.objects.filter(pk=people["bo"].pk).update(permissions=["global_administrator"])
    batch = full_list(*ALL)

    skip_lines(batch=batch, numbers=[number_of(batch, "bo")], by=alice)

    with pytest.raises(LastAdministrator):
        start_batch(batch=batch, by=alice)


def test_skipped_deletion_stays_skipped(full_list, alice):
    batch = full_list(*ALL[:3])
    skip_lines(batch=batch, numbers=[number_of(batch, "di", "leave")], by=alice)

    skip_lines(batch=batch, numbers=[number_of(batch, "bo")], by=alice)

    assert missing_users(batch) == {"bo": "planned", "di": "left_out"}


def test_user_of_unchanged_row_is_never_deleted(full_list, people, alice):
    CustomerUser.objects.filter(pk=people["bo"].pk).update(department="IT")
    batch = full_list(*ALL, "bo,,HR,,")
    repeated = number_of(batch, "bo")
    assert (batch.plan["unchanged"], Line.objects.get(batch=batch, number=repeated).state) == (
        1, "invalid",
    )  # fmt: skip

    skip_lines(batch=batch, numbers=[repeated], by=alice)
    assert missing_users(batch) == {}

    row = number_of(batch, "cy")
    changes = {"user_name": "bo@contoso.example"}
    repair_line(batch=batch, number=row, changes=changes, by=alice)
    skip_lines(batch=batch, numbers=[row], by=alice)
    assert missing_users(batch) == {"cy": "planned"}


def test_user_of_two_rows_is_deleted_with_second(full_list, alice):
    batch = full_list(*ALL, "bo,,HR,,")
    first, second = (
        batch.lines.filter(input__user_name="bo@contoso.example")
        .order_by("number")
        .values_list("number", flat=True)
    )

    skip_lines(batch=batch, numbers=[first], by=alice)
    assert missing_users(batch) == {}

    skip_lines(batch=batch, numbers=[second], by=alice)
    assert missing_users(batch) == {"bo": "planned"}


def test_retry_is_no_full_list(full_list, alice):
    batch = full_list(*ALL)
    Line.objects.filter(batch=batch).update(state="failed", result={"code": "internal"})
    type(batch).objects.filter(pk=batch.pk).update(state="done")
    batch.refresh_from_db()
    again = plan_retry(batch=batch, by=alice)

    skip_lines(batch=again, numbers=[number_of(again, "bo")], by=alice)

    assert missing_users(again) == {}


def test_skipping_several_rows_asks_and_reports(as_alice, full_list):
    batch = full_list("ann,,IT,,", "bo,,IT,Atlantis,", "cy,,IT,Atlantis,", "di,,IT,,")
    assert "Skip these rows. Existing users in them are deleted" in show(as_alice, batch)

    answer = as_alice.post(
        reverse("imports:repair_all", args=["contoso", batch.pk]),
        {
            "code": "location_unknown",
            "column": "location",
            "key": "Atlantis",
            "choice": "skip",
        },
        follow=True,
    )

    page = answer.content.decode()
    assert "2 users are now missing from the list. This import deletes them." in page
    assert "2 of 4 users aren’t in the file, or have left, and will be deleted" in " ".join(
        page.split()
    )
    assert missing_users(batch) == {"bo": "planned", "cy": "planned"}


def test_a_worker_finds_them_too(as_alice, full_list, alice, monkeypatch):
    monkeypatch.setattr(repair, "MAX_LINES_AT_ONCE", 1)
    batch = full_list("ann,,IT,,", "bo,,IT,Atlantis,", "cy,,IT,Atlantis,", "di,,IT,,")
    kind = Kind("location_unknown", "location", "Atlantis")
    repair_all(batch=batch, kind=kind, how=How.SKIP, by=alice)

    check_upload(batch_id=batch.pk)

    assert missing_users(batch) == {"bo": "planned", "cy": "planned"}
    assert "2 users are now missing from the list" in show(as_alice, batch)


def test_skipping_a_row_reports_deleted_user(as_alice, full_list):
    batch = full_list(*ALL)

    url = reverse("imports:skip_line", args=["contoso", batch.pk, number_of(batch, "bo")])
    page = as_alice.post(url, follow=True).content.decode()

    assert "Bo skipped. 1 user is now missing from the list." in page


def test_fifty_missing_users_take_as_many_statements_as_one(full_list, contoso, alice):
    for number in range(50):
        factories.user(contoso, f"U {number}", user_name=f"u{number}@contoso.example")
    counts = []
    for number in (1, 50):
        batch = full_list(*(f"u{n},,IT,," for n in range(50)), max_missing="100")
        rows = [number_of(batch, f"u{n}") for n in range(number)]
        with CaptureQueriesContext(connection) as asked:
            skip_lines(batch=batch, numbers=rows, by=alice)
        counts.append(len(asked))

    assert counts[0] == counts[1]
