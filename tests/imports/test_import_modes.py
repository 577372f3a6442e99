"""Files about existing users: update, create and update, full list."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from batches.errors import LastAdministrator
from batches.models import Batch, Line
from batches.operations.control import start_batch
from imports.operations.check import receive_file
from imports.operations.full_list import TooManyMissing, UsersUnclear
from licensing.models import Assignment
from licensing.operations.seats import Wanted, assign
from partners.access import Refused
from partners.roles import Role
from tests import factories
from tests.workers import check_upload
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

DEFAULTS = {"domain": "contoso.example", "location": "US"}


@pytest.fixture
def ann(contoso, inside):
    return factories.user(
        contoso,
        "Ann Lee",
        user_name="ann@contoso.example",
        department="Sales",
        location="US",
        language="en",
    )


@pytest.fixture
def bo(contoso, inside):
    return factories.user(contoso, "Bo Yi", user_name="bo@contoso.example", location="US")


@pytest.fixture
def visio(contoso):
    return factories.subscription(contoso, "Visio", seats=2)


def check(contoso, by, text, purpose, **options):
    batch = receive_file(
        customer=contoso,
        name="people.csv",
        parts=[text.encode()],
        options={"purpose": purpose, "mode": "good", "defaults": DEFAULTS} | options,
        by=by,
    )
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()
    assert batch.state == "planned", batch.plan
    return batch


def run(batch, by, **choices):
    start_batch(batch=batch, **choices, by=by)
    return list(Line.objects.filter(batch=batch).order_by("number"))


def codes(batch):
    return [
        (line.input["user_name"], [one["code"] for one in line.problems])
        for line in batch.lines.order_by("number")
    ]


def give(contoso, user, *subscriptions):
    wanted = [Wanted(user.pk, one.pk) for one in subscriptions]
    assign(customer=contoso, wanted=wanted, cause=None)


def held(user):
    return set(Assignment.objects.filter(user=user).values_list("subscription", flat=True))


# Update


def test_row_changes_only_filled_cells(contoso, alice, ann):
    text = "User name,Department,Job title,Display name\nANN,IT,,\n"

    (line,) = run(check(contoso, alice, text, "update"), alice)

    assert (line.state, line.user_id) == ("done", ann.pk)
    assert line.result == {"before": {"department": "Sales"}}
    ann.refresh_from_db()
    assert (ann.department, ann.display_name, ann.location) == ("IT", "Ann Lee", "US")
    event = Event.objects.get(action="user.edited")
    assert (event.before, event.after) == ({"department": "Sales"}, {"department": "IT"})


def test_unchanged_user_gets_no_line(contoso, alice, ann, bo):
    text = "User name,Department\nann,Sales\nbo,IT\n"

    batch = check(contoso, alice, text, "update")

    assert (batch.total, batch.plan["unchanged"]) == (1, 1)


def test_update_adds_no_users(contoso, alice, ann):
    batch = check(contoso, alice, "User name,Department\nann,IT\nanna,IT\n", "update")

    assert codes(batch) == [("ann@contoso.example", []), ("anna@contoso.example", ["user_unknown"])]
    run(batch, alice)
    assert CustomerUser.objects.count() == 1


def test_update_reports_problems_of_filled_cells_only(contoso, alice, ann):
    ann.contact_email = "not an address"
    ann.save()
    text = "User name,Usage location,Department\nann,Atlantis," + "x" * 121 + "\n"

    batch = check(contoso, alice, text, "update")

    assert codes(batch) == [("ann@contoso.example", ["location_unknown", "too_long"])]


def test_new_display_name_changes_search_and_order(contoso, alice, ann):
    run(check(contoso, alice, "User name,Display name\nann,Zoe Lee\n", "update"), alice)

    ann.refresh_from_db()
    assert ann.sort_key.startswith("zoe")
    assert "zoe" in ann.search


def test_user_changed_since_check_fails(contoso, alice, ann):
    batch = check(contoso, alice, "User name,Department\nann,IT\n", "update")
    CustomerUser.objects.filter(pk=ann.pk).update(department="Board")

    (line,) = run(batch, alice)

    assert (line.state, line.result) == ("failed", {"code": "changed"})
    ann.refresh_from_db()
    assert ann.department == "Board"


def test_licenses_are_given_in_addition(contoso, office, visio, alice, ann):
    give(contoso, ann, visio)

    (line,) = run(check(contoso, alice, "User name,Licenses\nann,Office E3\n", "update"), alice)

    assert line.state == "done"
    assert held(ann) == {office.pk, visio.pk}


def test_licenses_can_be_exactly_those_of_the_row(contoso, office, visio, alice, ann, bo):
    give(contoso, ann, visio)
    give(contoso, bo, visio)
    text = "User name,Licenses\nann,Office E3\nbo,\n"

    batch = check(contoso, alice, text, "update", licenses="exact")
    run(batch, alice)

    assert held(ann) == {office.pk}
    # An empty cell changes nothing.
    assert held(bo) == {visio.pk}
    seats = {one["name"]: (one["free"], one["left"]) for one in batch.plan["seats"]}
    assert seats == {"Office E3": (5, 4), "Visio": (0, 1)}


def test_update_without_seat_is_partly_done(contoso, visio, alice, ann, bo):
    batch = check(contoso, alice, "User name,Department,Licenses\nann,IT,Visio\n", "update")
    fill(contoso, visio)

    (line,) = run(batch, alice)

    assert line.state == "partly"
    assert line.result["short"] == [str(visio.pk)]
    ann.refresh_from_db()
    assert ann.department == "IT"


def fill(contoso, subscription):
    subscription.refresh_from_db()
    for number in range(subscription.free):
        give(contoso, factories.user(contoso, f"Taker {number}"), subscription)


def test_the_help_desk_updates_no_administrator(contoso, helen, ann):
    CustomerUser.objects.filter(pk=ann.pk).update(permissions=["user_administrator"])

    batch = check(contoso, helen, "User name,Department\nann,IT\n", "update")

    assert codes(batch) == [("ann@contoso.example", ["administrator"])]


def test_file_does_not_demote_last_administrator(contoso, alice, ann):
    CustomerUser.objects.filter(pk=ann.pk).update(permissions=["global_administrator"])

    (line,) = run(check(contoso, alice, "User name,Permissions\nann,User\n", "update"), alice)

    assert (line.state, line.result) == ("failed", {"code": "last_administrator"})


# Create and update


def test_both_adds_new_and_updates_existing_users(contoso, alice, ann):
    text = "User name,Display name,Department\nann,,IT\nbo,Bo Yi,IT\n"

    lines = run(check(contoso, alice, text, "both"), alice)

    assert [(line.state, line.act) for line in lines] == [
        ("done", "update"),
        ("done", "add"),
    ]
    assert set(CustomerUser.objects.values_list("user_name", "department")) == {
        ("ann@contoso.example", "IT"),
        ("bo@contoso.example", "IT"),
    }


def test_the_same_file_again_finds_nothing_to_do(contoso, alice, ann):
    text = "User name,Display name,Department\nann,,IT\nbo,Bo Yi,IT\n"
    run(check(contoso, alice, text, "both"), alice)

    batch = check(contoso, alice, text, "both")

    assert (batch.total, batch.plan["unchanged"]) == (0, 2)


def test_defaults_apply_to_new_users_only(contoso, office, alice, ann):
    product = {"subscription": str(office.pk), "disabled_plans": []}
    defaults = DEFAULTS | {"location": "CN", "products": [product]}
    text = "User name,Display name,Department\nann,,IT\nbo,Bo,IT\n"

    run(check(contoso, alice, text, "both", defaults=defaults), alice)

    ann.refresh_from_db()
    assert (ann.location, held(ann)) == ("US", set())
    bo = CustomerUser.objects.get(user_name="bo@contoso.example")
    assert (bo.location, held(bo)) == ("CN", {office.pk})


# Full list


def test_full_list_adds_updates_and_deletes(contoso, alice, ann, bo):
    text = "User name,Display name,Department\nann,Ann Lee,IT\ncy,Cy New,IT\n"

    batch = check(contoso, alice, text, "full_list", max_missing=50)
    lines = run(batch, alice)

    assert [(line.act, line.input["user_name"], line.state) for line in lines] == [
        ("leave", "bo@contoso.example", "done"),
        ("update", "ann@contoso.example", "done"),
        ("add", "cy@contoso.example", "done"),
    ]
    bo.refresh_from_db()
    assert bo.deletion == batch.pk
    assert batch.plan["missing_users"] == {"count": 1, "active": 2, "max": 50}


def test_the_seats_of_missing_users_go_to_joiners(contoso, visio, alice, bo):
    give(contoso, bo, visio)
    fill(contoso, visio)
    there = "".join(
        f"{one}\n"
        for one in CustomerUser.objects.exclude(pk=bo.pk).values_list("user_name", flat=True)
    )
    text = "User name,Display name,Licenses\ncy,Cy New,Visio\n"
    text += "".join(f"{name},,\n" for name in there.split())

    batch = check(contoso, alice, text, "full_list", max_missing=50)
    lines = run(batch, alice)

    assert [(line.act, line.state) for line in lines] == [
        ("leave", "done"),
        ("add", "done"),
    ]
    (seats,) = batch.plan["seats"]
    assert (seats["free"], seats["freed"], seats["wanted"], seats["short"], seats["left"]) == (
        0, 1, 1, 0, 0,
    )  # fmt: skip


def test_more_missing_users_than_allowed_stop_the_full_list(contoso, alice, ann, bo):
    batch = check(
        contoso, alice, "User name,Display name\nann,Ann Lee\n", "full_list", max_missing=49
    )

    with pytest.raises(TooManyMissing):
        start_batch(batch=batch, by=alice)

    assert CustomerUser.objects.filter(deleted_at=None).count() == 2
    assert Batch.objects.get(pk=batch.pk).state == "planned"


def test_row_with_unclear_user_name_blocks_full_list(contoso, alice, ann, bo):
    text = "User name,Display name\nann,Ann Lee\nbö,Bo Yi\n"
    batch = check(contoso, alice, text, "full_list", max_missing=100)
    assert [line.input["user_name"] for line in batch.lines.filter(act="leave")] == [
        "bo@contoso.example"
    ]

    with pytest.raises(UsersUnclear):
        start_batch(batch=batch, by=alice)

    assert CustomerUser.objects.filter(deleted_at=None).count() == 2


def test_invalid_row_keeps_its_existing_user(contoso, alice, ann, bo):
    text = "User name,Display name,Usage location\nann,Ann Lee,\nbo,Bo Yi,Atlantis\n"

    lines = run(check(contoso, alice, text, "full_list"), alice)

    assert [(line.act, line.state) for line in lines] == [("update", "invalid")]
    assert CustomerUser.objects.filter(deleted_at=None).count() == 2


def test_full_list_needs_permission_to_delete(contoso, helen):
    with pytest.raises(Refused):
        check(contoso, helen, "User name,Display name\nann,Ann\n", "full_list")


def test_start_of_full_list_checks_permission_to_delete(contoso, alice, ann, bo):
    batch = check(contoso, alice, "User name\nann\n", "full_list", max_missing=50)
    alice.role = Role.HELPDESK_AGENT
    alice.save()

    with pytest.raises(Refused):
        start_batch(batch=batch, by=alice)

    bo.refresh_from_db()
    assert bo.deleted_at is None


def test_deleting_last_administrator_needs_confirmation(contoso, alice, ann, bo):
    CustomerUser.objects.filter(pk=bo.pk).update(permissions=["global_administrator"])
    text = "User name,Display name\nann,Ann Lee\n"
    batch = check(contoso, alice, text, "full_list", max_missing=50)

    with pytest.raises(LastAdministrator):
        start_batch(batch=batch, by=alice)
    start_batch(batch=batch, may_take_last_administrator=True, by=alice)

    bo.refresh_from_db()
    assert bo.deleted_at is not None


def test_user_added_after_check_is_not_deleted(contoso, alice, ann, bo):
    text = "User name,Display name\nann,Ann Lee\n"
    batch = check(contoso, alice, text, "full_list", max_missing=50)
    factories.user(contoso, "Late", user_name="late@contoso.example")

    run(batch, alice)

    assert CustomerUser.objects.filter(deleted_at=None).count() == 2


@pytest.mark.parametrize("purpose", ["update", "both", "full_list"])
def test_check_needs_fixed_number_of_queries(contoso, alice, purpose):
    for number in range(60):
        factories.user(contoso, f"U {number}", user_name=f"u{number}@contoso.example")

    def count(rows):
        text = "User name,Department\n" + "".join(f"u{n},IT\n" for n in range(rows))
        with CaptureQueriesContext(connection) as queries:
            check(contoso, alice, text, purpose)
        return len(queries)

    assert count(50) == count(1)


# Pages


def show(as_alice, batch, **query):
    url = reverse("batches:batch", args=["contoso", batch.pk])
    answer = as_alice.get(url, query_params=query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_plan_shows_added_updated_and_deleted_users(as_alice, contoso, alice, ann, bo):
    text = "User name,Display name,Department\nann,Ann Lee,IT\ncy,Cy New,IT\n"

    page = show(as_alice, check(contoso, alice, text, "full_list", max_missing=50))

    assert "Add, update or delete 3 users" in page
    assert 'class="btn danger-solid" form="start"' in page
    assert "1 of 2 users isn’t in the file, or has left, and will be deleted" in page
    assert "Department: Sales → IT" in page
    for label, number in (("Added", 1), ("Changed", 1), ("Deleted", 1)):
        assert f"<dt>{label}</dt><dd>{number}</dd>" in page
    assert "<dt>Unchanged</dt>" not in page


def test_the_plan_can_be_looked_through_by_act(as_alice, contoso, alice, ann, bo):
    text = "User name,Display name,Department\nann,Ann Lee,IT\ncy,Cy New,IT\n"
    batch = check(contoso, alice, text, "full_list", max_missing=50)

    page = show(as_alice, batch, show="leave")

    assert "Bo Yi" in page
    assert "Cy New" not in page


def test_blocked_full_list_shows_reason_without_button(as_alice, contoso, alice, ann, bo):
    text = "User name,Display name\nann,Ann Lee\n"

    page = show(as_alice, check(contoso, alice, text, "full_list"))

    assert "More users are missing from the file than the share you allow." in page
    assert "Add, update or delete 1 user" not in page


def test_result_shows_old_and_new_values(as_alice, contoso, alice, ann):
    text = "User name,Permissions,Usage location\nann,Helpdesk administrator,Germany\n"
    batch = check(contoso, alice, text, "update")
    run(batch, alice)

    page = show(as_alice, batch)

    assert "1 user updated" in page
    assert "Permissions: User → Helpdesk administrator" in page
    assert "Usage location: United States → Germany" in page


def test_the_purpose_is_chosen_with_the_file(as_alice, contoso, ann):
    file = SimpleUploadedFile("people.csv", b"User name,Department\nann,IT\n")
    data = {"file": file, "mode": "good", "domain": "contoso.example", "purpose": "update"}

    answer = as_alice.post(reverse("imports:upload", args=["contoso"]), data)

    assert answer.status_code == 302
    options = Batch.objects.get().options
    assert (options["purpose"], options["licenses"], options["max_missing"]) == (
        "update", "add", 10,
    )  # fmt: skip


def test_full_list_is_offered_with_permission_to_delete(client, contoso, helen, as_alice):
    url = reverse("imports:upload", args=["contoso"])
    assert "Full list" in as_alice.get(url).content.decode()

    client.force_login(helen)

    assert "Full list" not in client.get(url).content.decode()


def test_result_file_has_deleted_users_without_row_number(as_alice, contoso, alice, ann, bo):
    text = "User name,Display name,Department\nann,Ann Lee,IT\n"
    batch = check(contoso, alice, text, "full_list", max_missing=50)
    run(batch, alice)

    answer = as_alice.post(reverse("users:result", args=["contoso", batch.pk, "csv"]))

    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [(row[0], row[2], row[3]) for row in rows[1:]] == [
        ("", "Bo Yi", "Delete"),
        ("2", "Ann Lee", "Change"),
    ]
