import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event
from customers import operations
from customers.models import Domain
from tests import factories

URL = "/customers/contoso/domains/"


@pytest.fixture
def other(contoso):
    return Domain.objects.create(customer=contoso, name="other.example", is_verified=True)


def names(contoso):
    return list(contoso.domains.order_by("name").values_list("name", "is_default"))


def actions():
    return list(Event.objects.order_by("pk").values_list("action", "subject_name"))


def test_a_domain_is_added_in_one_spelling(as_alice, contoso):
    answer = as_alice.post(f"{URL}add/", {"name": "@Bücher.example"})

    assert answer["Location"] == URL
    domain = contoso.domains.get(is_default=False)
    assert (domain.name, domain.is_verified) == ("xn--bcher-kva.example", False)
    assert actions() == [("domain.added", "xn--bcher-kva.example")]
    page = as_alice.get(URL).content.decode()
    assert "bücher.example" in page
    assert "Not verified" in page


@pytest.mark.parametrize(
    "name", ["", "contoso", "a b.example", "contoso.example", "straße.example"]
)
def test_what_cannot_be_added_is_refused_and_kept(as_alice, contoso, name):
    answer = as_alice.post(f"{URL}add/", {"name": name, "is_verified": "on"})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["name"]
    assert f'value="{name}"' in answer.content.decode() or not name
    assert names(contoso) == [("contoso.example", True)]


def test_the_first_domain_is_the_default(alice, inside):
    fabrikam = factories.customer("fabrikam", "Fabrikam")

    operations.add_domain(customer=fabrikam, name="a.example", is_verified=False, by=alice)
    operations.add_domain(customer=fabrikam, name="b.example", is_verified=True, by=alice)

    assert names(fabrikam) == [("a.example", True), ("b.example", False)]


def test_the_mark_is_set_and_taken_away(as_alice, contoso):
    domain = contoso.domains.get()

    for word in ("no", "no", "yes", "nonsense"):
        as_alice.post(f"{URL}{domain.pk}/mark/", {"is_verified": word})

    domain.refresh_from_db()
    assert domain.is_verified
    assert actions() == [
        ("domain.unverified", "contoso.example"),
        ("domain.verified", "contoso.example"),
    ]


def test_another_domain_is_made_the_default(as_alice, contoso, other):
    as_alice.post(f"{URL}{other.pk}/default/")
    as_alice.post(f"{URL}{other.pk}/default/")

    assert names(contoso) == [("contoso.example", False), ("other.example", True)]
    assert actions() == [("domain.made_default", "other.example")]


def test_only_a_verified_domain_is_made_the_default(as_alice, contoso, other):
    Domain.objects.filter(pk=other.pk).update(is_verified=False)

    answer = as_alice.post(f"{URL}{other.pk}/default/", follow=True)

    assert "Only a verified domain can be the default." in answer.content.decode()
    assert names(contoso) == [("contoso.example", True), ("other.example", False)]


def test_a_domain_without_users_is_removed(as_alice, contoso, other):
    answer = as_alice.post(f"{URL}{other.pk}/remove/", follow=True)

    assert "other.example removed." in answer.content.decode()
    assert names(contoso) == [("contoso.example", True)]
    assert actions() == [("domain.removed", "other.example")]


@pytest.mark.parametrize("fields", [{}, {"deleted_at": True}])
def test_a_domain_with_users_stays_deleted_ones_included(as_alice, contoso, other, fields):
    if fields:
        fields = {"deleted_at": timezone.now(), "purge_at": timezone.now()}
    factories.user(contoso, "Ann", user_name="ann@other.example", **fields)
    factories.user(contoso, "Ben", user_name="ben@another.example")

    answer = as_alice.post(f"{URL}{other.pk}/remove/", follow=True)

    assert "1 user name ends with other.example" in answer.content.decode()
    assert other in contoso.domains.all()
    assert actions() == []


def test_the_default_goes_only_as_the_last(alice, contoso, other):
    first = contoso.domains.get(is_default=True)

    with pytest.raises(operations.DefaultDomain):
        operations.remove_domain(domain=first, by=alice)
    operations.remove_domain(domain=other, by=alice)
    operations.remove_domain(domain=first, by=alice)

    assert names(contoso) == []


def test_reader_sees_no_actions(client, bob, contoso, other):
    client.force_login(bob)

    page = client.get(URL).content.decode()

    assert "other.example" in page
    assert "/remove/" not in page
    assert "/domains/add/" not in page
    for act in ("mark", "default", "remove"):
        assert client.post(f"{URL}{other.pk}/{act}/").status_code == 403


def test_the_domain_of_another_customer_is_not_there(as_alice, contoso):
    strange = factories.customer("fabrikam", "Fabrikam", ("fabrikam.example",)).domains.get()

    for act in ("mark", "default", "remove"):
        assert as_alice.post(f"{URL}{strange.pk}/{act}/").status_code == 404


def test_domains_page_has_constant_number_of_queries(as_alice, contoso):
    as_alice.get(URL)
    with CaptureQueriesContext(connection) as one:
        as_alice.get(URL)
    with transaction.atomic():
        for number in range(50):
            Domain.objects.create(customer=contoso, name=f"d{number}.example")
    with CaptureQueriesContext(connection) as many:
        page = as_alice.get(URL).content.decode()

    assert "d49.example" in page
    assert len(many) == len(one)
