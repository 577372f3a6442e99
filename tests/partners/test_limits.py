import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from customers import limits
from customers.models import Scope
from partners import tenancy
from partners.operations.members import LastOwner, OwnRights
from partners.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def fabrikam(inside):
    return factories.customer("fabrikam", "Fabrikam")


def chosen(member):
    return set(Scope.objects.filter(member=member).values_list("customer__slug", flat=True))


def test_limit_applies_from_next_request(as_alice, helen, contoso, fabrikam):
    browser = Client()
    browser.force_login(helen)
    assert browser.get("/customers/fabrikam/").status_code == 200

    answer = as_alice.post(
        f"/members/{helen.pk}/customers/", {"is_limited": "yes", "customers": [contoso.pk]}
    )

    assert answer.status_code == 302
    assert browser.get("/customers/contoso/").status_code == 200
    assert browser.get("/customers/fabrikam/").status_code == 404
    (event,) = Event.objects.filter(action="member.limits_changed")
    assert event.before == {"is_limited": False, "customers": []}
    assert event.after == {"is_limited": True, "customers": ["Contoso"]}


def test_selection_is_kept_without_limit(alice, helen, contoso, fabrikam):
    limits.limit_member(member=helen, is_limited=True, customers=[contoso], by=alice)
    limits.limit_member(member=helen, is_limited=True, customers=[fabrikam], by=alice)
    limits.limit_member(member=helen, is_limited=False, customers=[], by=alice)

    helen.refresh_from_db()
    assert (helen.is_limited, chosen(helen)) == (False, {"fabrikam"})


def test_the_same_choice_leaves_no_trace(alice, helen, contoso):
    for _time in range(2):
        limits.limit_member(member=helen, is_limited=True, customers=[contoso], by=alice)

    assert Event.objects.filter(action="member.limits_changed").count() == 1


def test_the_last_owner_is_not_limited(alice, contoso, inside):
    second = factories.member(inside, "second", role=Role.OWNER)
    limits.limit_member(member=second, is_limited=True, customers=[contoso], by=alice)

    with pytest.raises(LastOwner):
        limits.limit_member(member=alice, is_limited=True, customers=[], by=second)

    alice.refresh_from_db()
    assert not alice.is_limited


def test_member_cannot_change_own_limit(alice, contoso, inside):
    second = factories.member(inside, "second", role=Role.OWNER)
    limits.limit_member(member=second, is_limited=True, customers=[contoso], by=alice)

    with pytest.raises(OwnRights):
        limits.limit_member(member=second, is_limited=False, customers=[], by=second)


def test_a_rivals_customer_cannot_be_chosen(as_alice, helen, rival, inside):
    with tenancy.tenant(rival.pk), transaction.atomic():
        theirs = factories.customer("canary", "CANARY")

    with tenancy.tenant(inside.pk):
        answer = as_alice.post(
            f"/members/{helen.pk}/customers/", {"is_limited": "yes", "customers": [theirs.pk]}
        )

    assert answer.status_code == 422
    assert "CANARY" not in answer.content.decode()
    assert chosen(helen) == set()


def test_the_statements_do_not_grow_with_the_customers(alice, helen, inside):
    many = [factories.customer(f"c{number}", f"C {number}") for number in range(30)]

    with CaptureQueriesContext(connection) as one:
        limits.limit_member(member=helen, is_limited=True, customers=many[:1], by=alice)
    with CaptureQueriesContext(connection) as all_of_them:
        limits.limit_member(member=helen, is_limited=True, customers=many, by=alice)

    assert len(all_of_them) == len(one)
