import threading

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from partners import access, tenancy
from partners.errors import Refusal
from partners.models import Member
from partners.operations.members import change_role, deactivate_member
from partners.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(member):
    client = Client()
    client.force_login(member)
    return client


def events(partner):
    with tenancy.tenant(partner.pk), transaction.atomic():
        return list(Event.objects.order_by("pk"))


def test_list_shows_role_limits_and_state(as_alice, alice, bob, northwind):
    factories.member(northwind, "lena", is_limited=True)
    factories.member(northwind, "otto", is_active=False)

    page = as_alice.get("/members/").content.decode()

    for words in ("Alice", "Owner", "Bob", "Reader", "0 selected customers", "Deactivated"):
        assert words in page


def test_list_has_constant_number_of_queries(as_alice, northwind):
    def count():
        with CaptureQueriesContext(connection) as queries:
            as_alice.get("/members/")
        return len(queries)

    as_alice.get("/members/")
    few = count()
    for number in range(20):
        factories.member(northwind, f"member{number}", is_limited=number % 2)

    assert count() == few


def test_a_rival_sees_none_of_the_members(alice, bob, mallory):
    page = signed_in(mallory).get("/members/").content.decode()

    assert alice.email not in page
    assert signed_in(mallory).get(f"/members/{bob.pk}/").status_code == 404


def test_new_role_applies_and_ends_sessions(as_alice, bob, northwind):
    browser = signed_in(bob)
    assert browser.get("/").status_code == 200

    answer = as_alice.post(f"/members/{bob.pk}/role/", {"role": "admin_agent"})

    assert answer.status_code == 302
    assert browser.get("/")["Location"].startswith("/accounts/login/")
    bob.refresh_from_db()
    assert bob.role == Role.ADMIN_AGENT
    (event,) = events(northwind)
    assert (event.action, event.before, event.after) == (
        "member.role_changed",
        {"role": "reader"},
        {"role": "admin_agent"},
    )


def test_deactivation_ends_sessions_for_good(as_alice, bob):
    browser = signed_in(bob)

    as_alice.post(f"/members/{bob.pk}/deactivate/")
    assert browser.get("/").status_code == 302
    credentials = {"login": bob.email, "password": factories.PASSWORD}
    refused = Client().post("/accounts/login/", credentials)
    assert refused.headers.get("Location") != "/"

    as_alice.post(f"/members/{bob.pk}/reactivate/")
    assert browser.get("/").status_code == 302
    assert Client().post("/accounts/login/", credentials)["Location"] == "/"


def test_the_sessions_of_others_go_on(as_alice, bob, helen):
    browser = signed_in(helen)

    as_alice.post(f"/members/{bob.pk}/deactivate/")

    assert browser.get("/").status_code == 200
    assert as_alice.get("/").status_code == 200
    assert Session.objects.exists()


def test_the_last_owner_stays(as_alice, alice, northwind):
    role = as_alice.post(f"/members/{alice.pk}/role/", {"role": "reader"})
    out = as_alice.post(f"/members/{alice.pk}/deactivate/", follow=True)

    assert role.status_code == 422
    for page in (role, out):
        assert "the last active owner" in page.content.decode()
    alice.refresh_from_db()
    assert (alice.role, alice.is_active) == (Role.OWNER, True)
    assert events(northwind) == []


def test_member_cannot_change_own_rights(as_alice, alice, northwind):
    factories.member(northwind, "second", role=Role.OWNER)

    role = as_alice.post(f"/members/{alice.pk}/role/", {"role": "reader"})
    out = as_alice.post(f"/members/{alice.pk}/deactivate/", follow=True)

    for page in (role, out):
        assert "You can’t change your own rights" in page.content.decode()
    alice.refresh_from_db()
    assert (alice.role, alice.is_active) == (Role.OWNER, True)


def test_former_owner_changes_nothing(alice, bob, northwind):
    second = factories.member(northwind, "second", role=Role.OWNER)
    with tenancy.tenant(northwind.pk):
        change_role(member=alice, role=Role.READER, by=second)

        with pytest.raises(access.Refused):
            deactivate_member(member=bob, by=alice)


def test_two_owners_demoting_each_other_leave_one(alice, northwind):
    second = factories.member(northwind, "second", role=Role.OWNER)
    start = threading.Barrier(2)

    def demote(member, by):
        try:
            with tenancy.tenant(northwind.pk):
                start.wait()
                change_role(member=member, role=Role.READER, by=by)
        except (Refusal, access.Refused):
            pass
        finally:
            connection.close()

    pairs = [(alice, second), (second, alice)]
    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Member.objects.filter(partner=northwind, role=Role.OWNER).count() == 1


def test_a_role_that_does_not_exist_is_refused(as_alice, bob):
    answer = as_alice.post(f"/members/{bob.pk}/role/", {"role": "king"})

    assert answer.status_code == 422
    bob.refresh_from_db()
    assert bob.role == Role.READER


@pytest.mark.parametrize("path", ["/members/", "/members/roles/", "/members/invite/"])
def test_only_owners_come_in(bob, helen, path):
    for member in (bob, helen):
        assert signed_in(member).get(path).status_code == 403


def test_roles_page_shows_all_grants(as_alice):
    page = as_alice.get("/members/roles/").content.decode()

    assert "Manage staff" in page
    assert page.count("<tr>") == 19
