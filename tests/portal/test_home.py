import json
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import audit.operations as audit
from batches.models import Batch, Line
from batches.operations.control import start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from customers.models import Scope
from handover.queries import with_passwords
from licensing.models import Assignment, Subscription
from partners import tenancy
from partners.roles import Role
from portal.queries.activity import find_acts
from portal.queries.attention import find_needs
from portal.queries.figures import get_chart, get_dashboard, get_figures
from tests import factories
from users.acts.add import add_user, finish_set
from users.acts.reset import plan_resets
from users.models import CustomerUser


def person(name, **fields):
    return {"user_name": f"{name}@contoso.example", "display_name": name.title(), **fields}


def titles(member):
    return [need.title for need in find_needs(member=member)]


def reminders(member):
    """What the member is reminded to hand over, but for the moment it has to be done by."""
    return [title.rpartition(", until")[0] for title in titles(member) if ", until" in title]


def hold(subscription, user):
    Assignment.objects.create(customer=subscription.customer, subscription=subscription, user=user)


def test_dashboard_without_customers(as_alice):
    page = as_alice.get("/")

    assert page.status_code == 200
    assert "No customers yet" in page.content.decode()
    assert 'class="chart"' not in page.content.decode()


def test_it_adds_up_the_counters(contoso, office, alice):
    fabrikam = factories.customer("fabrikam", "Fabrikam")
    ann = factories.user(contoso, "Ann")
    factories.user(contoso, "Ben", is_blocked=True)
    factories.user(fabrikam, "Cid")
    hold(office, ann)

    figures = get_figures(member=alice)

    assert (figures.customers, figures.active, figures.blocked) == (2, 3, 1)
    assert (figures.assigned, figures.seats, figures.percent_assigned) == (1, 5, 20)
    assert figures.unlicensed == 2


def test_limited_member_sees_figures_of_selected_customers(contoso, office, northwind, alice):
    fabrikam = factories.customer("fabrikam", "Fabrikam")
    factories.user(contoso, "Ann")
    factories.user(fabrikam, "Cid")
    Subscription.objects.filter(pk=office.pk).update(state="suspended")
    add_user(customer=contoso, person=person("dora"), by=alice)
    lena = factories.member(northwind, "lena", role=Role.READER, is_limited=True)
    Scope.objects.create(member=lena, customer=fabrikam)

    dashboard = get_dashboard(member=lena)

    assert (dashboard.figures.customers, dashboard.figures.active) == (1, 1)
    assert (dashboard.figures.seats, dashboard.figures.batches_today) == (0, 0)
    assert (list(dashboard.needs), list(dashboard.acts), dashboard.chart.added) == ([], [], 0)


def test_nothing_of_a_rival_is_shown(as_alice, contoso, rival, mallory):
    with tenancy.tenant(rival.pk):
        theirs = factories.customer("canary", "CANARY", ("canary.example",))
        factories.subscription(theirs, "CANARY", seats=1, state="suspended")
        factories.user(theirs, "CANARY")

    page = as_alice.get("/")

    assert b"CANARY" not in page.content
    assert page.context["dashboard"].figures.active == 0


@pytest.mark.parametrize(
    ("fields", "taken", "title"),
    [
        ({"state": "suspended"}, 0, "Office E3 is suspended"),
        ({"state": "grace"}, 0, "Office E3 has expired and is in its grace period"),
        ({"seats": 2}, 2, "All seats of Office E3 are assigned"),
        ({"seats": 20}, 19, "Office E3 has 1 free seat left"),
        ({"seats": 40}, 38, "Office E3 has 2 free seats left"),
    ],
)
def test_a_subscription_in_trouble_needs_attention(contoso, office, alice, fields, taken, title):
    Subscription.objects.filter(pk=office.pk).update(**{"seats": 50} | fields)
    for number in range(taken):
        hold(office, factories.user(contoso, f"User {number}"))

    (need,) = find_needs(member=alice)

    assert (need.title, need.url) == (title, "/customers/contoso/")


def test_a_subscription_with_room_needs_none(contoso, office, alice):
    today = timezone.localdate()
    Subscription.objects.filter(pk=office.pk).update(renews_on=today + timedelta(days=31))

    assert titles(alice) == []


def test_renewal_within_thirty_days_is_shown(contoso, office, alice):
    today = timezone.localdate()
    Subscription.objects.filter(pk=office.pk).update(renews_on=today + timedelta(days=30))

    assert titles(alice) == ["Office E3 renews in 30 days"]


def test_a_subscription_of_an_archived_customer_needs_none(contoso, office, alice):
    Subscription.objects.filter(pk=office.pk).update(state="suspended")
    contoso.state = "archived"
    contoso.save()

    assert titles(alice) == []


def test_plan_that_was_not_started_needs_attention(contoso, alice):
    users = [factories.user(contoso, name).pk for name in ("Ann", "Ben")]
    batch = plan_resets(customer=contoso, users=users, by=alice)

    (need,) = find_needs(member=alice)

    assert need.title == "“Reset passwords” is ready to start: 2 users"
    assert need.url == reverse("batches:batch", args=["contoso", batch.pk])


