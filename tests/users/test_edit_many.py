"""Fields of many users: what is ticked becomes the same for all, and nothing else changes."""

import pytest
from django.utils.html import escape

from batches.models import Line
from batches.operations.control import start_batch
from licensing.operations.seats import Wanted, assign
from tests import factories
from users.acts.undo import plan_undo
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

LIST = "/customers/contoso/users/"
EDIT = f"{LIST}edit/"


@pytest.fixture
def people(contoso):
    return [
        factories.user(
            contoso, name, location="US", department="Sales", job_title="Clerk", language="en"
        )
        for name in ("Ann", "Bo")
    ]


def send(client, users, **said):
    """Send the page about these users; gives the answer."""
    ids = ",".join(str(user.pk) for user in users)
    return client.post(f"{EDIT}?ids={ids}", {"shown": "1", **said})


def values(*names) -> list[tuple]:
    return list(CustomerUser.objects.order_by("display_name").values_list(*names))


def page(client, answer) -> str:
    return client.get(answer["Location"]).content.decode()


def test_list_leads_over_plan_to_result(as_alice, contoso, people, alice):
    ids = ",".join(str(user.pk) for user in people)

    asked = as_alice.post(EDIT, {"ids": ids, "counted": "2"})
    text = page(as_alice, asked)
    assert "Edit 2 users" in text
    # The page has an address of its own, so that Back leads to it.
    assert f'action="{escape(asked["Location"])}"' in text
    assert "checked" not in text
    typed = {"shown": "1", "change": ["department", "job_title"], "department": "Legal"}
    planned = as_alice.post(asked["Location"], typed)

    plan = page(as_alice, planned)
    assert "<h1>Change 2 users?</h1>" in plan
    assert "Department: Sales → Legal" in plan
    assert "Job title: Clerk → empty" in plan
    assert "Job title is cleared." in plan
    as_alice.post(f"{planned['Location']}start/", {"reason": "Reorganized", "ticket": "T-1"})

    assert "<h1>2 users changed</h1>" in page(as_alice, planned)
    assert values("department", "job_title", "location", "language") == [
        ("Legal", "", "US", "en"),
        ("Legal", "", "US", "en"),
    ]
    batch = contoso.batches.get()
    assert (batch.reason, batch.ticket) == ("Reorganized", "T-1")
    undo = plan_undo(batch=batch, by=alice)
    start_batch(batch=undo, by=alice)
    assert values("department", "job_title") == [("Sales", "Clerk"), ("Sales", "Clerk")]


def test_what_is_not_ticked_stays_whatever_was_typed(as_alice, people):
    typed = {"department": "Legal", "job_title": "x" * 500, "location": "nowhere", "language": ""}

    planned = send(as_alice, people, change="department", **typed)

    (line, _other) = Line.objects.order_by("number")
    assert planned.status_code == 302
    assert line.input["changes"] == {"department": "Legal"}


def test_no_checked_field_is_error_and_keeps_form(as_alice, contoso, people):
    answer = send(as_alice, people, department="Legal")

    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Select at least one field to change." in text
    assert 'value="Legal"' in text
    assert not contoso.batches.exists()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("location", "", "Choose a usage location."),
        ("location", "nowhere", "Select a valid choice."),
        ("language", "xx", "Select a valid choice."),
        ("department", "x" * 121, "has 121 characters. The limit is 120."),
        ("job_title", "a\0b", "Null characters are not allowed."),
        ("change", "permissions", "Select a valid choice."),
    ],
)
def test_invalid_value_is_shown_at_its_field(as_alice, contoso, people, field, value, said):
    answer = send(as_alice, people, **({"change": field} | {field: value}))

    assert answer.status_code == 422
    assert said in str(answer.context["form"].errors[field])
    assert not contoso.batches.exists()


def test_texts_are_cleaned_as_those_of_a_file(as_alice, people):
    send(as_alice, people, change="department", department="  Human   re\u200bsources ")

    assert Line.objects.first().input["changes"] == {"department": "Human resources"}


def test_the_language_can_become_that_of_the_customer(as_alice, people):
    planned = send(as_alice, people, change="language", language="")

    assert "Language changes to the customer’s language." in page(as_alice, planned)
    as_alice.post(f"{planned['Location']}start/")
    assert values("language") == [("",), ("",)]


def test_only_the_location_is_the_quick_case(as_alice, contoso, people):
    factories.user(contoso, "Cy", is_blocked=True, location="US")
    chosen = {"ids": "", "all": "1", "query": "status=allowed", "change": "location"}

    asked = as_alice.post(EDIT, chosen)
    form = as_alice.get(asked["Location"]).context["form"]
    assert form["change"].value() == ["location"]
    typed = {"shown": "1", "change": "location", "location": "CN", "counted": "2"}
    planned = as_alice.post(asked["Location"], typed)
    assert "<h1>Change location of 2 users?</h1>" in page(as_alice, planned)
    as_alice.post(f"{planned['Location']}start/")

    assert "<h1>Location of 2 users changed</h1>" in page(as_alice, planned)
    assert values("location") == [("CN",), ("CN",), ("US",)]


def test_users_with_unsold_license_are_listed(as_alice, contoso, office, people):
    office.product.not_sold_in = ["CN"]
    office.product.save()
    wanted = [Wanted(people[0].pk, office.pk)]
    assign(customer=contoso, wanted=wanted, cause=None)

    planned = send(as_alice, people, change="location", location="CN")

    assert [line.state for line in Line.objects.order_by("number")] == ["invalid", "planned"]
    assert "isn’t available in" in page(as_alice, planned)


@pytest.mark.parametrize("data", [{}, {"ids": "x"}, {"all": "1", "query": "nonsense=1"}])
def test_empty_selection_returns_to_list(as_alice, contoso, data):
    for said in ({}, {"shown": "1", "change": "department", "department": "Legal"}):
        answer = as_alice.post(EDIT, data | said, follow=True)

        assert answer.redirect_chain[-1] == (LIST, 302)
    assert not contoso.batches.exists()


def test_reader_cannot_edit(client, bob, people):
    client.force_login(bob)

    assert client.get(EDIT).status_code == 403
    assert send(client, people, change="department", department="Legal").status_code == 403
    assert EDIT not in client.get(LIST).content.decode()
