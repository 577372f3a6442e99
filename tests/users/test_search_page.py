"""A page of a search shows the matches in list order, whichever way they are found."""

from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from partners import tenancy
from tests import factories
from users.models import CustomerUser
from users.queries import page as paging
from users.queries.filters import read_filters
from users.queries.list import search_page
from users.queries.page import SORTS

ORDERS = [
    (tab, minus + name) for tab, sorts in SORTS.items() for name in sorts for minus in ("", "-")
]


@pytest.fixture
def small(monkeypatch):
    """Pages of one row; as no more than three are counted, a hundred users are a long list."""
    monkeypatch.setattr(paging, "ROWS", 1)


def fill(customer, *names, is_deleted=False):
    """Make users of these names, the oldest first; always two share a moment."""
    start = timezone.now() - timedelta(days=200)
    for number, name in enumerate(names):
        moment = start + timedelta(days=number // 2)
        gone = {"deleted_at": moment, "purge_at": moment + timedelta(days=30)} if is_deleted else {}
        factories.user(customer, name, added_at=moment, **gone)


def turn(customer, query, sort):
    """Turn all pages of a search, forth and back; gives the ids forth, those back, and the total."""
    filters = read_filters(customer, query)
    size = customer.users.count()
    place = {"filters": filters, "sort": sort, "list_size": size, "count_to": 3}
    page, number, is_exact = search_page(customer, **place)
    assert is_exact == (number < 3)
    forth, back = list(page.users), []
    while page.next:
        page, *_number = search_page(customer, after=page.next, **place)
        forth += page.users
    while page.previous:
        page, *_number = search_page(customer, before=page.previous, **place)
        back += page.users
    return [user.pk for user in forth], [user.pk for user in back], number


def expected(customer, text, tab, sort):
    """The ids of those with this in their names, as the list would order them."""
    column = SORTS[tab][sort.removeprefix("-")]
    minus = "-" if sort.startswith("-") else ""
    users = customer.users.filter(deleted_at__isnull=not tab, search__contains=text)
    return list(users.order_by(f"{minus}{column}", f"{minus}pk").values_list("pk", flat=True))


def check(customer, text, *, tab="", sort="name"):
    """See that all pages of the search together are the list, whichever way they are turned."""
    forth, back, number = turn(customer, f"tab={tab or 'active'}&q={text}", sort)

    right = expected(customer, text, tab, sort)
    assert forth == right
    assert back == right[-2::-1]
    assert number == min(len(right), 3)


@pytest.mark.parametrize(("tab", "sort"), ORDERS)
def test_pages_show_each_match_once_both_ways(contoso, small, tab, sort):
    names = ["Ann A", "Ben B", "Cleo Ann", "Dan D", "Ann A", "Eve E", "Ann C"]
    fill(contoso, *names)
    fill(contoso, *names, "Ann Z", is_deleted=True)

    # No users, one user, more than are counted, all users.
    for text in ("zoe", "cleo", "ann", "contoso"):
        check(contoso, text, tab=tab, sort=sort)


@pytest.mark.parametrize("sort", ["name", "-name", "user_name", "-added"])
@pytest.mark.parametrize("place", [0, 90, 180])
def test_adjacent_matches_are_found_everywhere(contoso, small, place, sort):
    """A walk along the list would end before it meets the first of them, or after the last."""
    others = [*["Ann"] * 90, *["Zoe"] * 90]
    fill(contoso, *others[:place], *["Olivia Lockhart"] * 6, *others[place:])

    check(contoso, "lockhart", sort=sort)


def test_a_glance_that_misleads_changes_nothing(contoso, small):
    """Of the oldest users hardly any is found, of the next ones every one, of the others few."""
    fill(contoso, *["Ann"] * 6, "Ben", *["Ben"] * 13, *["Ann"] * 10, "Ben")
    fill(contoso, *["Cleo"] * 9, *["Ann"] * 11)

    check(contoso, "ben")
    check(contoso, "cleo")


def test_search_stays_on_its_tab(contoso, small):
    fill(contoso, "Ann")
    fill(contoso, "Ann", is_deleted=True)

    check(contoso, "ann")
    check(contoso, "ann", tab="deleted", sort="-deleted")


def test_search_for_signs_finds_no_users(as_alice, contoso):
    factories.user(contoso, "Ann")

    shown = as_alice.get("/customers/contoso/users/?q=%E2%80%8B").context["list"]

    assert (shown.rows, shown.total.number, shown.total.is_exact) == ([], 0, True)


def ask(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


SEARCH_PAGE = (
    "SELECT * FROM app.search_page(%s, false, '{%%ann%%}', %s, 'sort_key', false, %s, %s, 2, 3)"
)
SEARCH_USERS = "SELECT app.search_users(%s, false, '{%%ann%%}', 100)"
PLACE = ("a", "01993b5e-7c00-7000-8000-000000000001")


@pytest.mark.parametrize("size", [1, 1000], ids=["short", "long"])
@pytest.mark.parametrize("place", [PLACE, (None, None)], ids=["further", "first"])
def test_customer_of_another_partner_finds_no_users(contoso, rival, size, place):
    """The functions bypass row-level security, so their own conditions are the only guard."""
    fill(contoso, *["Ann"] * 10)
    ours = CustomerUser.objects.filter(customer=contoso)

    with tenancy.tenant(rival.pk):
        theirs = factories.customer("theirs", "Theirs")
        factories.user(theirs, "Ann")
        assert ask(SEARCH_PAGE, contoso.pk, size, *place) == [([], 0)]
        assert ask(SEARCH_USERS, contoso.pk) == []
        assert len(ask(SEARCH_PAGE, theirs.pk, size, *place)[0][0]) == 1

    assert ask(SEARCH_PAGE, theirs.pk, size, *place) == [([], 0)]
    assert ask(SEARCH_USERS, theirs.pk) == []
    first = list(ours.order_by("pk").values_list("pk", flat=True)[:2])
    assert ask(SEARCH_PAGE, contoso.pk, size, *place) == [(first, 3)]
    assert len(ask(SEARCH_USERS, contoso.pk)) == 10


@pytest.mark.parametrize("sql", [SEARCH_PAGE, SEARCH_USERS], ids=["page", "all"])
def test_without_a_tenant_nothing_is_searched(contoso, sql):
    parameters = [contoso.pk, 1000, None, None] if sql is SEARCH_PAGE else [contoso.pk]

    with (
        tenancy.tenant(None),
        pytest.raises(ProgrammingError, match="no tenant context"),
        transaction.atomic(),
    ):
        ask(sql, *parameters)


def test_planner_settings_are_reset(contoso, small):
    """The planner settings of the function must not outlast it: other queries need other plans."""
    settings = (
        "SELECT name, setting FROM pg_settings WHERE name LIKE 'enable%%' OR name LIKE 'cpu%%'"
    )
    before = ask(settings)
    fill(contoso, *["Ann"] * 90, *["Zoe"] * 6)

    check(contoso, "zoe")

    assert ask(settings) == before
