"""A search with another filter: the pages show the matches, whichever condition is read first."""

import json
import random
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

import pytest
from django.db import DataError, ProgrammingError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from licensing.models import Assignment, WaitingSeat
from partners import tenancy
from tests import factories
from tests.users.test_search_page import ask
from users.models import CustomerUser
from users.queries import filters as users_filters
from users.queries import page as paging
from users.queries.filters import Filters, find_users, read_filters
from users.queries.list import search_page
from users.queries.page import SORTS
from users.rules import names

TODAY = date(2026, 6, 1)
NAMES = [
    "Ann Abel",
    "Ann Zorn",
    "Olivia Lockhart",
    "王伟",
    "王建国",
    "李伟",
    "Zoë Müller-Ruiz",
    "Bo - Sales",
]
TERMS = [
    "ann", "o", "ol", "olivia lockhart", "contoso", "王", "王伟", "伟", "müller", "ruiz", "zoe -",
    "-", "。", "@", "%", "_", "\\", "100%", "a--", "@contoso", "nobody", "abel z",
]  # fmt: skip
ACTIVE = [
    "status=blocked", "status=allowed", "license=some", "license=none", "license={office}",
    "license={visio}", "lacks={office}", "lacks={visio}", "waits={visio}",
    "permissions=administrators", "password=temporary", "location=missing",
    "added_from=2026-05-20", "added_to=2026-05-20", "added_from=2026-04-01&added_to=2026-05-28",
    "status=blocked&license=none", "license={visio}&lacks={office}", "waits={visio}&license={office}",
]  # fmt: skip
DELETED = [
    "tab=deleted&purge=held", "tab=deleted&permissions=administrators",
    "tab=deleted&deleted_from=2026-05-20", "tab=deleted&deleted_to=2026-05-20",
]  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Pages of one row; as no more than three are counted, twenty users are a long list."""
    monkeypatch.setattr(paging, "ROWS", 1)


@pytest.fixture
def bought(contoso):
    """What the filters on seats ask for, by the names in their addresses."""
    return {
        name: factories.subscription(contoso, name.title(), seats=500)
        for name in ("office", "visio")
    }


def fill(customer, bought, count, *, seed=1):
    """Make users by chance: a name may go together with what they have, or not."""
    chance = random.Random(seed)
    moment = datetime.combine(TODAY, time(12), tzinfo=timezone.get_current_timezone())
    leaning = {(name, of): chance.choice([0, 0.1, 0.5, 1]) for name in NAMES for of in range(9)}
    for number in range(count):
        name = chance.choice(NAMES if number % 3 else NAMES[:2])
        has = [chance.random() < leaning[name, of] for of in range(9)]
        fields = {
            "is_blocked": has[0],
            "permissions": ["user_administrator"] if has[1] else [],
            "password_state": "temporary" if has[2] else "chosen",
            "location": "" if has[3] else "US",
            "added_at": moment - timedelta(days=number // 2 % 70),
        }
        if chance.random() < 0.3:
            gone = moment - timedelta(days=number // 2 % 30)
            fields |= {"deleted_at": gone, "purge_at": gone + timedelta(days=30), "is_held": has[4]}
        user = factories.user(customer, name, **fields)
        for of, subscription in enumerate(bought.values(), 5):
            if has[of] and user.deleted_at is None:
                Assignment.objects.create(customer=customer, subscription=subscription, user=user)
        if has[7] and not has[6] and user.deleted_at is None:
            waits = {"subscription": bought["visio"], "user": user}
            WaitingSeat.objects.create(customer=customer, **waits)


def is_wanted(user, held, waits, filters):
    """Whether the list shows the user, asked as plainly as can be."""
    day = timezone.localtime(user.added_at).date()
    gone = user.deleted_at and timezone.localtime(user.deleted_at).date()
    patterns = [
        pattern[1:-1].replace("\\%", "%").replace("\\_", "_").replace("\\\\", "\\")
        for pattern in names.search_patterns(filters.q)
    ]
    return all(
        [
            (user.deleted_at is not None) == filters.is_deleted,
            bool(patterns) and all(pattern in user.search for pattern in patterns),
            not filters.status or user.is_blocked == (filters.status == "blocked"),
            not filters.permissions or user.permissions,
            not filters.password or user.password_state == "temporary",
            filters.location != "missing" or user.location == "",
            not filters.purge or user.is_held,
            {"": True, "some": bool(held), "none": not held}.get(
                filters.license, filters.license in held
            ),
            not filters.lacks or filters.lacks not in held,
            not filters.waits or filters.waits in waits,
            not filters.added_from or day >= filters.added_from,
            not filters.added_to or day <= filters.added_to,
            not filters.deleted_from or gone and gone >= filters.deleted_from,
            not filters.deleted_to or gone and gone <= filters.deleted_to,
        ]
    )


def expected(customer, filters, sort):
    """The ids of the users that the list shows, in its order."""
    held, waits = {}, {}
    for seats, model in ((held, Assignment), (waits, WaitingSeat)):
        for user, subscription in model.objects.values_list("user", "subscription"):
            seats.setdefault(user, set()).add(subscription)
    shown = [
        user
        for user in customer.users.all()
        if is_wanted(user, held.get(user.pk, set()), waits.get(user.pk, set()), filters)
    ]
    column = SORTS[filters.tab][sort.removeprefix("-")]
    shown.sort(key=lambda user: (getattr(user, column), user.pk), reverse=sort[0] == "-")
    return [user.pk for user in shown]


def check(customer, bought, query, term, sort):
    """Check that all pages together are the list, both ways, and that no number is too high."""
    query = query.format(**{name: one.pk for name, one in bought.items()})
    filters = read_filters(customer, f"{query}&{urlencode({'q': term})}")
    right = expected(customer, filters, sort)
    place = {"filters": filters, "sort": sort, "count_to": 3}
    place["list_size"] = customer.users.count()
    page, *numbers = search_page(customer, **place)
    forth, back, said = list(page.users), [], [numbers]
    while page.next:
        page, *numbers = search_page(customer, after=page.next, **place)
        forth += page.users
        said.append(numbers)
    while page.previous:
        page, *numbers = search_page(customer, before=page.previous, **place)
        back += page.users
        said.append(numbers)

    assert [user.pk for user in forth] == right
    assert [user.pk for user in back] == right[-2::-1]
    for number, is_exact in said:
        assert number == min(len(right), 3) if is_exact else number <= min(len(right), 3)
        assert number or not right
    # What is exported, and what all that match are.
    found = find_users(customer, filters).values_list("pk", flat=True)
    assert sorted(found) == sorted(right)


@pytest.mark.parametrize("query", [*ACTIVE, *DELETED])
@pytest.mark.parametrize("count", [12, 140], ids=["short", "long"])
def test_pages_show_each_match_once_in_order(contoso, bought, small, query, count):
    fill(contoso, bought, count, seed=len(query))
    tab = "deleted" if "deleted" in query else ""
    sorts = [minus + name for name in SORTS[tab] for minus in ("", "-")]

    # Turning every page of a long list takes its time.
    for number, term in enumerate(TERMS if count < 100 else TERMS[::3]):
        check(contoso, bought, query, term, sorts[number % len(sorts)])
    for sort in sorts:
        check(contoso, bought, query, "ann", sort)


@pytest.mark.parametrize("place", [0, 90, 180])
@pytest.mark.parametrize("query", ["status=blocked", "license=none", "lacks={office}"])
def test_adjacent_matches_are_found_everywhere(contoso, bought, small, place, query):
    others = [*["Ann"] * 90, *["Zoe"] * 90]
    for number, name in enumerate([*others[:place], *["Olivia"] * 24, *others[place:]]):
        user = factories.user(contoso, name, is_blocked=number % 4 == 0)
        if number % 4:
            Assignment.objects.create(customer=contoso, subscription=bought["office"], user=user)

    check(contoso, bought, query, "olivia", "name")
    check(contoso, bought, query, "olivia", "-added")


def test_contradicting_filters_find_no_users(contoso, bought, small):
    for number in range(150):
        user = factories.user(contoso, "Ann" if number % 2 else "Ben", is_blocked=number % 2)
        if number % 2:
            Assignment.objects.create(customer=contoso, subscription=bought["office"], user=user)

    for query in ("status=blocked", "license=some", "license={office}"):
        check(contoso, bought, query, "ben", "name")
        check(contoso, bought, query, "contoso", "name")
    for query in ("license=none", "lacks={office}", "license={office}&lacks={office}"):
        check(contoso, bought, query, "ann", "name")
        check(contoso, bought, query, "contoso", "name")


def test_page_shows_lower_bound_of_matches(as_alice, contoso, bought, monkeypatch):
    monkeypatch.setattr("users.queries.list.MAX_COUNTED", 3)
    for _number in range(60):
        user = factories.user(contoso, "Ann")
        Assignment.objects.create(customer=contoso, subscription=bought["office"], user=user)
    factories.user(contoso, "Ann")

    many = as_alice.get("/customers/contoso/users/?q=ann&license=some").context["list"].total
    few = as_alice.get("/customers/contoso/users/?q=ann&license=none").context["list"].total

    assert (many.number, many.is_exact) == (3, False)
    assert (few.number, few.is_exact) == (1, True)


@pytest.mark.parametrize("address", ["q=ann&status=allowed", "q=ann&license=none"])
def test_page_needs_fixed_number_of_queries(as_alice, contoso, address, django_assert_num_queries):
    factories.user(contoso, "Ann")
    as_alice.get(f"/customers/contoso/users/?{address}")
    with CaptureQueriesContext(connection) as one:
        as_alice.get(f"/customers/contoso/users/?{address}")
    for _number in range(3):
        factories.user(contoso, "Ann")

    with django_assert_num_queries(len(one)):
        as_alice.get(f"/customers/contoso/users/?{address}")


SEARCH_FILTERED = (
    "SELECT * FROM app.search_filtered("
    "%s, false, '{%%ann%%}', %s, 'sort_key', false, %s, %s, 2, 3, %s)"
)
PLACE = ("a", "01993b5e-7c00-7000-8000-000000000001")
NOBODY = "01993b5e-7c00-7000-8000-000000000002"


@pytest.mark.parametrize("size", [1, 1000], ids=["short", "long"])
@pytest.mark.parametrize("place", [PLACE, (None, None)], ids=["further", "first"])
@pytest.mark.parametrize("wanted", ['{"license": "some"}', '{"status": "allowed"}', "{}", "held"])
def test_customer_of_another_partner_finds_no_users(contoso, bought, rival, size, place, wanted):
    """The function bypasses row-level security, so its own conditions are the only guard."""
    for _number in range(10):
        user = factories.user(contoso, "Ann")
        Assignment.objects.create(customer=contoso, subscription=bought["office"], user=user)
    if wanted == "held":
        # The seats of others are no way to their users.
        wanted = f'{{"license": "{bought["office"].pk}"}}'

    with tenancy.tenant(rival.pk):
        theirs = factories.customer("theirs", "Theirs")
        factories.user(theirs, "Ann")
        assert ask(SEARCH_FILTERED, contoso.pk, size, *place, wanted)[0][:2] == ([], 0)
    first = list(CustomerUser.objects.filter(customer=contoso).order_by("pk")[:2])
    assert ask(SEARCH_FILTERED, theirs.pk, size, *place, wanted)[0][:2] == ([], 0)
    found, number, _is_exact = ask(SEARCH_FILTERED, contoso.pk, size, *place, wanted)[0]
    assert (found, number) == ([user.pk for user in first], 3)


def test_without_a_tenant_nothing_is_searched(contoso):
    with (
        tenancy.tenant(None),
        pytest.raises(ProgrammingError, match="no tenant context"),
        transaction.atomic(),
    ):
        ask(SEARCH_FILTERED, contoso.pk, 1000, None, None, "{}")


@pytest.mark.parametrize(
    "wanted", ['{"licens": "none"}', '{"status": "Blocked"}', '{"license": "few"}', '{"q": "a"}']
)
def test_unknown_filter_raises(contoso, wanted):
    factories.user(contoso, "Ann")

    with pytest.raises(DataError), transaction.atomic():
        ask(SEARCH_FILTERED, contoso.pk, 1000, None, None, wanted)


@pytest.mark.django_db(databases=["default", "owner"])
def test_the_database_knows_every_filter(contoso):
    """A new filter of the list must be added to the function, too."""
    with connections["owner"].cursor() as cursor:
        # portal_app may call it only by the search.
        cursor.execute("SET LOCAL ROLE portal_search")
        for name, limits in each_filter():
            cursor.execute("SELECT * FROM app.list_conditions(%s)", [json.dumps(limits)])
            assert cursor.fetchone()[:2] != ("true", "true"), name


def each_filter():
    """The limits of every filter of the list, one at a time."""
    for one in fields(Filters):
        # The users of a selection are searched without the function.
        if one.name in ("tab", "q", "selection"):
            continue
        id_or_day = TODAY if one.metadata.get("is_day") else NOBODY
        for value in one.metadata.get("values") or [id_or_day]:
            yield one.name, users_filters.read_limits(Filters(**{one.name: value}))


def test_planner_settings_are_reset(contoso, bought, small):
    """The planner settings of the function must not outlast it: other queries need other plans."""
    settings = (
        "SELECT name, setting FROM pg_settings"
        " WHERE name LIKE 'enable%%' OR name LIKE 'cpu%%' OR name = 'work_mem'"
    )
    before = ask(settings)
    fill(contoso, bought, 120)

    check(contoso, bought, "license=none", "ann", "name")

    assert ask(settings) == before


@pytest.mark.parametrize("sort", ["name", "-user_name"])
def test_search_text_is_no_sql(contoso, bought, small, sort):
    for name in ("Ann 100%s %L", "%1$s ' \\ sort_key", "u.search $1"):
        factories.user(contoso, name)

    for term in ("100%s", "%L ann", "%1$s", "'", "sort_key", "u.search", "$1"):
        check(contoso, bought, "status=allowed", term, sort)
