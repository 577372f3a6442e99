import pytest

from customers.models import Scope
from partners import tenancy
from partners.roles import Role
from tests import factories


def found(client, q):
    answer = client.get("/search/", {"q": q}).context["found"]
    return [row.customer.name for row in answer.customers] + [
        user.display_name for user in answer.users
    ]


@pytest.mark.parametrize("q", ["lind", "Lindqvist jon", "JONAS", "jonas@fab"])
def test_it_finds_users_over_all_customers(as_alice, contoso, q):
    fabrikam = factories.customer("fabrikam", "Tailspin")
    factories.user(contoso, "Ann Smith", user_name="ann@contoso.example")
    factories.user(fabrikam, "Jonas Lindqvist", user_name="jonas@fabrikam.example")

    assert found(as_alice, q) == ["Jonas Lindqvist"]


def test_two_letters_find_customers_only(as_alice, contoso):
    factories.user(contoso, "Cobb")

    page = as_alice.get("/search/", {"q": "co"})

    assert found(as_alice, "co") == ["Contoso"]
    assert "Enter three letters or more to find users." in page.content.decode()


def test_one_han_character_is_enough(as_alice, contoso):
    factories.user(contoso, "王建国")

    assert found(as_alice, "王") == ["王建国"]


def test_deleted_users_are_not_found(as_alice, contoso):
    from django.utils import timezone

    now = timezone.now()
    factories.user(contoso, "Gone Girl", deleted_at=now, purge_at=now)

    assert found(as_alice, "gone") == []


def test_limited_member_finds_users_of_selected_customers(client, contoso, northwind):
    fabrikam = factories.customer("fabrikam", "Fabrikam")
    factories.user(contoso, "Jonas One")
    factories.user(fabrikam, "Jonas Two")
    lena = factories.member(northwind, "lena", role=Role.READER, is_limited=True)
    client.force_login(lena)
    assert found(client, "jonas") == []

    Scope.objects.create(member=lena, customer=fabrikam)

    assert found(client, "jonas") == ["Jonas Two"]
    assert found(client, "contoso") == []


def test_nothing_of_a_rival_is_found(as_alice, contoso, rival):
    with tenancy.tenant(rival.pk):
        theirs = factories.customer("canary", "CANARY", ("canary.example",))
        factories.user(theirs, "CANARY")

    assert found(as_alice, "canary") == []


def test_the_palette_gets_the_results_alone(as_alice, contoso):
    part = as_alice.get("/search/", {"q": "contoso"}, headers={"HX-Request": "true"})

    assert part.content.decode().strip().startswith('<div id="results" data-query="contoso">')
    assert "/customers/contoso/" in part.content.decode()


def test_empty_search_gives_only_actions(as_alice, contoso):
    part = as_alice.get("/search/", {"q": " "}, headers={"HX-Request": "true"})

    assert "<a" not in part.content.decode()


def test_what_was_typed_is_escaped(as_alice, contoso):
    text = as_alice.get("/search/", {"q": "<script>x"}).content.decode()

    assert "<script>x" not in text
    assert "No customers or users found for “&lt;script&gt;x”." in text


@pytest.mark.parametrize("q", ["%", "___", "\\\\\\", "\x00\x00\x00", "'''", "a" * 500])
def test_a_sign_is_only_a_sign(as_alice, contoso, q):
    factories.user(contoso, "Ann")

    assert found(as_alice, q) == []
