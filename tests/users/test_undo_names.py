"""New names for users that an undo restores, and whose old names are taken."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from batches.errors import NotPlanned
from batches.models import Batch, Line
from batches.operations.control import start_batch
from licensing.models import Assignment, Subscription
from licensing.operations.seats import Wanted, assign
from partners.access import Refused
from tests import factories
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.acts.purge import plan_purges
from users.acts.rename import rename_restored
from users.acts.restore import plan_restores
from users.acts.undo import plan_undo
from users.models import CustomerUser
from users.queries.restore import find_taken_names

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(contoso, office):
    """Ann, Bo and Cy with a license each."""
    users = [
        factories.user(contoso, name, user_name=f"{name.lower()}@contoso.example", location="US")
        for name in ("Ann", "Bo", "Cy")
    ]
    wanted = [Wanted(user.pk, office.pk, ()) for user in users]
    assign(customer=contoso, wanted=wanted, cause=None)
    return users


@pytest.fixture
def deleted(contoso, people, alice):
    """The batch that deleted them."""
    batch = plan_deletes(customer=contoso, users=[user.pk for user in people], by=alice)
    return start_batch(batch=batch, by=alice)


@pytest.fixture
def undo(contoso, deleted, alice):
    """A planned undo for which the names of Ann and Cy are taken."""
    for name in ("ann", "cy"):
        factories.user(contoso, f"New {name}", user_name=f"{name}@contoso.example")
    return plan_undo(batch=deleted, by=alice)


def rename(batch, number, local_part, by):
    return rename_restored(batch=batch, number=number, local_part=local_part, by=by)


def lines(batch) -> list[tuple]:
    found = Line.objects.filter(batch=batch).order_by("number")
    return [
        (
            line.state,
            line.input["user_name"].partition("@")[0],
            [one["code"] for one in line.problems],
        )
        for line in found
    ]


def test_renamed_users_are_restored_with_licenses(undo, people, alice):
    assert lines(undo) == [
        ("invalid", "ann", ["name_taken"]),
        ("planned", "bo", []),
        ("invalid", "cy", ["name_taken"]),
    ]

    assert rename(undo, 1, "Ann.Old", alice) == []

    undo.refresh_from_db()
    assert lines(undo)[0] == ("planned", "ann.old", [])
    assert undo.plan["acts"] == {"restore": 2}
    assert [(one["wanted"], one["left"]) for one in undo.plan["seats"]] == [(2, 3)]
    start_batch(batch=undo, by=alice)
    found = CustomerUser.objects.in_bulk([user.pk for user in people])
    ann, bo, cy = (found[user.pk] for user in people)
    assert (ann.user_name, ann.deleted_at) == ("ann.old@contoso.example", None)
    assert "ann.old" in ann.search
    assert (bo.deleted_at, cy.deleted_at is None) == (None, False)
    assert set(Assignment.objects.values_list("user", flat=True)) == {ann.pk, bo.pk}
    event = Event.objects.get(action="user.restored", subject_id=ann.pk)
    assert event.before == {"user_name": "ann@contoso.example"}
    assert event.after["user_name"] == "ann.old@contoso.example"


def test_an_unfit_name_is_refused_and_changes_nothing(undo, alice):
    before = lines(undo), undo.plan

    assert rename(undo, 1, "ann", alice) == ["name_taken"]
    # Bo has it as soon as the undo has run.
    assert rename(undo, 1, "bo", alice) == ["name_taken"]
    assert rename(undo, 1, "a b", alice) != []

    undo.refresh_from_db()
    assert (lines(undo), undo.plan) == before


def test_a_name_is_given_to_one_of_two(undo, alice):
    assert rename(undo, 1, "new", alice) == []

    assert rename(undo, 3, "new", alice) == ["name_taken"]


def test_missing_seat_is_reported_once(undo, office, alice):
    Subscription.objects.filter(pk=office.pk).update(seats=1)

    assert rename(undo, 1, "ann.old", alice) == []
    assert rename(undo, 1, "ann.older", alice) == []

    undo.refresh_from_db()
    (line,) = Line.objects.filter(batch=undo, number=1)
    assert [(one["code"], one["severity"]) for one in line.problems] == [
        ("comes_back_without", "warning")
    ]
    assert undo.plan["acts"] == {"restore": 2}
    assert [(one["wanted"], one["short"]) for one in undo.plan["seats"]] == [(2, 1)]
    start_batch(batch=undo, by=alice)
    # In the order of the lines, so that Bo goes without.
    assert [state for state, _name, _codes in lines(undo)] == ["done", "partly", "invalid"]


def test_user_with_another_problem_is_not_renamed(contoso, undo, people, alice):
    # Restored under another name, and so not to be restored once more.
    batch = plan_restores(customer=contoso, users=[people[0].pk], by=alice)
    rename(batch, 1, "ann.lee", alice)
    start_batch(batch=batch, by=alice)
    Batch.objects.filter(pk=undo.pk).update(state="canceled")
    again = plan_undo(batch=Batch.objects.get(pk=undo.undoes), by=alice)
    assert lines(again)[0] == ("invalid", "ann.lee", ["back_already"])

    with pytest.raises(NotPlanned):
        rename(again, 1, "ann.old", alice)

    assert lines(again)[0][0] == "invalid"


def test_only_a_line_that_restores_is_renamed(contoso, people, alice):
    batch = plan_blocks(customer=contoso, users=[user.pk for user in people], block=True, by=alice)
    start_batch(batch=batch, by=alice)
    undo = plan_undo(batch=batch, by=alice)

    for number in (1, 99):
        with pytest.raises(NotPlanned):
            rename(undo, number, "ann.old", alice)

    assert lines(undo)[0] == ("planned", "ann", [])


def test_an_undo_that_runs_is_renamed_no_more(undo, alice):
    start_batch(batch=undo, by=alice)

    with pytest.raises(NotPlanned):
        rename(undo, 1, "ann.old", alice)


def test_renaming_in_foreign_undo_needs_approval_permission(undo, alice, helen, bob):
    for member in (helen, bob):
        with pytest.raises(Refused):
            rename(undo, 1, "ann.old", member)


def test_purged_user_is_not_renamed(contoso, undo, people, alice):
    purge = plan_purges(customer=contoso, users=[people[0].pk], by=alice)
    start_batch(batch=purge, by=alice)

    assert [taken.name for taken in find_taken_names(undo)] == ["Cy"]
    with pytest.raises(NotPlanned):
        rename(undo, 1, "ann.old", alice)


def test_page_of_undo_asks_for_names(as_alice, contoso, undo, people):
    url = reverse("batches:batch", args=["contoso", undo.pk])
    page = as_alice.get(url).content.decode()
    assert "2 lines have errors." in page
    assert "New user name of Ann" in page
    assert "New user name of Cy" in page
    assert 'aria-label="Use ann2"' in page

    refused = as_alice.post(f"{url}rename/", {"number": 1, "local_part": "bo"})
    assert refused.status_code == 422
    assert "This user name is already taken." in refused.content.decode()
    answer = as_alice.post(f"{url}rename/", {"number": 1, "suggestion": "ann2"}, follow=True)

    page = answer.content.decode()
    assert "Undo for 2 users?" in page
    assert "2 users are restored with their previous passwords and licenses." in page
    assert "New user name of Ann" not in page
    assert "New user name of Cy" in page


def test_undo_without_valid_lines_explains_next_step(as_alice, contoso, deleted, alice):
    for name in ("ann", "bo", "cy"):
        factories.user(contoso, f"New {name}", user_name=f"{name}@contoso.example")
    undo = plan_undo(batch=deleted, by=alice)

    page = as_alice.get(reverse("batches:batch", args=["contoso", undo.pk])).content.decode()

    assert "Choose a new user name for each user you want to restore." in page
    assert "Nothing can be done for the selected users." not in page


def test_member_without_permission_is_not_asked(client, northwind, undo):
    sales = factories.member(northwind, "sam", role="sales_agent")
    Batch.objects.filter(pk=undo.pk).update(by=sales)
    client.force_login(sales)
    url = reverse("batches:batch", args=["contoso", undo.pk])

    assert "New user name of" not in client.get(url).content.decode()
    assert client.post(f"{url}rename/", {"number": 1, "local_part": "x"}).status_code == 403


def test_rename_needs_fixed_number_of_queries(contoso, office, alice):
    def count(number):
        users = [
            factories.user(contoso, f"P {n}", user_name=f"p{number}-{n}@contoso.example")
            for n in range(number)
        ]
        batch = plan_deletes(customer=contoso, users=[user.pk for user in users], by=alice)
        start_batch(batch=batch, by=alice)
        factories.user(contoso, "New", user_name=users[0].user_name)
        undo = plan_undo(batch=batch, by=alice)
        with CaptureQueriesContext(connection) as seen:
            assert rename(undo, 1, f"other{number}", alice) == []
        return len(seen)

    assert count(2) == count(30)
