"""Whatever is done to the users of a customer, undoing it brings back what was."""

from contextlib import suppress
from dataclasses import dataclass

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from batches.errors import CannotUndo, UsersError
from batches.models import Batch
from batches.operations.control import start_batch
from customers.models import Customer
from licensing.models import Assignment, Subscription
from licensing.operations.seats import Wanted, assign
from partners.models import Member
from tests import factories
from users.acts.block import plan_blocks
from users.acts.delete import get_holdings, plan_deletes
from users.acts.edit import plan_edits
from users.acts.hold import plan_holds
from users.acts.licenses import Changes, plan_licenses
from users.acts.restore import plan_restores
from users.acts.undo import plan_undo
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

FIELDS = (
    "user_name",
    "display_name",
    "department",
    "location",
    "permissions",
    "is_blocked",
    "sort_key",
    "search",
)
NAMES = ("Ann", "Bo", "Cy", "Dee")


@dataclass(frozen=True)
class Company:
    """A customer with four users and too few seats of two products."""

    customer: Customer
    users: list
    products: list
    plans: list
    alice: Member

    def pick(self, chosen) -> list:
        return [self.users[place].pk for place in sorted(chosen)]

    def do(self, step) -> Batch | None:
        """Plan and run a step; None where there was nothing for it to do."""
        act, chosen, number = step
        given = {"customer": self.customer, "users": self.pick(chosen), "by": self.alice}
        try:
            batch = getattr(self, act)(given, number)
        except UsersError:
            return None
        return start_batch(batch=batch, may_take_last_administrator=True, by=self.alice)

    def delete(self, given, number):
        return plan_deletes(**given)

    def restore(self, given, number):
        return plan_restores(**given)

    def block(self, given, number):
        return plan_blocks(**given, block=number % 2 == 0)

    def edit(self, given, number):
        changes = {"department": ("", "Sales", "Board")[number % 3]}
        if number > 4:
            changes["location"] = ("US", "DE")[number % 2]
        return plan_edits(**given, changes=changes)

    def hold(self, given, number):
        act = ("hold", "release", "extend")[number % 3]
        return plan_holds(**given, act=act, days=number + 1)

    def licenses(self, given, number):
        first, second = (str(one.pk) for one in self.products)
        off = [str(self.plans[number % 2].pk)]
        changes = (
            Changes(add=frozenset([first])),
            Changes(add=frozenset([second]), disabled_plans={second: off}),
            Changes(remove=frozenset([first, second])),
            Changes(add=frozenset([second]), remove=frozenset([first])),
            Changes(add=frozenset([first]), remove=frozenset([second])),
            Changes(disabled_plans={second: off}),
            Changes(disabled_plans={second: []}, add=frozenset([first])),
        )[number % 7]
        when = "queue" if number > 6 else "first"
        return plan_licenses(**given, changes=changes, when_short=when)

    def undo(self, batch: Batch) -> Batch | None:
        """Undo a batch; None where it has changed nothing, so that there is nothing to undo."""
        with suppress(CannotUndo):
            planned = plan_undo(batch=batch, by=self.alice)
            if planned.state != Batch.State.PLANNED:
                return planned
            return start_batch(batch=planned, may_take_last_administrator=True, by=self.alice)
        return None

    def snapshot(self) -> list:
        """All users with their licenses, or those that a restore would bring back."""
        users = CustomerUser.objects.filter(customer=self.customer).order_by("pk")
        held = {
            (str(one.user_id), str(one.subscription_id)): sorted(map(str, one.disabled_plans))
            for one in Assignment.objects.filter(customer=self.customer)
        }
        gone = [user for user in users if user.deleted_at]
        frozen = get_holdings((user.deletion for user in gone), (user.pk for user in gone))
        rows = [
            [getattr(user, name) for name in FIELDS]
            + [bool(user.deleted_at), user.is_held, sorted(map(str, frozen.get(user.pk, ())))]
            for user in users
        ]
        return [rows, sorted(held.items())]

    def assert_seats_are_kept(self):
        """No seat is given twice, and each is counted once."""
        assert not Subscription.objects.filter(assigned__gt=F("seats")).exists()
        for one in self.products:
            count = Assignment.objects.filter(subscription=one).count()
            assert Subscription.objects.get(pk=one.pk).assigned == count


@pytest.fixture
def company(contoso, alice):
    users = [
        factories.user(contoso, name, location="US", department="Sales", permissions=permissions)
        for name, permissions in zip(
            NAMES, ([], [], ["helpdesk_administrator"], ["global_administrator"]), strict=True
        )
    ]
    first = factories.subscription(contoso, "Visio", seats=2)
    second = factories.subscription(contoso, "Office", seats=3, plans=("Mail", "Meetings"))
    plans = list(second.product.plans.order_by("name"))
    wanted = [
        Wanted(users[0].pk, first.pk),
        Wanted(users[0].pk, second.pk, (plans[0].pk,)),
        Wanted(users[1].pk, second.pk),
    ]
    assign(customer=contoso, wanted=wanted, cause=None)
    return Company(contoso, users, [first, second], plans, alice)


STEPS = st.tuples(
    st.sampled_from(["delete", "restore", "hold", "block", "edit", "licenses", "licenses"]),
    st.sets(st.integers(0, 3), min_size=1),
    st.integers(0, 9),
)
# Steps are few, so a failure is read as it is; shrinking it would take minutes.
BOUNDED = settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@BOUNDED
@given(steps=st.lists(STEPS, min_size=1, max_size=5))
def test_undoing_in_reverse_order_restores_everything(company, steps):
    with transaction.atomic():
        done = []
        for step in steps:
            before = company.snapshot()
            if (batch := company.do(step)) is not None:
                done.append((batch, before))
            company.assert_seats_are_kept()
        for batch, before in reversed(done):
            after = company.snapshot()
            undone = company.undo(batch)
            assert company.snapshot() == before
            if undone is not None:
                # And forth again, and back.
                if (redone := company.undo(undone)) is not None:
                    assert company.snapshot() == after
                    company.undo(redone)
                assert company.snapshot() == before
            company.assert_seats_are_kept()
        transaction.set_rollback(True)


@BOUNDED
@given(steps=st.lists(STEPS, min_size=2, max_size=5), order=st.randoms())
def test_undoing_in_any_order_keeps_seats_valid(company, steps, order):
    with transaction.atomic():
        done = [batch for step in steps if (batch := company.do(step)) is not None]
        order.shuffle(done)
        for batch in done:
            company.undo(batch)
            company.assert_seats_are_kept()
        transaction.set_rollback(True)
