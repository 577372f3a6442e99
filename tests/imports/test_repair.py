import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from batches.errors import NotPlanned
from batches.models import Batch, Line
from imports.check.repair import BY_DOMAIN, BY_VALUE, How, Kind
from imports.operations.check import receive_file
from imports.operations.repair import include_lines, repair_all, repair_line, skip_lines
from imports.queries import find_problem_groups
from partners.access import Refused
from partners.roles import Role
from tests import factories
from tests.imports.test_import import plan, show, start
from tests.workers import check_upload
from users.models import CustomerUser

HEADER = "User name,Display name,Licenses,Usage location,Permissions,Contact address\r\n"


@pytest.fixture
def planned(as_alice, contoso, office):
    """Plan the import of these rows, as alice."""

    def make(*rows, **fields):
        content = (HEADER + "".join(f"{row}\r\n" for row in rows)).encode()
        return plan(as_alice, content, **fields)

    return make


def states(batch):
    return dict(Line.objects.filter(batch=batch).order_by("number").values_list("number", "state"))


def person(batch, number):
    return Line.objects.get(batch=batch, number=number).input


def codes(batch, number):
    return [one["code"] for one in Line.objects.get(batch=batch, number=number).problems]


def mend(batch, by, code, column, key="", how=How.SET, value=""):
    kind = Kind(code, column, key)
    return repair_all(batch=batch, kind=kind, how=how, value=value, by=by)


def test_wrong_domain_is_replaced_in_all_rows(planned, alice):
    batch = planned("amy@contoso.exmaple,Amy,,,,", "bob@contoso.exmaple,Bob,,,,", "cy@x.y,Cy,,,,")

    done = mend(
        batch, alice, "domain_unknown", "user_name", "contoso.exmaple", value="contoso.example"
    )

    assert (done.changed, done.bad) == (2, 0)
    assert states(batch) == {1: "planned", 2: "planned", 3: "invalid"}
    assert person(batch, 1)["user_name"] == "amy@contoso.example"


def test_suggestions_are_applied_to_all_rows(planned, alice, contoso):
    factories.user(contoso, "Old Amy", user_name="amy@contoso.example")
    factories.user(contoso, "Bob", user_name="bob@contoso.example")
    batch = planned("amy,Amy Parker,,,,", "bob,Bob,,,,")

    done = mend(batch, alice, "user_name_taken", "user_name", how=How.SUGGESTED)

    assert (done.changed, done.bad) == (1, 0)
    assert person(batch, 1)["user_name"] == "amy2@contoso.example"
    assert codes(batch, 2) == ["user_name_exists"]


def test_an_unknown_product_becomes_one_that_was_bought(planned, alice, office):
    batch = planned("amy,Amy,E3,US,,", "bob,Bob,E3,US,,")

    done = mend(batch, alice, "product_unknown", "products", "E3", value=str(office.pk))

    assert (done.changed, done.bad) == (2, 0)
    assert person(batch, 1)["products"] == [{"subscription": str(office.pk), "disabled_plans": []}]
    batch.refresh_from_db()
    (seats,) = batch.plan["seats"]
    assert (seats["wanted"], seats["left"]) == (2, 3)


def test_an_unknown_product_is_done_without(planned, alice):
    batch = planned("amy,Amy,E3,US,,")

    mend(batch, alice, "product_unknown", "products", "E3", how=How.WITHOUT)

    assert states(batch) == {1: "planned"}
    assert person(batch, 1)["products"] == []


def test_repair_keeps_problem_of_unknown_product(planned, alice):
    batch = planned("bo b,Bo,E3,US,,")

    done = mend(batch, alice, "user_name_bad_character", "user_name", how=How.SUGGESTED)

    assert (done.changed, done.bad) == (1, 1)
    assert codes(batch, 1) == ["product_unknown"]


def test_a_missing_location_is_chosen_for_all(planned, alice):
    batch = planned("amy,Amy,Office E3,,,", location="")
    assert codes(batch, 1) == ["location_missing"]

    mend(batch, alice, "location_missing", "location", value="CN")

    assert states(batch) == {1: "planned"}
    assert person(batch, 1)["location"] == "CN"


def test_an_unknown_location_is_chosen(planned, alice):
    batch = planned("amy,Amy,,Chnia,,", "bob,Bob,,Nowhere,,")

    mend(batch, alice, "location_unknown", "location", "Nowhere", value="US")

    assert states(batch) == {1: "invalid", 2: "planned"}


