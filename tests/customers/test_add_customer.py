import pytest

from audit.models import Event
from customers import operations, queries
from customers.models import Customer, Domain
from partners import tenancy
from partners.roles import Role
from tests import factories

URL = "/customers/add/"
TYPED = {
    "name": " Café  Lumière ",
    "location": "FR",
    "language": "en",
    "domain": "Lumière.example",
    "is_verified": "on",
    "contact_name": "Renée",
    "contact_email": "renee@lumiere.example",
}


def add(by, **fields):
    made = {"name": "Fabrikam", "domain": "fabrikam.example", "location": "US"} | fields
    return operations.add_customer(**{"is_verified": True, "language": "en"} | made, by=by)


def test_a_customer_is_added_with_its_first_domain(as_alice, inside):
    answer = as_alice.post(URL, TYPED)

    assert answer["Location"] == "/customers/cafe-lumiere/"
    customer = Customer.objects.get()
    assert (customer.name, customer.sort_key) == ("Café Lumière", "cafe lumiere")
    assert (customer.location, customer.language, customer.state) == ("FR", "en", "active")
    assert (customer.contact_name, customer.contact_email) == ("Renée", "renee@lumiere.example")
    domain = customer.domains.get()
    assert domain.name == "xn--lumire-6ua.example"
    assert (domain.is_default, domain.is_verified) == (True, True)
    assert "Café Lumière added." in as_alice.get("/customers/").content.decode()


def test_it_leaves_its_trail(alice, inside):
    customer = add(alice)

    events = Event.objects.order_by("pk").values_list("action", "subject_name", "customer_id")
    assert list(events) == [
        ("customer.added", "Fabrikam", customer.pk),
        ("domain.added", "fabrikam.example", customer.pk),
    ]
    assert {event.by_name for event in Event.objects.all()} == {"Alice"}


def test_invalid_form_shows_errors_and_values(as_alice, inside):
    answer = as_alice.post(URL, TYPED | {"name": "", "domain": "http://x", "location": "XX"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["name", "location", "domain"]
    assert 'value="renee@lumiere.example"' in page
    assert "This is not a domain." in page
    assert "Error: Add customer" in page
    assert not Customer.objects.exists()


def test_proposed_slug_is_free(alice, inside):
    assert add(alice, name="Add", domain="a.example").slug == "add-2"
    assert add(alice, name="Contoso", domain="b.example").slug == "contoso"
    assert add(alice, name="CONTOSO!", domain="c.example").slug == "contoso-2"
    assert add(alice, name="Contoso", domain="d.example").slug == "contoso-3"
    assert add(alice, name="☃", domain="e.example").slug == "customer"


@pytest.mark.parametrize("slug", ["contoso", "add"])
def test_taken_slug_is_refused_with_proposal(as_alice, contoso, slug):
    answer = as_alice.post(URL, TYPED | {"slug": slug})

    (problem,) = answer.context["form"].errors["slug"]
    assert answer.status_code == 422
    assert problem == f"This short name is in use. “{slug}-2” is free."


@pytest.mark.parametrize("slug", ["Con toso", "-x", "a--b", "über", "x" * 61])
def test_a_short_name_has_only_plain_letters(as_alice, inside, slug):
    assert "slug" in as_alice.post(URL, TYPED | {"slug": slug}).context["form"].errors


def test_a_slug_that_was_taken_meanwhile_adds_nothing(alice, contoso):
    with pytest.raises(operations.SlugTaken):
        add(alice, slug="contoso")

    assert Customer.objects.count() == 1


def test_taken_domain_is_refused_alike_for_all(as_alice, contoso, rival):
    with tenancy.tenant(rival.pk):
        factories.customer("theirs", "CANARY", domains=("theirs.example",))

    answers = [
        as_alice.post(URL, TYPED | {"domain": domain})
        for domain in ("theirs.example", "contoso.example")
    ]

    first, second = (answer.context["form"].errors for answer in answers)
    assert first == second == {"domain": [operations.DomainTaken.message]}
    assert [answer.status_code for answer in answers] == [422, 422]
    assert Customer.objects.count() == 1
    assert Domain.objects.count() == 1


def test_limited_member_sees_customer_they_added(northwind, inside):
    sales = factories.member(northwind, "sam", role=Role.SALES_AGENT, is_limited=True)
    other = factories.member(northwind, "sue", role=Role.SALES_AGENT, is_limited=True)

    customer = add(sales)

    assert list(queries.find_customers(member=sales)) == [customer]
    assert list(queries.find_customers(member=other)) == []


def test_adding_customer_needs_permission(client, bob, helen, inside):
    for member in (bob, helen):
        client.force_login(member)
        assert client.get(URL).status_code == 403
        assert client.post(URL, TYPED).status_code == 403
        assert "Add customer" not in client.get("/customers/").content.decode()

    assert not Customer.objects.exists()


def test_the_list_leads_to_it(as_alice, inside):
    assert f'href="{URL}"' in as_alice.get("/customers/").content.decode()
    assert as_alice.get(URL).status_code == 200
