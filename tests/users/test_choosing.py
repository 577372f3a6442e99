"""Selections of users in forms and addresses: invalid ones select no users, never all."""

from datetime import timedelta

import pytest
from django.utils import timezone

from batches.models import Batch, Line
from customers.filters import UnknownFilter
from tests import factories
from users.models import CustomerUser
from users.queries.filters import chosen_ids

LIST = "/customers/contoso/users/"
LICENSES = f"{LIST}licenses/"


@pytest.fixture
def people(contoso):
    """Twenty Anns of Contoso, every second of them blocked."""
    return [
        factories.user(contoso, f"Ann {number:02}", location="US", is_blocked=number % 2 == 1)
        for number in range(20)
    ]


def delete(user) -> None:
    now = timezone.now()
    CustomerUser.objects.filter(pk=user.pk).update(
        deleted_at=now, purge_at=now + timedelta(days=30)
    )


def plan(client, act, **sent):
    """Send what the list sends; gives the page that follows."""
    answer = client.post(f"{LIST}{act}/", sent, follow=True)
    assert answer.status_code == 200
    return answer


def names() -> list[str]:
    return [line.input["display_name"] for line in Line.objects.order_by("number")]


ALL_ACTS = ["reset", "block", "unblock", "delete", "restore", "purge", "licenses", "edit", "hold"]


@pytest.mark.parametrize(
    "sent",
    [
        {"all": "1", "query": "statsu=blocked"},
        {"all": "1", "query": "status=blokced"},
        {"all": "1", "query": "tab=delted"},
        {"all": "1", "query": "status=blocked&status=allowed"},
        {"all": "1", "query": "license=00000000-0000-7000-8000-000000000000"},
        # Without the query it is not known what all means.
        {"all": "1"},
        {"all": "yes", "query": ""},
        {"ids": "all"},
        {"ids": "*"},
        {"ids": "", "all": "", "query": "status=blocked"},
        {"ids": "", "all": "", "query": "", "without": "", "counted": "20"},
        {},
    ],
    ids=str,
)
def test_invalid_selection_selects_no_users(as_alice, people, sent):
    delete(people[0])

    for act in ALL_ACTS:
        answer = plan(as_alice, act, **sent)
        assert answer.redirect_chain[-1][0].partition("?")[0] == LIST
        (said,) = map(str, answer.context["messages"])
        assert said.startswith(("No users are selected.", "A filter in the address is unknown."))
    assert not Batch.objects.exists()


@pytest.mark.parametrize("place", ["sort=-name", "after=x&before=y", "page=2", "tab=active"])
def test_page_of_list_is_no_filter(as_alice, people, place):
    """netbox#15852, #19082: the place in the list is no filter, and no filter gets lost beside it."""
    plan(as_alice, "reset", all="1", query=f"{place}&status=blocked&q=ann")

    assert names() == [f"Ann {number:02}" for number in range(1, 20, 2)]


def test_all_of_one_tab_excludes_other_tab(as_alice, people):
    delete(people[0])

    for act, query in (("delete", "tab=deleted"), ("purge", ""), ("restore", "status=allowed")):
        assert plan(as_alice, act, all="1", query=query).redirect_chain[-1][0].startswith(LIST)
    assert not Batch.objects.exists()

    plan(as_alice, "purge", all="1", query="tab=deleted")
    assert names() == ["Ann 00"]


def test_all_but_those_taken_out(as_alice, people):
    without = f"{people[1].pk}, {people[0].pk}"

    plan(as_alice, "reset", all="1", query="status=blocked", without=without, counted="9")

    assert names() == [f"Ann {number:02}" for number in range(3, 20, 2)]
    assert "moved" not in Batch.objects.get().plan


# An id cut short by a character, something beside an id, and what is no id at all.
@pytest.mark.parametrize("odd", ["{short}", "{id},nonsense", "{id},", "nonsense", ",", "*"])
def test_invalid_excluded_id_selects_no_users(as_alice, contoso, people, odd):
    without = odd.format(id=people[1].pk, short=str(people[1].pk)[:-1])

    with pytest.raises(UnknownFilter):
        chosen_ids(contoso, ids="", all=True, query="status=blocked", without=without)
    for act in ALL_ACTS:
        answer = plan(as_alice, act, all="1", query="status=blocked", without=without, counted="9")
        assert answer.redirect_chain[-1][0].partition("?")[0] == LIST
        (said,) = map(str, answer.context["messages"])
        assert said.startswith("A filter in the address is unknown.")
    exported = as_alice.post(
        f"{LIST}export/list.csv", {"all": "1", "query": "", "without": without}
    )
    assert exported["Location"] == LIST
    assert not Batch.objects.exists()


