import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from batches.errors import TooFewSeats
from batches.models import Line
from batches.operations.control import start_batch
from licensing.models import Assignment, ProductRule, Subscription
from licensing.operations.seats import Wanted, assign
from partners.access import Refused
from tests import factories
from users.acts.licenses import Changes, plan_licenses
from users.acts.selection import NothingToChange

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, name, location="US") for name in "ABCD"]


@pytest.fixture
def visio(contoso):
    return factories.subscription(contoso, "Visio", seats=10)


def hold(subscription, *users, disabled_plans=()):
    wanted = [Wanted(user.pk, subscription.pk, tuple(disabled_plans)) for user in users]
    assign(customer=subscription.customer, wanted=wanted, cause=None)


def plan(contoso, users, by, when_short="first", **changes):
    sets = {name: frozenset(str(one.pk) for one in value) for name, value in changes.items()}
    return plan_licenses(
        customer=contoso,
        users=[user.pk for user in users],
        changes=Changes(**sets),
        when_short=when_short,
        by=by,
    )


def run(contoso, users, by, **changes):
    return start_batch(batch=plan(contoso, users, by, **changes), by=by)


def states(batch, users) -> list[str]:
    lines = {line.user_id: line.state for line in Line.objects.filter(batch=batch)}
    return [lines.get(user.pk, "-") for user in users]


def holders(subscription) -> set:
    return set(Assignment.objects.filter(subscription=subscription).values_list("user", flat=True))


def test_one_product_is_added_and_another_removed(contoso, office, visio, people, alice):
    hold(office, *people[:2])

    batch = run(contoso, people[:2], alice, add=[visio], remove=[office])

    assert states(batch, people[:2]) == ["done", "done"]
    assert holders(visio) == {people[0].pk, people[1].pk}
    assert holders(office) == set()
    assert Event.objects.filter(action="user.licenses_changed").count() == 2


def test_unchanged_choice_changes_no_users(contoso, office, visio, people, alice):
    hold(office, people[0])

    run(contoso, people[:2], alice, add=[visio])

    assert holders(office) == {people[0].pk}


def test_user_with_wanted_licenses_gets_no_line(contoso, office, people, alice):
    hold(office, people[0])

    batch = plan(contoso, people[:2], alice, add=[office])

    assert (batch.total, batch.plan["unchanged"]) == (1, 1)


def test_nothing_to_change_is_refused(contoso, office, people, alice):
    with pytest.raises(NothingToChange):
        plan(contoso, people, alice, remove=[office])


def test_too_few_seats_go_to_first_in_list(contoso, people, alice):
    few = factories.subscription(contoso, "Few", seats=2)
    batch = plan(contoso, people, alice, add=[few])
    assert batch.plan["seats"][0] | {"subscription": ""} == {
        "subscription": "",
        "name": "Few",
        "free": 2,
        "wanted": 4,
        "freed": 0,
        "short": 2,
        "left": 0,
        "available": 0,
        "line": 0,
        "waits": 0,
    }
    warned = [line.number for line in Line.objects.filter(batch=batch) if line.problems]
    assert warned == [3, 4]

    start_batch(batch=batch, by=alice)

    assert states(batch, people) == ["done", "done", "failed", "failed"]
    assert holders(few) == {people[0].pk, people[1].pk}


def test_too_few_seats_can_refuse_plan(contoso, people, alice):
    few = factories.subscription(contoso, "Few", seats=2)

    with pytest.raises(TooFewSeats) as refused:
        plan(contoso, people, alice, when_short="none", add=[few])

    assert "Few (4 needed, 2 free)" in refused.value.message


def test_seats_lost_after_plan_can_refuse_start(contoso, people, alice):
    few = factories.subscription(contoso, "Few", seats=2)
    batch = plan(contoso, people[:2], alice, when_short="none", add=[few])
    hold(few, people[2])

    with pytest.raises(TooFewSeats):
        start_batch(batch=batch, by=alice)

    assert holders(few) == {people[2].pk}


def test_the_forecast_counts_what_is_given_back(contoso, office, people, alice):
    few = factories.subscription(contoso, "Few", seats=1)
    hold(office, *people[:2])

    batch = plan(contoso, people[:2], alice, add=[few], remove=[office])

    seats = {one["name"]: one for one in batch.plan["seats"]}
    # The second one keeps the old license, as there is no new one.
    assert (seats["Office E3"]["free"], seats["Office E3"]["left"]) == (3, 4)
    assert (seats["Few"]["short"], seats["Few"]["left"]) == (1, 0)


