import pytest

from audit.models import Event
from customers.models import Customer
from tests import factories

URL = "/customers/contoso/settings/"


@pytest.fixture
def archived(inside):
    return factories.customer("contoso", "Contoso", ("contoso.example",), state="archived")


def test_the_name_has_to_be_typed(as_alice, contoso):
    for typed in ("", "Fabrikam", "Contos"):
        answer = as_alice.post(f"{URL}archive/", {"typed": typed})
        assert answer.status_code == 422

    assert "type: Contoso" in answer.content.decode()
    contoso.refresh_from_db()
    assert contoso.state == Customer.State.ACTIVE


def test_an_archived_customer_leaves_the_list(as_alice, contoso):
    answer = as_alice.post(f"{URL}archive/", {"typed": " contoso "})

    assert answer["Location"] == "/customers/contoso/"
    contoso.refresh_from_db()
    assert contoso.state == Customer.State.ARCHIVED
    assert Event.objects.get().action == "customer.archived"
    as_alice.get("/customers/contoso/")
    assert "/customers/contoso/" not in as_alice.get("/customers/").content.decode()
    assert "/customers/contoso/" in as_alice.get("/customers/?state=archived").content.decode()


def test_it_can_be_looked_at_but_not_changed(as_alice, archived):
    domain = archived.domains.get()
    user = factories.user(archived, "Ann")

    for url in ("", "users/", f"users/{user.pk}/", "domains/", "settings/"):
        page = as_alice.get(f"/customers/contoso/{url}")
        assert page.status_code == 200
        assert "This customer is archived" in page.content.decode()
        assert "/users/add/" not in page.content.decode()
    for url in (
        "users/add/",
        "users/import/",
        "users/reset/",
        "settings/details/",
        "settings/archive/",
        "domains/add/",
        f"domains/{domain.pk}/remove/",
    ):
        answer = as_alice.post(f"/customers/contoso/{url}", {"ids": str(user.pk)})
        assert answer.status_code == 403
        assert "but not change it" in answer.content.decode()
        assert f'href="{URL}"' in answer.content.decode()

    assert archived.domains.exists()
    assert not Event.objects.exists()


def test_it_is_made_active_again(as_alice, archived):
    assert f'action="{URL}reactivate/"' in as_alice.get(URL).content.decode()

    answer = as_alice.post(f"{URL}reactivate/")

    assert answer["Location"] == "/customers/contoso/"
    archived.refresh_from_db()
    assert archived.state == Customer.State.ACTIVE
    assert Event.objects.get().action == "customer.reactivated"
    assert as_alice.post(f"{URL}notes/", {"notes": "Back."}).status_code == 302


def test_reactivation_needs_permission(client, helen, archived):
    client.force_login(helen)

    assert client.post(f"{URL}reactivate/").status_code == 403
    answer = client.post("/customers/contoso/users/reset/")
    assert "A member who can manage customers can reactivate it." in answer.content.decode()
    archived.refresh_from_db()
    assert archived.is_archived


def test_a_get_makes_nothing_active(as_alice, archived):
    assert as_alice.get(f"{URL}reactivate/").status_code == 405
