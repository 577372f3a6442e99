import pytest

from audit.models import Event
from batches.errors import LastAdministrator
from batches.models import Line
from batches.operations.control import start_batch
from customers.models import UserCount
from tests import factories
from users.acts.block import plan_blocks
from users.models import CustomerUser, UserSession

pytestmark = pytest.mark.django_db


def block(contoso, users, by, block=True, **options):
    ids = [user.pk for user in users]
    batch = plan_blocks(customer=contoso, users=ids, block=block, by=by)
    return start_batch(batch=batch, by=by, **options)


def test_block_ends_sessions(contoso, alice):
    ann = factories.user(contoso, "Ann")
    UserSession.objects.create(customer=contoso, user=ann, token_hash="x")

    block(contoso, [ann], alice)

    assert CustomerUser.objects.get(pk=ann.pk).is_blocked
    assert UserSession.objects.count() == 0
    assert UserCount.objects.get(customer=contoso).blocked == 1
    assert Event.objects.filter(action="user.blocked", subject_id=ann.pk).count() == 1


def test_unblock_lets_users_sign_in(contoso, alice):
    ann = factories.user(contoso, "Ann", is_blocked=True)

    block(contoso, [ann], alice, block=False)

    assert not CustomerUser.objects.get(pk=ann.pk).is_blocked


def test_user_blocked_after_plan_gets_no_event(contoso, alice):
    ann = factories.user(contoso, "Ann")
    batch = plan_blocks(customer=contoso, users=[ann.pk], block=True, by=alice)
    CustomerUser.objects.update(is_blocked=True)

    start_batch(batch=batch, by=alice)

    assert Line.objects.get(batch=batch).result == {"unchanged": True}
    assert Event.objects.filter(action="user.blocked").count() == 0


def test_help_desk_does_not_block_administrators(contoso, helen):
    boss = factories.user(contoso, "Boss", permissions=["user_administrator"])

    batch = block(contoso, [boss], helen)

    assert Line.objects.get(batch=batch).state == Line.State.INVALID
    assert not CustomerUser.objects.get(pk=boss.pk).is_blocked


def test_blocking_last_global_administrator_needs_confirmation(contoso, alice):
    boss = factories.user(contoso, "Boss", permissions=["global_administrator"])

    with pytest.raises(LastAdministrator):
        block(contoso, [boss], alice)

    block(contoso, [boss], alice, may_take_last_administrator=True)
    assert CustomerUser.objects.get(pk=boss.pk).is_blocked
