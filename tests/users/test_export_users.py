import csv

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from imports.operations.check import receive_file
from imports.read.table import parse_file
from tests import factories
from tests.users.test_search_users import delete, give
from tests.workers import check_upload
from users.models import CustomerUser
from users.rules.gather import gather_facts

KINDS = ["csv", "xlsx"]


def url(kind="csv"):
    return reverse("users:export", args=["contoso", "csv"]).removesuffix("csv") + kind


def ask(client, query="", kind="csv", **fields):
    """Ask for the list that the query filters, as its menu does."""
    return client.post(url(kind), {"all": "1", "query": query} | fields)


def content(response):
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def read(response):
    """The rows of the file, by the names in its header."""
    return list(csv.DictReader(content(response).decode("utf-8-sig").splitlines()))


def test_file_has_filtered_users(as_alice, contoso, office):
    ann = factories.user(contoso, "Ann", location="DE", permissions=["user_administrator"])
    give(ann, office)
    give(ann, factories.subscription(contoso, "Visio"))
    factories.user(contoso, "Ben")

    response = ask(as_alice, "license=some")

    (row,) = read(response)
    assert row["Display name"] == "Ann"
    assert row["User name"] == ann.user_name
    assert row["Usage location"] == "DE"
    assert row["Licenses"] == "Office E3; Visio"
    assert row["Permissions"] == "User administrator"
    assert row["Sign-in"] == "Allowed"
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="contoso-')
    assert response["Content-Security-Policy"] == "sandbox"


def test_a_workbook_holds_the_same(as_alice, contoso, office):
    ann = factories.user(contoso, "Ann", phone="0049 30 1", department="=1+1")
    give(ann, office)

    response = ask(as_alice, kind="xlsx")

    assert response["Content-Disposition"].endswith('.xlsx"')
    (row,) = parse_file(content(response), "users.xlsx").rows
    assert row.values["user_name"] == ann.user_name
    assert row.values["phone"] == "0049 30 1"
    assert row.values["department"] == "=1+1"
    assert row.values["products"] == "Office E3"


def test_there_is_no_other_kind_of_file(as_alice, contoso):
    assert ask(as_alice, kind="exe").status_code == 404
    assert not Event.objects.exists()


def test_the_deleted_are_a_list_of_their_own(as_alice, contoso):
    factories.user(contoso, "Ann")
    delete(factories.user(contoso, "Ben"))

    (row,) = read(ask(as_alice, "tab=deleted"))

    assert row["Display name"] == "Ben"
    assert row["To be purged"] != ""


def test_only_the_chosen_are_handed_over(as_alice, contoso):
    ann, ben, _cleo = (factories.user(contoso, name) for name in ("Ann", "Ben", "Cleo"))

    some = read(as_alice.post(url(), {"ids": f"{ben.pk},{ann.pk}"}))
    rest = read(ask(as_alice, without=str(ann.pk)))

    assert [row["Display name"] for row in some] == ["Ann", "Ben"]
    assert [row["Display name"] for row in rest] == ["Ben", "Cleo"]


def test_a_rivals_user_cannot_be_chosen(as_alice, contoso, rival):
    from partners import tenancy

    with tenancy.tenant(rival.pk):
        theirs = factories.user(factories.customer("victim", "CANARY"), "CANARY")

    response = as_alice.post(url(), {"ids": str(theirs.pk)}, follow=True)

    assert "no users to export" in response.content.decode()
    assert not Event.objects.exists()


def test_file_has_no_formulas(as_alice, contoso):
    factories.user(contoso, "=cmd|'/c calc'!A1", department="@SUM(1)", phone="+49 30")

    (row,) = read(ask(as_alice))

    assert row["Display name"][0] not in "=+-@"
    assert row["Department"][0] not in "=+-@"
    assert row["Phone"][0] not in "=+-@"


@pytest.mark.parametrize("kind", KINDS)
def test_file_has_users_beyond_one_fetch(as_alice, contoso, kind, monkeypatch):
    monkeypatch.setattr("users.queries.export.FETCH_SIZE", 2)
    for number in range(5):
        factories.user(contoso, f"Ann {number}")

    rows = parse_file(content(ask(as_alice, kind=kind)), f"users.{kind}").rows

    assert [row.values["display_name"] for row in rows] == [f"Ann {n}" for n in range(5)]


