from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import start_batch
from tests import factories
from tests.handover.handing_over import change, secret_of
from users import passwords
from users.acts.reset import plan_resets
from users.models import UserSession

URL = "/customers/contoso/users/reset/"


@pytest.fixture
def ann(contoso):
    return factories.user(contoso, "Ann", password="old", password_state="chosen")


@pytest.fixture
def chief(contoso):
    return factories.user(contoso, "Chief", permissions=["user_administrator"])


def test_list_leads_to_password_on_sheet(as_alice, ann, contoso):
    planned = as_alice.post(URL, {"ids": str(ann.pk)})
    batch = contoso.batches.get()
    assert (batch.kind, batch.state) == ("reset", "planned")
    assert planned["Location"] == f"/customers/contoso/batches/{batch.pk}/"
    assert "Reset 1 password" in as_alice.get(planned["Location"]).content.decode()
    ann.refresh_from_db()
    assert ann.password == "old"

    as_alice.post(f"{planned['Location']}start/")

    ann.refresh_from_db()
    secret = secret_of(batch)
    assert ann.password_state == "temporary"
    assert passwords.verify_temporary(secret, ann.password)
    assert secret not in as_alice.get(planned["Location"]).content.decode()
    assert secret in as_alice.post(f"{planned['Location']}sheet/").content.decode()


def test_all_that_the_filter_finds_are_planned(as_alice, contoso, ann):
    factories.user(contoso, "Ben", is_blocked=True)
    blocked = factories.user(contoso, "Cem", is_blocked=True)

    as_alice.post(URL, {"ids": str(blocked.pk), "all": "1", "query": "status=blocked"})

    lines = Line.objects.filter(batch=contoso.batches.get()).order_by("number")
    assert [line.input["display_name"] for line in lines] == ["Ben", "Cem"]


@pytest.mark.parametrize(
    "data", [{}, {"ids": ""}, {"ids": "x,'--"}, {"all": "1", "query": "nonsense=1"}]
)
def test_empty_selection_returns_to_list(as_alice, contoso, ann, data):
    answer = as_alice.post(URL, data)

    assert answer["Location"] == "/customers/contoso/users/"
    assert not contoso.batches.exists()


def test_a_get_plans_nothing(as_alice, contoso, ann):
    assert as_alice.get(URL, {"ids": str(ann.pk)}).status_code == 302
    assert not contoso.batches.exists()


def test_deleted_and_foreign_users_are_not_selected(as_alice, contoso, ann):
    other = factories.customer("fabrikam", "Fabrikam")
    stranger = factories.user(other, "Stranger")

    as_alice.post(URL, {"ids": f"{ann.pk},{stranger.pk}"})

    assert Line.objects.get(batch=contoso.batches.get()).user_id == ann.pk


def test_the_help_desk_plans_no_administrator(contoso, ann, chief, helen):
    batch = plan_resets(customer=contoso, users=[ann.pk, chief.pk], by=helen)
    start_batch(batch=batch, by=helen)

    lines = Line.objects.filter(batch=batch).order_by("number")
    assert [(line.state, line.problems) for line in lines] == [
        ("done", []),
        ("invalid", [{"code": "administrator", "severity": "error"}]),
    ]
    chief.refresh_from_db()
    assert chief.password_state == "none"


def test_new_administrator_after_plan_is_not_reset(contoso, ann, helen):
    batch = plan_resets(customer=contoso, users=[ann.pk], by=helen)
    change(ann, permissions=["user_administrator"])

    start_batch(batch=batch, by=helen)

    line = Line.objects.get(batch=batch)
    ann.refresh_from_db()
    assert (line.state, line.result, line.sealed) == ("failed", {"code": "administrator"}, None)
    assert ann.password == "old"


def test_user_deleted_after_plan_fails_alone(contoso, ann, alice):
    ben = factories.user(contoso, "Ben")
    batch = plan_resets(customer=contoso, users=[ann.pk, ben.pk], by=alice)
    now = timezone.now()
    change(ann, deleted_at=now, purge_at=now + timedelta(days=30))

    start_batch(batch=batch, by=alice)

    states = Line.objects.filter(batch=batch).order_by("number").values_list("state", "result")
    assert list(states) == [("failed", {"code": "gone"}), ("done", {})]


def test_reset_ends_sessions_and_forgets_wrong_passwords(contoso, ann, alice):
    UserSession.objects.create(customer=contoso, user=ann, token_hash="x")
    change(ann, locked_until=timezone.now() + timedelta(minutes=10))
    batch = plan_resets(customer=contoso, users=[ann.pk], by=alice)

    start_batch(batch=batch, by=alice)

    ann.refresh_from_db()
    assert ann.locked_until is None
    assert not UserSession.objects.exists()


def test_each_reset_is_on_record(contoso, ann, alice):
    batch = plan_resets(customer=contoso, users=[ann.pk], by=alice)
    start_batch(batch=batch, by=alice)

    event = Event.objects.get(action="user.password_reset")
    assert (event.subject_id, event.by_name, event.batch_id) == (ann.pk, "Alice", batch.pk)


def test_plan_needs_fixed_number_of_queries(contoso, ann, alice):
    people = [factories.user(contoso, f"User {number}").pk for number in range(20)]
    with CaptureQueriesContext(connection) as one:
        plan_resets(customer=contoso, users=people[:1], by=alice)
    with CaptureQueriesContext(connection) as many:
        plan_resets(customer=contoso, users=people, by=alice)

    assert len(one) == len(many)


def test_a_reader_resets_nothing(client, bob, ann, contoso):
    client.force_login(bob)

    assert client.post(URL, {"ids": str(ann.pk)}).status_code == 403
    assert not Batch.objects.exists()