def test_an_unknown_permission_becomes_one_or_none(planned, alice):
    batch = planned("amy,Amy,,,User administratr,", "bob,Bob,,,Billing admn,")

    mend(
        batch,
        alice,
        "permission_unknown",
        "permissions",
        "User administratr",
        value="user_administrator",
    )
    mend(batch, alice, "permission_unknown", "permissions", "Billing admn", how=How.WITHOUT)

    assert person(batch, 1)["permissions"] == ["user_administrator"]
    assert person(batch, 2)["permissions"] == []
    assert states(batch) == {1: "planned", 2: "planned"}


def test_contact_address_is_dropped_and_texts_are_cut(planned, alice):
    batch = planned(f"amy,{'A' * 130},,,,nonsense")

    mend(batch, alice, "contact_email_bad", "contact_email", how=How.WITHOUT)
    mend(batch, alice, "too_long", "display_name", how=How.SUGGESTED)

    assert person(batch, 1)["contact_email"] == ""
    assert person(batch, 1)["display_name"] == "A" * 120
    assert states(batch) == {1: "planned"}


def test_missing_display_name_is_taken_from_user_name(planned, alice):
    batch = planned("amy.parker,,,,,")

    mend(batch, alice, "name_missing", "display_name", how=How.SUGGESTED)

    assert person(batch, 1)["display_name"] == "Amy Parker"


def test_names_that_collide_within_the_batch_are_found(planned, alice):
    batch = planned("amy@contoso.example,Amy One,,,,", "amy@contoso.exmaple,Amy Two,,,,")

    done = mend(
        batch, alice, "domain_unknown", "user_name", "contoso.exmaple", value="contoso.example"
    )

    assert (done.changed, done.bad) == (1, 1)
    assert codes(batch, 2) == ["user_name_repeated"]
    done = mend(batch, alice, "user_name_repeated", "user_name", how=How.SUGGESTED)
    assert (done.changed, done.bad) == (1, 0)
    assert person(batch, 2)["user_name"] == "amy2@contoso.example"


def test_renaming_first_duplicate_frees_second(planned, alice):
    batch = planned("amy,Amy One,,,,", "amy,Amy Two,,,,")
    changes = person(batch, 1) | {"user_name": "amy.one@contoso.example"}

    assert repair_line(batch=batch, number=1, changes=changes, by=alice) == []

    assert states(batch) == {1: "planned", 2: "planned"}
    assert codes(batch, 2) == []


def test_row_takes_no_name_of_later_row(planned, alice):
    batch = planned("amy,Amy One,,,,", "bob,Bob,,,,")

    (problem,) = repair_line(
        batch=batch, number=1, changes={"user_name": "bob@contoso.example"}, by=alice
    )

    assert (problem.code, problem.params) == ("user_name_repeated", {"first": 3})
    assert states(batch) == {1: "planned", 2: "planned"}


def test_skipping_first_duplicate_frees_second(planned, alice):
    batch = planned("amy,Amy One,,,,", "amy,Amy Two,,,,")

    skip_lines(batch=batch, numbers=[1], by=alice)
    assert states(batch) == {1: "left_out", 2: "planned"}

    include_lines(batch=batch, numbers=[1], by=alice)
    assert states(batch) == {1: "planned", 2: "invalid"}


def test_seats_are_forecast_anew(planned, alice, office):
    batch = planned(*(f"u{n},U {n},Office E3,US,," for n in range(6)))
    assert codes(batch, 6) == ["seat_short"]

    skip_lines(batch=batch, numbers=[2], by=alice)

    assert codes(batch, 6) == []
    batch.refresh_from_db()
    (seats,) = batch.plan["seats"]
    assert (seats["wanted"], seats["short"], seats["left"]) == (5, 0, 0)
    assert batch.plan["counts"] == {"ready": 5, "warned": 0, "failed": 0, "skipped": 1}
    include_lines(batch=batch, numbers=[2], by=alice)
    assert codes(batch, 6) == ["seat_short"]


def test_skipped_row_is_not_imported(as_alice, planned, alice, contoso):
    batch = planned("amy,Amy,,,,", "bo b,Bob,,,,", mode="all")
    skip_lines(batch=batch, numbers=[2], by=alice)

    start(as_alice, batch)

    assert list(CustomerUser.objects.values_list("display_name", flat=True)) == ["Amy"]
    assert states(batch) == {1: "done", 2: "left_out"}
    assert "Skipped" in show(as_alice, batch)


