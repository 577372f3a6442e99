"""Plans with users that are purged before the start."""

import pytest
from django.urls import reverse

from batches.errors import NotPlanned
from batches.models import Line
from batches.operations.control import start_batch
from imports.operations.check import receive_file
from imports.operations.repair import include_lines, repair_line, skip_lines
from tests import factories
from tests.workers import check_upload
from users.acts.delete import plan_deletes
from users.acts.edit import plan_edits
from users.acts.purge import plan_purges
from users.acts.undo import plan_undo
from users.models import CustomerUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(contoso):
    return factories.user(
        contoso, "Ann", user_name="ann@contoso.example", location="US", department="Sales"
    )


def run(plan, user, by, **choices):
    batch = plan(customer=user.customer, users=[user.pk], **choices, by=by)
    return start_batch(batch=batch, by=by)


def purge(user, by):
    run(plan_purges, user, by)
    assert not CustomerUser.objects.filter(pk=user.pk).exists()


def check(contoso, by, text, purpose):
    batch = receive_file(
        customer=contoso,
        name="people.csv",
        parts=[text.encode()],
        options={"purpose": purpose, "mode": "good", "max_missing": 100, "defaults": {}},
        by=by,
    )
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    return batch


@pytest.mark.parametrize(
    ("purpose", "row"),
    [("update", "ann@contoso.example,IT"), ("full_list", "bo@contoso.example,IT")],
)
def test_import_does_not_recreate_purged_user(contoso, alice, ann, purpose, row):
    factories.user(contoso, "Bo", user_name="bo@contoso.example", location="US")
    batch = check(contoso, alice, f"User name,Department\n{row}\n", purpose)
    run(plan_deletes, ann, alice)
    purge(ann, alice)

    start_batch(batch=batch, by=alice)

    assert list(CustomerUser.objects.values_list("display_name", flat=True)) == ["Bo"]
    about_ann = Line.objects.get(batch=batch, user_id=ann.pk)
    assert (about_ann.state, about_ann.result) == ("failed", {"code": "gone"})


def test_undo_does_not_recreate_purged_user(contoso, alice, ann):
    deletion = run(plan_deletes, ann, alice)
    undo = plan_undo(batch=deletion, by=alice)
    purge(ann, alice)

    start_batch(batch=undo, by=alice)

    assert not CustomerUser.objects.exists()
    assert Line.objects.get(batch=undo).result == {"code": "gone"}


def test_undo_of_undo_reports_purged_user(contoso, alice, ann):
    bo = factories.user(contoso, "Bo", department="Sales")
    batch = plan_edits(
        customer=contoso, users=[ann.pk, bo.pk], changes={"department": "IT"}, by=alice
    )
    start_batch(batch=batch, by=alice)
    undo = plan_undo(batch=batch, by=alice)
    start_batch(batch=undo, by=alice)
    run(plan_deletes, ann, alice)
    purge(ann, alice)

    again = plan_undo(batch=undo, by=alice)

    said = {
        line.user_id: [one["code"] for one in line.problems]
        for line in Line.objects.filter(batch=again)
    }
    assert said == {ann.pk: ["purged_since"], bo.pk: []}


@pytest.mark.parametrize("order", [skip_lines, include_lines])
def test_row_of_purged_user_can_be_skipped(as_alice, contoso, alice, ann, order):
    text = "User name,Department\nann@contoso.example,IT\n"
    batch = check(contoso, alice, text, "update")
    if order == include_lines:
        skip_lines(batch=batch, numbers=[1], by=alice)
    run(plan_deletes, ann, alice)
    purge(ann, alice)

    order(batch=batch, numbers=[1], by=alice)

    page = as_alice.get(f"/customers/contoso/batches/{batch.pk}/")
    assert page.status_code == 200


def test_row_of_purged_user_cannot_be_edited(contoso, alice, ann):
    text = "User name,Department\nann@contoso.example,IT\n"
    batch = check(contoso, alice, text, "both")
    run(plan_deletes, ann, alice)
    purge(ann, alice)

    with pytest.raises(NotPlanned):
        repair_line(
            batch=batch,
            number=1,
            changes={"user_name": "cy@contoso.example", "display_name": "Cy", "products": []},
            by=alice,
        )


def test_row_of_purged_user_is_not_downloaded(as_alice, contoso, alice, ann):
    text = "User name,Contact e-mail\nann@contoso.example,no address\nbo@contoso.example,none\n"
    batch = check(contoso, alice, text, "update")
    run(plan_deletes, ann, alice)
    purge(ann, alice)

    answer = as_alice.post(reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"]))

    header, *rows = b"".join(answer.streaming_content).decode().splitlines()
    assert ["bo@contoso.example" in row for row in rows] == [True]
