"""The activity log as members see it."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import operations as audit
from audit import queries
from audit.models import LABELS, Event
from partners import tenancy
from partners.roles import Role
from portal import sentences
from tests import factories
from users.acts import purge

pytestmark = pytest.mark.django_db


def record(action, name, by, customer=None, **fields):
    subject = audit.Subject(
        fields.pop("id", None), name, fields.pop("before", {}), fields.pop("after", {})
    )
    audit.record(action, subject=subject, customer_id=customer and customer.pk, by=by, **fields)


def signed_in(member):
    client = Client()
    client.force_login(member)
    return client


def text(client, url="/activity/"):
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def body(page):
    return page[page.index('<section class="stack" id="activity"') :]


def rows(page):
    return page.count("<time ")


def export(client, query="", kind="csv"):
    return client.post(f"/activity/export.{kind}{query}")


def cells(response):
    return b"".join(response).decode("utf-8-sig").splitlines()


@pytest.fixture
def acts(contoso, alice, helen):
    fabrikam = factories.customer("fabrikam", "Fabrikam")
    user = factories.user(contoso, "Ann Lee", user_name="ann@contoso.example")
    record("user.added", "ann@contoso.example", alice, contoso, id=user.pk)
    record("user.edited", "bo@fabrikam.example", helen, fabrikam, before={"phone": "1"},
           after={"phone": "2"})  # fmt: skip
    record("member.role_changed", "Bob", alice, before={"role": "reader"}, after={"role": "owner"})
    return user


def test_acts_are_sentences_with_what_they_changed(acts, as_alice):
    page = body(text(as_alice))

    assert "<strong>Alice</strong> added ann@contoso.example at Contoso" in page
    assert "<strong>Alice</strong> changed the role of Bob" in page
    assert "<bdi>Reader</bdi>" in page
    assert "<bdi>Owner</bdi>" in page
    assert rows(page) == 3


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("group=users", 2),
        ("group=staff", 1),
        ("group=deleting", 0),
        ("customer=contoso", 1),
        ("customer=nobody", 0),
        ("q=ann@contoso.example", 1),
        ("q=ANN", 1),
        ("q=contoso", 0),
        ("q=%25", 0),
        ("q=%00", 3),
        ("period=day", 3),
        ("group=nonsense&by=nonsense&after=nonsense&period=nonsense", 3),
    ],
)
def test_the_filters_stand_in_the_address(acts, as_alice, query, wanted):
    assert rows(body(text(as_alice, f"/activity/?{query}"))) == wanted


def test_log_filters_by_member_user_and_batch(acts, as_alice, helen):
    assert rows(body(text(as_alice, f"/activity/?by={helen.pk}"))) == 1
    assert rows(body(text(as_alice, f"/activity/?user={acts.pk}"))) == 1
    assert rows(body(text(as_alice, f"/activity/?batch={acts.pk}"))) == 0


def test_the_period_cuts_by_time(acts, as_alice, inside, monkeypatch):
    later = timezone.now() + timedelta(days=2)
    monkeypatch.setattr(timezone, "now", lambda: later)

    events = queries.find_events(partner_id=inside.pk, since=later - timedelta(days=1))
    assert list(events) == []
    assert queries.find_events(partner_id=inside.pk, since=later - timedelta(days=3)).count() == 3


def test_member_without_permission_sees_own_actions(acts, helen):
    page = text(signed_in(helen))

    assert "bo@fabrikam.example" in page
    assert "ann@contoso.example" not in page
    assert rows(body(page)) == 1
    assert rows(body(text(signed_in(helen), f"/activity/?by={acts.pk}"))) == 1


def test_limited_member_sees_actions_at_selected_customers(acts, contoso, inside):
    lena = factories.member(inside, "lena", role=Role.READER, is_limited=True)
    contoso.scopes.create(member=lena)
    client = signed_in(lena)

    page = text(client)

    assert "ann@contoso.example" in page
    assert "fabrikam" not in page.lower()
    assert rows(body(page)) == 1
    assert rows(body(text(client, "/activity/?customer=fabrikam"))) == 0
    assert client.get("/customers/fabrikam/activity/").status_code == 404


def test_a_customers_log_holds_what_was_done_there(acts, as_alice):
    page = body(text(as_alice, "/customers/contoso/activity/"))

    assert "ann@contoso.example" in page
    assert rows(page) == 1


def test_a_rival_sees_nothing_of_it(acts, mallory):
    assert rows(body(text(signed_in(mallory)))) == 0


def test_pages_follow_each_other_without_gap_or_double(contoso, as_alice, alice, inside):
    for number in range(120):
        record("user.added", f"u{number}@contoso.example", alice, contoso)
    events = queries.find_events(partner_id=inside.pk)

    first = queries.get_page(events)
    second = queries.get_page(events, after=first.after)
    third = queries.get_page(events, after=second.after)
    back = queries.get_page(events, before=third.before)

    found = [*first.events, *second.events, *third.events]
    assert [e.subject_name for e in found] == [f"u{n}@contoso.example" for n in range(119, -1, -1)]
    assert (first.before, third.after) == (None, None)
    assert back == second
    assert queries.get_page(events, before=second.before).events == first.events
    assert "after=" in text(as_alice)


def test_purged_user_is_shown_by_short_pseudonym(contoso, as_alice, alice):
    pseudonym = purge.pseudonym("ann@contoso.example")
    record("user.purged", pseudonym, alice, contoso)

    page = text(as_alice)

    assert f"{pseudonym[:17]}…" in page
    assert pseudonym not in page
    # The file is for comparing.
    assert any(pseudonym in line for line in cells(export(as_alice)))


def test_many_acts_ask_as_many_queries_as_one(contoso, as_alice, alice):
    def count():
        with CaptureQueriesContext(connection) as captured:
            text(as_alice)
        return len(captured)

    record("user.added", "one@contoso.example", alice, contoso)
    text(as_alice)
    few = count()
    for number in range(40):
        record("user.added", f"u{number}@contoso.example", alice, contoso)

    assert count() == few


def test_every_action_in_the_code_has_words():
    assert set(LABELS) == set(sentences.EVENTS)


@pytest.mark.django_db(transaction=True)
def test_export_has_filtered_log_without_formulas(northwind, alice):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        record("member.invited", "=cmd|' /C calc'!A0", alice, after={"role": "reader"})
        record("user.added", "ann@contoso.example", alice)
    client = signed_in(alice)

    lines = cells(export(client, "?group=staff"))

    assert len(lines) == 2
    assert "\"'=cmd" in lines[1]
    assert "Member invited" in lines[1]
    assert len(cells(export(client, "?group=users"))) == 2
    assert len(cells(export(client, "?customer=nobody"))) == 1
    workbook = export(client, "?group=staff", "xlsx")
    assert workbook["Content-Disposition"].endswith('.xlsx"')
    assert b"".join(workbook).startswith(b"PK")
    assert export(client, kind="exe").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_export_needs_permission_and_respects_limits(northwind, alice, bob, helen):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        record("user.added", "ann@contoso.example", alice)
        record("user.added", "bo@contoso.example", helen)

    assert export(signed_in(bob)).status_code == 403
    lines = cells(export(signed_in(helen)))
    # The latest first, and that is that she takes the file.
    assert ["Activity log exported" in line for line in lines] == [False, True, False]
    assert "bo@contoso.example" in lines[2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_export_of_log_is_recorded(northwind, alice, kind):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        contoso = factories.customer("contoso", "Contoso")
        for name in ("ann", "bo"):
            record("user.added", f"{name}@contoso.example", alice, contoso)
    client = signed_in(alice)

    assert export(client, "?q=ann&customer=contoso", kind).status_code == 200

    with tenancy.tenant(northwind.pk), transaction.atomic():
        event = Event.objects.get(action="activity.exported")
    assert (event.by_id, event.customer_id, event.subject_name) == (
        alice.pk,
        contoso.pk,
        "Contoso",
    )
    assert event.after == {"events": 1, "filter": "q=*&customer=contoso", "file": kind}
    assert "<strong>Alice</strong> exported the activity log" in text(client)


@pytest.mark.django_db(transaction=True)
def test_export_without_record_fails(northwind, alice, monkeypatch):
    def fail(*_args, **_fields):
        raise RuntimeError("no record")

    monkeypatch.setattr(audit, "record", fail)

    with pytest.raises(RuntimeError, match="no record"):
        export(signed_in(alice))


def test_a_link_does_not_take_the_log_out(as_alice):
    assert as_alice.get("/activity/export.csv").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_customer_search_filters_log_and_export(northwind, alice, monkeypatch):
    monkeypatch.setattr("customers.queries.MAX_CHOICES", 2)
    with tenancy.tenant(northwind.pk), transaction.atomic():
        for slug in ("contoso", "contoso-east", "fabrikam"):
            customer = factories.customer(slug, slug.title())
            record("user.added", f"ann@{slug}.example", alice, customer)
    client = signed_in(alice)

    assert 'name="whose"' in text(client)
    assert rows(body(text(client, "/activity/?whose=fabri"))) == 1
    several = text(client, "/activity/?whose=contoso&group=users")
    assert "Select a customer" in several
    assert 'data-announce="2 customers found"' in several
    assert 'href="?group=users&amp;customer=contoso-east"' in several
    assert rows(body(several)) == 0
    assert rows(body(text(client, "/activity/?customer=contoso-east"))) == 1
    lines = cells(export(client, "?whose=fabri&group=users"))
    assert len(lines) == 2
    assert "ann@fabrikam.example" in lines[1]
    # Without a chosen customer nothing is exported, instead of everything.
    for query in ("?whose=contoso", "?whose=nobody", "?customer=nobody"):
        assert len(cells(export(client, query))) == 1


@pytest.mark.parametrize(
    "query", ["?user=oops", "?customer=a%20b", "?period=ever", "?whose=" + "o" * 201]
)
@pytest.mark.django_db(transaction=True)
def test_invalid_filter_exports_nothing(northwind, alice, query):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        record("user.added", "ann@contoso.example", alice, factories.customer("c", "Contoso"))
    client = signed_in(alice)

    assert len(cells(export(client))) > 1
    assert len(cells(export(client, query))) == 1


@pytest.mark.django_db(transaction=True)
def test_shared_url_means_same_for_all_members(northwind, alice):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        for slug in ("contoso", "fabrikam"):
            record(
                "user.added", f"ann@{slug}.example", alice, factories.customer(slug, slug.title())
            )
    client = signed_in(alice)

    assert rows(body(text(client, "/activity/?whose=fabri"))) == 1
    assert len(cells(export(client, "?whose=fabri&group=users"))) == 2
    assert len(cells(export(client, "?whose=nobody"))) == 1
