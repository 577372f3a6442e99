import re
import threading
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import transaction
from django.test import Client
from django.utils import timezone

from audit.models import Event
from customers import limits
from partners import tenancy
from partners.models import Invitation, Member
from partners.operations.invitations import (
    hash_token,
    invite_member,
    resend_invitation,
    withdraw_invitation,
)
from partners.operations.members import change_role, deactivate_member
from partners.roles import Role
from tests import factories
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = "tern over a grey fjord"
FORM = {"name": "Nora Berg", "password": CHOSEN, "again": CHOSEN}
WANTED = {"email": "Nora@Northwind.example", "role": "helpdesk_agent"}


@pytest.fixture
def invited(northwind, alice):
    with tenancy.tenant(northwind.pk):
        return invite_member(
            email="nora@northwind.example", role=Role.READER, is_limited=True, by=alice
        )


def waiting(partner):
    with tenancy.tenant(partner.pk), transaction.atomic():
        return list(Invitation.objects.filter(accepted_at=None, withdrawn_at=None))


def events(partner):
    with tenancy.tenant(partner.pk), transaction.atomic():
        return list(Event.objects.order_by("pk"))


def link_in(letter, settings):
    (link,) = [x for x in letter.body.splitlines() if x.startswith(settings.BASE_URL)]
    return link.removeprefix(settings.BASE_URL)


def wait_for_mails(number):
    """The mails that are sent aside, while the answer goes out."""
    for thread in threading.enumerate():
        if thread.name.endswith("(send)"):
            thread.join()
    assert len(mail.outbox) == number
    return mail.outbox


def test_the_link_goes_to_the_address_alone(as_alice, northwind, settings):
    # Otherwise the inviting member could take the address of a person without mailing them.
    page = as_alice.post("/members/invite/", WANTED, follow=True).content.decode()

    (letter,) = mail.outbox
    assert letter.to == ["nora@northwind.example"]
    assert "nora@" in page
    assert link_in(letter, settings) not in page
    assert waiting(northwind)[0].mailed_at is not None


def test_link_creates_member_with_role_and_limits(client, invited, northwind):
    answer = client.post(invited.path, FORM)

    nora = Member.objects.get(email="nora@northwind.example")
    assert answer["Location"] == "/accounts/login/"
    assert (nora.partner, nora.name, nora.role, nora.is_limited) == (
        northwind,
        "Nora Berg",
        Role.READER,
        True,
    )
    assert nora.password.startswith("argon2$argon2id")
    assert nora.check_password(CHOSEN)


def test_looking_at_the_link_changes_nothing(client, invited, northwind):
    for _visit in range(2):
        assert client.get(invited.path).status_code == 200

    assert [one.accepted_at for one in waiting(northwind)] == [None]


def test_all_dead_links_give_same_page(client, invited, northwind, alice):
    with tenancy.tenant(northwind.pk):
        old = invite_member(email="old@x.example", role=Role.READER, is_limited=False, by=alice)
        gone = invite_member(email="gone@x.example", role=Role.READER, is_limited=False, by=alice)
        withdraw_invitation(invitation=gone.invitation, by=alice)
        with transaction.atomic():
            Invitation.objects.filter(pk=old.invitation.pk).update(
                expires_at=timezone.now() - timedelta(seconds=1)
            )
    client.post(invited.path, FORM)

    paths = ["/invitation/no-such-token/", old.path, gone.path, invited.path]
    answers = [Client().get(path) for path in paths] + [Client().post(p, FORM) for p in paths]

    assert {answer.status_code for answer in answers} == {410}
    bodies = {re.sub(rb'value="[\w/-]+"', b"", answer.content) for answer in answers}
    assert len(bodies) == 1
    assert Member.objects.filter(partner=northwind).count() == 2


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"again": "another one entirely"}, "passwords don’t match"),
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": "password1234", "again": "password1234"}, "too common"),
        ({"name": ""}, "required"),
    ],
)
def test_invalid_form_shows_errors(client, invited, northwind, typed, words):
    answer = client.post(invited.path, FORM | typed)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert len(waiting(northwind)) == 1


