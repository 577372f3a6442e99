from datetime import timedelta

import pytest
from django.utils import timezone, translation

from batches.models import Line
from batches.operations.control import start_batch
from licensing.operations.seats import Wanted, assign
from tests import factories
from users.acts.delete import plan_deletes
from users.models import CustomerUser

USERS = "/customers/contoso/users/"
GLOBAL = ["global_administrator"]


@pytest.fixture
def three(contoso, office):
    users = [factories.user(contoso, name) for name in ("Ann", "Bo", "Cem")]
    wanted = [Wanted(user.pk, office.pk) for user in users[:2]]
    assign(customer=contoso, wanted=wanted, cause=None)
    return users


def ids(users):
    return {"ids": ",".join(str(user.pk) for user in users)}


def delete(contoso, users, by):
    chosen = [user.pk for user in users]
    batch = plan_deletes(customer=contoso, users=chosen, by=by)
    return start_batch(batch=batch, by=by)


def test_from_the_list_to_the_result_and_back(as_alice, contoso, three):
    planned = as_alice.post(f"{USERS}delete/", ids(three))
    plan = as_alice.get(planned["Location"]).content.decode()
    for words in (
        "<h1>Delete 3 user accounts?</h1>",
        "2 seats become free",
        "Office E3",
        "30 days",
    ):
        assert words in plan
    assert CustomerUser.objects.filter(deleted_at=None).count() == 3

    as_alice.post(f"{planned['Location']}start/", {"reason": "Left the company"})

    result = as_alice.get(planned["Location"]).content.decode()
    assert "<h1>3 user accounts deleted</h1>" in result
    assert "Office E3" in result
    assert contoso.batches.get().reason == "Left the company"
    deleted = as_alice.get(f"{USERS}?tab=deleted").content.decode()
    for words in ("by Alice", "Left the company", "Office E3", "days left"):
        assert words in deleted
    restore = as_alice.post(f"{planned['Location']}restore/")
    assert "Restore 3 users?" in as_alice.get(restore["Location"]).content.decode()


def test_all_that_match_are_exactly_those_counted(as_alice, contoso, three):
    factories.user(contoso, "Dee", is_blocked=True)

    chosen = {"ids": "", "all": "1", "query": "status=allowed"}
    planned = as_alice.post(f"{USERS}delete/", chosen)
    listed = as_alice.get(f"{USERS}?status=allowed").context["list"].total.number

    lines = Line.objects.filter(batch=contoso.batches.get())
    assert {line.user_id for line in lines} == {user.pk for user in three}
    assert listed == 3
    assert "Delete 3 user accounts?" in as_alice.get(planned["Location"]).content.decode()


def test_deleting_last_global_administrator_needs_confirmation(as_alice, contoso, alice):
    boss = factories.user(contoso, "Boss", permissions=GLOBAL)
    planned = as_alice.post(f"{USERS}delete/", ids([boss]))["Location"]
    assert 'name="may_take_last_administrator"' in as_alice.get(planned).content.decode()

    refused = as_alice.post(f"{planned}start/", {"reason": "Left"})

    text = refused.content.decode()
    assert refused.status_code == 422
    assert "The customer would have no global administrator with sign-in." in text
    assert "<title>Error: " in text
    assert 'value="Left"' in text
    as_alice.post(f"{planned}start/", {"may_take_last_administrator": "on"})
    boss.refresh_from_db()
    assert boss.deleted_at


@pytest.mark.parametrize("path", ["delete/", "restore/", "purge/", "block/", "unblock/"])
def test_get_plans_nothing_and_reader_is_refused(client, alice, bob, contoso, path):
    user = factories.user(contoso, "Ann")
    client.force_login(alice)
    assert client.get(f"{USERS}{path}").status_code == 302
    client.force_login(bob)
    assert client.post(f"{USERS}{path}", ids([user])).status_code == 403

    assert not contoso.batches.exists()


@pytest.mark.parametrize("path", ["delete/", "restore/", "purge/", "block/", "unblock/"])
@pytest.mark.parametrize("data", [{}, {"ids": "x"}, {"all": "1", "query": "nonsense=1"}])
def test_empty_selection_returns_to_list(as_alice, contoso, path, data):
    answer = as_alice.post(f"{USERS}{path}", data)

    assert answer["Location"].startswith(USERS)
    assert not contoso.batches.exists()


def test_another_partners_users_are_nowhere(client, mallory, contoso):
    user = factories.user(contoso, "Ann")
    client.force_login(mallory)

    assert client.post(f"{USERS}delete/", ids([user])).status_code == 404


