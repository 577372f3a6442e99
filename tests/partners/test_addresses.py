"""The address of a member is theirs: changed by a proven link, and shown to no one else."""

import re
import threading

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from audit.models import Event
from partners import tenancy
from partners.models import Member
from partners.operations.invitations import invite_member
from partners.operations.members import change_role
from partners.roles import Role
from tests import factories
from tests.proof import prove

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "alice.munro@elsewhere.example"


@pytest.fixture
def proven(as_alice, alice):
    return prove(as_alice, alice)


@pytest.fixture(autouse=True)
def _no_tries_counted():
    # They are counted for all tests of a minute together.
    cache.clear()


def wait_for_mails():
    """The mails, those sent aside while the answer went out included."""
    for thread in threading.enumerate():
        if thread.name.endswith("(send)"):
            thread.join()
    return mail.outbox


def link_in(letter, settings):
    (link,) = [x for x in letter.body.splitlines() if x.startswith(settings.BASE_URL)]
    return link.removeprefix(settings.BASE_URL)


def ask(client, settings, email=NEW):
    client.post("/profile/address/", {"email": email})
    return link_in(wait_for_mails()[-1], settings)


def test_the_address_changes_by_the_link(proven, alice, northwind, settings):
    path = ask(proven, settings)
    assert mail.outbox[-1].to == [NEW]
    other = Client()
    other.force_login(alice)

    assert NEW in proven.get(path).content.decode()
    alice.refresh_from_db()
    assert alice.email != NEW
    proven.post(path)

    alice.refresh_from_db()
    assert alice.email == NEW
    (address,) = EmailAddress.objects.filter(user=alice)
    assert (address.email, address.verified, address.primary) == (NEW, True, True)
    notice = wait_for_mails()[-1]
    assert (notice.to, NEW in notice.body) == (["alice@northwind.example"], False)
    with tenancy.tenant(northwind.pk), transaction.atomic():
        event = Event.objects.get(action="member.address_changed")
    assert (event.before, event.after) == (
        {"email": "alice@northwind.example"},
        {"email": NEW},
    )
    assert proven.get("/").status_code == 200
    assert other.get("/").status_code == 302
    credentials = {"login": NEW, "password": factories.PASSWORD}
    assert Client().post("/accounts/login/", credentials)["Location"] == "/"


def test_it_takes_a_fresh_proof(as_alice, alice):
    for method in ("get", "post"):
        answer = getattr(as_alice, method)("/profile/address/", {"email": NEW})
        assert answer["Location"].startswith("/accounts/reauthenticate/")

    assert wait_for_mails() == []


def test_the_link_opens_for_its_member_alone(proven, alice, bob, settings):
    path = ask(proven, settings)
    stranger, colleague = Client(), Client()
    colleague.force_login(bob)

    assert stranger.post(path)["Location"].startswith("/accounts/login/")
    assert colleague.post(path)["Location"] == "/profile/"

    assert set(Member.objects.values_list("email", flat=True)) == {alice.email, bob.email}


@pytest.mark.parametrize("act", ["use", "other link", "password", "role", "time"])
def test_old_links_are_dead(proven, alice, northwind, settings, act):
    path = ask(proven, settings)
    if act == "use":
        proven.post(path)
    elif act == "other link":
        proven.post(ask(proven, settings, "third@elsewhere.example"))
    elif act == "password":
        alice.set_password("tern over a grey fjord")
        alice.save()
    elif act == "role":
        second = factories.member(northwind, "second", role=Role.OWNER)
        with tenancy.tenant(northwind.pk):
            change_role(member=alice, role=Role.READER, by=second)
    else:
        settings.PASSWORD_RESET_TIMEOUT = -1
    alice.refresh_from_db()
    before = alice.email
    again = Client()
    again.force_login(alice)

    again.post(path)

    alice.refresh_from_db()
    assert alice.email == before


