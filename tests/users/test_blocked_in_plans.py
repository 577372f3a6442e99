"""Notices in plans and results about blocked users and unchanged users."""

from datetime import timedelta

import pytest
from django.utils import timezone

from batches.models import Batch
from batches.operations.control import start_batch
from tests import factories
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.acts.edit import plan_edits
from users.acts.hold import plan_holds
from users.acts.licenses import Changes, plan_licenses
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores
from users.acts.undo import plan_undo
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

STAYS = "This job doesn’t unblock it"
BUTTON = "Unblock sign-in</button>"


def blocked(customer, name, **fields):
    return factories.user(customer, name, is_blocked=True, location="US", **fields)


def deleted(**fields):
    now = timezone.now()
    return {"deleted_at": now, "purge_at": now + timedelta(days=20)} | fields


def plan_reset(contoso, users, by):
    return plan_resets(customer=contoso, users=[one.pk for one in users], by=by)


def give(contoso, users, subscription, by):
    return plan_licenses(
        customer=contoso,
        users=[one.pk for one in users],
        changes=Changes(add=frozenset([str(subscription.pk)])),
        by=by,
    )


def show(client, batch) -> str:
    return client.get(f"/customers/contoso/batches/{batch.pk}/").content.decode()


@pytest.fixture
def three(contoso):
    return [
        blocked(contoso, "Ann"),
        blocked(contoso, "Bo"),
        factories.user(contoso, "Cy", location="US"),
    ]


@pytest.mark.parametrize("act", ["reset", "licenses", "restore"])
def test_plan_and_result_offer_to_unblock_users(as_alice, contoso, office, alice, three, act):
    if act == "restore":
        CustomerUser.objects.update(**deleted())
        batch = plan_restores(customer=contoso, users=[one.pk for one in three], by=alice)
    elif act == "reset":
        batch = plan_reset(contoso, three, alice)
    else:
        batch = give(contoso, three, office, alice)

    plan = show(as_alice, batch)
    assert "Sign-in is blocked for 2 of these users. This job doesn’t unblock it. You can" in plan
    assert "unblock/" not in plan
    start_batch(batch=batch, by=alice)

    result = show(as_alice, batch)
    assert "Sign-in is blocked for 2 of these users." in result
    assert STAYS not in result
    answer = as_alice.post(f"/customers/contoso/batches/{batch.pk}/unblock/", follow=True)
    assert "<h1>Unblock sign-in of 2 users?</h1>" in answer.content.decode()
    unblocking = Batch.objects.get(kind="unblock")
    named = set(unblocking.lines.values_list("user_id", flat=True))
    assert named == {one.pk for one in three[:2]}

    start_batch(batch=unblocking, by=alice)
    assert "blocked for" not in show(as_alice, batch)
    answer = as_alice.post(f"/customers/contoso/batches/{batch.pk}/unblock/", follow=True)
    assert "None of these users are blocked." in answer.content.decode()


def test_undo_of_a_deletion_names_blocked_users(as_alice, contoso, alice):
    ann = blocked(contoso, "Ann")
    batch = plan_deletes(customer=contoso, users=[ann.pk], by=alice)
    start_batch(batch=batch, by=alice)

    undo = plan_undo(batch=batch, by=alice)

    assert f"Sign-in is blocked for this user. {STAYS}" in show(as_alice, undo)
    start_batch(batch=undo, by=alice)
    result = show(as_alice, undo)
    assert "Sign-in is blocked for this user." in result
    assert BUTTON in result


def test_removing_license_shows_no_blocked_users(as_alice, contoso, office, alice):
    ann = blocked(contoso, "Ann")
    start_batch(batch=give(contoso, [ann], office, alice), by=alice)
    batch = plan_licenses(
        customer=contoso,
        users=[ann.pk],
        changes=Changes(remove=frozenset([str(office.pk)])),
        by=alice,
    )

    assert "Sign-in is blocked" not in show(as_alice, batch)


