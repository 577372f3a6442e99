"""A link to passwords ends with the right to hand them over: of its sender, and of its reader."""

import re

import pytest
from django.core import mail
from django.test import Client

from audit.models import Event
from batches.models import Line
from customers import limits
from customers.models import Customer
from handover.models import Handover
from handover.operations import mail as handovers
from handover.operations.mail import mail_users, send_handovers
from partners.models import Member
from partners.operations.members import change_role, deactivate_member
from partners.roles import Role
from tests import factories
from tests.handover.handing_over import add, secret_of

pytestmark = pytest.mark.django_db

LINK = re.compile(r"http://\S+(/link/[\w-]{32}/)")


@pytest.fixture
def batch(contoso, alice):
    return add(contoso, alice, "ann")


@pytest.fixture
def max_(inside):
    """Another owner, active throughout."""
    return factories.member(inside, "max", role=Role.OWNER)


@pytest.fixture
def ada(inside):
    """An admin agent."""
    return factories.member(inside, "ada", role=Role.ADMIN_AGENT)


def signed_in(member):
    client = Client()
    client.force_login(member)
    return client


def mail_sheet(batch, to, by):
    handovers.mail_sheet(batch=batch, to=to, language="en", by=by)
    send_handovers(batch_id=batch.pk)
    return LINK.search(mail.outbox[-1].body)[1]


def mail_user(batch, by):
    mail_users(batch=batch, kind="user_link", by=by)
    send_handovers(batch_id=batch.pk)
    return LINK.search(mail.outbox[-1].body)[1]


def text_of(answer):
    return (b"".join(answer) if answer.streaming else answer.content).decode()


def test_link_opens_for_its_signed_in_member(batch, alice, ada, bob, max_):
    secret = secret_of(batch)
    link = mail_sheet(batch, "ADA@northwind.example", alice)
    assert f"Sign in as {mail.outbox[-1].to[0]}" in mail.outbox[-1].body

    for method in ("get", "post"):
        stranger = getattr(Client(), method)(link)
        assert stranger["Location"] == f"/accounts/login/?next={link}"
        for other in (bob, max_, alice):
            assert getattr(signed_in(other), method)(link).status_code == 410
    assert signed_in(ada).get(link).status_code == 200
    assert secret in text_of(signed_in(ada).post(link))
    assert signed_in(ada).post(link).status_code == 410
    (event,) = Event.objects.filter(action="sheet.opened")
    assert (event.by_id, event.by_email) == (ada.pk, ada.email)


def test_member_of_another_partner_gets_404(batch, alice, ada, mallory):
    link = mail_sheet(batch, ada.email, alice)
    absent = link[:-3] + "xx/"

    for method in ("get", "post"):
        there, gone = (getattr(signed_in(mallory), method)(path) for path in (link, absent))
        pages = [re.sub(rb'/link/[^/]+/|value="\w{64}"', b"", x.content) for x in (there, gone)]
        assert (there.status_code, gone.status_code, pages[0]) == (410, 410, pages[1])


@pytest.mark.parametrize("who", ["reader", "sender"])
@pytest.mark.parametrize("act", ["deactivate", "demote", "limit"])
def test_a_link_ends_with_the_right(batch, alice, ada, max_, who, act):
    sender, reader = (max_, ada) if who == "reader" else (ada, max_)
    link = mail_sheet(batch, reader.email, sender)
    leaver = ada
    if act == "deactivate":
        deactivate_member(member=leaver, by=alice)
    elif act == "demote":
        change_role(member=leaver, role=Role.SALES_AGENT, by=alice)
    else:
        limits.limit_member(member=leaver, is_limited=True, customers=[], by=alice)

    answers = [getattr(signed_in(reader), method)(link) for method in ("get", "post")]

    assert all(one.status_code in (302, 410) for one in answers)
    assert Line.objects.get(batch=batch).sealed is not None
    assert not Event.objects.filter(action="sheet.opened").exists()


@pytest.mark.parametrize("kind", ["contact", "user"])
def test_a_link_to_outsiders_ends_with_its_sender(batch, alice, ada, kind):
    link = (
        mail_sheet(batch, "it@contoso.example", ada) if kind == "contact" else mail_user(batch, ada)
    )
    assert Client().get(link).status_code == 200

    deactivate_member(member=ada, by=alice)

    assert (Client().get(link).status_code, Client().post(link).status_code) == (410, 410)


def test_pending_mail_of_deactivated_member_is_not_sent(batch, alice, ada):
    mail_users(batch=batch, kind="user_link", by=ada)
    deactivate_member(member=ada, by=alice)

    send_handovers(batch_id=batch.pk)

    assert mail.outbox == []
    assert set(Handover.objects.values_list("state", "error")) == {("failed", "revoked")}


def test_a_link_of_an_archived_customer_opens_nothing(batch, alice, contoso):
    link = mail_user(batch, alice)
    Customer.objects.filter(pk=contoso.pk).update(state="archived")

    assert (Client().get(link).status_code, Client().post(link).status_code) == (410, 410)


def test_a_demoted_sender_shows_no_administrators(contoso, alice, ada):
    batch = add(contoso, ada, "ann", permissions=["user_administrator"])
    add(contoso, ada, "ben")
    secrets = secret_of(batch, 1), secret_of(batch, 2)
    link = mail_sheet(batch, "it@contoso.example", ada)
    change_role(member=ada, role=Role.HELPDESK_AGENT, by=alice)

    page = text_of(Client().post(link))

    assert (secrets[0] in page, secrets[1] in page) == (False, True)


def test_a_link_without_a_sender_opens_nothing(batch, alice):
    link = mail_user(batch, alice)
    Handover.objects.update(sent_by=None)

    assert Client().post(link).status_code == 410
    assert Member.objects.filter(pk=alice.pk, is_active=True).exists()
