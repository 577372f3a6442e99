import re

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from licensing.models import Subscription
from partners import tenancy
from tests import factories
from users.acts.add import add_user


def test_it_shows_what_the_customer_has(as_alice, contoso, office):
    factories.user(contoso, "Ann", permissions=["helpdesk_administrator"])
    factories.user(contoso, "Ben", is_blocked=True)
    Subscription.objects.filter(pk=office.pk).update(state="suspended")

    page = as_alice.get("/customers/contoso/")

    overview = page.context["overview"]
    assert (overview.count.active, overview.count.blocked, overview.count.unlicensed) == (2, 1, 2)
    assert overview.administrators == 1
    assert [(one.subscription.product.name, one.trouble) for one in overview.bought] == [
        ("Office E3", "Subscription suspended")
    ]
    text = page.content.decode()
    assert "contoso.example" in text
    assert "United States" in text
    assert "valid for 7 days" in text


def test_links_to_list_of_users_have_valid_filters(as_alice, contoso, office):
    text = as_alice.get("/customers/contoso/").content.decode()

    links = set(re.findall(r'href="(/customers/contoso/users/\?[^"]+)"', text))
    assert len(links) == 6
    for link in links:
        assert as_alice.get(link).context["list"].problem == ""


def test_it_names_the_last_batches(as_alice, contoso, alice):
    add_user(
        customer=contoso,
        person={"user_name": "ann@contoso.example", "display_name": "Ann"},
        by=alice,
    )

    text = as_alice.get("/customers/contoso/").content.decode()

    assert "1 user · Alice" in text
    assert "Not finished" in text


def test_overview_of_empty_customer(as_alice, inside):
    factories.customer("empty", "Empty")

    text = as_alice.get("/customers/empty/").content.decode()

    assert "This customer has no subscriptions yet" in text
    assert "Add a domain before you add users." in text
    assert "No jobs yet" in text


def test_a_reader_is_not_offered_to_add_users(client, bob, contoso):
    client.force_login(bob)

    text = client.get("/customers/contoso/").content.decode()

    assert "/users/add/" not in text
    assert "/users/import/" not in text


def test_a_rivals_customer_is_not_found(as_alice, contoso, rival):
    with tenancy.tenant(rival.pk):
        factories.customer("canary", "CANARY")

    assert as_alice.get("/customers/canary/").status_code == 404


def test_overview_has_constant_number_of_queries(as_alice, contoso, office):
    as_alice.get("/customers/contoso/")
    with CaptureQueriesContext(connection) as few:
        as_alice.get("/customers/contoso/")

    for number in range(20):
        factories.subscription(contoso, f"P {number}", renews_on=timezone.localdate())
        factories.user(contoso, f"U {number}")
    with CaptureQueriesContext(connection) as many:
        as_alice.get("/customers/contoso/")

    assert len(many) == len(few)
