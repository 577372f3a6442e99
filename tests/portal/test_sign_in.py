import pytest
from django.test import Client

from partners.models import Member
from tests.factories import PASSWORD

CREDENTIALS = {"login": "alice@northwind.example", "password": PASSWORD}


def test_a_member_signs_in_with_address_and_password(client, alice):
    answer = client.post("/accounts/login/", CREDENTIALS)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200


def test_sign_in_shows_no_message(client, alice):
    client.post("/accounts/login/", CREDENTIALS)

    assert "uccessfully" not in client.get("/").content.decode()


@pytest.mark.parametrize(
    "wrong", [{"password": "wrong"}, {"login": "nobody@northwind.example"}, {"login": ""}]
)
def test_wrong_credentials_do_not(client, alice, wrong):
    answer = client.post("/accounts/login/", CREDENTIALS | wrong)

    assert "_auth_user_id" not in client.session
    assert answer.context["form"].errors


def test_unknown_address_is_answered_like_wrong_password(client, alice):
    def errors(**wrong):
        form = client.post("/accounts/login/", CREDENTIALS | wrong).context["form"]
        return form.errors.as_text()

    assert errors(password="wrong") == errors(login="nobody@northwind.example")


def test_an_inactive_member_cannot_sign_in(client, alice):
    Member.objects.filter(pk=alice.pk).update(is_active=False)

    client.post("/accounts/login/", CREDENTIALS)

    assert "_auth_user_id" not in client.session
    assert client.get("/").status_code == 302


def test_deactivated_member_is_out_at_next_request(as_alice, alice):
    assert as_alice.get("/customers/").status_code == 200

    Member.objects.filter(pk=alice.pk).update(is_active=False)

    answer = as_alice.get("/customers/")
    assert (answer.status_code, answer["Location"]) == (
        302,
        "/accounts/login/?next=/customers/",
    )


def test_a_new_password_ends_the_other_sessions(as_alice, alice):
    alice.set_password("another long password here")
    alice.save()

    assert as_alice.get("/").status_code == 302


def test_lost_role_applies_at_once(as_alice, alice, contoso):
    assert as_alice.get("/customers/contoso/users/add/").status_code == 200

    Member.objects.filter(pk=alice.pk).update(role="reader")

    assert as_alice.get("/customers/contoso/users/add/").status_code == 403


def test_forbidden_page_names_permission_and_roles(client, bob, contoso):
    client.force_login(bob)

    answer = client.get("/customers/contoso/users/add/")

    assert answer.status_code == 403
    text = answer.content.decode()
    assert "You don’t have permission to add, import, edit and block users." in text
    for role in ("Owner", "Admin agent", "Helpdesk agent"):
        assert f"<li>{role}</li>" in text
    assert "<li>Sales agent</li>" not in text


def test_sign_out_needs_post_and_ends_session(as_alice):
    assert as_alice.get("/accounts/logout/").status_code == 200
    assert as_alice.get("/").status_code == 200

    answer = as_alice.post("/accounts/logout/")

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert as_alice.get("/").status_code == 302


def test_there_is_no_sign_up(client, db):
    fields = {
        "email": "eve@evil.example",
        "password1": "a long enough passphrase",
        "password2": "a long enough passphrase",
    }

    client.post("/accounts/signup/", fields)

    assert not Member.objects.filter(email="eve@evil.example").exists()
    assert "_auth_user_id" not in client.session


def test_signing_in_needs_the_token_of_the_form(alice):
    strict = Client(enforce_csrf_checks=True)

    assert strict.post("/accounts/login/", CREDENTIALS).status_code == 403


def test_fragment_without_session_redirects_to_sign_in(client, db):
    answer = client.get("/customers/?q=x", headers={"HX-Request": "true"})

    assert answer["HX-Redirect"] == "/accounts/login/?next=/customers/%3Fq%3Dx"
