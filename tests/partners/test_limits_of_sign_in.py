"""Guesses at members are bounded, and a right password is not refused because of others."""

import time

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from partners import hashers
from partners.hashers import Argon2
from partners.models import Tries
from tests.factories import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def sign_in(password=PASSWORD, login="alice@northwind.example", browser=None, **extra):
    """Whether the sign-in succeeds; in a new browser if none is given."""
    browser = browser or Client()
    answer = browser.post("/accounts/login/", {"login": login, "password": password}, **extra)
    return answer.status_code == 302


@pytest.fixture
def factor(alice):
    """A second factor of alice's; its code of this moment."""
    Authenticator.objects.create(
        user=alice, type="totp", data={"secret": get_adapter().encrypt(SECRET)}
    )
    return lambda: auth.format_hotp_value(auth.hotp_value(SECRET, int(time.time()) // 30))


def test_failures_of_others_do_not_lock_member(alice, bob):
    for number in range(60):
        assert not sign_in("wrong", f"nobody{number}@northwind.example")
    for _time in range(3):
        assert not sign_in("wrong", bob.email)

    assert sign_in()


def test_right_password_passes_limit_of_address(alice, factor):
    for number in range(60):
        sign_in("wrong", f"nobody{number}@northwind.example")
    browser = Client()

    assert sign_in(browser=browser)
    answer = browser.post("/accounts/2fa/authenticate/", {"code": factor()})

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert browser.get("/customers/").status_code == 200


def test_factor_code_has_limit_and_works_once(alice, factor):
    browser = Client()
    sign_in(browser=browser)
    for _time in range(5):
        browser.post("/accounts/2fa/authenticate/", {"code": "000000"})

    browser.post("/accounts/2fa/authenticate/", {"code": factor()})
    assert "_auth_user_id" not in browser.session
    cache.clear()

    code = factor()
    assert browser.post("/accounts/2fa/authenticate/", {"code": code})["Location"] == "/"
    other = Client()
    sign_in(browser=other)
    assert other.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 200


def test_five_wrong_passwords_lock_account_at_address(alice):
    for _time in range(5):
        assert not sign_in("wrong")

    assert not sign_in()
    assert sign_in(REMOTE_ADDR="198.51.100.7")


def test_suspicious_address_gets_two_tries_per_account(alice, bob):
    for number in range(30):
        sign_in("wrong", f"nobody{number}@northwind.example")
    for _time in range(2):
        assert not sign_in("wrong")

    assert not sign_in()
    assert sign_in(login=bob.email)


def test_guesses_from_everywhere_are_limited_except_known_browser(alice):
    known = Client()
    assert sign_in(browser=known)
    known.post("/accounts/logout/")
    for number in range(25):
        sign_in("wrong", REMOTE_ADDR=f"198.51.100.{number}")

    assert not sign_in(REMOTE_ADDR="203.0.113.9")
    assert sign_in(browser=known)


def test_known_browser_has_its_own_tries(alice):
    known = Client()
    assert sign_in(browser=known)
    known.post("/accounts/logout/")
    for _time in range(6):
        sign_in("wrong")
    assert not sign_in()
    for _time in range(4):
        assert not sign_in("wrong", browser=known)
    assert sign_in(browser=known)
    known.post("/accounts/logout/")
    for _time in range(5):
        assert not sign_in("wrong", browser=known)

    assert not sign_in(browser=known)


def test_browser_is_known_to_one_account(alice, bob):
    known = Client()
    assert sign_in(browser=known, login=bob.email)
    known.post("/accounts/logout/")
    for _time in range(5):
        sign_in("wrong")

    assert not sign_in(browser=known)
    known.cookies["known"] = known.cookies["known"].value[:-2] + "xx"
    assert not sign_in(browser=known)


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED"])
def test_without_a_proxy_no_header_makes_another_address(alice, header):
    for number in range(6):
        sign_in("wrong", **{header: f"198.51.100.{number}"})

    assert not sign_in(**{header: "198.51.100.99"})


def test_behind_a_proxy_only_what_it_adds_counts(alice, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(6):
        sign_in("wrong", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}, 203.0.113.1")

    assert not sign_in(HTTP_X_FORWARDED_FOR="198.51.100.99, 203.0.113.1")
    assert sign_in(HTTP_X_FORWARDED_FOR="203.0.113.2")


def test_one_ipv6_client_has_one_address(alice):
    for number in range(6):
        sign_in("wrong", REMOTE_ADDR=f"2001:db8:1:2::{number}")

    assert not sign_in(REMOTE_ADDR="2001:db8:1:2:ffff::1")
    assert sign_in(REMOTE_ADDR="2001:db8:1:3::1")


def test_mapped_ipv4_addresses_are_distinguished(alice):
    for _time in range(6):
        sign_in("wrong", REMOTE_ADDR="::ffff:198.51.100.1")

    assert not sign_in(REMOTE_ADDR="198.51.100.1")
    assert sign_in(REMOTE_ADDR="::ffff:203.0.113.1")


def test_lockout_survives_other_counts_and_cache(alice):
    for _time in range(5):
        sign_in("wrong")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO portal_cache SELECT '0' || n, 'x', now() + interval '1 hour'"
            " FROM generate_series(1, 1000) n"
        )
    cache.set("another", 1)
    for number in range(100):
        Tries.objects.create(key=str(number), count=1, expires_at=timezone.now())

    assert not sign_in()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM portal_cache")
        assert cursor.fetchone()[0] >= 1001


def test_a_reset_of_the_password_by_mail_unlocks(alice):
    for _time in range(6):
        sign_in("wrong")
    alice.set_password("another long password here")
    alice.save()

    assert sign_in("another long password here")


def test_reauthentication_has_limits(as_alice):
    def prove(password):
        return as_alice.post("/accounts/reauthenticate/", {"password": password}).status_code

    assert prove(PASSWORD) == 302
    assert [prove("wrong") for _time in range(5)] == [200] * 5
    assert prove(PASSWORD) == 200


def test_nothing_is_refused_by_address_alone_but_mails(alice, settings):
    from allauth.account import app_settings

    by_address = {name for name, rate in app_settings.RATE_LIMITS.items() if "/ip" in (rate or "")}

    # The second and third are switched off: ACCOUNT_LOGIN_BY_CODE_ENABLED, no phone numbers.
    assert by_address == {"reset_password", "request_login_code", "verify_phone"}


def test_too_many_mail_requests_get_page(alice):
    for _time in range(5):
        Client().post("/accounts/password/reset/", {"email": alice.email})

    answer = Client().post("/accounts/password/reset/", {"email": alice.email})

    assert answer.status_code == 429
    assert "Try again in a moment" in answer.content.decode()


def test_a_member_of_another_partner_is_not_locked(alice, mallory):
    for _time in range(5):
        sign_in("wrong")

    assert sign_in(login=mallory.email)


@pytest.mark.parametrize(("failed_before", "may_wait"), [(0, True), (30, False)])
def test_what_comes_from_elsewhere_is_hashed_first(alice, monkeypatch, failed_before, may_wait):
    for number in range(failed_before):
        sign_in("wrong", f"nobody{number}@northwind.example")
    seen = []
    monkeypatch.setattr(Argon2, "verify", lambda *_args: seen.append(hashers._may_wait.get()))

    sign_in("wrong")

    assert seen == [may_wait]
    assert hashers._may_wait.get()
