"""Each problem of a planned import offers a way that keeps the person, for one row and for all."""

import pytest

from batches.models import Line
from customers.models import Domain
from imports import texts
from imports.check import repair
from imports.operations.repair import repair_line
from imports.queries import ProblemGroup
from licensing.queries import find_product_names
from tests import factories
from tests.imports.test_import import plan, show, start
from users.models import CustomerUser
from users.rules import problems

pytestmark = pytest.mark.django_db

HEADER = "User name,Display name,Licenses,Usage location\r\n"
# Where leaving the row out is the only answer: the person is a user already, or stands in another
# row, or must not be changed by this member, or no account can be named or given at all.
ONLY_LEFT_OUT = {"user_name_exists", "user_name_repeated", "same_person", "administrator"}
# The check finds a value for these, which is the suggestion, wherever it can.
SUGGESTED = {
    *("user_name_missing", "user_name_not_ascii", "user_name_bad_character"),
    *("user_name_too_long", "user_name_bad_start", "user_name_bad_dot", "user_name_two_ats"),
    *("user_name_taken", "name_missing", "too_long"),
}
# About a whole file, about the result of a row, or without need of a repair.
NOT_OF_A_PLAN = {
    *("name_taken", "internal", "password_ignored", "column_unknown", "column_said"),
    *("column_not_kept", "column_repeated", "lines_before_header", "example_skipped"),
    *("worksheets_skipped", "encoding_guessed", "words_for_nothing", "letters_repaired"),
    *("addresses_unwrapped", "roles_ignored", "own_addresses", "column_middle_name"),
    *("column_secret", "header_changed", "header_repeated", "cells_with_error"),
    *("formulas_without_result", "hidden_rows_read", "hidden_rows_skipped"),
    *("worksheets_joined", "worksheets_without_users", "comes_back_as_user"),
    *("cells_secret", "column_guessed", "status_in_name", "titles_skipped"),
}


@pytest.fixture
def planned(as_alice, contoso, office):
    """Plan the import of these rows, as alice."""

    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        return plan(as_alice, content, **fields)

    return make


def offered(batch) -> dict[str, list[str]]:
    """The choices for each kind of problem, by its code."""
    found = texts.find_repairs(batch, find_product_names(batch.customer))
    kinds = (*found.errors, *found.warnings)
    return {
        one.kind.code: [value.partition(":")[0] for value, _label in one.choices] for one in kinds
    }


def answer(client, batch, code, column, choice, key="", **more):
    data = {"code": code, "column": column, "key": key, "choice": choice, **more}
    return client.post(f"/customers/contoso/batches/{batch.pk}/repair/", data, follow=True)


def codes(batch, number):
    return [one["code"] for one in Line.objects.get(batch=batch, number=number).problems]


def states(batch):
    return list(batch.lines.order_by("number").values_list("state", flat=True))


@pytest.mark.parametrize("code", sorted(problems.CELL.keys() - NOT_OF_A_PLAN))
def test_each_problem_has_repair_that_keeps_person(contoso, office, alice, code):
    column = {"seat_short": "products", "domain": "domain"}.get(code, code.split("_")[0])
    desk = texts._Choices(contoso, {str(office.pk): "Office"}, is_list=False)
    group = ProblemGroup(
        code, column, "x", "error", 2, 2, 2, "value" if code in SUGGESTED else "", PARAMS
    )

    kept = [value for value, _label in desk.show(group).choices if value != repair.How.SKIP]

    assert bool(kept) is (code not in ONLY_LEFT_OUT)


PARAMS = dict.fromkeys(
    ("characters", "name", "first", "domain", "other", "length", "limit", "permission", "product"),
    "x",
) | {"location": "US"}


def test_missing_user_name_is_suggested_with_two_domains(planned, as_alice, contoso):
    Domain.objects.create(customer=contoso, name="second.example", is_verified=True)
    batch = planned(",Amy Pond,,", ",Rory Williams,,")
    assert codes(batch, 1) == ["user_name_missing"]
    text = show(as_alice, batch)
    assert "Use amy.pond@contoso.example" in text

    answer(as_alice, batch, "user_name_missing", "user_name", "suggested", number=2)
    assert states(batch) == ["invalid", "planned"]
    answer(as_alice, batch, "user_name_missing", "user_name", "suggested")

    assert states(batch) == ["planned", "planned"]
    names = list(batch.lines.order_by("number").values_list("input__user_name", flat=True))
    assert names == ["amy.pond@contoso.example", "rory.williams@contoso.example"]


