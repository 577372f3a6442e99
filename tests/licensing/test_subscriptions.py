from datetime import date

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from licensing.models import ProductRule, Subscription
from licensing.operations.seats import Wanted, assign
from licensing.operations.subscriptions import BoughtAlready, add_subscription, change_subscription
from partners import tenancy
from tests import factories

URL = "/customers/contoso/subscriptions/"


def hold(subscription, users):
    """Give that many new users a seat each."""
    customer = subscription.customer
    people = [factories.user(customer, f"Holder {number}") for number in range(users)]
    wanted = [Wanted(user.pk, subscription.pk) for user in people]
    assign(customer=customer, wanted=wanted, cause=None)


def change(subscription, by, **fields):
    now = {"seats": subscription.seats, "state": subscription.state, "renews_on": None}
    return change_subscription(subscription=subscription, **now | fields, by=by)


def trail():
    events = Event.objects.order_by("pk")
    return [(event.action, event.before, event.after) for event in events]


def test_the_list_says_what_is_free_and_who_holds_it(as_alice, office):
    hold(office, 2)

    page = as_alice.get(URL).content.decode()

    assert "Office E3" in page
    assert "2 / 5" in page
    assert f'href="/customers/contoso/users/?license={office.pk}"' in page
    assert as_alice.get(f"/customers/contoso/users/?license={office.pk}").status_code == 200


def test_who_may_only_look_sees_no_way_to_change(client, helen, office):
    client.force_login(helen)

    page = client.get(URL).content.decode()

    assert "Office E3" in page
    assert f"{URL}add/" not in page
    assert f"{URL}{office.pk}/" not in page
    assert client.post(f"{URL}add/").status_code == 403
    assert client.post(f"{URL}{office.pk}/", {"seats": "1"}).status_code == 403


def test_a_subscription_is_added(as_alice, contoso):
    product = factories.product("Mail")

    answer = as_alice.post(
        f"{URL}add/", {"product": str(product.pk), "seats": "25", "renews_on": "2027-03-31"}
    )

    assert answer["Location"] == URL
    bought = contoso.subscriptions.get()
    assert (bought.product, bought.seats, bought.state) == (product, 25, "active")
    assert bought.renews_on == date(2027, 3, 31)
    assert trail() == [("subscription.added", {}, {"seats": 25, "renews_on": "2027-03-31"})]
    assert Event.objects.get().subject_name == "Mail"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seats", ""),
        ("seats", "0"),
        ("seats", "1000001"),
        ("renews_on", "2027-02-30"),
        ("product", ""),
        ("product", "nonsense"),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_kept(as_alice, contoso, field, value):
    product = factories.product("Mail")
    typed = {"product": str(product.pk), "seats": "25", "renews_on": "2027-03-31"}

    answer = as_alice.post(f"{URL}add/", typed | {field: value})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not Subscription.objects.exists()


def test_a_product_is_bought_once(as_alice, alice, office):
    answer = as_alice.post(f"{URL}add/", {"product": str(office.product_id), "seats": "5"})

    assert answer.status_code == 422
    with pytest.raises(BoughtAlready):
        add_subscription(customer=office.customer, product=office.product, seats=5, by=alice)
    assert Subscription.objects.count() == 1


def test_a_rivals_product_is_not_there(as_alice, contoso, rival):
    with tenancy.tenant(rival.pk):
        theirs = factories.product("CANARY")

    answer = as_alice.post(f"{URL}add/", {"product": str(theirs.pk), "seats": "5"})

    assert answer.status_code == 422
    assert "CANARY" not in answer.content.decode()


def test_what_it_needs_besides_is_said(as_alice, contoso):
    mail, archive = factories.product("Mail"), factories.product("Archive")
    ProductRule.objects.create(product=archive, kind="requires", other=mail)

    answer = as_alice.post(f"{URL}add/", {"product": str(archive.pk), "seats": "5"}, follow=True)
    assert "Archive also needs Mail." in answer.content.decode()

    archive.subscriptions.all().delete()
    as_alice.post(f"{URL}add/", {"product": str(mail.pk), "seats": "5"}, follow=True)
    answer = as_alice.post(f"{URL}add/", {"product": str(archive.pk), "seats": "5"}, follow=True)
    assert "only works together" not in answer.content.decode()


