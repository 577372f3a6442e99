"""Pages with users on the waitlist."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from batches.models import Batch
from batches.operations.control import start_batch
from customers.filters import UnknownFilter
from licensing.models import WaitingSeat
from licensing.operations.subscriptions import change_subscription
from partners.roles import Role
from tests import factories
from tests.users.test_queue import fill, from_the_queue, hold, keys, line_of, plan, run
from tests.workers import check_upload
from users.acts.delete import plan_deletes
from users.acts.restore import plan_restores
from users.queries.filters import chosen_ids

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, f"Ann {name}", location="US") for name in "ABCDEF"]


@pytest.fixture
def visio(contoso):
    return factories.subscription(contoso, "Visio", seats=2)


def read(client, name, *arguments, **query) -> str:
    response = client.get(reverse(name, args=arguments), query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def manage(client, users, visio, **choices):
    """Plan on the page of licenses; returns the page of the plan."""
    url = reverse("users:licenses", args=["contoso"])
    ids = ",".join(str(user.pk) for user in users)
    page = client.get(url, {"ids": ids})
    shown = page.context["form"].chosen.mark
    values = {"ids": ids, "shown": shown, f"do_{visio.pk}": "give", "when_short": "queue"}
    return client.post(f"{url}?ids={ids}", values | choices, follow=True)


def test_form_offers_waitlist_and_plan_shows_waiting(contoso, visio, people, as_alice):
    page = manage(as_alice, people[:5], visio)

    text = " ".join(page.content.decode().split())
    assert "3 users will wait" in text
    assert "The other users wait and get a license when a seat is free." in text
    assert "Will wait for “Visio”, place 3." in text
    assert "users get none" not in text


def test_plan_shows_users_waiting_already(contoso, visio, people, alice, as_alice):
    run(contoso, people[:5], alice, add=[visio])

    url = reverse("users:licenses", args=["contoso"])
    text = as_alice.get(url, {"ids": f"{people[2].pk},{people[5].pk}"}).content.decode()
    assert "2 other users are waiting for this license" in text
    assert "No change: 0 of 2 have it, 1 waiting" in text
    text = " ".join(manage(as_alice, people[5:], visio).content.decode().split())

    assert "3 users are already waiting" in text
    assert "Other users are already waiting for these licenses." in text


def test_removing_awaited_license_ends_wait(contoso, visio, people, alice, as_alice):
    run(contoso, people[:4], alice, add=[visio])

    page = manage(as_alice, people[2:3], visio, **{f"do_{visio.pk}": "take"})
    batch = page.context["batch"]
    start_batch(batch=batch, by=alice)

    assert line_of(visio) == [people[3].pk]


def test_user_page_shows_place_and_ends_wait(contoso, visio, people, alice, as_alice):
    old = factories.subscription(contoso, "Old", seats=5)
    hold(old, *people[:5])
    run(contoso, people[:5], alice, add=[visio], remove=[old])
    user = people[3]

    text = read(as_alice, "users:user", "contoso", user.pk)
    assert "Waiting for Visio: place 2 of 3" in text
    assert "Replaces: Old" in text

    url = reverse("users:stop_waiting", args=["contoso", user.pk, visio.pk])
    page = as_alice.post(url, follow=True)
    assert "is no longer waiting for Visio" in page.content.decode()
    assert "Waiting for" not in page.content.decode()
    assert line_of(visio) == [people[2].pk, people[4].pk]
    assert "wasn’t waiting" in as_alice.post(url, follow=True).content.decode()


def test_reader_sees_place_but_cannot_end_wait(contoso, visio, people, alice, bob, client):
    run(contoso, people[:4], alice, add=[visio])
    client.force_login(bob)

    text = read(client, "users:user", "contoso", people[3].pk)
    assert "Waiting for Visio: place 2 of 2" in text
    assert "Stop waiting" not in text
    url = reverse("users:stop_waiting", args=["contoso", people[3].pk, visio.pk])
    assert client.post(url).status_code == 403
    assert line_of(visio) == keys(people[2:4])


def test_help_desk_cannot_end_wait_of_administrator(
    contoso, visio, people, alice, northwind, client
):
    people[3].permissions = ["global_administrator"]
    people[3].save()
    run(contoso, people[:4], alice, add=[visio])
    client.force_login(factories.member(northwind, "carol", role=Role.HELPDESK_AGENT))

    url = reverse("users:stop_waiting", args=["contoso", people[3].pk, visio.pk])
    assert client.post(url).status_code == 403
    assert people[3].pk in line_of(visio)


def test_list_filters_by_waiting_users(contoso, visio, people, alice, as_alice):
    run(contoso, people[:4], alice, add=[visio])

    chosen = chosen_ids(contoso, ids="", all=True, query=f"waits={visio.pk}")
    assert chosen == keys(people[2:4])
    text = read(as_alice, "users:list", "contoso", waits=str(visio.pk))
    assert "Waiting for" in text
    assert "Ann C" in text
    assert "Ann A" not in text
    assert "2 users found" in text


@pytest.mark.parametrize("query", ["waits=some", "waits=01993b5e-7c00-7000-8000-000000000001"])
def test_unknown_waitlist_filter_is_refused(contoso, visio, query):
    with pytest.raises(UnknownFilter):
        chosen_ids(contoso, ids="", all=True, query=query)


@pytest.mark.parametrize(
    ("page", "waiting"),
    [
        ("licensing:subscriptions", "4 users wait"),
        ("portal:customer", "4 users are waiting"),
    ],
)
def test_subscriptions_show_how_many_wait(contoso, visio, people, alice, as_alice, page, waiting):
    assert "waits=" not in read(as_alice, page, "contoso")
    run(contoso, people, alice, add=[visio])

    text = read(as_alice, page, "contoso")

    assert f"?waits={visio.pk}" in text
    assert waiting in text


def test_dashboard_shows_report_to_its_member_only(
    contoso, visio, people, alice, as_alice, northwind, client
):
    run(contoso, people, alice, add=[visio])
    assert "waiting users got" not in read(as_alice, "portal:home")
    visio.refresh_from_db()
    values = {"state": "active", "renews_on": None}
    change_subscription(subscription=visio, seats=5, **values, by=alice)
    fill(contoso)

    text = read(as_alice, "portal:home")
    assert "3 waiting users got licenses" in text
    assert reverse("batches:batch", args=["contoso", from_the_queue().pk]) in text
    carol = factories.member(northwind, "carol", role=Role.OWNER)
    client.force_login(carol)
    client.post(reverse("users:mark_seen", args=["contoso", from_the_queue().pk]))
    assert not from_the_queue().options.get("seen")
    text = read(client, "portal:home")
    assert "waiting users got" not in text
    # All members can read the report.
    assert "Licenses assigned to 3 waiting users at Contoso" in text


def test_seen_report_leaves_dashboard(contoso, visio, people, alice, as_alice):
    run(contoso, people[:3], alice, add=[visio])
    visio.refresh_from_db()
    values = {"state": "active", "renews_on": None}
    change_subscription(subscription=visio, seats=5, **values, by=alice)
    fill(contoso)
    batch = from_the_queue()
    assert "Dismiss" in read(as_alice, "batches:batch", "contoso", batch.pk)

    page = as_alice.post(reverse("users:mark_seen", args=["contoso", batch.pk]), follow=True)

    assert "waiting users got" not in page.content.decode()
    assert "Dismiss" not in read(as_alice, "batches:batch", "contoso", batch.pk)


def test_report_shows_assigned_licenses(contoso, visio, people, alice, as_alice):
    run(contoso, people[:4], alice, add=[visio])
    visio.refresh_from_db()
    values = {"state": "active", "renews_on": None}
    change_subscription(subscription=visio, seats=4, **values, by=alice)
    fill(contoso)
    batch = from_the_queue()

    text = read(as_alice, "batches:batch", "contoso", batch.pk)
    assert "Licenses assigned to 2 waiting users" in text
    assert "Ann D" in text
    assert "+ Visio" in text
    assert "Licenses assigned to 2 waiting users" in read(as_alice, "batches:all")


def test_plan_of_deletion_shows_lost_places(contoso, visio, people, alice, as_alice):
    run(contoso, people[:4], alice, add=[visio])
    batch = plan_deletes(customer=contoso, users=keys(people[2:4]), by=alice)

    text = read(as_alice, "batches:batch", "contoso", batch.pk)

    assert "2 users leave the waitlist for a license." in text


@pytest.mark.parametrize("page", ["users:user", "users:licenses", "licensing:subscriptions"])
def test_page_needs_fixed_number_of_queries(contoso, visio, people, alice, as_alice, page):
    hold(visio, *[factories.user(contoso, f"H {n}") for n in range(2)])
    run(contoso, people[:1], alice, add=[visio])
    arguments = ["contoso", people[0].pk] if page == "users:user" else ["contoso"]
    read(as_alice, page, *arguments, ids=str(people[0].pk))
    numbers = []
    for _again in range(2):
        with CaptureQueriesContext(connection) as seen:
            read(as_alice, page, *arguments, ids=str(people[0].pk))
        numbers.append(len(seen))
        more = [factories.user(contoso, f"M {n}", location="US") for n in range(30)]
        batch = plan(contoso, more, alice, add=[visio])
        start_batch(batch=batch, by=alice)
        assert WaitingSeat.objects.count() > 30

    assert numbers[0] == numbers[1]


def test_import_can_put_users_on_waitlist(contoso, visio, alice, as_alice):
    rows = "".join(f"u{n},U {n}\r\n" for n in range(4))
    answer = as_alice.post(
        reverse("imports:upload", args=["contoso"]),
        {
            "file": SimpleUploadedFile("people.csv", f"User name,Display name\r\n{rows}".encode()),
            "domain": "contoso.example",
            "location": "US",
            "mode": "good",
            "products": [str(visio.pk)],
            "when_short": "queue",
        },
    )
    assert answer.status_code == 302
    batch = Batch.objects.get()
    check_upload(batch_id=batch.pk)
    text = read(as_alice, "batches:batch", "contoso", batch.pk)
    assert "2 users will wait" in text
    assert "No “Visio” seat is left. This user will wait for one." in text

    as_alice.post(reverse("batches:start", args=["contoso", batch.pk]))

    text = read(as_alice, "batches:batch", "contoso", batch.pk)
    assert "Waiting for Visio, place 2." in text
    waits = WaitingSeat.objects.order_by("pk").values_list("user__user_name", flat=True)
    assert list(waits) == ["u2@contoso.example", "u3@contoso.example"]
    assert set(WaitingSeat.objects.values_list("cause", flat=True)) == {batch.pk}


def test_restore_can_put_users_on_waitlist(contoso, visio, people, alice, as_alice):
    hold(visio, *people[:2])
    gone = plan_deletes(customer=contoso, users=keys(people[:2]), by=alice)
    start_batch(batch=gone, by=alice)
    hold(visio, people[4])
    batch = plan_restores(customer=contoso, users=keys(people[:2]), by=alice)
    assert "The other users wait and get a seat" in read(
        as_alice, "batches:batch", "contoso", batch.pk
    )

    url = reverse("batches:start", args=["contoso", batch.pk])
    as_alice.post(url, {"new_passwords": "old", "when_short": "queue"})

    batch.refresh_from_db()
    assert (batch.state, batch.options["when_short"]) == ("done", "queue")
    assert line_of(visio) == [people[1].pk]


def test_restore_with_enough_seats_offers_no_waitlist(contoso, visio, people, alice, as_alice):
    hold(visio, *people[:1])
    gone = plan_deletes(customer=contoso, users=keys(people[:1]), by=alice)
    start_batch(batch=gone, by=alice)
    batch = plan_restores(customer=contoso, users=keys(people[:1]), by=alice)

    assert "Queue:" not in read(as_alice, "batches:batch", "contoso", batch.pk)
