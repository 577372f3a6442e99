"""Guesses at users are bounded and seen, and a right password is not refused because of others."""

import pytest
from django.test import Client

from audit.models import Event
from batches.operations.control import start_batch
from partners import hashers
from partners.operations import tries
from tests import factories
from tests.handover.handing_over import secret_of
from tests.users.my.conftest import OWN
from users.acts.reset import plan_resets
from users.queries.failures import get_failures

ANN = "ann@contoso.example"


def sign_in(password=OWN, user_name=ANN, browser=None, **extra) -> bool:
    """Whether the sign-in succeeds; in a new browser if none is given."""
    fields = {"user_name": user_name, "password": password}
    return (browser or Client()).post("/my/sign-in/", fields, **extra).status_code == 302


@pytest.fixture
def school(contoso):
    """Sixty users of the customer."""
    return [factories.user(contoso, f"Pupil {number}") for number in range(60)]


def test_sixty_guesses_at_sixty_users_are_counted(settled, school, contoso, as_alice):
    for user in school:
        assert not sign_in("wrong", user.user_name)

    assert get_failures(contoso).count == 60
    page = as_alice.get("/customers/contoso/").content.decode()
    assert "60 sign-ins failed since" in page
    assert Event.objects.filter(action="user.sign_in_failed", client="127.0.0.1").count() == 60
    assert sign_in()


def test_failing_address_gets_two_tries_per_user(settled, school):
    for user in school:
        sign_in("wrong", user.user_name)
    for _time in range(2):
        sign_in("wrong")

    assert not sign_in()
    assert sign_in(REMOTE_ADDR="198.51.100.1")


@pytest.mark.parametrize("kind", ["customer", "installation"])
def test_many_failures_limit_addresses_to_two_tries(settled, school, monkeypatch, kind):
    monkeypatch.setitem(tries.MANY, kind, 10)
    for number, user in enumerate(school[:10]):
        sign_in("wrong", user.user_name, REMOTE_ADDR=f"198.51.100.{number}")
    for _time in range(2):
        sign_in("wrong")

    assert not sign_in()
    assert sign_in(REMOTE_ADDR="203.0.113.1")


def test_lock_at_address_is_shown_to_members(settled, contoso, as_alice):
    for _time in range(6):
        assert not sign_in("wrong")

    assert not sign_in()
    page = as_alice.get("/customers/contoso/").content.decode()
    assert "5 sign-ins failed since" in page
    assert "Ann Lee</a> until " in page
    user_page = f"/customers/contoso/users/{settled.pk}/"
    assert "Locked after failed sign-ins" in as_alice.get(user_page).content.decode()
    assert sign_in(REMOTE_ADDR="198.51.100.1")
    assert "Ann Lee</a> until" not in as_alice.get("/customers/contoso/").content.decode()


def test_guesses_are_bounded_except_for_known_browser(settled):
    known = Client()
    assert sign_in(browser=known)
    known.post("/my/sign-out/")
    for number in range(25):
        sign_in("wrong", REMOTE_ADDR=f"198.51.100.{number}")

    assert not sign_in(REMOTE_ADDR="203.0.113.9")
    assert sign_in(browser=known)
    (lockout,) = Event.objects.filter(action="user.locked_out")
    assert lockout.after == {"everywhere": True}


def test_a_stranger_cannot_lock_a_whole_customer_out(settled, school):
    for user in [*school, settled]:
        for _time in range(3):
            sign_in("wrong", user.user_name)

    assert sign_in(REMOTE_ADDR="198.51.100.1")


def test_a_reset_unlocks_at_once(settled, contoso, alice):
    for _time in range(6):
        sign_in("wrong")
    batch = plan_resets(customer=contoso, users=[settled.pk], by=alice)
    start_batch(batch=batch, by=alice)

    assert sign_in(secret_of(batch))
    assert get_failures(contoso).locked == []


@pytest.mark.parametrize("user_name", [ANN, "nobody@contoso.example", "nobody@nowhere.example"])
def test_what_is_refused_is_not_hashed(settled, user_name, monkeypatch):
    for _time in range(5):
        sign_in("wrong", user_name)
    monkeypatch.setattr("users.passwords.verify_chosen", lambda *_args: pytest.fail("hashed"))

    assert not sign_in(OWN, user_name)


def test_the_record_is_not_filled_by_a_stranger(settled, school, monkeypatch, contoso):
    monkeypatch.setattr(tries, "MAX_RECORDED", 10)
    for user in school:
        for _time in range(2):
            sign_in("wrong", user.user_name)

    names = list(Event.objects.values_list("action", flat=True))
    assert names.count("user.sign_in_failed") == 10
    assert names.count("user.locked_out") == 10
    assert names.count("customer.sign_ins_attacked") == 2
    assert len(names) == 22


def test_refused_password_is_answered_at_once_uncounted(settled, visitor):
    with hashers.slot(), hashers.without_waiting():
        answer = visitor.sign_in(ANN, "wrong")

    assert answer.status_code == 429
    page = answer.content.decode()
    assert "Try again in a few seconds." in page
    assert f'value="{ANN}"' in page
    assert not Event.objects.filter(action="user.sign_in_failed").exists()
    for _time in range(4):
        assert not sign_in("wrong")
    assert sign_in()


def test_choosing_a_password_waits_for_a_place_too(settled, visitor):
    visitor.sign_in(ANN, OWN)
    with hashers.slot(), hashers.without_waiting():
        answer = visitor.choose("green harbor lantern seventy", current=OWN)

    assert answer.status_code == 429
    assert visitor.choose("green harbor lantern seventy", current=OWN).status_code == 302