def test_member_without_the_right_sees_only_the_fact(client, northwind, contoso, office):
    seller = factories.member(northwind, "sam", role="sales_agent")
    client.force_login(seller)
    batch = give(contoso, [blocked(contoso, "Ann")], office, seller)

    plan = show(client, batch)
    assert f"Sign-in is blocked for this user. {STAYS}." in plan
    start_batch(batch=batch, by=seller)

    result = show(client, batch)
    assert "Sign-in is blocked for this user." in result
    assert "unblock/" not in result
    answer = client.post(f"/customers/contoso/batches/{batch.pk}/unblock/")
    assert answer.status_code == 403


def test_blocked_users_are_named_in_chinese(as_alice, contoso, alice, three):
    batch = plan_reset(contoso, three, alice)
    as_alice.cookies["django_language"] = "zh-hans"

    assert "2 个用户已被阻止登录。" in show(as_alice, batch)


@pytest.mark.parametrize(
    ("block", "said", "refused"),
    [
        (True, "2 selected users are already blocked and are skipped.", "is already blocked."),
        (False, "1 selected user isn’t blocked and is skipped.", "isn’t blocked."),
    ],
)
def test_block_skips_blocked_users(as_alice, contoso, alice, three, block, said, refused):
    batch = plan_blocks(customer=contoso, users=[one.pk for one in three], block=block, by=alice)
    changing = [one.pk for one in three if one.is_blocked != block]
    assert sorted(batch.lines.values_list("user_id", flat=True)) == sorted(changing)
    assert said in show(as_alice, batch)

    others = [str(one.pk) for one in three if one.pk not in changing]
    address = "/customers/contoso/users/" + ("block/" if block else "unblock/")
    answer = as_alice.post(address, {"ids": ",".join(others)}, follow=True)
    assert f"Nothing to change. Sign-in {refused}" in answer.content.decode()
    assert Batch.objects.count() == 1


def test_edit_skips_users_with_same_values(as_alice, contoso, alice):
    ann = factories.user(contoso, "Ann", department="Legal")
    bo = factories.user(contoso, "Bo", department="Sales")
    batch = plan_edits(
        customer=contoso, users=[ann.pk, bo.pk], changes={"department": "Legal"}, by=alice
    )

    assert list(batch.lines.values_list("user_id", flat=True)) == [bo.pk]
    assert "1 selected user already has these values and is skipped." in show(as_alice, batch)

    typed = {"shown": "1", "change": "department", "department": "Legal"}
    answer = as_alice.post(f"/customers/contoso/users/edit/?ids={ann.pk}", typed, follow=True)
    assert "Nothing to change. These values are already saved." in answer.content.decode()


@pytest.mark.parametrize(
    ("act", "said", "refused"),
    [
        (
            "hold",
            "The purge of 1 selected user is already on hold. The user is skipped.",
            "Nothing to change. The purge is already on hold.",
        ),
        (
            "release",
            "The purge of 1 selected user isn’t on hold. The user is skipped.",
            "Nothing to change. The purge isn’t on hold.",
        ),
    ],
)
def test_hold_skips_held_users(as_alice, contoso, alice, act, said, refused):
    held = factories.user(contoso, "Ann", **deleted(is_held=True))
    free = factories.user(contoso, "Bo", **deleted())
    changing, same = (free, held) if act == "hold" else (held, free)
    batch = plan_holds(customer=contoso, users=[held.pk, free.pk], act=act, by=alice)

    assert list(batch.lines.values_list("user_id", flat=True)) == [changing.pk]
    assert said in show(as_alice, batch)

    address = f"/customers/contoso/users/hold/?act={act}"
    answer = as_alice.post(address, {"ids": str(same.pk)}, follow=True)
    assert refused in answer.content.decode()


@pytest.mark.parametrize("act", ["reset", "restore"])
def test_act_on_users_of_other_tab_is_explained(as_alice, contoso, act):
    gone = deleted() if act == "reset" else {}
    ann = factories.user(contoso, "Ann", **gone)

    answer = as_alice.post(f"/customers/contoso/users/{act}/", {"ids": str(ann.pk)}, follow=True)

    assert "deleted, restored or purged in the meantime" in answer.content.decode()
    assert not Batch.objects.exists()