def test_one_row_gets_other_values(planned, alice, office):
    batch = planned("bo b,Bob,E3,US,,")
    changes = person(batch, 1) | {
        "user_name": "BOB@contoso.example",
        "products": [{"subscription": str(office.pk), "disabled_plans": []}],
    }

    assert repair_line(batch=batch, number=1, changes=changes, by=alice) == []

    assert person(batch, 1)["user_name"] == "bob@contoso.example"
    assert person(batch, 1)["line"] == 2
    assert states(batch) == {1: "planned"}


def test_row_with_errors_left_is_unchanged(planned, alice):
    batch = planned("amy,Amy,,,,", "bo b,Bob,,,,")
    changes = person(batch, 2) | {"user_name": "amy@contoso.example"}

    (problem,) = repair_line(batch=batch, number=2, changes=changes, by=alice)

    assert (problem.code, problem.params) == ("user_name_repeated", {"first": 2})
    assert person(batch, 2)["user_name"] == "bo b@contoso.example"
    assert not Event.objects.filter(action="import.repaired").exists()


def test_a_repair_is_on_record(planned, alice):
    batch = planned("amy,Amy,E3,US,,", "bob,Bob,E3,US,,")

    mend(batch, alice, "product_unknown", "products", "E3", how=How.WITHOUT)

    event = Event.objects.get(action="import.repaired")
    assert (event.by_id, event.batch_id) == (alice.pk, batch.pk)
    assert event.after == {"code": "product_unknown", "how": "without", "count": 2}


def test_a_repair_that_finds_nothing_changes_nothing(planned, alice):
    batch = planned("amy,Amy,,,,")

    assert mend(batch, alice, "product_unknown", "products", "E3", how=How.WITHOUT).changed == 0
    assert not Event.objects.filter(action="import.repaired").exists()


def test_a_started_batch_is_not_repaired(as_alice, planned, alice):
    batch = planned("amy,Amy,,,,", "bo b,Bob,,,,")
    start(as_alice, batch)

    with pytest.raises(NotPlanned):
        mend(batch, alice, "user_name_bad_character", "user_name", how=How.SUGGESTED)
    with pytest.raises(NotPlanned):
        repair_line(batch=batch, number=2, changes={}, by=alice)
    with pytest.raises(NotPlanned):
        skip_lines(batch=batch, numbers=[1], by=alice)


def test_members_without_permission_repair_nothing(planned, bob, helen):
    batch = planned("bo b,Bob,,,,")

    for member in (bob, helen):
        with pytest.raises(Refused):
            mend(batch, member, "user_name_bad_character", "user_name", how=How.SUGGESTED)
        with pytest.raises(Refused):
            include_lines(batch=batch, numbers=[1], by=member)


def test_repair_by_colleague_keeps_limits_of_planner(client, contoso, alice):
    agent = factories.member(contoso.partner, "ann", role=Role.HELPDESK_AGENT)
    batch = receive_file(
        customer=contoso,
        name="p.csv",
        parts=[(HEADER + "amy@contoso.example,Amy,,,Global administrator,\r\n").encode()],
        options={},
        by=alice,
    )
    check_upload(batch_id=batch.pk)
    Batch.objects.filter(pk=batch.pk).update(by=agent)
    batch.refresh_from_db()

    (problem,) = repair_line(batch=batch, number=1, changes={"department": "IT"}, by=alice)

    assert problem.code == "permission_not_yours"


@pytest.mark.parametrize("how", [How.SET, How.SKIP])
def test_fifty_rows_take_as_many_statements_as_one(planned, alice, how):
    counts = []
    for number in (1, 50):
        batch = planned(*(f"u{n}@x.example,U {n},Office E3,US,," for n in range(number)))
        with CaptureQueriesContext(
            connection,
        ) as queries_of:
            mend(batch, alice, "domain_unknown", "user_name", "x.example", how, "contoso.example")
        counts.append(len(queries_of))

    # Six rows with five seats may need one more, to write the lines without a seat.
    assert counts[0] == counts[1]


