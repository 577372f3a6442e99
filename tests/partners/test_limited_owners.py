"""Owners do not give more rights than they have, limited ones included."""

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from customers import limits
from customers.models import Scope
from partners.models import Invitation, Member
from partners.operations.factors import reset_factor
from partners.operations.invitations import invite_member
from partners.operations.members import BeyondOwnRights, LastOwner, change_role, deactivate_member
from partners.roles import Role
from tests import factories
from tests.proof import prove

pytestmark = pytest.mark.django_db


@pytest.fixture
def fabrikam(inside):
    return factories.customer("fabrikam", "Fabrikam")


@pytest.fixture
def lena(inside, alice, contoso):
    """An owner limited to Contoso."""
    lena = factories.member(inside, "lena", role=Role.OWNER)
    limits.limit_member(member=lena, is_limited=True, customers=[contoso], by=alice)
    lena.refresh_from_db()
    return lena


@pytest.fixture
def as_lena(lena):
    client = Client()
    client.force_login(lena)
    return prove(client, lena)


def limited(of, name, *customers, **fields):
    """A member limited to these customers."""
    made = factories.member(of, name, is_limited=True, **fields)
    for customer in customers:
        Scope.objects.create(member=made, customer=customer)
    return made


def chosen(member):
    return set(Scope.objects.filter(member=member).values_list("customer__slug", flat=True))


def test_a_limited_owner_invites_limited_members_only(as_lena):
    as_lena.post("/members/invite/", {"email": "nora@northwind.example", "role": "owner"})

    assert Invitation.objects.get().is_limited


def test_no_unlimited_invitation_by_operation(lena):
    with pytest.raises(BeyondOwnRights):
        invite_member(email="nora@northwind.example", role=Role.READER, is_limited=False, by=lena)


def test_limited_owner_cannot_touch_unlimited_invitation(as_lena, alice):
    invited = invite_member(
        email="nora@northwind.example", role=Role.READER, is_limited=False, by=alice
    )
    before = Invitation.objects.get().token_hash
    for act in ("resend", "withdraw"):
        page = as_lena.post(f"/members/invitations/{invited.invitation.pk}/{act}/", follow=True)
        assert "that you don’t have access to" in page.content.decode()

    (kept,) = Invitation.objects.all()
    assert (kept.token_hash, kept.withdrawn_at, len(mail.outbox)) == (before, None, 0)


ACTS = {
    "role": {"role": "owner"},
    "deactivate": {},
    "reactivate": {},
    "factor": {},
    "customers": {"is_limited": "no"},
}


@pytest.mark.parametrize("act", ACTS)
def test_forged_post_on_unlimited_member_changes_nothing(as_lena, bob, act):
    Authenticator.objects.create(user=bob, type="totp", data={})
    Member.objects.filter(pk=bob.pk).update(is_active=act != "reactivate")

    as_lena.post(f"/members/{bob.pk}/{act}/", ACTS[act])

    now = Member.objects.get(pk=bob.pk)
    assert (now.role, now.is_limited, now.is_active) == (bob.role, False, act != "reactivate")
    assert (now.authenticator_set.count(), now.session_number) == (1, bob.session_number)


@pytest.mark.parametrize("act", [change_role, deactivate_member, reset_factor])
def test_member_with_unseen_customers_is_out_of_reach(inside, lena, contoso, fabrikam, act):
    own, other = limited(inside, "own", contoso), limited(inside, "other", contoso, fabrikam)
    more = {"role": Role.ADMIN_AGENT} if act == change_role else {}

    act(member=own, by=lena, **more)

    with pytest.raises(BeyondOwnRights):
        act(member=other, by=lena, **more)


def test_limited_owner_cannot_lift_limit(inside, lena, contoso):
    member = limited(inside, "own", contoso)

    with pytest.raises(BeyondOwnRights):
        limits.limit_member(member=member, is_limited=False, customers=[], by=lena)


def test_customers_that_are_not_seen_are_kept(as_lena, inside, contoso, fabrikam):
    member = limited(inside, "other", contoso, fabrikam)
    address = f"/members/{member.pk}/customers/"

    as_lena.post(address, {"is_limited": "yes", "customers": []})
    assert chosen(member) == {"fabrikam"}
    as_lena.post(address, {"is_limited": "yes", "customers": [contoso.pk]})
    assert chosen(member) == {"fabrikam", "contoso"}
    assert "Fabrikam" not in as_lena.get(address).content.decode()


def test_unseen_customer_cannot_be_given(as_lena, lena, inside, fabrikam):
    member = limited(inside, "own")

    page = as_lena.post(
        f"/members/{member.pk}/customers/", {"is_limited": "yes", "customers": [fabrikam.pk]}
    )

    assert (page.status_code, chosen(member)) == (422, set())
    with pytest.raises(BeyondOwnRights):
        limits.limit_member(member=member, is_limited=True, customers=[fabrikam], by=lena)


def test_limit_set_during_request_applies(inside, alice, lena, bob):
    stale = Member.objects.get(pk=lena.pk)
    stale.is_limited = False

    with pytest.raises(BeyondOwnRights):
        change_role(member=bob, role=Role.OWNER, by=stale)


def test_limited_owner_is_no_last_owner(inside, alice, lena, bob):
    second = factories.member(inside, "second", role=Role.OWNER)
    deactivate_member(member=second, by=alice)

    with pytest.raises(LastOwner):
        deactivate_member(member=alice, by=lena)


def test_the_pages_offer_a_limited_owner_no_more(as_lena, bob, alice):
    page = as_lena.get(f"/members/{bob.pk}/").content.decode()

    assert "has access to customers that you don’t see" in page
    for address in ("role", "deactivate", "customers", "factor"):
        assert f"/members/{bob.pk}/{address}/" not in page
