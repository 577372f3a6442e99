from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories

URL = "/customers/contoso/users/add/name/"


@pytest.fixture
def ask(as_alice, contoso):
    """Ask about a user name as the field does."""

    def ask(user_name, **more):
        typed = {"user_name": user_name, "domain": "contoso.example"} | more
        answer = as_alice.get(URL, typed, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        return answer.content.decode()

    return ask


def test_unused_name_is_free(ask):
    fragment = ask("Amara")

    assert "amara@contoso.example is available." in fragment
    assert 'data-state="free"' in fragment


def test_answer_is_fragment_with_one_root(ask):
    fragment = ask("amara").strip()

    assert fragment.startswith('<div class="stack-2" id="name-check"')
    assert fragment.endswith("</div>")


def test_taken_name_shows_owner_and_suggestions(ask, contoso):
    factories.user(contoso, "Amara Obi", user_name="amara@contoso.example")
    factories.user(contoso, "Somebody", user_name="amara.okafor@contoso.example")

    fragment = ask("AMARA", first_name="Amara", last_name="Okafor")

    assert "Amara Obi already has this user name." in fragment
    assert 'value="amara.okafor"' not in fragment
    assert 'value="a.okafor"' in fragment


def test_a_name_of_another_customer_is_free(ask, inside):
    fabrikam = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    factories.user(fabrikam, "Amara Obi", user_name="amara@contoso.example")

    assert 'data-state="free"' in ask("amara")


def test_name_of_deleted_user_is_warning_with_link(ask, contoso):
    now = timezone.now()
    factories.user(
        contoso,
        "Amara Obi",
        user_name="amara@contoso.example",
        deleted_at=now,
        purge_at=now + timedelta(days=30),
    )

    fragment = ask("amara")

    assert "Amara Obi, a deleted user, had this user name." in fragment
    assert "/customers/contoso/users/?tab=deleted" in fragment


@pytest.mark.parametrize(
    ("user_name", "text"),
    [
        ("käthe", "“ä” isn’t allowed in a user name"),
        ("a b", "allowed in a user name"),
        (".a", "can’t start or end with a dot"),
        ("-a", "A user name starts with a letter or a digit."),
        ("a" * 65, "too long"),
        ("a@b@c", "only one @"),
        ("amara@rival.example", "rival.example isn’t a domain of this customer."),
        ("a\0b", "allowed in a user name"),
        ("\ud83d\ude00", "allowed in a user name"),
    ],
)
def test_invalid_name_is_explained(ask, user_name, text):
    user_name = user_name.encode("utf-16", "surrogatepass").decode("utf-16")

    fragment = ask(user_name)

    assert 'data-state="bad"' in fragment
    assert text in fragment


def test_an_official_name_is_only_a_warning(ask):
    assert 'data-state="warning"' in ask("admin")


def test_without_a_name_one_is_proposed(ask):
    assert 'data-proposal="jianguo.wang"' in ask("", first_name="建国", last_name="王")


def test_unchanged_proposal_follows_name(ask, contoso):
    factories.user(contoso, "Somebody", user_name="amara.okafor@contoso.example")

    first = ask("", first_name="Amara", last_name="Obi", proposed="")
    then = ask("amara.obi", first_name="Amara", last_name="Okafor", proposed="amara.obi")

    assert 'data-state="filled" data-proposal="amara.obi"' in first
    assert "amara.obi@contoso.example is available. You can change it." in first
    # Never a taken one.
    assert 'data-state="filled" data-proposal="' in then
    assert 'data-proposal="amara.okafor"' not in then
    assert 'data-proposal=""' in ask("amara.obi", proposed="amara.obi")


def test_what_was_typed_is_never_replaced(ask):
    typed = ask("mara", first_name="Amara", last_name="Obi", proposed="amara.obi")
    emptied = ask("", first_name="Amara", last_name="Obi", proposed="amara.obi")

    assert "mara@contoso.example is available." in typed
    assert 'data-proposal=""' in typed
    assert 'data-proposal=""' in emptied
    assert 'value="amara.obi"' in emptied


def test_empty_form_shows_nothing(ask):
    assert "<p" not in ask("")


def test_a_whole_address_is_taken_apart(ask):
    assert "amara@contoso.example is available." in ask("amara@contoso.example")


def test_names_are_escaped(ask, contoso):
    factories.user(contoso, "<b>Bobby</b>", user_name="amara@contoso.example")

    assert "<b>Bobby" not in ask("amara")


def test_reader_gets_no_answer(client, contoso, bob):
    client.force_login(bob)

    assert client.get(URL, {"user_name": "amara", "domain": "contoso.example"}).status_code == 403