def test_problems_are_grouped_by_what_repairs_them(planned, contoso):
    batch = planned(
        "a@x.example,A,,,,", "b@x.example,B,,,,", "c@y.example,C,,,,", "d,D,E3,US,,", "admin,E,,,,"
    )

    found = find_problem_groups(batch, by_value=BY_VALUE, by_domain=BY_DOMAIN)

    assert [(one.code, one.key, one.rows, one.severity) for one in found.groups] == [
        ("domain_unknown", "x.example", 2, "error"),
        ("domain_unknown", "y.example", 1, "error"),
        ("product_unknown", "E3", 1, "error"),
        ("user_name_reserved", "", 1, "warning"),
    ]


def test_of_many_kinds_the_first_fifty_are_shown(as_alice, planned):
    batch = planned(*(f"u{n}@d{n}.example,U {n},,,," for n in range(53)))

    assert find_problem_groups(batch, by_domain=BY_DOMAIN).more == 3
    assert "And 3 more kinds of problems" in show(as_alice, batch)


def address(name, batch, *args):
    return reverse(f"imports:{name}", args=["contoso", batch.pk, *args])


def typed(**fields):
    return {
        "first_name": "",
        "last_name": "",
        "display_name": "Bob",
        "user_name": "bob",
        "domain": "contoso.example",
        "location": "US",
        "kind": "user",
    } | fields


HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


def test_page_offers_and_applies_repairs(as_alice, planned, office):
    batch = planned("amy@contoso.exmaple,Amy,E3,US,,", "admin,Admin,,,,")
    page = show(as_alice, batch)

    assert "contoso.exmaple isn’t a domain of this customer." in page
    assert '<option value="set:contoso.example" selected>' in page
    assert page.index("isn’t a domain") < page.index("looks like a shared mailbox")

    answer = as_alice.post(
        address("repair_all", batch),
        {
            "code": "domain_unknown",
            "column": "user_name",
            "key": "contoso.exmaple",
            "choice": "set:contoso.example",
        },
        follow=True,
    )

    assert answer.status_code == 200
    assert "1 row changed, but it still has an error." in answer.content.decode()


@pytest.mark.parametrize("choice", ["", "set:", "nonsense", "nonsense:x"])
def test_invalid_choice_shows_error_beside_field(as_alice, planned, choice):
    batch = planned("amy@contoso.exmaple,Amy,,,,")

    answer = as_alice.post(
        address("repair_all", batch),
        {
            "code": "domain_unknown",
            "column": "user_name",
            "key": "contoso.exmaple",
            "choice": choice,
        },
    )

    assert answer.status_code == 422
    assert "Choose what to do with these rows." in answer.content.decode()


def test_one_row_is_repaired_on_its_page(as_alice, planned, office):
    batch = planned("bo b,Bob,E3,US,,")
    page = as_alice.get(address("repair_line", batch, 1)).content.decode()
    assert 'value="bo b"' in page
    assert "This customer hasn’t bought “E3”" in page

    answer = as_alice.post(
        address("repair_line", batch, 1), typed(products=[str(office.pk)]), follow=True
    )

    assert "The row was changed and can be imported." in answer.content.decode()
    assert person(batch, 1)["products"] == [{"subscription": str(office.pk), "disabled_plans": []}]


def test_invalid_edit_of_row_keeps_typed_values(as_alice, planned):
    batch = planned("amy,Amy,,,,", "bo b,Bob,,,,")

    answer = as_alice.post(
        address("repair_line", batch, 2),
        typed(user_name="amy", department="Sales", contact_email="nonsense"),
        headers=HTMX,
    )

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Line 2 has the same user name." in page
    assert "“nonsense” isn’t an email address." in page
    assert page.count('aria-invalid="true"') == 2
    assert 'value="Sales"' in page
    assert codes(batch, 2) == ["user_name_bad_character"]


def test_the_dialog_ends_with_the_page_anew(as_alice, planned):
    batch = planned("bo b,Bob,,,,")

    answer = as_alice.post(address("repair_line", batch, 1), typed(), headers=HTMX)

    assert answer.headers["HX-Refresh"] == "true"


def test_row_is_skipped_and_included_on_page(as_alice, planned):
    batch = planned("amy,Amy,,,,", "bob,Bob,,,,")

    answer = as_alice.post(address("skip_line", batch, 1), follow=True)
    assert "Amy skipped." in answer.content.decode()
    assert "Include line 2 again" in answer.content.decode()

    answer = as_alice.post(address("include_line", batch, 1), follow=True)
    assert "Amy included again." in answer.content.decode()