def test_plan_of_the_day_before_needs_no_attention(contoso, alice, monkeypatch):
    plan_resets(customer=contoso, users=[factories.user(contoso, "Ann").pk], by=alice)
    tomorrow = timezone.now() + timedelta(hours=25)

    monkeypatch.setattr(timezone, "now", lambda: tomorrow)

    assert titles(alice) == []


def test_plan_of_a_colleague_needs_a_member_with_approval(contoso, northwind, alice):
    plan_resets(customer=contoso, users=[factories.user(contoso, "Ann").pk], by=alice)
    helpdesk = factories.member(northwind, "bob", role=Role.HELPDESK_AGENT)
    owner = factories.member(northwind, "carol", role=Role.OWNER)

    assert titles(helpdesk) == []
    assert titles(owner) == ["“Reset passwords” is ready to start: 1 user"]


def test_failures_need_attention_and_full_success_does_not(contoso, alice):
    factories.user(contoso, "Taken", user_name="taken@contoso.example")
    for name in ("taken", "free"):
        batch = create_batch(customer=contoso, kind="import", by=alice)
        lines = [PlannedLine(tenancy.uuid7(), person(name))]
        save_lines(batch=batch, lines=lines)
        start_batch(batch=batch, by=alice)

    assert [title for title in titles(alice) if "finished" in title] == [
        "“Import users” finished with 1 failure"
    ]


def test_sheet_needs_attention_until_handed_over(contoso, alice):
    added = add_user(customer=contoso, person=person("dora"), by=alice)
    (need,) = find_needs(member=alice)
    assert need.title.startswith("1 password to hand over, until ")
    assert (need.tone, need.url) == ("info", f"/customers/contoso/batches/{added.batch.pk}/")
    soon = timezone.now() + timedelta(hours=3)

    Batch.objects.filter(pk=added.batch.pk).update(sheet_expires_at=soon)

    assert [need.tone for need in find_needs(member=alice)] == ["warn"]

    Batch.objects.filter(pk=added.batch.pk).update(handed_over_at=timezone.now())

    assert titles(alice) == []


def test_most_urgent_sheets_are_listed(contoso, alice):
    for number in range(7):
        batch = add_user(customer=contoso, person=person(f"u{number}"), by=alice).batch
        finish_set(batch=batch, by=alice)

    needs = find_needs(member=alice)

    assert len(needs) == 7
    assert (needs[-1].title, needs[-1].url) == (
        "More passwords to hand over",
        "/batches/?passwords=waiting",
    )


def make_ending(customer, by):
    """A sheet of two passwords that can be opened for three hours more."""
    soon = timezone.now() + timedelta(hours=3)
    add_user(customer=customer, person=person("dora"), by=by)
    batch = add_user(customer=customer, person=person("emil"), by=by).batch
    Batch.objects.filter(pk=batch.pk).update(sheet_expires_at=soon)
    return batch


@pytest.fixture
def ending(contoso, alice):
    return make_ending(contoso, alice)


GONE = {
    "used": {"password_state": "chosen"},
    "replaced": {"password_batch": None},
    "expired": {"password_expires_at": timezone.now()},
    "deleted": {"deleted_at": timezone.now(), "purge_at": timezone.now() + timedelta(days=30)},
}


@pytest.mark.parametrize("fields", GONE.values(), ids=GONE)
def test_sheet_with_one_valid_password_needs_attention(ending, alice, fields):
    dora, emil = CustomerUser.objects.order_by("user_name")
    CustomerUser.objects.filter(pk=dora.pk).update(**fields)
    assert reminders(alice) == ["1 password to hand over"]

    CustomerUser.objects.filter(pk=emil.pk).update(**fields)

    assert reminders(alice) == []


def test_sheet_of_restored_user_needs_attention(ending, alice):
    CustomerUser.objects.update(**GONE["deleted"])
    assert titles(alice) == []

    CustomerUser.objects.update(deleted_at=None, purge_at=None)

    assert reminders(alice) == ["2 passwords to hand over"]


def test_sheet_without_passwords_needs_no_attention(ending, alice):
    Line.objects.filter(batch=ending).update(sealed=None)

    assert titles(alice) == []


def test_sheet_is_shown_to_members_with_permission(ending, alice, helen, bob):
    assert (reminders(alice), reminders(helen), reminders(bob)) == (
        ["2 passwords to hand over"],
        ["2 passwords to hand over"],
        [],
    )

    CustomerUser.objects.update(permissions=["user_administrator"])

    assert (reminders(alice), reminders(helen), reminders(bob)) == (
        ["2 passwords to hand over"],
        [],
        [],
    )


def count_visited(plan):
    """The rows that a plan visits, those that it discards included."""
    removed = sum(number for key, number in plan.items() if key.startswith("Rows Removed by"))
    own = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return own + sum(map(count_visited, plan.get("Plans", ())))


