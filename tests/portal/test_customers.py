import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from customers.models import Customer, Scope
from licensing.models import Subscription
from partners import tenancy
from partners.roles import Role
from portal.queries import customers as listing
from tests import factories


@pytest.fixture
def short_pages(monkeypatch):
    """Pages of three rows."""
    monkeypatch.setattr(listing, "PAGE_SIZE", 3)


def shown(client, query=""):
    page = client.get(f"/customers/{query}").context["page"]
    return [row.customer.name for row in page.rows]


@pytest.mark.parametrize("q", ["conto", "CONTOSO", "toso.exam", "Cóntoso", "  contoso "])
def test_it_finds_a_customer_by_name_and_domain(as_alice, contoso, q):
    factories.customer("fabrikam", "Fabrikam", ("fabrikam.example",))

    assert shown(as_alice, f"?q={q}") == ["Contoso"]


def test_search_finds_names_without_accents_and_han(as_alice, inside):
    factories.customer("cafe", "Café Lumière")
    factories.customer("jiangnan", "江南设计院")

    assert shown(as_alice, "?q=cafe+lum") == ["Café Lumière"]
    assert shown(as_alice, "?q=设计") == ["江南设计院"]


@pytest.mark.parametrize("q", ["%25", "_", "%5C", "%27", "%ED%A0%BD", "a" * 200])
def test_a_sign_is_only_a_sign(as_alice, contoso, q):
    assert shown(as_alice, f"?q={q}") == []


def test_invalid_search_text_is_ignored(as_alice, contoso):
    assert shown(as_alice, "?q=%00") == ["Contoso"]


def test_archived_customers_are_shown_on_demand(as_alice, contoso):
    Customer.objects.filter(pk=contoso.pk).update(state="archived")
    factories.customer("fabrikam", "Fabrikam")

    assert shown(as_alice) == ["Fabrikam"]
    assert shown(as_alice, "?state=archived") == ["Contoso"]
    assert shown(as_alice, "?state=all") == ["Contoso", "Fabrikam"]
    assert shown(as_alice, "?state=nonsense") == ["Fabrikam"]


def test_a_row_adds_up_the_customer(as_alice, contoso, office):
    factories.user(contoso, "Ann")
    factories.user(contoso, "Ben", deleted_at=timezone.now(), purge_at=timezone.now())
    factories.subscription(contoso, "Visio", seats=7)
    Subscription.objects.filter(pk=office.pk).update(state="grace")

    (row,) = as_alice.get("/customers/").context["page"].rows

    assert (row.domain, row.seats, row.assigned) == ("contoso.example", 12, 0)
    assert (row.customer.user_count.active, row.customer.user_count.deleted) == (1, 1)
    assert str(row.trouble[1]) == "In grace period"


def test_pages_follow_each_other_and_lead_back(as_alice, inside, short_pages):
    for number in range(7):
        factories.customer(f"c{number}", "Same" if number < 4 else f"T {number}")
    everyone = [page := as_alice.get("/customers/").context["page"]]
    while page.after:
        page = as_alice.get(f"/customers/?after={page.after}").context["page"]
        everyone.append(page)

    slugs = [row.customer.slug for page in everyone for row in page.rows]
    assert len(slugs) == len(set(slugs)) == 7
    assert [len(page.rows) for page in everyone] == [3, 3, 1]
    back = as_alice.get(f"/customers/?before={everyone[2].before}").context["page"]
    assert [row.customer.slug for row in back.rows] == slugs[3:6]
    first = as_alice.get(f"/customers/?before={back.before}").context["page"]
    assert ([row.customer.slug for row in first.rows], first.before) == (slugs[:3], "")


def test_unknown_place_shows_first_page(as_alice, contoso):
    assert shown(as_alice, "?after=nowhere") == ["Contoso"]


def test_a_limited_member_sees_the_chosen_ones(client, contoso, northwind):
    factories.customer("fabrikam", "Fabrikam")
    lena = factories.member(northwind, "lena", role=Role.READER, is_limited=True)
    client.force_login(lena)
    assert "none is selected yet" in client.get("/customers/").content.decode()

    Scope.objects.create(member=lena, customer=contoso)

    assert shown(client, "?state=all") == ["Contoso"]
    assert shown(client, "?q=fabrikam&state=all") == []


def test_a_rivals_customers_are_not_there(as_alice, contoso, rival):
    with tenancy.tenant(rival.pk):
        factories.customer("canary", "CANARY", ("canary.example",))

    assert shown(as_alice, "?state=all") == ["Contoso"]
    assert shown(as_alice, "?q=canary") == []


def test_empty_list_has_explanation(as_alice, inside):
    assert "No customers yet" in as_alice.get("/customers/").content.decode()
    assert "No matching customers" in as_alice.get("/customers/?q=x").content.decode()


def test_the_region_is_part_of_the_page(as_alice, contoso):
    page = as_alice.get("/customers/", headers={"HX-Request": "true"})

    assert '<section class="stack" id="customers"' in page.content.decode()


def test_page_has_constant_number_of_queries(as_alice, contoso, office):
    as_alice.get("/customers/")
    with CaptureQueriesContext(connection) as one:
        as_alice.get("/customers/")

    for number in range(49):
        made = factories.customer(f"c{number}", f"C {number}", (f"c{number}.example",))
        factories.subscription(made, f"P {number}")
    with CaptureQueriesContext(connection) as fifty:
        page = as_alice.get("/customers/")

    assert len(page.context["page"].rows) == 50
    assert len(fifty) == len(one)