def test_the_link_opens_on_another_device(proven, alice, settings):
    path = ask(proven, settings)
    phone = Client()
    phone.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})

    phone.post(path)

    alice.refresh_from_db()
    assert alice.email == NEW
    assert (phone.get("/").status_code, proven.get("/").status_code) == (200, 302)


def test_password_links_end_with_change_of_address(proven, alice, settings):
    Client().post("/accounts/password/reset/", {"email": alice.email})
    reset = link_in(wait_for_mails()[-1], settings)
    proven.post(ask(proven, settings))

    assert "no longer works" in Client().get(reset).content.decode()


def test_a_link_that_was_changed_opens_nothing(proven, alice, settings):
    path = ask(proven, settings)
    name, proof = path.split("/")[-2].split(".")
    theirs = ask(proven, settings, "third@elsewhere.example").split("/")[-2].split(".")[0]

    for token in (f"{theirs}.{proof}", f"{name}.x", "%00", ".", "é.é", name, f"____.{proof}"):
        assert proven.post(f"/profile/address/{token}/").status_code in (302, 404)

    alice.refresh_from_db()
    assert alice.email == "alice@northwind.example"


def test_taken_address_is_answered_like_free_one(proven, alice, mallory):
    answers = []
    for email in (mallory.email, "nobody@rival.example"):
        asked = proven.post("/profile/address/", {"email": email})
        page = proven.get("/profile/address/").content.replace(email.encode(), b"?")
        answers.append(
            (asked.status_code, asked.headers, re.sub(rb'value="\w{64}"|"\w{64}"', b"", page))
        )

    assert answers[0] == answers[1]
    assert [letter.to for letter in wait_for_mails()] == [["nobody@rival.example"]]


def test_an_address_that_was_taken_meanwhile_is_refused(proven, alice, rival, settings):
    path = ask(proven, settings, "late@rival.example")
    factories.member(rival, "late")

    proven.post(path)

    alice.refresh_from_db()
    assert alice.email == "alice@northwind.example"


def test_a_wanted_address_can_be_invited_by_others(proven, rival, mallory, settings):
    ask(proven, settings, "new@rival.example")
    with tenancy.tenant(rival.pk):
        invited = invite_member(
            email="new@rival.example", role=Role.READER, is_limited=False, by=mallory
        )

    form = {"name": "New", "password": "tern over a grey fjord", "again": "tern over a grey fjord"}
    Client().post(invited.path, form)

    assert Member.objects.get(email="new@rival.example").partner == rival


@pytest.mark.parametrize(
    "email", ["", "no address", "ALICE@northwind.example", "a" * 250 + "@x.example"]
)
def test_invalid_address_is_refused_and_kept(proven, email):
    page = proven.post("/profile/address/", {"email": email})

    assert page.status_code == 422
    assert page.context["form"]["email"].value() == email
    assert wait_for_mails() == []


@pytest.mark.parametrize(
    "page",
    [
        "email/",
        "confirm-email/",
        "confirm-email/x/",
        "signup/",
        "password/set/",
        "login/code/confirm/",
    ],
)
def test_pages_that_are_not_used_are_not_there(proven, page):
    assert proven.get(f"/accounts/{page}").status_code == 404
    assert proven.post(f"/accounts/{page}", {"email": NEW, "action_add": ""}).status_code == 404
    assert not EmailAddress.objects.filter(email=NEW).exists()


def test_sign_in_answers_alike_for_any_address(alice, mallory):
    def answer(login):
        page = Client().post("/accounts/login/", {"login": login, "password": "wrong"})
        body = page.content.replace(login.encode(), b"?")
        body = re.sub(rb'value="\w{64}"|aria-\w+="[^"]*"', b"", body)
        # The page repeats what was typed, so the length of the address is in its own length.
        return page.status_code, dict(page.headers) | {"Expires": ""}, body

    assert answer(mallory.email) == answer("nobodyx@rival.example")