def make_waiting(customer, *groups):
    """Users who all have temporary passwords: for each group their number, their batch and more."""
    CustomerUser.objects.bulk_create(
        CustomerUser(
            customer=customer,
            user_name=f"other{number}-{batch}@{customer.slug}.example",
            display_name="Other",
            password_state="temporary",
            password_expires_at=timezone.now() + timedelta(hours=3),
            password_batch=batch,
            **fields,
        )
        for count, batch, fields in groups
        for number in range(count)
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_new", [True, False], ids=["new partner", "known partner"])
def test_spent_sheet_does_not_slow_dashboard(
    transactional_db, rival, contoso, alice, northwind, is_new
):
    """Users without a password to hand over are not read one by one."""

    def analyze():
        # Only the owner may, and sees what is committed.
        with connections["owner"].cursor() as cursor:
            cursor.execute("ANALYZE users_customeruser, batches_batch, batches_line")

    with tenancy.tenant(rival.pk), transaction.atomic():
        theirs = factories.customer("theirs", "Theirs")
        make_waiting(theirs, (500, tenancy.uuid7(), GONE["deleted"]), (500, tenancy.uuid7(), {}))
    analyze()
    with transaction.atomic():
        batch = make_ending(contoso, alice)
        # Of this batch, and of another one with valid passwords.
        make_waiting(contoso, (2_000, batch.pk, GONE["deleted"]), (2_000, tenancy.uuid7(), {}))
        CustomerUser.objects.filter(password_batch=batch.pk).update(**GONE["deleted"])
    if not is_new:
        analyze()

    with transaction.atomic():
        found = with_passwords(Batch.objects.all(), member=alice)
        (root,) = json.loads(found.explain(analyze=True, format="json"))

    assert root["Plan"]["Actual Rows"] == 0
    assert count_visited(root["Plan"]) < 20


def test_expired_passwords_are_counted_by_customer(contoso, alice):
    late = {
        "password_state": CustomerUser.PasswordState.TEMPORARY,
        "password_expires_at": timezone.now() - timedelta(days=1),
    }
    factories.user(contoso, "Ann", **late)
    factories.user(contoso, "Ben", **late)
    in_time = timezone.now() + timedelta(days=1)
    factories.user(contoso, "Cid", **late | {"password_expires_at": in_time})

    (need,) = find_needs(member=alice)

    assert need.title == "2 temporary passwords have expired before sign-in"
    assert need.url == "/customers/contoso/users/?password=temporary"


def test_chart_counts_added_users_without_failures(contoso, alice):
    factories.user(contoso, "Taken", user_name="taken@contoso.example")
    batch = create_batch(customer=contoso, kind="import", by=alice)
    lines = [PlannedLine(tenancy.uuid7(), person(n)) for n in ("taken", "ann", "ben")]
    save_lines(batch=batch, lines=lines)
    start_batch(batch=batch, by=alice)

    chart = get_chart(member=alice)

    assert (chart.added, chart.deleted, len(chart.days)) == (2, 0, 30)
    assert chart.days[-1].added == 2
    assert (chart.top, chart.half) == (2, 1)


def test_activity_lists_batch_once(contoso, alice):
    users = [factories.user(contoso, name).pk for name in ("Ann", "Ben")]
    batch = plan_resets(customer=contoso, users=users, by=alice)
    start_batch(batch=batch, by=alice)
    audit.record(
        "moon.painted", subject=audit.Subject(None, "<b>moon</b>"), customer_id=None, by=alice
    )

    told = [str(act.sentence) for act in find_acts(member=alice)]

    assert sorted(told) == [
        "<strong>Alice</strong> changed &lt;b&gt;moon&lt;/b&gt;",
        "<strong>Alice</strong>: 2 passwords reset at Contoso",
    ]


def test_member_without_permission_sees_own_activity(contoso, alice, helen):
    add_user(customer=contoso, person=person("dora"), by=alice)
    assert list(find_acts(member=helen)) == []

    add_user(customer=contoso, person=person("emil"), by=helen)

    told = [str(act.sentence) for act in find_acts(member=helen)]
    assert told == ["<strong>Helen</strong>: 1 user added at Contoso"]


def furnish(numbers, by):
    for number in numbers:
        customer = factories.customer(f"c{number}", f"C {number}", (f"c{number}.example",))
        factories.subscription(customer, f"P {number}", seats=5, state="grace")
        add_user(
            customer=customer,
            person={"user_name": f"u@c{number}.example", "display_name": "U"},
            by=by,
        )
        audit.record(
            "domain.added", subject=audit.Subject(None, "d"), customer_id=customer.pk, by=by
        )
        user = factories.user(customer, "Late", password_state="temporary")
        CustomerUser.objects.filter(pk=user.pk).update(password_expires_at=customer.created_at)


def test_page_has_constant_number_of_queries(inside, alice, as_alice):
    furnish([0], alice)
    as_alice.get("/")
    with CaptureQueriesContext(connection) as one:
        as_alice.get("/")

    furnish(range(1, 50), alice)
    with CaptureQueriesContext(connection) as fifty:
        page = as_alice.get("/")

    assert page.context["dashboard"].figures.customers == 50
    assert len(fifty) == len(one)
    assert len(fifty) <= 25