def test_purged_user_can_be_excluded(as_alice, people):
    """The id of a purged user is still a valid id."""
    without = f"{people[1].pk},00000000-0000-7000-8000-000000000000"

    plan(as_alice, "reset", all="1", query="status=blocked", without=without)

    assert names() == [f"Ann {number:02}" for number in range(3, 20, 2)]


def test_excluding_all_selects_no_users(as_alice, people):
    without = ",".join(str(user.pk) for user in people)

    answer = plan(as_alice, "delete", all="1", query="", without=without)

    assert "No users are selected." in answer.content.decode()
    assert not Batch.objects.exists()


def test_changed_number_is_shown_until_start(as_alice, people, contoso):
    delete(people[1])

    answer = plan(as_alice, "reset", all="1", query="status=blocked", counted="10")

    said = "The number of selected users changed from 10 to 9."
    assert said in answer.content.decode()
    # Users that are added or changed afterwards do not change the plan.
    factories.user(contoso, "Ann Late", is_blocked=True)
    CustomerUser.objects.filter(pk=people[3].pk).update(is_blocked=False)
    again = as_alice.get(answer.request["PATH_INFO"]).content.decode()
    assert said in again
    as_alice.post(f"{answer.request['PATH_INFO']}start/")
    assert names() == [f"Ann {number:02}" for number in range(3, 20, 2)]
    assert {line.state for line in Line.objects.all()} == {"done"}


@pytest.mark.parametrize("counted", ["10", "", "many", "-1", "١٠", "9" * 30])
def test_invalid_number_is_not_compared(as_alice, people, counted):
    plan(as_alice, "reset", all="1", query="status=blocked", counted=counted)

    assert "moved" not in Batch.objects.get().plan


def test_ids_of_other_customers_select_no_users(as_alice, people, inside):
    fabrikam = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    theirs = factories.user(fabrikam, "Bo", user_name="bo@fabrikam.example")

    plan(as_alice, "delete", ids=f"{theirs.pk},{people[0].pk}", counted="2")

    assert names() == ["Ann 00"]
    assert Batch.objects.get().plan["moved"] == {"counted": 2, "found": 1}


@pytest.mark.parametrize(
    ("number", "address"), [(2, "?ids="), (20, "?ids="), (51, "?kept="), (0, "?all=1&query=")]
)
def test_a_page_that_asks_has_an_address(as_alice, contoso, people, number, address):
    more = [factories.user(contoso, f"Bo {n:02}", location="US") for n in range(40)]
    chosen = [*people, *more][:number]
    sent = {"ids": ",".join(str(user.pk) for user in chosen)}
    if not number:
        sent = {"ids": "", "all": "1", "query": "", "counted": "60"}

    for page in ("licenses", "edit"):
        answer = as_alice.post(f"{LIST}{page}/", sent)
        assert answer["Location"].startswith(f"{LIST}{page}/{address}")
        shown = as_alice.get(answer["Location"])
        assert shown.status_code == 200
        assert f"{number or 60} user" in shown.content.decode()


def test_session_keeps_few_long_selections(as_alice, contoso):
    ids = ",".join(
        str(factories.user(contoso, f"Bo {number:02}", location="US").pk) for number in range(51)
    )

    addresses = [as_alice.post(LICENSES, {"ids": ids})["Location"] for _time in range(4)]

    assert [as_alice.get(one).status_code for one in addresses] == [302, 200, 200, 200]
    assert len(as_alice.session["choices"]) == 3


def test_a_kept_choice_is_its_members_alone(as_alice, client, contoso, helen):
    ids = ",".join(
        str(factories.user(contoso, f"Bo {number:02}", location="US").pk) for number in range(51)
    )
    address = as_alice.post(LICENSES, {"ids": ids})["Location"]

    client.logout()
    client.force_login(helen)

    assert client.get(address, follow=True).redirect_chain[-1][0] == LIST


def test_a_hundred_thousand_ids_are_read(as_alice, people):
    wanted = ",".join([str(people[0].pk)] * 100_000)

    address = as_alice.post(LICENSES, {"ids": wanted})["Location"]

    assert "1 user selected" in as_alice.get(address).content.decode()
