import pytest

from batches.models import Line
from batches.operations.control import start_batch
from licensing.models import Subscription
from licensing.operations.seats import Wanted, assign
from tests import factories
from users.acts.delete import plan_deletes
from users.models import CustomerUser
from users.queries.restore import find_taken_names

USERS = "/customers/contoso/users/"
KEEP = {"new_passwords": "old"}


@pytest.fixture
def gone(contoso, office, alice):
    users = [
        factories.user(contoso, name, user_name=f"{name.lower()}@contoso.example")
        for name in ("Ann", "Bo")
    ]
    wanted = [Wanted(user.pk, office.pk) for user in users]
    assign(customer=contoso, wanted=wanted, cause=None)
    batch = plan_deletes(customer=contoso, users=[user.pk for user in users], by=alice)
    start_batch(batch=batch, by=alice)
    return users


@pytest.fixture
def plan(as_alice, gone):
    """Plan the restore of both, from the list; gives the address of the plan."""

    def make():
        chosen = ",".join(str(user.pk) for user in gone)
        return as_alice.post(f"{USERS}restore/", {"ids": chosen})["Location"]

    return make


def test_plan_shows_wanted_free_and_missing_seats(as_alice, office, plan):
    Subscription.objects.filter(pk=office.pk).update(seats=1)
    url = plan()

    text = as_alice.get(url).content.decode()

    for words in ("Restore 2 users?", "2 needed, 1 free", "1 user gets no license"):
        assert words in text
    as_alice.post(f"{url}start/", KEEP)
    result = as_alice.get(url).content.decode()
    assert "<h1>2 users restored</h1>" in result
    assert "No seat was free for Office E3." in result


@pytest.mark.parametrize(("choice", "has_sheet"), [("old", False), ("new", True)])
def test_they_keep_their_passwords_or_get_new_ones(as_alice, contoso, plan, choice, has_sheet):
    url = plan()

    as_alice.post(f"{url}start/", {"new_passwords": choice})

    batch = contoso.batches.get(kind="restore")
    assert (batch.state, batch.has_secrets) == ("done", has_sheet)


def test_a_taken_name_is_changed_on_the_spot(as_alice, contoso, gone, plan):
    factories.user(contoso, "New Ann", user_name="ann@contoso.example")
    url = plan()
    assert "New user name of Ann" in as_alice.get(url).content.decode()
    number = Line.objects.get(batch__kind="restore", state="invalid").number

    refused = as_alice.post(f"{url}rename/", {"number": number, "local_part": "bo"})
    assert refused.status_code == 422
    assert "This user name is already taken." in refused.content.decode()
    assert 'value="bo"' in refused.content.decode()
    refused = as_alice.post(f"{url}rename/", {"number": number, "local_part": "a b"})
    assert refused.status_code == 422
    assert 'value="a b"' in refused.content.decode()

    as_alice.post(f"{url}rename/", {"number": number, "local_part": "ann.old"})
    assert "2 needed, 5 free" in as_alice.get(url).content.decode()
    as_alice.post(f"{url}start/", KEEP)

    user = CustomerUser.objects.get(pk=gone[0].pk)
    assert (user.user_name, user.deleted_at) == ("ann.old@contoso.example", None)


def test_a_suggestion_is_free_and_needs_no_typing(as_alice, contoso, gone, plan):
    for name in ("ann", "ann2"):
        factories.user(contoso, name, user_name=f"{name}@contoso.example")
    url = plan()
    (taken,) = find_taken_names(contoso.batches.get(kind="restore"))
    assert taken.suggestions[0] == "ann3"

    data = {"number": taken.number, "local_part": "ann", "suggestion": "ann3"}
    as_alice.post(f"{url}rename/", data)

    line = Line.objects.get(batch__kind="restore", number=taken.number)
    assert (line.state, line.input["user_name"]) == ("planned", "ann3@contoso.example")


@pytest.mark.parametrize("number", ["", "x", "0", "99", "99999999999"])
def test_missing_line_is_not_renamed(as_alice, plan, number):
    answer = as_alice.post(f"{plan()}rename/", {"number": number, "local_part": "x"})

    assert answer.status_code in (302, 422)


def test_user_restored_meanwhile_is_not_restored_twice(as_alice, contoso, gone, plan):
    first, second = plan(), plan()
    as_alice.post(f"{first}start/", KEEP)

    as_alice.post(f"{second}start/", KEEP)

    text = as_alice.get(second).content.decode()
    assert "This user was deleted, restored or purged in the meantime." in text


def test_result_of_deletion_offers_no_second_restore(as_alice, contoso, plan):
    as_alice.post(f"{plan()}start/", KEEP)
    deletion = contoso.batches.get(kind="delete")

    answer = as_alice.post(f"/customers/contoso/batches/{deletion.pk}/restore/", follow=True)

    assert "None of these users are deleted." in answer.content.decode()


def test_help_desk_sees_users_restored_without_permissions(client, contoso, alice, helen):
    boss = factories.user(contoso, "Boss", permissions=["user_administrator"])
    batch = plan_deletes(customer=contoso, users=[boss.pk], by=alice)
    start_batch(batch=batch, by=alice)
    client.force_login(helen)

    planned = client.post(f"{USERS}restore/", {"ids": str(boss.pk)})["Location"]

    assert (
        "This administrator is restored as a user without administrator permissions"
        in client.get(planned).content.decode()
    )


def test_a_deleted_user_is_restored_from_their_page(as_alice, gone):
    text = as_alice.get(f"{USERS}{gone[0].pk}/").content.decode()

    assert f'href="{USERS}{gone[0].pk}/restore/"' in text
    assert f'formaction="{USERS}delete/"' not in text


def test_help_desk_cannot_rename_in_foreign_plan(client, contoso, helen, gone, plan):
    factories.user(contoso, "New Ann", user_name="ann@contoso.example")
    url = plan()
    client.force_login(helen)

    assert client.post(f"{url}rename/", {"number": 1, "local_part": "x"}).status_code == 403
