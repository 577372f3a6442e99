import re

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from batches.models import Batch, Line
from batches.operations.control import start_batch
from batches.queries.list import BatchFilters, find_batches
from customers.models import Scope
from partners import tenancy
from partners.roles import Role
from tests import factories
from users.acts.reset import plan_resets


def reset(customer, by, number=1):
    users = [factories.user(customer, f"U {n}") for n in range(number)]
    return plan_resets(customer=customer, users=[user.pk for user in users], by=by)


def show(client, name="batches:all", *arguments, **query):
    answer = client.get(reverse(name, args=arguments), query_params=query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_list_shows_act_of_each_batch(as_alice, alice, contoso):
    reset(contoso, alice, 2)
    start_batch(batch=reset(contoso, alice), by=alice)

    page = show(as_alice)

    assert "Reset 2 passwords" in page
    assert "1 password reset" in page
    assert "Contoso" in page


def test_list_filters_by_state(as_alice, alice, contoso):
    reset(contoso, alice, 2)
    start_batch(batch=reset(contoso, alice), by=alice)

    assert "1 password reset" not in show(as_alice, show="waiting")
    assert "Reset 2 passwords" not in show(as_alice, show="done")


def test_list_filters_by_member(as_alice, alice, helen, contoso):
    reset(contoso, alice, 2)
    reset(contoso, helen, 3)

    mine = show(as_alice, by="me")

    assert "Reset 2 passwords" in mine
    assert "Reset 3 passwords" not in mine


def test_a_customer_has_a_list_of_its_own(as_alice, alice, contoso):
    reset(contoso, alice, 2)
    reset(factories.customer("fabrikam", "Fabrikam"), alice, 3)

    page = show(as_alice, "batches:of_customer", "contoso")

    assert "Reset 2 passwords" in page
    assert "Reset 3 passwords" not in page


def test_limited_member_sees_batches_of_own_customers(client, northwind, alice, contoso):
    fabrikam = factories.customer("fabrikam", "Fabrikam")
    reset(contoso, alice, 2)
    reset(fabrikam, alice, 3)
    lim = factories.member(northwind, "lim", role=Role.HELPDESK_AGENT, is_limited=True)
    Scope.objects.create(member=lim, customer=fabrikam)
    client.force_login(lim)

    page = show(client)

    assert "Reset 3 passwords" in page
    assert "Reset 2 passwords" not in page


def test_a_rival_sees_none_of_them(client, mallory, rival, alice, contoso):
    reset(contoso, alice, 2)
    client.force_login(mallory)
    with tenancy.tenant(rival.pk):
        page = show(client)

    assert "Contoso" not in page
    assert "No jobs yet" in page


def test_a_running_one_shows_its_progress(as_alice, alice, contoso):
    batch = reset(contoso, alice, 4)
    Batch.objects.update(state="running")
    Line.objects.filter(batch=batch, number=1).update(state="done")

    assert '<progress value="1" max="4"' in show(as_alice)


def test_list_is_paged_by_key(as_alice, alice, contoso):
    batches = [reset(contoso, alice) for _ in range(55)]
    for number, batch in enumerate(batches):
        Batch.objects.filter(pk=batch.pk).update(source_name=f"no-{number:02}")

    first = show(as_alice)
    second = show(as_alice, after=batches[5].pk)
    back = show(as_alice, before=batches[4].pk)

    assert "no-54" in first
    assert "no-05" in first
    assert "no-04" not in first
    assert "no-04" in second
    assert "no-00" in second
    assert "no-05" not in second
    assert "no-54" in back
    assert "no-05" in back


def test_list_needs_fixed_number_of_queries(as_alice, alice, contoso):
    reset(contoso, alice)
    show(as_alice)
    with CaptureQueriesContext(connection) as one:
        show(as_alice)
    for number in range(49):
        reset(factories.customer(f"c{number}", f"C {number}"), alice)

    with CaptureQueriesContext(connection) as fifty:
        show(as_alice)

    assert len(one) == len(fifty)


def test_invalid_key_shows_first_page(as_alice, alice, contoso):
    reset(contoso, alice, 2)

    assert "Reset 2 passwords" in show(as_alice, after="x'--")
    assert "Reset 2 passwords" in show(as_alice, before="7")


@pytest.fixture
def fabrikam(inside):
    return factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))


