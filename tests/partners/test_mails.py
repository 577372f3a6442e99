"""What members are mailed: in our words, in their language, and only where they are members."""

import re
import threading
from pathlib import Path

import allauth
import pytest
from allauth.account.adapter import get_adapter
from django.conf import settings as django_settings
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends import locmem
from django.test import Client

from partners import mails, tenancy
from partners.models import Member, Partner
from tests import PATIENCE, factories
from tests.proof import prove

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = "tern over a grey fjord"
FOLDER = Path(allauth.__file__).parent
# Mails of the library that nothing here can send, with why.
NOT_SENT = {
    "account/email/account_already_exists": "nobody signs up",
    "account/email/email_changed": "its page of addresses is not routed",
    "account/email/email_deleted": "its page of addresses is not routed",
    "account/email/login_code": "nobody signs in by a code from a mail",
    "account/email/password_reset_code": "a link is sent, not a code",
    "account/email/password_set": "every member has a password",
    "account/email/unknown_account": "strangers get no mail",
}
RESET = "account/email/password_reset_key"


@pytest.fixture(autouse=True)
def _no_tries_counted():
    # They are counted for all tests of a minute together.
    cache.clear()


def wait_for_mails():
    for thread in threading.enumerate():
        if thread.name.endswith("(send)"):
            thread.join()
    return mail.outbox


def ask_for_reset(email, **headers):
    return Client(headers=headers).post("/accounts/password/reset/", {"email": email})


def link_in(letter):
    (link,) = [x for x in letter.body.splitlines() if x.startswith("http")]
    return link


def choose(link, password=CHOSEN):
    client = Client()
    page = client.get(link.removeprefix(django_settings.BASE_URL), follow=True)
    if page.context.get("token_fail"):
        return False
    client.post(page.redirect_chain[-1][0], {"password1": password, "password2": password})
    return True


def test_library_mails_are_replaced_or_dropped():
    named = set()
    for path in [*FOLDER.glob("account/**/*.py"), *FOLDER.glob("mfa/**/*.py")]:
        if "tests" not in path.parts:
            named |= set(re.findall(r'"((?:account|mfa)/email/\w+)"', path.read_text()))
    named -= {"account/email/email_confirmation", "account/email/email_confirmation_signup"}

    assert named == set(NOT_SENT) | {RESET} | {one for one in mails.NOTICES if "/" in one}


def test_mail_without_own_text_is_not_sent(alice):
    get_adapter().send_mail("account/email/unknown_account", alice.email, {})
    get_adapter().send_notification_mail("account/email/email_deleted", alice)

    assert mail.outbox == []


@pytest.mark.parametrize("notice", mails.NOTICES)
def test_every_notice_is_in_the_members_language(northwind, notice):
    mei = factories.member(northwind, "mei", full_name="陈梅", language="zh-hans")

    letter = mails.write_notice(mei, notice)

    assert not re.search(r"[A-Za-z]{3}", re.sub(r"http\S+|UTC", "", letter.subject + letter.body))
    letters = {mails.write_notice(mei, one).body for one in mails.NOTICES}
    assert len(letters) == len(mails.NOTICES)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Choose a new password"), ("zh-hans", "密码")]
)
def test_a_reset_is_mailed_in_the_members_language(northwind, language, words):
    member = factories.member(northwind, "mei", language=language)

    ask_for_reset(member.email.upper())

    (letter,) = wait_for_mails()
    assert (letter.to, words in letter.subject) == ([member.email], True)


def test_the_link_is_never_from_the_host_header(alice, settings):
    settings.ALLOWED_HOSTS = ["*"]
    client = Client()

    client.post(
        "/accounts/password/reset/",
        {"email": alice.email},
        headers={"host": "evil.example", "x-forwarded-host": "evil.example"},
    )

    (letter,) = wait_for_mails()
    assert link_in(letter).startswith(f"{settings.BASE_URL}/accounts/password/reset/key/")
    assert "evil" not in letter.body