def test_the_list_offers_what_the_role_may(client, alice, bob, helen, contoso, three):
    delete(contoso, three[:1], alice)
    offers = {}
    for member in (alice, helen, bob):
        client.force_login(member)
        pages = client.get(USERS), client.get(f"{USERS}?tab=deleted")
        text = "".join(page.content.decode() for page in pages)
        paths = ("block", "unblock", "edit", "delete", "restore", "hold", "purge")
        offers[member.name] = [path for path in paths if f'formaction="{USERS}{path}/' in text]

    assert offers == {
        "Alice": ["block", "unblock", "edit", "delete", "restore", "hold", "purge"],
        "Helen": ["block", "unblock", "edit", "restore"],
        "Bob": [],
    }


def test_help_desk_sees_no_acts_for_administrator(client, contoso, helen):
    boss = factories.user(contoso, "Boss", permissions=GLOBAL)
    client.force_login(helen)

    assert "formaction" not in client.get(f"{USERS}{boss.pk}/").content.decode()


def test_the_deleted_are_sorted_by_days_left(as_alice, alice, contoso, three):
    delete(contoso, three, alice)
    for days, user in zip((20, 5, 10), three, strict=True):
        purge_at = timezone.now() + timedelta(days=days)
        CustomerUser.objects.filter(pk=user.pk).update(purge_at=purge_at)

    rows = as_alice.get(f"{USERS}?tab=deleted&sort=purge").context["list"].rows

    assert [row.user.display_name for row in rows] == ["Bo", "Cem", "Ann"]


# Purge


def test_a_purge_needs_its_number_typed(as_alice, alice, contoso, three):
    delete(contoso, three, alice)
    planned = as_alice.post(f"{USERS}purge/", ids(three))["Location"]
    assert "This can’t be undone." in as_alice.get(planned).content.decode()

    for typed in ("", "2", "three"):
        refused = as_alice.post(f"{planned}start/", {"typed": typed, "reason": "Left"})
        assert refused.status_code == 422
        assert "No users were purged." in refused.content.decode()
    assert CustomerUser.objects.count() == 3
    as_alice.post(f"{planned}start/", {"typed": " 3 "})

    assert CustomerUser.objects.count() == 0
    assert "<h1>3 users purged</h1>" in as_alice.get(planned).content.decode()


def test_only_an_owner_purges_now(client, contoso, alice, helen, three):
    delete(contoso, three, alice)
    client.force_login(helen)

    assert client.post(f"{USERS}purge/", ids(three)).status_code == 403


# Block


def test_blocking_and_unblocking_from_the_list(as_alice, contoso, three):
    for path, question, is_blocked in (
        ("block/", "Block sign-in of 3 users?", True),
        ("unblock/", "Unblock sign-in of 3 users?", False),
    ):
        planned = as_alice.post(f"{USERS}{path}", ids(three))["Location"]
        assert question in as_alice.get(planned).content.decode()
        as_alice.post(f"{planned}start/", {"reason": "Leave"})

        assert CustomerUser.objects.filter(is_blocked=is_blocked).count() == 3


def test_blocked_user_is_reported_as_unchanged(as_alice, contoso, three):
    planned = as_alice.post(f"{USERS}block/", ids(three))["Location"]
    CustomerUser.objects.filter(pk=three[0].pk).update(is_blocked=True)

    as_alice.post(f"{planned}start/")

    assert as_alice.get(planned).content.decode().count("No change was needed.") == 1


def test_new_administrator_after_plan_is_not_changed(client, contoso, helen, three):
    client.force_login(helen)
    planned = client.post(f"{USERS}block/", ids(three))["Location"]
    CustomerUser.objects.filter(pk=three[0].pk).update(permissions=GLOBAL)

    client.post(f"{planned}start/")

    assert "This user is an administrator" in client.get(planned).content.decode()
    assert not CustomerUser.objects.get(pk=three[0].pk).is_blocked
    assert CustomerUser.objects.filter(is_blocked=True).count() == 2


def test_the_plan_of_another_member_is_not_started(client, contoso, alice, helen, three):
    chosen = [user.pk for user in three]
    batch = plan_deletes(customer=contoso, users=chosen, by=alice)
    client.force_login(helen)

    page = client.get(f"/customers/contoso/batches/{batch.pk}/").content.decode()
    answer = client.post(f"/customers/contoso/batches/{batch.pk}/start/")

    assert 'form="start"' not in page
    assert answer.status_code == 403


def test_pages_of_acts_render_in_chinese(as_alice, alice, contoso, three):
    delete(contoso, three[:1], alice)
    with translation.override("zh-hans"):
        as_alice.cookies["django_language"] = "zh-hans"
        for path, users in (("delete/", three[1:]), ("restore/", three[:1])):
            planned = as_alice.post(f"{USERS}{path}", ids(users))["Location"]
            assert as_alice.get(planned).status_code == 200