def note(batch, **notes):
    Batch.objects.filter(pk=batch.pk).update(**notes)
    return batch


def shown(client, name="batches:all", *arguments, **query) -> list:
    """The keys of the batches that the list shows."""
    answer = client.get(reverse(name, args=arguments), query_params=query)
    assert answer.status_code == 200
    return [batch.pk for batch, _title in answer.context["batches"]]


def test_list_filters_by_kind(as_alice, alice, contoso):
    first = reset(contoso, alice)
    note(reset(contoso, alice), kind="licenses")
    note(reset(contoso, alice), kind="import")

    assert shown(as_alice, kind="reset") == [first.pk]
    assert shown(as_alice, "batches:of_customer", "contoso", kind="reset") == [first.pk]


def test_list_filters_by_customer(as_alice, alice, contoso, fabrikam):
    reset(contoso, alice)
    theirs = reset(fabrikam, alice)

    assert shown(as_alice, customer="fabrikam") == [theirs.pk]
    page = show(as_alice, customer="fabrikam")
    assert '<option value="fabrikam" selected>Fabrikam</option>' in page
    assert 'name="customer"' not in show(as_alice, "batches:of_customer", "contoso")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("inc-17", ["ticket"]),
        ("LEFT", ["reason"]),
        ("staff", ["file", "both"]),
        # Every word, wherever it stands.
        ("staff inc-9", ["both"]),
        ("inc-9 2026 staff", ["both"]),
        ("入职", ["chinese"]),
        ("_", ["file"]),
        ("%", []),
        ("staff zzz", []),
        ("inc-9 a b c d e f g", []),
        # A NUL is none of the text that Postgres knows.
        ("in\0c-17", ["ticket"]),
    ],
)
def test_search_finds_ticket_reason_and_file(as_alice, alice, contoso, text, found):
    notes = {
        "ticket": {"ticket": "INC-17"},
        "reason": {"reason": "They left the company"},
        "file": {"source_name": "staff_sept.csv"},
        "both": {"ticket": "INC-9", "source_name": "staff 2026.xlsx"},
        "chinese": {"reason": "九月新员工入职"},
        "none": {},
    }
    keys = {note(reset(contoso, alice), **values).pk: name for name, values in notes.items()}

    assert [keys[pk] for pk in reversed(shown(as_alice, q=text))] == found


def test_what_a_search_found_is_shown_as_text(as_alice, alice, contoso):
    note(reset(contoso, alice), reason="<b>They left</b>", ticket="INC-17", source_name="a.csv")

    page = show(as_alice, q="left")

    assert "<bdi>a.csv</bdi> · <bdi>INC-17</bdi> · <bdi>&lt;b&gt;They left&lt;/b&gt;</bdi>" in page


def test_the_filters_add_up(as_alice, alice, helen, contoso, fabrikam):
    wanted = note(reset(contoso, alice), ticket="INC-1")
    note(reset(contoso, alice), ticket="INC-1", kind="edit")
    note(reset(contoso, alice), ticket="INC-1", state="done")
    note(reset(contoso, alice), ticket="INC-2")
    note(reset(contoso, helen), ticket="INC-1")
    note(reset(fabrikam, alice), ticket="INC-1")

    query = {"q": "inc-1", "show": "waiting", "kind": "reset", "customer": "contoso", "by": "me"}
    assert shown(as_alice, **query) == [wanted.pk]


