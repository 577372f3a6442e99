"""Sign-ins of members and users are on record, with the address of the client."""

from urllib.parse import urlsplit

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import Error, connections, transaction
from django.test import Client

import audit.operations as audit
from audit.models import Event
from batches.operations.control import start_batch
from partners import tenancy
from partners.models import Member
from tests.factories import PASSWORD
from tests.users.my.conftest import OWN, ann, settled, visitor  # noqa: F401
from users.acts.delete import plan_deletes
from users.acts.purge import plan_purges
from users.my import operations

HERE = {"REMOTE_ADDR": "203.0.113.7"}


def sign_in(member, password=PASSWORD) -> Client:
    client = Client(**HERE)
    client.post("/accounts/login/", {"login": member.email, "password": password})
    return client


def events(partner, prefix="member."):
    with tenancy.tenant(partner.pk), transaction.atomic():
        found = Event.objects.filter(action__startswith=prefix).order_by("id")
        return [(one.action, one.by_name, one.subject_name, one.client) for one in found]


def test_sign_in_and_out_of_a_member(alice, northwind):
    sign_in(alice).post("/accounts/logout/")

    assert events(northwind) == [
        ("member.signed_in", "Alice", "Alice", "203.0.113.7"),
        ("member.signed_out", "Alice", "Alice", "203.0.113.7"),
    ]


def test_failures_and_lockout_record_one_event_each(alice, northwind):
    for _time in range(8):
        sign_in(alice, "wrong")

    assert events(northwind) == [
        ("member.sign_in_failed", "system", "Alice", "203.0.113.7"),
        ("member.locked_out", "system", "Alice", "203.0.113.7"),
    ]


def test_sign_in_records_failures_before_it(alice, northwind):
    sign_in(alice, "wrong")
    sign_in(alice, "wrong")
    sign_in(alice)

    with tenancy.tenant(northwind.pk), transaction.atomic():
        before = Event.objects.get(action="member.signed_in").after
    assert before == {"failed": 2}


def test_an_unknown_account_is_on_no_record(alice, northwind, rival, caplog):
    Client(**HERE).post("/accounts/login/", {"login": "x@y.example", "password": "wrong"})

    assert events(northwind, "") == events(rival, "") == []
    assert "203.0.113.7" in caplog.text
    assert "x@y.example" not in caplog.text


def test_no_record_of_other_partners_members(alice, mallory, northwind):
    sign_in(mallory, "wrong")
    sign_in(mallory)

    assert events(northwind, "") == []


def test_passwords_and_factors(alice, northwind, client):
    client = sign_in(alice)
    new = "another long password here"
    fields = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/accounts/password/change/", fields).status_code == 302
    factor = Authenticator.objects.create(
        user=alice, type="totp", data={"secret": get_adapter().encrypt("JBSWY3DPEHPK3PXP")}
    )
    factor.record_usage()
    factor.delete()

    assert [name for name, *_rest in events(northwind)] == [
        "member.signed_in",
        "member.password_changed",
        "member.factor_added",
        "member.factor_removed",
    ]


def test_a_password_that_was_reset_by_mail(alice, northwind, mailoutbox):
    client = Client(**HERE)
    client.post("/accounts/password/reset/", {"email": alice.email})
    (mail,) = mailoutbox
    link = next(word for word in mail.body.split() if "/accounts/password/reset/key/" in word)
    page = client.get(urlsplit(link).path, follow=True)
    new = "another long password here"
    client.post(page.request["PATH_INFO"], {"password1": new, "password2": new})

    assert events(northwind) == [
        ("member.password_recovered", "Alice", "Alice", "203.0.113.7"),
    ]
    assert Member.objects.get(pk=alice.pk).check_password(new)