def test_strangers_and_inactive_members_get_no_mail(alice, northwind):
    factories.member(northwind, "otto", is_active=False)

    for email in ("nobody@northwind.example", "otto@northwind.example"):
        ask_for_reset(email)

    assert wait_for_mails() == []


def test_reset_answers_alike_for_any_address(alice, northwind):
    factories.member(northwind, "otto", is_active=False)
    answers = []
    for email in (alice.email, "otto@northwind.example", "nobody@northwind.example"):
        client = Client()
        asked = client.post("/accounts/password/reset/", {"email": email})
        done = client.get(asked["Location"]).content
        answers.append((asked.status_code, asked.headers, asked.content, sorted(asked.cookies)))
        answers[-1] += (re.sub(rb'value="\w{64}"', b"", done),)

    assert answers[0] == answers[1] == answers[2]


def test_response_does_not_wait_for_mail_server(alice, monkeypatch):
    is_free = threading.Event()
    deliver = locmem.EmailBackend.send_messages
    monkeypatch.setattr(
        locmem.EmailBackend,
        "send_messages",
        lambda *mails: is_free.wait(PATIENCE) and deliver(*mails),
    )

    assert ask_for_reset(alice.email).status_code == 302
    assert mail.outbox == []
    is_free.set()
    assert len(wait_for_mails()) == 1


def test_unavailable_mail_server_changes_no_response(alice, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    assert ask_for_reset(alice.email).status_code == 302
    wait_for_mails()


def test_the_link_works_once(alice):
    ask_for_reset(alice.email)
    link = link_in(wait_for_mails()[0])

    assert choose(link)
    assert not choose(link, "another long passphrase")
    alice.refresh_from_db()
    assert alice.check_password(CHOSEN)


@pytest.mark.parametrize("act", ["password", "sign-in", "deactivate", "reactivate", "time"])
def test_the_link_is_dead_afterwards(alice, northwind, settings, act):
    second = factories.member(northwind, "second")
    ask_for_reset(second.email)
    link = link_in(wait_for_mails()[0])
    if act == "password":
        second.set_password("another long passphrase")
        second.save()
    elif act == "sign-in":
        Client().post("/accounts/login/", {"login": second.email, "password": factories.PASSWORD})
    elif act == "time":
        settings.PASSWORD_RESET_TIMEOUT = -1
    else:
        from partners.operations.members import deactivate_member, reactivate_member

        with tenancy.tenant(northwind.pk):
            deactivate_member(member=second, by=alice)
            if act == "reactivate":
                reactivate_member(member=second, by=alice)

    assert not choose(link)


def test_a_changed_password_is_noticed_by_mail(as_alice, alice):
    form = {"oldpassword": factories.PASSWORD, "password1": CHOSEN, "password2": CHOSEN}

    as_alice.post("/accounts/password/change/", form)

    (letter,) = wait_for_mails()
    assert (letter.to, "Your password was changed." in letter.body) == ([alice.email], True)


def test_password_changes_without_mail_server(as_alice, alice, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    form = {"oldpassword": factories.PASSWORD, "password1": CHOSEN, "password2": CHOSEN}

    assert as_alice.post("/accounts/password/change/", form).status_code == 302

    alice.refresh_from_db()
    assert alice.check_password(CHOSEN)


def test_no_name_breaks_a_header(northwind):
    partner = Partner(name="Evil\r\nBcc: all@x.example\u2028\u202e")
    member = Member(name="Eve\r\nBcc: x@x.example", email="eve@x.example", partner=partner)

    letter = mails._write("mail/notice.txt", f"{partner.name} {member.name}", {}, to=member.email)

    assert "\n" not in letter.subject
    assert letter.message()["Bcc"] is None


def test_reset_for_unknown_address_stores_nothing(as_alice, alice):
    ask_for_reset(alice.email)
    wait_for_mails()

    assert list(alice.emailaddress_set.values_list("email", "verified")) == [(alice.email, True)]
    page = prove(as_alice, alice).get("/accounts/2fa/totp/activate/")
    assert page.status_code == 200
