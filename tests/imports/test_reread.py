"""A file that is read differently after rows of its plan were repaired: the repairs stay."""

import pytest
from django.urls import reverse

from batches.models import Line
from imports.check.repair import How
from imports.operations.check import check_again, check_upload
from imports.operations.repair import leave_out, repair_line, take_back
from tests import factories
from tests.imports.test_import import plan, show
from tests.imports.test_repair import codes, mend, person, states

HEADER = "User name,Display name,Licenses,Department,Usage location\r\n"


@pytest.fixture
def planned(as_alice, contoso, office):
    """Plan the import of these rows, as alice."""

    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        return plan(as_alice, content, **fields)

    return make


def read_again(batch, by, *, columns=None, **options):
    """Check the file once more with other choices, and give what the plan says about it."""
    batch.refresh_from_db()
    defaults = batch.options["defaults"] | options.pop("defaults", {})
    options = batch.options | options | {"defaults": defaults}
    check_again(batch=batch, options=options, columns=columns, by=by)
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    assert batch.state == "planned"
    return batch.plan.get("repaired")


def type_anew(batch, number, by, **changes):
    assert repair_line(batch=batch, number=number, changes=changes, by=by) == []


def test_a_row_that_was_typed_anew_stays_so(planned, alice):
    batch = planned("bo b,Bob,,Sales,", "amy,Amy,,,")
    type_anew(batch, 1, alice, user_name="bob@contoso.example", department="IT")

    said = read_again(batch, alice, when_short="queue")

    assert said == {"kept": 1, "lost": 0}
    assert (person(batch, 1)["user_name"], person(batch, 1)["department"]) == (
        "bob@contoso.example",
        "IT",
    )
    assert states(batch) == {1: "planned", 2: "planned"}
    assert batch.plan["counts"] == {"ready": 2, "warned": 0, "failed": 0}


def test_it_stays_so_however_often_the_file_is_read(planned, alice):
    batch = planned("bo b,Bob,,Sales,")
    type_anew(batch, 1, alice, user_name="bob@contoso.example")
    read_again(batch, alice)
    type_anew(batch, 1, alice, user_name="bobby@contoso.example")

    assert read_again(batch, alice) == {"kept": 1, "lost": 0}

    assert person(batch, 1)["user_name"] == "bobby@contoso.example"


def test_rows_that_were_repaired_together_stay_so(planned, alice, office):
    batch = planned("a,A,E3,,US", "b,B,E3,,US", "c,C,E5,,US", "d,D,E5; E3,,US")
    mend(batch, alice, "product_unknown", "products", "E3", value=str(office.pk))
    mend(batch, alice, "product_unknown", "products", "E5", how=How.WITHOUT)

    assert read_again(batch, alice) == {"kept": 4, "lost": 0}

    found = [[one["subscription"] for one in person(batch, n)["products"]] for n in (1, 2, 3, 4)]
    assert found == [[str(office.pk)], [str(office.pk)], [], [str(office.pk)]]
    assert set(states(batch).values()) == {"planned"}


def test_what_was_not_repaired_in_a_cell_is_still_said(planned, alice, office):
    batch = planned("d,D,E5; E3,,US")
    mend(batch, alice, "product_unknown", "products", "E3", value=str(office.pk))

    read_again(batch, alice)

    assert codes(batch, 1) == ["product_unknown"]
    assert Line.objects.get(batch=batch).problems[0]["value"] == "E5"


def test_a_row_that_was_left_out_stays_out_and_one_that_was_taken_back_is_in(planned, alice):
    batch = planned("amy,Amy,,,", "bob,Bob,,,")
    leave_out(batch=batch, numbers=[1, 2], by=alice)
    take_back(batch=batch, numbers=[2], by=alice)

    assert read_again(batch, alice) == {"kept": 1, "lost": 0}

    assert states(batch) == {1: "left_out", 2: "planned"}