def test_started_batch_refuses_repairs(as_alice, planned):
    batch = planned("amy,Amy,,,,", "bo b,Bob,,,,")
    start(as_alice, batch)

    assert "Edit line" not in show(as_alice, batch)
    answer = as_alice.post(address("repair_line", batch, 2), typed())
    assert answer.status_code == 422
    assert "This job has already been started or canceled." in answer.content.decode()
    answer = as_alice.post(address("skip_line", batch, 2), follow=True)
    assert "This job has already been started or canceled." in answer.content.decode()


def test_missing_and_foreign_lines_are_not_found(as_alice, planned):
    batch = planned("amy,Amy,,,,")
    factories.customer("fabrikam", "Fabrikam")

    for name in ("repair_line", "skip_line", "include_line"):
        for slug, number in (("contoso", 2), ("contoso", 2**40), ("fabrikam", 1)):
            url = reverse(f"imports:{name}", args=[slug, batch.pk, number])
            assert as_alice.post(url, typed()).status_code == 404
    url = reverse("imports:repair_all", args=["fabrikam", batch.pk])
    assert as_alice.post(url, {"code": "x", "choice": "skip"}).status_code == 404


def test_colleague_without_permission_sees_no_repairs(client, planned, northwind):
    batch = planned("bo b,Bob,,,,")
    client.force_login(factories.member(northwind, "ann", role=Role.HELPDESK_AGENT))

    page = show(client, batch)

    assert "Edit line" not in page
    assert 'id="repair"' not in page


def test_page_needs_fixed_number_of_statements(as_alice, planned):
    show(as_alice, planned("amy,Amy,,,,"))
    counts = []
    for number in (1, 50):
        batch = planned(*(f"u{n}@x.example,U {n},E3,Nowhere,Boss," for n in range(number)))
        with CaptureQueriesContext(connection) as asked:
            show(as_alice, batch)
        counts.append(len(asked))

    assert counts[0] == counts[1]


@pytest.fixture
def full_list(planned, contoso, office):
    """The plan of a full list with a misspelled existing user."""
    users = {
        name: factories.user(contoso, name.title(), user_name=f"{name}@contoso.example")
        for name in ("amy", "bob", "cy")
    }
    batch = planned(
        "am y,Amy,,,,", "bob,Robert,,,,", purpose="full_list", licenses="add", max_missing="90"
    )
    return batch, users


def acts(batch):
    lines = Line.objects.filter(batch=batch).order_by("number")
    return {(line.input["user_name"].partition("@")[0], line.state): line for line in lines}


def test_user_found_after_repair_is_not_deleted(full_list, alice):
    batch, users = full_list
    found = acts(batch)
    assert set(found) == {
        ("amy", "planned"),
        ("cy", "planned"),
        ("am y", "invalid"),
        ("bob", "planned"),
    }
    row = found["am y", "invalid"]

    changes = {"user_name": "amy@contoso.example", "department": "Sales"}
    assert repair_line(batch=batch, number=row.number, changes=changes, by=alice) == []

    lines = Line.objects.filter(batch=batch, input__user_name="amy@contoso.example")
    assert sorted((line.act, line.state) for line in lines) == [
        ("leave", "left_out"),
        ("update", "planned"),
    ]
    row.refresh_from_db()
    assert row.user_id == users["amy"].pk
    assert row.input["changes"]["department"] == "Sales"


def test_missing_user_is_skipped_and_included_again(as_alice, full_list, alice):
    batch, users = full_list
    cy = acts(batch)["cy", "planned"]

    skip_lines(batch=batch, numbers=[cy.number], by=alice)
    cy.refresh_from_db()
    assert (cy.state, cy.user_id) == ("left_out", users["cy"].pk)
    assert "Edit line 1<" not in show(as_alice, batch)

    include_lines(batch=batch, numbers=[cy.number], by=alice)
    cy.refresh_from_db()
    assert cy.state == "planned"
    with pytest.raises(NotPlanned):
        repair_line(batch=batch, number=cy.number, changes={}, by=alice)


def test_row_of_new_user_gets_own_id(full_list, alice):
    batch, users = full_list
    row = acts(batch)["bob", "planned"]
    assert row.user_id == users["bob"].pk

    changes = {"user_name": "robert@contoso.example"}
    assert repair_line(batch=batch, number=row.number, changes=changes, by=alice) == []

    row.refresh_from_db()
    assert row.act == "add"
    assert row.user_id not in {user.pk for user in users.values()}
