"""No path assigns more seats than there are: the last lock is the database's."""

from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, connections, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from licensing.models import Assignment, Subscription
from licensing.operations.seats import Wanted, assign
from partners import tenancy
from tests import factories


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, f"Person {number}") for number in range(8)]


def wanted(subscription, people) -> list[Wanted]:
    return [Wanted(user.pk, subscription.pk) for user in people]


@pytest.mark.django_db
def test_seats_are_given_in_order_as_far_as_they_are_free(contoso, office, people):
    done = assign(customer=contoso, wanted=wanted(office, people), cause=None)

    assert [want.user_id for want in done.given] == [user.pk for user in people[:5]]
    assert [want.user_id for want in done.short] == [user.pk for user in people[5:]]
    office.refresh_from_db()
    assert (office.assigned, office.free) == (5, 0)


@pytest.mark.django_db
def test_who_holds_a_seat_keeps_it_and_takes_no_second(contoso, office, people):
    assign(customer=contoso, wanted=wanted(office, people[:2]), cause=None)

    done = assign(customer=contoso, wanted=wanted(office, people[:3] * 2), cause=None)

    assert len(done.given) == 6
    office.refresh_from_db()
    assert office.assigned == 3


@pytest.mark.django_db
def test_a_suspended_subscription_gives_no_seats(contoso, people):
    suspended = factories.subscription(contoso, "Old", state=Subscription.State.SUSPENDED)

    done = assign(customer=contoso, wanted=wanted(suspended, people[:1]), cause=None)

    assert (done.given, len(done.closed)) == ((), 1)


@pytest.mark.django_db
def test_a_subscription_in_grace_still_gives_seats(contoso, people):
    grace = factories.subscription(contoso, "Late", state=Subscription.State.GRACE)

    done = assign(customer=contoso, wanted=wanted(grace, people[:1]), cause=None)

    assert len(done.given) == 1


@pytest.mark.django_db
def test_another_customers_subscription_is_closed(contoso, people):
    other = factories.subscription(factories.customer("other", "Other"), "Theirs")

    done = assign(customer=contoso, wanted=wanted(other, people[:1]), cause=None)

    assert len(done.closed) == 1
    assert Assignment.objects.count() == 0


@pytest.mark.django_db
def test_it_asks_the_same_number_of_questions_for_one_and_for_many(
    contoso, office, people, django_assert_num_queries
):
    # Savepoint, lock, insert, release; and where seats are short, who holds one already.
    with django_assert_num_queries(4):
        assign(customer=contoso, wanted=wanted(office, people[:1]), cause=None)
    with django_assert_num_queries(4):
        assign(customer=contoso, wanted=wanted(office, people[1:4]), cause=None)
    with django_assert_num_queries(5):
        assign(customer=contoso, wanted=wanted(office, people[4:]), cause=None)


@pytest.mark.django_db
@pytest.mark.parametrize("seats", [4, 40])
def test_it_says_who_held_a_seat_before(contoso, people, seats):
    """Whether there is enough for all, or somebody has to do without."""
    bought = factories.subscription(contoso, "Some", seats=seats)
    assign(customer=contoso, wanted=wanted(bought, people[:2]), cause=None)

    done = assign(customer=contoso, wanted=wanted(bought, people[1:]), cause=None)

    assert done.had == {people[1].pk: [str(bought.pk)]}
    assert len(done.given) == min(len(people) - 1, seats - 1)
    bought.refresh_from_db()
    assert bought.assigned == len(done.given) + 1