def test_each_change_is_on_record(as_alice, office):
    answer = as_alice.post(
        f"{URL}{office.pk}/", {"seats": "9", "state": "suspended", "renews_on": "2027-01-01"}
    )

    assert answer["Location"] == URL
    office.refresh_from_db()
    assert (office.seats, office.state, office.renews_on) == (9, "suspended", date(2027, 1, 1))
    assert trail() == [
        ("subscription.seats_changed", {"seats": 5}, {"seats": 9}),
        ("subscription.suspended", {"state": "active"}, {"state": "suspended"}),
        ("subscription.renewal_changed", {"renews_on": None}, {"renews_on": "2027-01-01"}),
    ]


def test_saving_what_is_there_is_no_event(alice, office):
    change(office, alice)

    assert trail() == []


def test_a_suspended_subscription_keeps_its_holders_and_gives_no_more(alice, office):
    hold(office, 2)
    change(office, alice, state="suspended")
    office.refresh_from_db()
    assert (office.assigned, office.free) == (2, 0)

    hold(office, 1)
    office.refresh_from_db()
    assert office.assigned == 2

    change(office, alice, state="grace")
    hold(office, 1)
    change(office, alice, state="active")
    office.refresh_from_db()
    assert (office.assigned, office.free) == (3, 2)
    assert [action for action, _before, _after in trail()] == [
        "subscription.suspended",
        "subscription.in_grace",
        "subscription.reactivated",
    ]


def test_fewer_seats_than_are_assigned_are_refused_and_it_says_how_many(as_alice, office):
    hold(office, 4)

    answer = as_alice.post(f"{URL}{office.pk}/", {"seats": "1", "state": "grace"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert answer.context["form"].errors["seats"] == [
        "4 seats are assigned. Remove 3 licenses first, or keep at least 4 seats."
    ]
    assert f'href="/customers/contoso/users/?license={office.pk}"' in page
    assert 'value="1"' in page
    office.refresh_from_db()
    assert (office.seats, office.state) == (5, "active")
    assert trail() == []


def test_seats_go_down_to_what_is_assigned(alice, office):
    hold(office, 4)

    change(office, alice, seats=4)

    office.refresh_from_db()
    assert (office.seats, office.free) == (4, 0)


@pytest.mark.parametrize(
    ("field", "value"), [("seats", "-1"), ("state", "gone"), ("renews_on", "soon")]
)
def test_a_wrong_change_is_refused(as_alice, office, field, value):
    answer = as_alice.post(f"{URL}{office.pk}/", {"seats": "5", "state": "active", field: value})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]


def test_the_subscription_of_another_customer_is_not_there(as_alice, contoso):
    strange = factories.subscription(factories.customer("fabrikam", "Fabrikam"), "Mail")

    assert as_alice.get(f"{URL}{strange.pk}/").status_code == 404
    assert as_alice.post(f"{URL}{strange.pk}/", {"seats": "9"}).status_code == 404


def test_an_archived_customer_buys_nothing(as_alice, office):
    type(office.customer).objects.update(state="archived")

    assert as_alice.post(f"{URL}{office.pk}/", {"seats": "9"}).status_code == 403
    assert f"{URL}add/" not in as_alice.get(URL).content.decode()


def test_the_list_asks_as_much_for_one_as_for_many(as_alice, contoso, office):
    as_alice.get(URL)
    with CaptureQueriesContext(connection) as one:
        as_alice.get(URL)
    with transaction.atomic():
        for number in range(50):
            factories.subscription(contoso, f"Product {number}")
    with CaptureQueriesContext(connection) as many:
        page = as_alice.get(URL).content.decode()

    assert "Product 49" in page
    assert len(many) == len(one)
