from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from customers.filters import UnknownFilter
from licensing.models import Assignment
from tests import factories
from users.queries import filters as users_filters
from users.queries.filters import chosen_ids, find_users, read_filters


def found(customer, query):
    """The names that a query string finds, in the order of the list."""
    users = find_users(customer, read_filters(customer, query))
    return [user.display_name for user in users.order_by("sort_key", "pk")]


def give(user, subscription):
    """Let the user hold a seat, past all operations."""
    Assignment.objects.create(customer=user.customer, subscription=subscription, user=user)


def delete(user, **fields):
    """Delete the user, past all operations."""
    user.deleted_at = timezone.now()
    user.purge_at = user.deleted_at + timedelta(days=30)
    for name, value in fields.items():
        setattr(user, name, value)
    user.save()


def test_no_filter_finds_active_users_of_customer(contoso):
    factories.user(contoso, "Ann")
    delete(factories.user(contoso, "Ben"))
    factories.user(factories.customer("fabrikam", "Fabrikam"), "Cleo")

    assert found(contoso, "") == ["Ann"]
    assert found(contoso, "tab=active") == ["Ann"]
    assert found(contoso, "tab=deleted") == ["Ben"]


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("ann", ["Ann Müller"]),
        ("muller", ["Ann Müller"]),
        ("ANN mü", ["Ann Müller"]),
        ("an", ["Ann Müller"]),
        ("建国", ["王建国"]),
        ("contoso.example", ["Ann Müller", "王建国"]),
        ("100%", []),
        ("_", []),
        ("\\", []),
        ("nobody", []),
        ("\u200b", []),
    ],
)
def test_a_search_finds_names_and_user_names(contoso, term, names):
    factories.user(contoso, "Ann Müller")
    factories.user(contoso, "王建国")

    assert found(contoso, f"q={term.replace('%', '%25')}") == names


def test_search_on_deleted_tab_finds_deleted_users(contoso):
    factories.user(contoso, "Ann Active")
    delete(factories.user(contoso, "Ann Deleted"))

    assert found(contoso, "q=ann") == ["Ann Active"]
    assert found(contoso, "q=ann&tab=deleted") == ["Ann Deleted"]


@pytest.mark.parametrize("most", [2, 3])
def test_search_with_many_candidates_finds_all(contoso, monkeypatch, most):
    monkeypatch.setattr(users_filters, "MAX_CANDIDATES", most)
    for name in ("Ann A", "Ann B", "Ann C", "Ben"):
        factories.user(contoso, name)

    assert found(contoso, "q=ann") == ["Ann A", "Ann B", "Ann C"]


def test_search_runs_once_for_repeated_reads(contoso):
    factories.user(contoso, "Ann")
    users = find_users(contoso, read_filters(contoso, "q=ann"))

    with CaptureQueriesContext(connection) as captured:
        assert (users.count(), len(users)) == (1, 1)

    assert [query["sql"] for query in captured if "search_users" in query["sql"]] == []


def test_license_filters_find_holders_and_others(contoso, office):
    visio = factories.subscription(contoso, "Visio")
    ann, ben = factories.user(contoso, "Ann"), factories.user(contoso, "Ben")
    factories.user(contoso, "Cleo")
    give(ann, office)
    give(ann, visio)
    give(ben, visio)

    assert found(contoso, "license=some") == ["Ann", "Ben"]
    assert found(contoso, "license=none") == ["Cleo"]
    assert found(contoso, f"license={office.pk}") == ["Ann"]
    assert found(contoso, f"lacks={office.pk}") == ["Ben", "Cleo"]
    assert found(contoso, f"license={visio.pk}&lacks={office.pk}") == ["Ben"]