def test_address_of_other_partner_is_answered_alike(as_alice, northwind, mallory, settings):
    answers = []
    for email in (mallory.email, "nobody@rival.example"):
        invited = as_alice.post("/members/invite/", {"email": email, "role": "reader"})
        path = link_in(mail.outbox[-1], settings)
        seen, accepted = Client().get(path), Client().post(path, FORM)
        cookies = sorted(accepted.cookies)
        bodies = [one.content.replace(email.encode(), b"?") for one in (invited, seen, accepted)]
        bodies = [re.sub(rb'value="\w{64}"|/invitation/[^/]+/', b"", body) for body in bodies]
        answers.append((bodies, seen.status_code, accepted.status_code, accepted.headers, cookies))

    assert answers[0] == answers[1]
    (told,) = [one.to for one in wait_for_mails(3) if "already has an account" in one.body]
    assert told == [mallory.email]
    assert [one.email for one in waiting(northwind)] == [mallory.email]
    mallory.refresh_from_db()
    assert mallory.check_password(PASSWORD)


def test_member_or_invited_address_is_refused(as_alice, invited, bob):
    again = as_alice.post("/members/invite/", WANTED)
    member = as_alice.post("/members/invite/", {"email": bob.email, "role": "reader"})

    assert (again.status_code, member.status_code) == (422, 422)
    assert "already invited" in again.content.decode()
    assert "belongs to a member" in member.content.decode()


def test_resending_ends_previous_link(as_alice, client, invited, settings):
    as_alice.post(f"/members/invitations/{invited.invitation.pk}/resend/")

    assert Client().get(invited.path).status_code == 410
    assert Client().get(link_in(mail.outbox[-1], settings)).status_code == 200


def test_a_withdrawn_invitation_is_gone_from_the_list(as_alice, invited, northwind):
    as_alice.post(f"/members/invitations/{invited.invitation.pk}/withdraw/")

    assert waiting(northwind) == []
    again = as_alice.post(f"/members/invitations/{invited.invitation.pk}/withdraw/")
    assert again.status_code == 404


def test_invitation_that_was_not_sent_is_shown(as_alice, northwind, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    page = as_alice.post("/members/invite/", WANTED)

    assert page.status_code == 302
    assert waiting(northwind)[0].mailed_at is None
    assert "not sent, resend it" in as_alice.get("/members/").content.decode()


def test_it_is_on_record_without_the_secret(client, invited, northwind):
    client.post(invited.path, FORM)

    trail = events(northwind)
    assert [event.action for event in trail] == ["member.invited", "member.joined"]
    token = invited.path.split("/")[2]
    said = " ".join(f"{e.subject_name} {e.before} {e.after}" for e in trail)
    assert token not in said
    assert hash_token(token) not in said
    assert CHOSEN not in said


def test_the_accepted_address_is_proven(client, invited, northwind):
    client.post(invited.path, FORM)

    (address,) = EmailAddress.objects.filter(user__name="Nora Berg")
    assert (address.email, address.verified, address.primary) == (
        "nora@northwind.example",
        True,
        True,
    )


@pytest.mark.parametrize("act", ["deactivate", "demote", "limit"])
def test_invitations_end_with_the_right_to_invite(alice, northwind, act):
    second = factories.member(northwind, "second", role=Role.OWNER)
    with tenancy.tenant(northwind.pk):
        invited = invite_member(
            email="nora@northwind.example", role=Role.OWNER, is_limited=False, by=second
        )
        if act == "deactivate":
            deactivate_member(member=second, by=alice)
        elif act == "demote":
            change_role(member=second, role=Role.ADMIN_AGENT, by=alice)
        else:
            limits.limit_member(member=second, is_limited=True, customers=[], by=alice)

    assert client_gets(invited.path) == 410
    assert events(northwind)[-1].action in ("member.invitation_withdrawn", "member.limits_changed")
    assert waiting(northwind) == []


def test_resent_invitation_belongs_to_resender(alice, northwind):
    second = factories.member(northwind, "second", role=Role.OWNER)
    with tenancy.tenant(northwind.pk):
        first = invite_member(
            email="nora@northwind.example", role=Role.OWNER, is_limited=False, by=second
        )
        invited = resend_invitation(invitation=first.invitation, by=alice)
        deactivate_member(member=second, by=alice)

    assert client_gets(invited.path) == 200


def client_gets(path):
    return Client().get(path).status_code


def test_a_rivals_invitation_cannot_be_touched(invited, mallory, northwind):
    client = Client()
    client.force_login(mallory)

    for act in ("resend", "withdraw"):
        answer = client.post(f"/members/invitations/{invited.invitation.pk}/{act}/")
        assert answer.status_code == 404

    assert len(waiting(northwind)) == 1
