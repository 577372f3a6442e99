"""Second factors: set up, used, lost, and reset by an owner."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from audit.models import Event
from partners import tenancy
from partners.operations.factors import reset_factor
from partners.roles import Role
from tests import factories
from tests.proof import prove

pytestmark = pytest.mark.django_db(transaction=True)


def code_of(secret):
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


def enroll(client, member):
    """Set up an app; gives its secret and the recovery codes."""
    prove(client, member)
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    codes = client.get("/accounts/2fa/recovery-codes/").context["unused_codes"]
    # The same code is not taken twice.
    cache.clear()
    return secret, codes


def sign_in(member, code=None):
    """Sign in with the password, and with the code where one is asked for; gives the last answer."""
    client = Client()
    credentials = {"login": member.email, "password": factories.PASSWORD}
    answer = client.post("/accounts/login/", credentials)
    if code is not None:
        assert answer["Location"] == "/accounts/2fa/authenticate/"
        answer = client.post("/accounts/2fa/authenticate/", {"code": code})
    return answer


@pytest.fixture
def bobs(bob):
    client = Client()
    client.force_login(bob)
    return client


def test_an_app_is_set_up_and_asked_for(bobs, bob):
    Client().post("/accounts/password/reset/", {"email": bob.email})
    secret, codes = enroll(bobs, bob)

    assert len(codes) == 10
    assert sign_in(bob)["Location"] == "/accounts/2fa/authenticate/"
    assert sign_in(bob, "000000").status_code == 200
    assert sign_in(bob, code_of(secret))["Location"] == "/"
    sealed = Authenticator.objects.get(user=bob, type="totp").data["secret"]
    assert secret not in sealed


def test_a_recovery_code_works_once(bobs, bob):
    _secret, codes = enroll(bobs, bob)

    assert sign_in(bob, codes[0])["Location"] == "/"
    assert sign_in(bob, codes[0]).status_code == 200
    assert sign_in(bob, codes[1])["Location"] == "/"


def test_removing_app_removes_recovery_codes(bobs, bob):
    enroll(bobs, bob)

    prove(bobs, bob).post("/accounts/2fa/totp/deactivate/")

    assert not Authenticator.objects.filter(user=bob).exists()
    assert sign_in(bob)["Location"] == "/"
    said = [
        re.search("app was \\w+ ?\\w*", letter.body)[0]
        for letter in mail.outbox
        if "app was" in letter.body
    ]
    assert said == ["app was set up", "app was removed"]


def test_an_owner_resets_a_lost_factor(as_alice, alice, bobs, bob, northwind):
    enroll(bobs, bob)
    prove(as_alice, alice)
    assert "Authenticator app" in as_alice.get(f"/members/{bob.pk}/").content.decode()
    assert "call back" in as_alice.get(f"/members/{bob.pk}/factor/").content.decode()

    as_alice.post(f"/members/{bob.pk}/factor/")

    assert not Authenticator.objects.filter(user=bob).exists()
    assert bobs.get("/").status_code == 302
    assert sign_in(bob)["Location"] == "/"
    letter = mail.outbox[-1]
    assert (letter.to, "second factor was reset" in letter.body) == ([bob.email], True)
    with tenancy.tenant(northwind.pk), transaction.atomic():
        event = Event.objects.get(action="member.factor_reset")
    assert (event.subject_id, event.by_id) == (bob.pk, alice.pk)


def test_a_reset_takes_a_fresh_proof(as_alice, bobs, bob):
    enroll(bobs, bob)

    answer = as_alice.post(f"/members/{bob.pk}/factor/")

    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert Authenticator.objects.filter(user=bob).exists()


def test_the_page_of_proof_leads_back(as_alice, alice, bobs, bob):
    enroll(bobs, bob)
    sent = as_alice.get(f"/members/{bob.pk}/factor/")

    back = as_alice.post(sent["Location"], {"password": factories.PASSWORD})

    assert back["Location"] == f"/members/{bob.pk}/factor/"
    assert as_alice.get(back["Location"]).status_code == 200


def test_only_an_owner_resets_and_not_their_own(as_alice, alice, bobs, bob, northwind, mallory):
    enroll(bobs, bob)
    enroll(as_alice, alice)
    helen = factories.member(northwind, "helen", role=Role.ADMIN_AGENT)
    for member, status in ((helen, 403), (mallory, 404)):
        client = Client()
        client.force_login(member)
        assert prove(client, member).post(f"/members/{bob.pk}/factor/").status_code == status
    prove(as_alice, alice).post(f"/members/{alice.pk}/factor/")

    assert Authenticator.objects.filter(type="totp").count() == 2


def test_operator_resets_factor_of_only_owner(as_alice, alice, northwind, capsys):
    enroll(as_alice, alice)

    call_command("reset_factor", "Alice@northwind.example")

    assert sign_in(alice)["Location"] == "/"
    assert as_alice.get("/").status_code == 302
    with tenancy.tenant(northwind.pk), transaction.atomic():
        event = Event.objects.get(action="member.factor_reset")
    assert event.by_id is None
    with pytest.raises(CommandError):
        call_command("reset_factor", "nobody@northwind.example")


def test_where_there_is_no_factor_nothing_happens(alice, bob, northwind):
    with tenancy.tenant(northwind.pk):
        reset_factor(member=bob, by=alice)

    assert mail.outbox == []