def test_states_filter(contoso):
    factories.user(contoso, "Ann", is_blocked=True, location="US")
    factories.user(contoso, "Ben", permissions=["global_administrator"], location="US")
    factories.user(contoso, "Cleo", password_state="temporary", location="US")
    factories.user(contoso, "Dan")

    assert found(contoso, "status=blocked") == ["Ann"]
    assert found(contoso, "status=allowed") == ["Ben", "Cleo", "Dan"]
    assert found(contoso, "permissions=administrators") == ["Ben"]
    assert found(contoso, "password=temporary") == ["Cleo"]
    assert found(contoso, "location=missing") == ["Dan"]


def test_periods_count_whole_days_of_the_reader(contoso):
    moment = timezone.datetime(2026, 3, 1, 23, 30, tzinfo=timezone.get_fixed_timezone(0))
    factories.user(contoso, "Ann", added_at=moment)

    with timezone.override(timezone.get_fixed_timezone(60)):
        assert found(contoso, "added_from=2026-03-02&added_to=2026-03-02") == ["Ann"]
        assert found(contoso, "added_to=2026-03-01") == []
    with timezone.override(timezone.get_fixed_timezone(0)):
        assert found(contoso, "added_from=2026-03-01&added_to=2026-03-01") == ["Ann"]
        assert found(contoso, "added_from=2026-03-02") == []


def test_deleted_users_are_found_by_day(contoso):
    delete(factories.user(contoso, "Ann"))

    assert found(contoso, "tab=deleted&deleted_from=2020-01-01") == ["Ann"]
    assert found(contoso, "tab=deleted&deleted_to=2020-01-01") == []


@pytest.mark.parametrize(
    "query",
    [
        "licens=none",
        "license=nobody",
        "license=01993b5e-7c00-7000-8000-000000000001",
        "lacks=01993b5e-7c00-7000-8000-000000000001",
        "lacks=some",
        "status=Blocked",
        "status=blocked&status=allowed",
        "tab=all",
        "tab=deleted&status=blocked",
        "deleted_from=2026-01-01",
        "added_from=yesterday",
        "added_from=9999-12-31",
        "added_to=0001-01-01",
        "q=" + "a" * 201,
    ],
)
def test_unknown_filter_is_refused(contoso, query):
    factories.user(contoso, "Ann")

    with pytest.raises(UnknownFilter):
        chosen_ids(contoso, ids="", all=True, query=query)


def test_a_subscription_of_another_customer_is_no_filter(contoso):
    theirs = factories.subscription(factories.customer("fabrikam", "Fabrikam"), "Visio")

    with pytest.raises(UnknownFilter):
        chosen_ids(contoso, ids="", all=True, query=f"lacks={theirs.pk}")


def test_selection_has_ids_of_customer_only(contoso):
    ann, ben = factories.user(contoso, "Ann"), factories.user(contoso, "Ben")
    theirs = factories.user(factories.customer("fabrikam", "Fabrikam"), "Cleo")
    ids = f"{ben.pk},{ann.pk},{ann.pk}, {theirs.pk},{uuid4()},x,,'"

    assert chosen_ids(contoso, ids=ids, all=False, query="") == [ann.pk, ben.pk]
    assert chosen_ids(contoso, ids="", all=False, query="") == []


def test_all_chosen_are_those_that_the_query_finds(contoso):
    ann = factories.user(contoso, "Ann", is_blocked=True)
    ben = factories.user(contoso, "Ben")

    def chosen(query):
        return chosen_ids(contoso, ids="", all=True, query=query)

    assert chosen("") == [ann.pk, ben.pk]
    assert chosen("status=blocked&sort=-name&after=x&q=") == [ann.pk]
    assert chosen("q=zoe") == []


def test_search_for_signs_explains_empty_list(as_alice, contoso):
    factories.user(contoso, "Bo - Sales")

    for query in ("q=-", "q=-&status=allowed"):
        answer = as_alice.get(f"/customers/contoso/users/?{query}")

        assert answer.context["list"].rows == []
        assert "The search finds letters and digits." in answer.content.decode()