def test_a_cell_that_is_read_differently_is_not_repaired_and_the_plan_says_so(
    as_alice, planned, alice
):
    batch = planned("bo b,Bob,,Sales,", "cy c,Cy,,Sales,")
    type_anew(batch, 1, alice, user_name="bob@contoso.example", department="IT")
    type_anew(batch, 2, alice, user_name="cy@contoso.example")

    said = read_again(batch, alice, columns={"department": "job_title"})

    assert said == {"kept": 1, "lost": 1}
    first = person(batch, 1)
    assert (first["user_name"], first["department"], first["job_title"]) == (
        "bob@contoso.example",
        "",
        "Sales",
    )
    page = show(as_alice, batch)
    assert "1 row is repaired or left out again, as you had it." in page
    assert "1 repair could not be kept, as its row is read differently now." in page


def test_a_row_about_somebody_else_is_not_left_out(planned, alice):
    batch = planned("amy,Amy,,Anna,", "bob,Bob,,Bert,")
    leave_out(batch=batch, numbers=[1], by=alice)

    said = read_again(
        batch, alice, columns={"displayname": "job_title", "department": "display_name"}
    )

    assert said == {"kept": 0, "lost": 1}
    assert states(batch) == {1: "planned", 2: "planned"}


def test_another_default_is_another_reading(planned, alice):
    batch = planned("amy,Amy,Office E3,,", location="")
    mend(batch, alice, "location_missing", "location", value="CN")

    assert read_again(batch, alice, defaults={"location": "DE"}) == {"kept": 0, "lost": 1}

    assert person(batch, 1)["location"] == "DE"


def test_a_repair_is_judged_by_what_is_true_now(planned, contoso, alice):
    batch = planned("bo b,Bob,,,")
    type_anew(batch, 1, alice, user_name="bob@contoso.example")
    factories.user(contoso, "Old Bob", user_name="bob@contoso.example")

    read_again(batch, alice)

    assert codes(batch, 1) == ["user_name_taken"]


def test_repairs_outlive_a_reading_that_fails(planned, alice):
    batch = planned("bo b,Bob,,,")
    type_anew(batch, 1, alice, user_name="bob@contoso.example")
    bad = batch.options | {"encoding": "utf-16"}
    check_again(batch=batch, options=bad, by=alice)
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    assert batch.state == "refused"

    assert read_again(batch, alice, encoding="") == {"kept": 1, "lost": 0}

    assert person(batch, 1)["user_name"] == "bob@contoso.example"


def test_of_a_plan_without_repairs_nothing_is_said(planned, alice):
    batch = planned("bo b,Bob,,,")

    assert read_again(batch, alice) is None


def test_who_was_not_to_leave_stays_and_who_had_left_the_rows_leaves(planned, contoso, alice):
    users = {
        name: factories.user(contoso, name.title(), user_name=f"{name}@contoso.example")
        for name in ("amy", "bob", "cy")
    }
    batch = planned("amy,,,IT,", "bob,,,IT,", purpose="roster", licenses="add", most_leavers="90")
    cy = batch.lines.get(input__act="leave")
    leave_out(batch=batch, numbers=[cy.number], by=alice)
    bob = batch.lines.get(input__user_name="bob@contoso.example")
    leave_out(batch=batch, numbers=[bob.number], by=alice)

    assert read_again(batch, alice) == {"kept": 2, "lost": 0}

    leaving = batch.lines.filter(input__act="leave").values_list("user_id", "state")
    assert dict(leaving) == {users["cy"].pk: "left_out", users["bob"].pk: "planned"}


def test_nobody_is_shown_errors_of_a_plan_that_is_made_anew(as_alice, planned, alice):
    batch = planned("bo b,Bob,,,")
    files = reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"])
    assert files in show(as_alice, batch)

    check_again(batch=batch, options=batch.options, by=alice)

    assert files not in show(as_alice, batch)


def test_who_stays_as_a_repaired_row_names_them_leaves_with_that_row(planned, contoso, alice):
    factories.user(contoso, "Amy", user_name="amy@contoso.example")
    batch = planned("am y,Amy,,IT,", purpose="roster", licenses="add", most_leavers="100")
    row = batch.lines.exclude(input__act="leave").get().number
    type_anew(batch, row, alice, user_name="amy@contoso.example")

    assert read_again(batch, alice) == {"kept": 1, "lost": 0}

    assert batch.lines.get(input__act="leave").state == "left_out"
    leave_out(batch=batch, numbers=[row], by=alice)
    assert batch.lines.get(input__act="leave").state == "planned"