@pytest.mark.parametrize("kind", KINDS)
def test_many_take_as_many_queries_as_one(as_alice, contoso, office, kind):
    def count():
        with CaptureQueriesContext(connection) as queries:
            content(ask(as_alice, kind=kind))
        return len(queries)

    give(factories.user(contoso, "Ann"), office)
    one = count()
    for number in range(50):
        factories.user(contoso, f"Ben {number}")

    assert count() == one


@pytest.mark.parametrize("fields", [{"query": "licens=none"}, {}])
def test_unknown_filter_exports_no_users(as_alice, contoso, fields):
    factories.user(contoso, "Ann")

    response = as_alice.post(url(), {"all": "1"} | fields)

    assert response.status_code == 302
    assert response.url == reverse("users:list", args=["contoso"])
    assert not Event.objects.exists()


def test_export_is_recorded_with_number_of_users(as_alice, alice, contoso):
    for name in ("Ann", "Ben"):
        factories.user(contoso, name, is_blocked=True)
    factories.user(contoso, "Cleo")

    ask(as_alice, "status=blocked", kind="xlsx")

    event = Event.objects.get()
    assert (event.action, event.by_id, event.customer_id) == (
        "users.exported",
        alice.pk,
        contoso.pk,
    )
    assert event.after == {"users": 2, "filter": "status=blocked", "file": "xlsx"}
    page = as_alice.get(reverse("portal:activity"), {"group": "batches"}).content.decode()
    assert "<strong>Alice</strong> exported users of Contoso" in page
    assert "status=blocked" in page


def test_searched_text_is_not_recorded(as_alice, contoso):
    factories.user(contoso, "Ann")

    ask(as_alice, "q=ann&status=allowed")

    assert Event.objects.get().after["filter"] == "q=*&status=allowed"


def test_unstorable_filter_is_recorded_without_value(as_alice, contoso):
    factories.user(contoso, "Ann")

    assert ask(as_alice, "\0").status_code == 200

    assert Event.objects.get(action="users.exported").after["filter"] == ""


def test_get_request_is_refused(as_alice, contoso):
    assert as_alice.get(url()).status_code == 405


def test_an_archived_customers_users_can_still_be_exported(as_alice, contoso):
    factories.user(contoso, "Ann")
    type(contoso).objects.update(state="archived")

    assert len(read(ask(as_alice))) == 1


def test_export_needs_permission(client, bob, mallory, contoso):
    for member, status in ((bob, 403), (mallory, 404)):
        client.force_login(member)
        assert ask(client).status_code == status
        assert client.post(template_url()).status_code == status
    assert not Event.objects.exists()


def test_the_menus_lead_there(as_alice, contoso):
    ann = factories.user(contoso, "Ann")

    page = as_alice.get(reverse("users:list", args=["contoso"]), {"q": "an"}).content.decode()

    assert page.count(f'formaction="{url("xlsx")}"') == 2
    assert page.count(f'formaction="{template_url("en", "xlsx")}"') == 2
    assert '<input type="hidden" name="query" value="q=an">' in page
    delete(ann)
    page = as_alice.get(reverse("users:list", args=["contoso"]), {"tab": "deleted"})
    assert template_url("en", "xlsx") not in page.content.decode()


# The template with the users in it


def template_url(language="en", kind="csv"):
    address = reverse("imports:export_to_import", args=["contoso", language, "csv"])
    return address.removesuffix("csv") + kind


