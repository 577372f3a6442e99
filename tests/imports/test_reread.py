"""A file that is read again: the repairs of its plan are discarded, after a question."""

import re

import pytest
from django.urls import reverse

from batches.models import Batch
from imports.check.repair import How
from imports.operations.check import RepairsWouldBeLost, check_again
from imports.operations.repair import include_lines, repair_line, skip_lines
from imports.queries import count_repaired_rows
from tests import factories
from tests.imports.test_import import plan, show
from tests.imports.test_repair import mend, person, states
from tests.workers import check_upload

HEADER = "User name,Display name,Licenses,Department,Usage location\r\n"
READING = {"purpose": "create", "mode": "all", "domain": "contoso.example", "location": "US"}


@pytest.fixture
def planned(as_alice, contoso, office):
    """Plan the import of these rows, as alice."""

    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        return plan(as_alice, content, **fields)

    return make


def read_again(batch, by, *, discarded_repairs=0, **options):
    """Check the file once more with other choices."""
    batch.refresh_from_db()
    check_again(
        batch=batch, options=batch.options | options, discarded_repairs=discarded_repairs, by=by
    )
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()


def edit_row(batch, number, by, **changes):
    assert repair_line(batch=batch, number=number, changes=changes, by=by) == []


def send(client, batch, **fields):
    address = reverse("imports:settings", args=["contoso", batch.pk])
    return client.post(address, READING | fields)


def test_plan_without_repairs_is_read_again_without_question(as_alice, planned):
    batch = planned("bo b,Bob,,Sales,")

    assert send(as_alice, batch).status_code == 302

    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.options["mode"]) == ("planned", "all")


def test_question_names_the_repairs_and_keeps_the_form(as_alice, planned, alice):
    batch = planned("bo b,Bob,,Sales,", "amy,Amy,,,", "cy,Cy,,,")
    edit_row(batch, 1, alice, user_name="bob@contoso.example")
    skip_lines(batch=batch, numbers=[3], by=alice)

    answer = send(as_alice, batch)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "You’ve repaired or skipped 2 rows." in page
    assert "Discard 2 repairs and check again" in page
    assert '<input type="hidden" name="discarded_repairs" value="2">' in page
    assert re.search(r'name="mode" value="all"[^>]* checked', page)
    assert person(batch, 1)["user_name"] == "bob@contoso.example"
    assert states(batch) == {1: "planned", 2: "planned", 3: "left_out"}


def test_confirmed_question_discards_the_repairs(as_alice, planned, alice):
    batch = planned("bo b,Bob,,Sales,", "amy,Amy,,,")
    edit_row(batch, 1, alice, user_name="bob@contoso.example")
    skip_lines(batch=batch, numbers=[2], by=alice)

    assert send(as_alice, batch, discarded_repairs="2").status_code == 302

    check_upload(batch_id=batch.pk)
    assert states(batch) == {1: "invalid", 2: "planned"}
    assert person(batch, 1)["user_name"] == "bo b@contoso.example"


def test_repair_made_after_the_question_is_asked_for(as_alice, planned, alice):
    batch = planned("bo b,Bob,,Sales,", "amy,Amy,,,")
    edit_row(batch, 1, alice, user_name="bob@contoso.example")
    edit_row(batch, 2, alice, department="IT")

    page = send(as_alice, batch, discarded_repairs="1").content.decode()

    assert "You’ve repaired or skipped 2 rows." in page
    assert person(batch, 2)["department"] == "IT"


def test_refused_confirmation_keeps_plan(planned, alice):
    batch = planned("bo b,Bob,,Sales,")
    edit_row(batch, 1, alice, user_name="bob@contoso.example")

    with pytest.raises(RepairsWouldBeLost):
        read_again(batch, alice, mode="all")

    batch.refresh_from_db()
    assert (batch.state, batch.options["mode"]) == ("planned", "good")


def test_repairs_of_all_kinds_are_counted(planned, alice, office):
    batch = planned("a,A,E3,,US", "b,B,E3,,US", "admin,C,,,US", "dd,D,,,")
    assert count_repaired_rows(batch) == 0

    mend(batch, alice, "product_unknown", "products", "E3", value=str(office.pk))
    mend(batch, alice, "user_name_reserved", "user_name", how=How.ACCEPT)
    skip_lines(batch=batch, numbers=[1, 4], by=alice)

    assert count_repaired_rows(batch) == 4
    include_lines(batch=batch, numbers=[4], by=alice)
    assert count_repaired_rows(batch) == 3


def test_file_that_cannot_be_read_asks_only_once(planned, alice):
    batch = planned("bo b,Bob,,,")
    edit_row(batch, 1, alice, user_name="bob@contoso.example")
    read_again(batch, alice, encoding="utf-16", discarded_repairs=1)
    assert batch.state == "refused"

    read_again(batch, alice, encoding="")

    assert (batch.state, states(batch)) == ("planned", {1: "invalid"})


def test_missing_users_are_found_again(planned, contoso, alice):
    users = {
        name: factories.user(contoso, name.title(), user_name=f"{name}@contoso.example")
        for name in ("amy", "bob", "cy")
    }
    batch = planned("amy,,,IT,", "bob,,,IT,", purpose="full_list", licenses="add", max_missing="90")
    cy = batch.lines.get(act="leave")
    bob = batch.lines.get(input__user_name="bob@contoso.example")
    skip_lines(batch=batch, numbers=[cy.number, bob.number], by=alice)
    assert count_repaired_rows(batch) == 2

    read_again(batch, alice, discarded_repairs=2)

    leaving = batch.lines.filter(act="leave").values_list("user_id", "state")
    assert dict(leaving) == {users["cy"].pk: "planned"}


def test_kept_missing_user_is_no_repair(planned, contoso, alice):
    factories.user(contoso, "Amy", user_name="amy@contoso.example")
    batch = planned("am y,Amy,,IT,", purpose="full_list", licenses="add", max_missing="100")
    row = batch.lines.exclude(act="leave").get().number
    edit_row(batch, row, alice, user_name="amy@contoso.example")

    assert batch.lines.get(act="leave").state == "left_out"
    assert count_repaired_rows(batch) == 1


def test_no_errors_are_offered_during_check(as_alice, planned, alice):
    batch = planned("bo b,Bob,,,")
    files = reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"])
    assert files in show(as_alice, batch)

    check_again(batch=batch, options=batch.options, by=alice)

    assert files not in show(as_alice, batch)
    assert not Batch.objects.get().lines.exists()