def test_swap_without_seat_keeps_old_license(contoso, office, people, alice):
    few = factories.subscription(contoso, "Few", seats=1)
    hold(office, *people[:2])

    batch = run(contoso, people[:2], alice, add=[few], remove=[office])

    assert states(batch, people[:2]) == ["done", "failed"]
    assert holders(few) == {people[0].pk}
    assert holders(office) == {people[1].pk}
    assert Line.objects.get(batch=batch, number=2).result["code"] == "kept_old"


def test_seats_taken_meanwhile_are_not_assigned_twice(contoso, people, alice):
    few = factories.subscription(contoso, "Few", seats=1)
    batch = plan(contoso, people[:1], alice, add=[few])
    hold(few, people[1])

    start_batch(batch=batch, by=alice)

    assert states(batch, people[:1]) == ["failed"]
    assert Subscription.objects.get(pk=few.pk).assigned == 1


def test_service_plans_change_for_holders_of_product(contoso, office, people, alice):
    mail = office.product.plans.get(name="Mail")
    hold(office, people[0])
    batch = plan_licenses(
        customer=contoso,
        users=[user.pk for user in people[:2]],
        changes=Changes(disabled_plans={str(office.pk): [str(mail.pk)]}),
        by=alice,
    )

    start_batch(batch=batch, by=alice)

    assert Assignment.objects.get(user=people[0]).disabled_plans == [mail.pk]
    assert holders(office) == {people[0].pk}


def test_untouched_plans_stay_off(contoso, office, visio, people, alice):
    mail = office.product.plans.get(name="Mail")
    hold(office, people[0], disabled_plans=[mail.pk])

    run(contoso, people[:1], alice, add=[visio, office])

    assert Assignment.objects.get(user=people[0], subscription=office).disabled_plans == [mail.pk]


@pytest.mark.parametrize(
    ("kind", "code"), [("requires", "product_requires"), ("excludes", "product_excludes")]
)
def test_rules_are_checked_before_anything_runs(contoso, office, visio, people, alice, kind, code):
    ProductRule.objects.create(product=visio.product, kind=kind, other=office.product)
    if kind == "excludes":
        hold(office, people[0])

    batch = plan(contoso, people[:1], alice, add=[visio])

    line = Line.objects.get(batch=batch)
    assert (line.state, line.problems[0]["code"]) == ("invalid", code)


def test_what_another_product_needs_is_not_taken_away(contoso, office, visio, people, alice):
    ProductRule.objects.create(product=visio.product, kind="requires", other=office.product)
    hold(office, people[0])
    hold(visio, people[0])

    batch = plan(contoso, people[:1], alice, remove=[office])

    assert Line.objects.get(batch=batch).problems[0]["code"] == "product_requires"


def test_license_needs_location_where_it_is_sold(contoso, people, alice):
    elsewhere = factories.subscription(
        contoso, "Elsewhere", product=factories.product("Elsewhere", not_sold_in=["US"])
    )
    nowhere = factories.user(contoso, "Nowhere")

    batch = plan(contoso, [people[0], nowhere], alice, add=[elsewhere])

    codes = {line.user_id: line.problems[0]["code"] for line in Line.objects.filter(batch=batch)}
    assert codes == {people[0].pk: "product_not_sold", nowhere.pk: "location_missing"}


def test_help_desk_leaves_administrators_alone(contoso, office, helen):
    boss = factories.user(contoso, "Boss", location="US", permissions=["user_administrator"])

    batch = plan(contoso, [boss], helen, add=[office])

    assert Line.objects.get(batch=batch).problems[0]["code"] == "administrator"


def test_a_reader_may_not(contoso, office, people, bob):
    with pytest.raises(Refused):
        plan(contoso, people, bob, add=[office])


def test_plan_needs_fixed_number_of_queries(contoso, office, visio, people, alice):
    counts = []
    for users in (people[:1], people[1:]):
        with CaptureQueriesContext(connection) as queries:
            run(contoso, users, alice, add=[office, visio])
        counts.append(len(queries))

    assert counts[0] == counts[1]