def fill(contoso, office):
    """Users with values in every field."""
    give(
        factories.user(
            contoso,
            "王建国",
            user_name="jianguo.wang@contoso.example",
            last_name="王",
            first_name="建国",
            location="CN",
            language="zh-hans",
            permissions=["helpdesk_administrator", "user_administrator"],
            phone="0086 10 5555",
            job_title="工程师",
            contact_email="wang@mail.example",
        ),
        office,
    )
    ann = factories.user(
        contoso,
        '=Ann; \'+1 "x", y',
        user_name="ann@contoso.example",
        location="DE",
        department="-5",
        phone="+49 30 1",
        job_title="'=a",
    )
    give(ann, office)
    # A name with a separator, two equal names, and two that together give a third.
    for name in ("Copilot; for all", "Visio", "VISIO!", "Office", "E3"):
        give(ann, factories.subscription(contoso, name))
    factories.user(contoso, "Ben", user_name="ben@contoso.example")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_template_with_the_users_imports_again_unchanged(
    as_alice, alice, contoso, office, language, kind
):
    fill(contoso, office)

    response = as_alice.post(template_url(language, kind), {"all": "1", "query": ""})

    empty = as_alice.get(reverse("imports:template", args=["contoso", language, kind]))
    parsed = parse_file(content(response), f"users.{kind}")
    assert parsed.detected.columns == parse_file(empty.content, "x").detected.columns
    assert parsed.notices == ()
    people = read_again(contoso, parsed, by=alice)
    assert len(people) == 3
    for person in people:
        user = CustomerUser.objects.get(user_name=person.pop("user_name"))
        held = set(user.assignments.values_list("subscription", flat=True))
        products = person.pop("products")
        assert {one["subscription"] for one in products} == {str(key) for key in held}
        assert len(products) == len(held)
        assert person == {name: getattr(user, name) for name in person}


@pytest.mark.parametrize("purpose", ["update", "both", "full_list"])
@pytest.mark.parametrize("kind", KINDS)
def test_unchanged_template_changes_no_users(as_alice, alice, contoso, office, kind, purpose):
    fill(contoso, office)
    suspended = contoso.subscriptions.get(product__name="E3")
    type(suspended).objects.filter(pk=suspended.pk).update(state="suspended")
    file = content(as_alice.post(template_url("zh-hans", kind), {"all": "1", "query": ""}))

    batch = receive_file(
        customer=contoso,
        name=f"users.{kind}",
        parts=[file],
        options={"purpose": purpose, "licenses": "exact", "mode": "good", "defaults": {}},
        by=alice,
    )
    check_upload(batch_id=batch.pk)

    batch.refresh_from_db()
    assert (batch.state, batch.total, batch.plan["unchanged"]) == ("planned", 0, 3)


def read_again(contoso, parsed, *, by):
    """What the import makes of the rows; the only problems are that the users are there."""
    from imports.check import rows as validate
    from users.rules.facts import Defaults

    facts = gather_facts(
        customer=contoso, user_names=[row.values["user_name"] for row in parsed.rows], by=by
    )
    people, problems = validate.validate(parsed.rows, facts, Defaults())
    assert {one.code for one in problems} <= {"user_name_exists"}
    return [dict(person.input) for person in people]


def test_template_has_filtered_users(as_alice, contoso):
    factories.user(contoso, "Ann", is_blocked=True)
    factories.user(contoso, "Ben")
    delete(factories.user(contoso, "Gone"))

    some = read(as_alice.post(template_url(), {"all": "1", "query": "status=blocked"}))
    every = read(as_alice.post(template_url(), {"all": "1", "query": ""}))
    gone = as_alice.post(template_url(), {"all": "1", "query": "tab=deleted"})

    assert [row["Display name"] for row in some] == ["Ann"]
    assert [row["Display name"] for row in every] == ["Ann", "Ben"]
    assert gone.status_code == 302
    assert Event.objects.filter(action="users.exported").count() == 2


def test_the_import_offers_the_template_with_the_users(as_alice, contoso):
    page = as_alice.get(reverse("imports:upload", args=["contoso"])).content.decode()

    for language in ("en", "zh-hans"):
        for kind in KINDS:
            assert f'<button formaction="{template_url(language, kind)}"' in page


@pytest.mark.parametrize("address", [("de", "csv"), ("en", "exe")])
def test_there_is_no_other_template_with_users(as_alice, contoso, address):
    factories.user(contoso, "Ann")

    answer = as_alice.post(template_url(*address), {"all": "1", "query": ""})

    assert answer.status_code == 404
    assert not Event.objects.exists()
