import pytest

from audit.models import Event
from batches.errors import LastAdministrator
from batches.models import Line
from batches.operations.control import start_batch
from licensing.models import Assignment
from licensing.operations.seats import Wanted, assign
from partners.access import Refused
from tests import factories
from users.acts.delete import plan_deletes
from users.acts.selection import NoUsersSelected
from users.models import CustomerUser, UserSession

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(contoso, office):
    user = factories.user(contoso, "Ann")
    plan = office.product.plans.get(name="Mail")
    wanted = [Wanted(user.pk, office.pk, (plan.pk,))]
    assign(customer=contoso, wanted=wanted, cause=None)
    return user


def delete(contoso, users, by, **options):
    batch = plan_deletes(customer=contoso, users=[user.pk for user in users], by=by)
    return start_batch(batch=batch, by=by, **options)


def test_plan_counts_freed_seats_and_changes_nothing(contoso, office, ann, alice):
    batch = plan_deletes(customer=contoso, users=[ann.pk], reason="left", by=alice)

    assert batch.plan["freed"] == {str(office.pk): 1}
    assert (batch.total, batch.reason) == (1, "left")
    assert "administrators" not in batch.plan
    ann.refresh_from_db()
    assert ann.deleted_at is None


def test_delete_frees_seats_and_keeps_licenses_on_line(contoso, office, ann, alice):
    UserSession.objects.create(customer=contoso, user=ann, token_hash="x")

    batch = delete(contoso, [ann], alice)

    ann.refresh_from_db()
    assert (ann.purge_at - ann.deleted_at).days == contoso.retention_days
    assert ann.deletion == batch.pk
    assert Assignment.objects.count() == 0
    assert UserSession.objects.count() == 0
    plan = office.product.plans.get(name="Mail")
    assert Line.objects.get(batch=batch).result == {
        "held": [{"subscription": str(office.pk), "disabled_plans": [str(plan.pk)]}]
    }
    office.refresh_from_db()
    assert office.assigned == 0


def test_delete_records_one_event_per_user(contoso, ann, alice):
    delete(contoso, [ann, factories.user(contoso, "Bo")], alice)

    assert Event.objects.filter(action="user.deleted").count() == 2


def test_user_gone_meanwhile_fails_alone(contoso, ann, alice):
    other = factories.user(contoso, "Bo")
    batch = plan_deletes(customer=contoso, users=[ann.pk, other.pk], by=alice)
    delete(contoso, [ann], alice)

    start_batch(batch=batch, by=alice)

    states = dict(Line.objects.filter(batch=batch).values_list("user_id", "state"))
    assert states == {ann.pk: "failed", other.pk: "done"}


def test_deleting_last_global_administrator_needs_confirmation(contoso, alice):
    boss = factories.user(contoso, "Boss", permissions=["global_administrator"])
    batch = plan_deletes(customer=contoso, users=[boss.pk], by=alice)

    with pytest.raises(LastAdministrator):
        start_batch(batch=batch, by=alice)

    start_batch(batch=batch, may_take_last_administrator=True, by=alice)
    assert CustomerUser.objects.get(pk=boss.pk).deleted_at is not None


def test_administrator_who_became_last_stays(contoso, alice):
    first, second = (
        factories.user(contoso, name, permissions=["global_administrator"]) for name in "AB"
    )
    batch = plan_deletes(customer=contoso, users=[first.pk], by=alice)
    delete(contoso, [second], alice)

    start_batch(batch=batch, by=alice)

    line = Line.objects.get(batch=batch)
    assert (line.state, line.result) == ("failed", {"code": "last_administrator"})
    assert CustomerUser.objects.get(pk=first.pk).deleted_at is None


def test_help_desk_may_not(contoso, ann, helen):
    with pytest.raises(Refused):
        plan_deletes(customer=contoso, users=[ann.pk], by=helen)


def test_empty_selection_is_refused(contoso, alice):
    with pytest.raises(NoUsersSelected):
        plan_deletes(customer=contoso, users=[], by=alice)