def test_pages_of_filtered_list_keep_filters(as_alice, alice, contoso):
    batches = []
    for number in range(52):
        batches.append(note(reset(contoso, alice), ticket=f"INC-{number}").pk)
        note(reset(contoso, alice), kind="edit", ticket="INC-x")

    first = show(as_alice, q="inc", kind="reset")
    assert f"?q=inc&amp;kind=reset&amp;after={batches[2]}" in first
    assert shown(as_alice, q="inc", kind="reset", after=batches[2]) == batches[1::-1]
    assert shown(as_alice, q="inc", kind="reset", before=batches[1]) == batches[:1:-1]


@pytest.mark.parametrize(
    "query",
    [
        "show=<b>",
        "show=open",
        "kind=resett",
        "kind=reset&kind=edit",
        "by=bob",
        "customer=nobody",
        "customer=rivals",
        "customer=%00",
        "kin=reset",
        "status=done",
        f"q={'x' * 201}",
    ],
)
def test_unknown_filter_shows_error_and_no_batches(as_alice, alice, contoso, rival, query):
    with tenancy.tenant(rival.pk):
        factories.customer("rivals", "Rivals")
    reset(contoso, alice, 2)

    answer = as_alice.get(f"{reverse('batches:all')}?{query}")

    page = answer.content.decode()
    assert answer.context["batches"] == []
    assert "A filter in the address is unknown. Clear the filters and choose again." in page
    assert '<a class="btn" href="/batches/">Clear filters</a>' in page


def test_a_customers_own_list_is_of_no_other(as_alice, alice, contoso, fabrikam):
    reset(contoso, alice)
    reset(fabrikam, alice)

    url = reverse("batches:of_customer", args=["contoso"])
    for slug in ("fabrikam", "contoso"):
        assert as_alice.get(url, {"customer": slug}).context["batches"] == []


def test_a_limited_member_filters_by_his_customers_only(
    client, northwind, alice, contoso, fabrikam
):
    reset(contoso, alice)
    theirs = reset(fabrikam, alice)
    lim = factories.member(northwind, "lim", role=Role.HELPDESK_AGENT, is_limited=True)
    Scope.objects.create(member=lim, customer=fabrikam)
    client.force_login(lim)

    assert shown(client, customer="fabrikam") == [theirs.pk]
    answer = client.get(reverse("batches:all"), {"customer": "contoso"})
    assert answer.context["batches"] == []
    assert "Contoso" not in answer.content.decode()


def test_empty_list_offers_to_clear_filters(as_alice, alice, contoso):
    assert "No jobs match" not in show(as_alice)
    reset(contoso, alice)

    page = show(as_alice, q="zzz")

    assert "No jobs match" in page
    assert '<a class="btn" href="/batches/">Clear filters</a>' in page
    assert 'data-announce="No jobs match"' in page


@pytest.fixture
def many(contoso, fabrikam, monkeypatch):
    """More customers than a list can offer."""
    monkeypatch.setattr("customers.queries.MAX_CHOICES", 3)
    return [
        contoso,
        fabrikam,
        factories.customer("contoso-east", "Contoso East"),
        factories.customer("cafe", "Café Lumière", domains=("lumiere.example",)),
    ]


def test_any_of_many_customers_is_found_by_typing(as_alice, alice, many):
    theirs = [reset(customer, alice).pk for customer in many]

    page = show(as_alice)
    assert 'name="whose"' in page
    assert 'name="customer"' not in page
    for number, text in enumerate(["contoso.ex", "FABRI", "east", "cafe lum"]):
        assert shown(as_alice, whose=text) == [theirs[number]]
    assert shown(as_alice, whose="lumiere.example", show="waiting") == [theirs[3]]
    assert shown(as_alice, whose="lumiere.example", show="done") == []


def test_ambiguous_customer_name_offers_choice(as_alice, alice, many):
    theirs = [reset(customer, alice).pk for customer in many]

    page = show(as_alice, whose="contoso", show="waiting", after=theirs[3])

    assert shown(as_alice, whose="contoso") == []
    assert "Select a customer" in page
    assert 'href="?show=waiting&amp;customer=contoso-east"' in page
    assert 'data-announce="2 customers found"' in page
    assert shown(as_alice, customer="contoso-east", show="waiting") == [theirs[2]]
    chosen = show(as_alice, customer="contoso-east", show="waiting")
    assert '<input type="hidden" name="customer" value="contoso-east">' in chosen
    assert 'href="?show=waiting" aria-label="Remove customer filter: Contoso East"' in chosen