@pytest.fixture
def no_record():
    """The record takes nothing."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("REVOKE INSERT ON audit_event FROM portal_app")
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("GRANT INSERT ON audit_event TO portal_app")


@pytest.mark.django_db(transaction=True)
def test_sign_in_and_password_change_need_record(alice, no_record):
    client = Client(raise_request_exception=False)
    answer = client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})

    assert answer.status_code == 500
    assert not Session.objects.exists()
    client.force_login(alice)
    new = "another long password here"
    fields = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/accounts/password/change/", fields).status_code == 500
    assert Member.objects.get(pk=alice.pk).check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_password_reset_by_mail_needs_record(alice, mailoutbox, no_record):
    client = Client(raise_request_exception=False)
    client.post("/accounts/password/reset/", {"email": alice.email})
    link = next(word for word in mailoutbox[0].body.split() if "/password/reset/key/" in word)
    page = client.get(urlsplit(link).path, follow=True).request["PATH_INFO"]
    new = "another long password here"

    assert client.post(page, {"password1": new, "password2": new}).status_code == 500
    assert Member.objects.get(pk=alice.pk).check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_without_a_record_no_user_signs_in(settled, contoso, no_record):  # noqa: F811
    with pytest.raises(Error):
        operations.sign_in(user_name="ann@contoso.example", password=OWN)
    with transaction.atomic():
        assert not settled.sessions.exists()


def test_sign_in_and_out_of_a_user(visitor, settled, northwind):  # noqa: F811
    visitor.client.defaults.update(HERE)
    visitor.sign_in("ann@contoso.example", "wrong")
    visitor.sign_in("ann@contoso.example", OWN)
    visitor.client.post("/my/sign-out/")

    name = "ann@contoso.example"
    assert events(northwind, "user.") == [
        ("user.sign_in_failed", "system", name, "203.0.113.7"),
        ("user.signed_in", name, name, "203.0.113.7"),
        ("user.signed_out", name, name, "203.0.113.7"),
    ]


def test_blocked_user_with_right_password_is_recorded(
    visitor,  # noqa: F811
    settled,  # noqa: F811
    northwind,
):
    settled.is_blocked = True
    settled.save(update_fields=["is_blocked"])
    visitor.sign_in("ann@contoso.example", OWN)

    (event,) = Event.objects.filter(action="user.sign_in_failed")
    assert event.after == {"reason": "blocked"}


def test_events_of_requests_have_client_address(as_alice, northwind):
    as_alice.post("/language/", {"language": "zh-hans", "next": "/"}, **HERE)
    with tenancy.tenant(northwind.pk), transaction.atomic():
        subject = audit.Subject(None, "x")
        audit.record("customer.added", subject=subject, by=audit.System(northwind.pk))

    assert [client for *_rest, client in events(northwind, "")] == ["203.0.113.7", None]


def test_log_shows_and_exports_client_address(alice, as_alice):
    sign_in(alice)

    page = as_alice.get("/activity/?group=sign_ins").content.decode()
    assert "<strong>Alice</strong> signed in" in page
    assert "203.0.113.7" in page
    answer = as_alice.post("/activity/export.csv?group=sign_ins")
    assert "203.0.113.7" in b"".join(answer.streaming_content).decode()


def test_sign_ins_do_not_crowd_out_activity(alice, as_alice, northwind, contoso):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        subject = audit.Subject(None, "Contoso")
        audit.record("customer.added", subject=subject, by=alice)
        audit.record_many("member.signed_in", subjects=[subject] * 600, by=alice)

    page = as_alice.get("/").content.decode()

    assert "added the customer Contoso" in page
    assert "signed in" not in page


def test_purge_clears_client_address(visitor, settled, alice, contoso):  # noqa: F811
    visitor.client.defaults.update(HERE)
    visitor.sign_in("ann@contoso.example", "wrong")
    visitor.sign_in("ann@contoso.example", OWN)
    for plan in (plan_deletes, plan_purges):
        batch = plan(customer=contoso, users=[settled.pk], by=alice)
        start_batch(batch=batch, by=alice)

    of_user = Event.objects.filter(subject_id=settled.pk)
    assert of_user.filter(action="user.signed_in").exists()
    assert not of_user.filter(client__isnull=False).exists()
    assert not of_user.filter(subject_name__contains="ann").exists()
    assert not of_user.filter(by_name__contains="ann@").exists()