def insert(subscription, user) -> None:
    """One seat by raw SQL, past all code."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO licensing_assignment"
            " (partner_id, customer_id, subscription_id, user_id, disabled_plans)"
            " VALUES (%s, %s, %s, %s, '{}')",
            [subscription.partner_id, subscription.customer_id, subscription.pk, user.pk],
        )


@pytest.mark.django_db
def test_raw_sql_cannot_take_a_seat_that_is_not_there(contoso, people):
    single = factories.subscription(contoso, "Single", seats=1)
    insert(single, people[0])

    with pytest.raises(IntegrityError, match="subscription_seats"), transaction.atomic():
        insert(single, people[1])


@pytest.mark.django_db
def test_seats_cannot_shrink_below_what_is_assigned(contoso, office, people):
    assign(customer=contoso, wanted=wanted(office, people[:3]), cause=None)

    with pytest.raises(IntegrityError, match="subscription_seats"), transaction.atomic():
        Subscription.objects.filter(pk=office.pk).update(seats=2)


@pytest.mark.django_db
def test_a_seat_does_not_move_to_somebody_else(contoso, office, people):
    insert(office, people[0])

    with pytest.raises(IntegrityError, match="never moved"), transaction.atomic():
        Assignment.objects.update(user=people[1])


@pytest.mark.django_db(transaction=True)
def test_sixteen_at_once_get_exactly_the_seats_there_are(northwind, inside, contoso, people):
    hot = factories.subscription(contoso, "Hot", seats=50)
    with transaction.atomic():
        crowd = [factories.user(contoso, f"Hurried {number}") for number in range(160)]
    gate, given, failures = Barrier(16), [], []

    def grab(users):
        try:
            with tenancy.tenant(northwind.pk):
                gate.wait()
                for user in users:
                    with transaction.atomic():
                        done = assign(customer=contoso, wanted=wanted(hot, [user]), cause=None)
                        given.extend(done.given)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=grab, args=[crowd[start::16]]) for start in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert failures == []
    assert len(given) == 50
    with transaction.atomic():
        hot.refresh_from_db()
        assert hot.assigned == hot.assignments.count() == 50


class Seats(RuleBasedStateMachine):
    """Anybody may do anything to one subscription; its counter stays true."""

    def __init__(self):
        super().__init__()
        self.point = transaction.atomic()
        self.point.__enter__()
        number = Subscription.objects.count()
        self.hot = factories.subscription(self.customer, f"Hot {number}", seats=3)

    @rule(chosen=st.lists(st.integers(0, 7), max_size=8))
    def assign(self, chosen):
        users = [self.people[index] for index in chosen]
        assign(customer=self.customer, wanted=wanted(self.hot, users), cause=None)

    @rule(index=st.integers(0, 7))
    def insert(self, index):
        try:
            with transaction.atomic():
                insert(self.hot, self.people[index])
        except IntegrityError:
            pass

    @rule(chosen=st.lists(st.integers(0, 7), max_size=8))
    def free(self, chosen):
        users = [self.people[index] for index in chosen]
        Assignment.objects.filter(subscription=self.hot, user__in=users).delete()

    @rule(seats=st.integers(0, 8))
    def resize(self, seats):
        try:
            with transaction.atomic():
                Subscription.objects.filter(pk=self.hot.pk).update(seats=seats)
        except IntegrityError:
            pass

    @invariant()
    def is_true(self):
        self.hot.refresh_from_db()
        assert self.hot.assigned == self.hot.assignments.count()
        assert 0 <= self.hot.assigned <= self.hot.seats

    def teardown(self):
        transaction.set_rollback(True)
        self.point.__exit__(None, None, None)


@pytest.mark.django_db
def test_seats_are_never_over_in_any_order_of_acts(contoso, people):
    Seats.customer, Seats.people = contoso, people

    run_state_machine_as_test(
        Seats,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db(transaction=True)
def test_the_property_falls_when_the_trigger_is_gone(inside, contoso, people):
    """The test of the test: without the statement trigger the machine finds a lie."""
    Seats.customer, Seats.people = contoso, people
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE licensing_assignment DISABLE TRIGGER seats_given")
        try:
            with pytest.raises((AssertionError, IntegrityError)):
                run_state_machine_as_test(
                    Seats,
                    settings=settings(
                        max_examples=40,
                        deadline=None,
                        database=None,
                        print_blob=False,
                        suppress_health_check=list(HealthCheck),
                    ),
                )
        finally:
            cursor.execute("ALTER TABLE licensing_assignment ENABLE TRIGGER seats_given")