def test_unknown_customer_name_shows_notice(as_alice, alice, many):
    reset(many[0], alice)

    assert "No customers found for “nobody”." in show(as_alice, whose="nobody")
    assert shown(as_alice, whose="nobody") == []


def test_ambiguous_customer_name_offers_first_matches(as_alice, many, monkeypatch):
    monkeypatch.setattr("customers.queries.MAX_FOUND", 1)

    page = show(as_alice, whose="o")

    assert "There are more. Enter more letters." in page
    assert page.count("customer=") == 1


def test_customers_of_others_are_not_found(client, northwind, alice, many, rival):
    with tenancy.tenant(rival.pk):
        factories.customer("contoso-secret", "Contoso Secret")
    lim = factories.member(northwind, "lim", role=Role.HELPDESK_AGENT, is_limited=True)
    for customer in (many[0], *many[2:]):
        Scope.objects.create(member=lim, customer=customer)
    Scope.objects.create(member=lim, customer=factories.customer("z", "Z"))
    client.force_login(lim)

    assert "Contoso Secret" not in show(client, whose="contoso")
    assert "Contoso East" in show(client, whose="contoso")
    assert "No customers found for" in show(client, whose="fabrikam")


def test_a_customers_own_list_looks_for_no_other(as_alice, alice, many):
    reset(many[0], alice)
    url = reverse("batches:of_customer", args=["contoso"])

    assert as_alice.get(url, {"whose": "fabrikam"}).context["batches"] == []
    assert 'name="whose"' not in show(as_alice, "batches:of_customer", "contoso")


@pytest.mark.parametrize("text", ["%", "_", "\0", "x" * 200, "'\"<b>"])
def test_typed_customer_name_is_escaped(as_alice, many, text):
    assert shown(as_alice, whose=text) == []


MANY = """
INSERT INTO batches_batch (partner_id, id, customer_id, by_id, by_name, kind, state, options, plan,
    source_name, total, reason, ticket, halted_by, sheet_key, handed_over_by)
SELECT partner_id, uuidv7(), customer_id, by_id, by_name, 'edit', 'done', '{}', '{}', '', 1, '',
    CASE WHEN n %% 4 = 0 THEN 'INC-' || n ELSE '' END, '', '', ''
FROM batches_batch, generate_series(1, %s) n
"""


# For what is asked, the index that the list is walked along. Two hold all batches in their order.
INDEXES = [
    ({}, "(batch_list|batch_partner_id)"),
    ({"show": "done"}, "(batch_list|batch_partner_id)"),
    ({"show": "running"}, "batch_not_over"),
    ({"show": "waiting"}, "batch_not_over"),
    ({"kind": "purge"}, "batch_kind"),
    ({"q": "zzz"}, "batch_noted"),
    ({"q": "zzz yyy"}, "batch_noted"),
]


@transaction.atomic
def do_much(customer, by, number):
    reset(customer, by)
    with connection.cursor() as cursor:
        cursor.execute(MANY, [number])


@pytest.mark.django_db(transaction=True)
def test_no_filter_reads_all_that_there_are(alice, contoso, mallory, rival):
    with tenancy.tenant(rival.pk):
        theirs = factories.customer("theirs", "Theirs", domains=("theirs.example",))
        do_much(theirs, mallory, 20_000)
    do_much(contoso, alice, 5_000)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE batches_batch")

    for filters, index in INDEXES:
        with transaction.atomic():
            batches = find_batches(BatchFilters(**filters), member=alice)
            plan = batches.order_by("-pk")[:51].explain()
        assert re.search(rf" (using|on) {index} ", plan), (filters, plan)