def test_users_without_a_seat_wait_or_go_without(planned, as_alice, contoso, office):
    rows = [f"u{n}@contoso.example,User {n},Office E3,US" for n in range(8)]
    batch = planned(*rows)
    assert offered(batch) == {"seat_short": ["wait", "without", "skip"]}

    answer(as_alice, batch, "seat_short", "products", "without", key="Office E3", number=8)
    assert codes(batch, 8) == []
    assert codes(batch, 7) == ["seat_short"]
    said = answer(as_alice, batch, "seat_short", "products", "wait", key="Office E3")
    assert "2 rows changed." in said.content.decode()
    batch.refresh_from_db()
    assert batch.options["when_short"] == "queue"
    assert offered(batch) == {}
    assert "will wait for one" in show(as_alice, batch)

    start(as_alice, batch)
    assert CustomerUser.objects.count() == 8
    assert contoso.waitingseats.count() == 2


def test_all_users_without_a_seat_go_without(planned, as_alice, contoso, office):
    batch = planned(*[f"u{n}@contoso.example,User {n},Office E3,US" for n in range(7)])

    answer(as_alice, batch, "seat_short", "products", "without", key="Office E3")

    assert [codes(batch, number) for number in (6, 7)] == [[], []]
    start(as_alice, batch)
    assert CustomerUser.objects.count() == 7
    assert not batch.lines.exclude(state="done").exists()


def test_accepted_warning_about_user_name_stays_accepted(planned, as_alice, contoso):
    old = factories.user(contoso, "Old Amy", user_name="amy@contoso.example")
    CustomerUser.objects.filter(pk=old.pk).update(
        deleted_at="2026-01-01T00:00Z", purge_at="2099-01-01T00:00Z"
    )
    batch = planned(
        "amy@contoso.example,Amy,,", "info@contoso.example,Ina Fo,,", "sales@contoso.example,S,,"
    )
    assert offered(batch) == {
        "user_name_deleted": ["accept", "restore", "skip"],
        "user_name_reserved": ["accept", "skip"],
    }

    answer(as_alice, batch, "user_name_reserved", "user_name", "accept", number=2)
    assert [codes(batch, number) for number in (2, 3)] == [[], ["user_name_reserved"]]
    answer(as_alice, batch, "user_name_reserved", "user_name", "accept")
    answer(as_alice, batch, "user_name_deleted", "user_name", "accept")

    assert [codes(batch, number) for number in (1, 2, 3)] == [[], [], []]
    # Another name is another question.
    repair_line(batch=batch, number=2, changes={"user_name": "admin@contoso.example"}, by=batch.by)
    assert codes(batch, 2) == ["user_name_reserved"]


def test_an_error_is_not_accepted(planned, as_alice, contoso):
    factories.user(contoso, "Old Amy", user_name="amy@contoso.example")
    batch = planned("amy@contoso.example,Amy,,")

    answer(as_alice, batch, "user_name_taken", "user_name", "accept")

    assert codes(batch, 1) == ["user_name_taken"]
    assert states(batch) == ["invalid"]


@pytest.mark.parametrize("is_deleted", [False, True])
def test_unknown_users_of_an_update_are_created(planned, as_alice, contoso, is_deleted):
    if is_deleted:
        old = factories.user(contoso, "Old Amy", user_name="amy@contoso.example")
        CustomerUser.objects.filter(pk=old.pk).update(
            deleted_at="2026-01-01T00:00Z", purge_at="2099-01-01T00:00Z"
        )
    batch = planned("amy@contoso.example,Amy,,US", purpose="update")
    code = "user_deleted" if is_deleted else "user_unknown"
    ways = ["restore", "accept", "skip"] if is_deleted else ["accept", "skip"]
    assert offered(batch) == {code: ways}

    answer(as_alice, batch, code, "user_name", "accept")

    assert states(batch) == ["planned"]
    start(as_alice, batch)
    assert CustomerUser.objects.filter(user_name="amy@contoso.example", deleted_at=None).exists()
