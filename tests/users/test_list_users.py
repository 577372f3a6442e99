import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from batches.models import Batch, Line
from tests import factories
from tests.users.test_search_users import delete, give
from users.models import CustomerUser
from users.queries import page as paging


@pytest.fixture
def url(contoso):
    return reverse("users:list", args=["contoso"])


@pytest.fixture
def short_pages(monkeypatch):
    """Pages of three rows."""
    monkeypatch.setattr(paging, "ROWS", 3)


def shown(response):
    """The display names in the rows, in their order."""
    assert response.status_code == 200
    return [row.user.display_name for row in response.context["list"].rows]


def link(response, rel):
    """Where the pager leads, or None."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return found and found[1].replace("&amp;", "&")


def test_list_shows_active_users_by_name(as_alice, contoso, url):
    for name in ("Zoe", "ann", "王建国", "Ádám"):
        factories.user(contoso, name)
    delete(factories.user(contoso, "Gone"))

    response = as_alice.get(url)

    assert shown(response) == ["Ádám", "ann", "王建国", "Zoe"]
    assert ">Active users<" in response.content.decode()


def test_the_tabs_count_without_counting(as_alice, contoso, url):
    for name in ("Ann", "Ben"):
        factories.user(contoso, name)
    delete(factories.user(contoso, "Gone"))

    text = as_alice.get(url + "?q=ann").content.decode()

    assert 'Active users<span class="count">2</span>' in text
    assert 'Deleted users<span class="count">1</span>' in text
    assert "1 user" in text


def test_row_shows_two_licenses_and_number_of_others(as_alice, contoso, url):
    ann = factories.user(contoso, "Ann", department="Finance", location="DE")
    for name in ("Alpha", "Beta", "Gamma", "Delta"):
        give(ann, factories.subscription(contoso, name))

    text = as_alice.get(url).content.decode()

    assert '<span class="badge tag">Alpha</span><span class="badge tag">Beta</span>' in text
    assert 'title="Delta, Gamma">+2' in text
    assert "Finance" in text
    assert "Germany" in text


def test_row_marks_state_of_user(as_alice, contoso, url):
    factories.user(
        contoso,
        "Ann",
        is_blocked=True,
        permissions=["user_administrator"],
        password_state="temporary",
    )

    text = as_alice.get(url).content.decode()

    assert 'data-tone="bad">Blocked<' in text
    assert 'title="User administrator"' in text
    assert 'title="Temporary password not changed yet"' in text
    assert 'data-tone="warn">Unlicensed<' in text
    assert 'data-tone="warn">Missing<' in text


def test_names_are_text_and_never_markup(as_alice, contoso, url):
    factories.user(contoso, "<b>Ann</b>", department="<i>x</i>")

    text = as_alice.get(url).content.decode()

    assert "<bdi>&lt;b&gt;Ann&lt;/b&gt;</bdi>" in text
    assert "<i>x</i>" not in text


@pytest.mark.parametrize("sort", ["", "-name", "user_name", "-user_name", "added", "-added"])
def test_pages_show_each_user_once_both_ways(as_alice, contoso, url, short_pages, sort):
    now = timezone.now()
    # Many have the same name or time, so that only the id decides where a page ends.
    for number in range(8):
        factories.user(contoso, f"Ann {number % 2}", added_at=now - timedelta(days=number // 3))

    pages, response = [], as_alice.get(url, {"sort": sort})
    pages.append([row.user.pk for row in response.context["list"].rows])
    while link(response, "next"):
        response = as_alice.get(url + link(response, "next"))
        pages.append([row.user.pk for row in response.context["list"].rows])
    back = []
    while link(response, "prev"):
        response = as_alice.get(url + link(response, "prev"))
        back.append([row.user.pk for row in response.context["list"].rows])

    column = {"user_name": "user_name", "added": "added_at"}.get(sort.strip("-"), "sort_key")
    minus = "-" if sort.startswith("-") else ""
    everybody = CustomerUser.objects.order_by(f"{minus}{column}", f"{minus}pk")
    assert [len(page) for page in pages] == [3, 3, 2]
    assert sum(pages, []) == list(everybody.values_list("pk", flat=True))
    assert back == [pages[1], pages[0]]


def test_first_and_last_page_have_no_further_link(as_alice, contoso, url, short_pages):
    for number in range(4):
        factories.user(contoso, f"Ann {number}")

    first = as_alice.get(url)
    last = as_alice.get(url + link(first, "next"))

    assert link(first, "prev") is None
    assert link(last, "next") is None
    assert shown(last) == ["Ann 3"]


def test_page_back_is_full_after_addition(as_alice, contoso, url, short_pages):
    for name in ("Ben", "Cleo", "Dan", "Eve"):
        factories.user(contoso, name)
    last = as_alice.get(url + link(as_alice.get(url), "next"))
    CustomerUser.objects.filter(display_name="Ben").update(sort_key="zz")

    assert shown(as_alice.get(url + link(last, "prev"))) == ["Cleo", "Dan", "Eve"]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        "bnVsbA",
        "W10",
        "WzEsMl0",
        "WyJcdTAwMDAiLCAiMDE5M2E0ZGMtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAwIl0",
        "WyJcdWQ4MDAiLCAiMDE5M2E0ZGMtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAwIl0",
        "W1tbW1tb" * 500,
    ],
)
@pytest.mark.parametrize("sort", ["name", "-added"])
@pytest.mark.parametrize("way", ["after", "before"])
def test_invalid_cursor_shows_first_page(as_alice, contoso, url, cursor, sort, way):
    factories.user(contoso, "Ann")

    assert shown(as_alice.get(url, {way: cursor, "sort": sort})) == ["Ann"]


def test_invalid_order_sorts_by_name(as_alice, contoso, url):
    factories.user(contoso, "Ben")
    factories.user(contoso, "Ann")

    assert shown(as_alice.get(url, {"sort": "password"})) == ["Ann", "Ben"]


def test_header_shows_sort_order(as_alice, contoso, url):
    factories.user(contoso, "Ann")

    assert 'aria-sort="ascending"><a href="?sort=-name"' in as_alice.get(url).content.decode()
    text = as_alice.get(url, {"sort": "-name", "q": "ann"}).content.decode()
    assert 'aria-sort="descending"><a href="?sort=name&amp;q=ann"' in text


def test_unknown_filter_shows_error_and_no_users(as_alice, contoso, url):
    factories.user(contoso, "Ann")

    response = as_alice.get(url, {"status": "sleeping"})

    assert shown(response) == []
    assert "A filter in the address is unknown." in response.content.decode()
    assert "Clear filters" in response.content.decode()


def test_hidden_filter_is_listed_and_removable(as_alice, contoso, url, office):
    factories.user(contoso, "Ann")

    text = as_alice.get(url, {"lacks": str(office.pk), "q": "ann"}).content.decode()

    assert "Remove the filter Without license for: Office E3" in text
    assert f'href="{url}?q=ann"' in text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "status=blocked",
        "status=allowed",
        "license=some",
        "license=none",
        "license=O",
        "lacks=O",
    ],
)
def test_kept_numbers_are_those_that_counting_gives(as_alice, contoso, url, office, query):
    users = [factories.user(contoso, f"Ann {n}", is_blocked=n == 0) for n in range(5)]
    give(users[0], office)
    give(users[1], factories.subscription(contoso, "Visio"))
    give(users[2], office)

    response = as_alice.get(f"{url}?{query.replace('O', str(office.pk))}")

    assert response.context["list"].total.number == len(shown(response))


def test_uncounted_users_are_shown_as_more(as_alice, contoso, url, monkeypatch):
    monkeypatch.setattr("users.queries.list.MAX_COUNTED", 2)
    for number in range(3):
        factories.user(contoso, f"Ann {number}")

    text = as_alice.get(url, {"q": "ann"}).content.decode()

    assert "2+ users" in text
    assert 'data-selection-total="2" data-selection-more' in text
    assert "Select all 2+ matching" in text


def test_empty_customer_offers_add_and_import(as_alice, url):
    text = as_alice.get(url).content.decode()

    assert "No users yet" in text
    assert reverse("users:add", args=["contoso"]) in text
    assert "<table" not in text


def test_no_match_offers_to_clear_the_filters(as_alice, contoso, url):
    factories.user(contoso, "Ann")

    text = as_alice.get(url, {"q": "zoe"}).content.decode()

    assert "No users match" in text
    assert f'href="{url}"' in text


def test_selection_has_member_list_filter_and_total(as_alice, alice, contoso, url):
    ann = factories.user(contoso, "Ann", is_blocked=True)

    text = as_alice.get(url, {"status": "blocked", "sort": "-name"}).content.decode()

    assert f'data-selection-key="{alice.pk}/contoso/users?status=blocked"' in text
    assert 'data-selection-query="status=blocked" data-selection-total="1"' in text
    assert f'data-select-row value="{ann.pk}"' in text
    assert reverse("users:reset", args=["contoso"]) in text


def test_reader_gets_no_selection_add_or_export(client, bob, contoso, url):
    factories.user(contoso, "Ann")
    client.force_login(bob)

    text = client.get(url).content.decode()

    assert "data-select" not in text
    assert reverse("users:reset", args=["contoso"]) not in text
    assert reverse("users:add", args=["contoso"]) not in text
    assert reverse("users:export", args=["contoso", "csv"]) not in text


def test_deleted_users_show_day_member_and_reason(as_alice, alice, contoso, url, office):
    batch = Batch.objects.create(
        customer=contoso,
        kind="delete",
        state=Batch.State.DONE,
        by=alice,
        by_name="Alice",
        reason="Left the company",
    )
    ann = factories.user(contoso, "Ann")
    held = {"held": [{"subscription": str(office.pk)}]}
    Line.objects.create(batch=batch, number=1, user_id=ann.pk, result=held)
    delete(ann, deletion=batch.pk, purge_at=timezone.now() + timedelta(days=11, hours=23))
    factories.user(contoso, "Ben")

    response = as_alice.get(url, {"tab": "deleted"})

    text = response.content.decode()
    assert shown(response) == ["Ann"]
    for words in ("by Alice", "Left the company", "12 days left", "Office E3"):
        assert words in text
    assert "data-select-row" in text


def test_deleted_users_are_sorted_by_deletion(as_alice, contoso, url):
    now = timezone.now()
    for days, name in enumerate(["Ann", "Ben", "Cleo"]):
        user = factories.user(contoso, name)
        CustomerUser.objects.filter(pk=user.pk).update(
            deleted_at=now - timedelta(days=days), purge_at=now + timedelta(days=30 - days)
        )

    def names(sort):
        return shown(as_alice.get(url, {"tab": "deleted", "sort": sort}))

    assert names("") == ["Ann", "Ben", "Cleo"]
    assert names("deleted") == ["Cleo", "Ben", "Ann"]
    assert names("-name") == ["Cleo", "Ben", "Ann"]


def test_other_partner_and_limited_member_get_404(client, mallory, url):
    client.force_login(mallory)

    assert client.get(url).status_code == 404


@pytest.mark.parametrize("query", ["", "q=ann&license=some", "tab=deleted"])
def test_list_needs_fixed_number_of_queries(as_alice, alice, contoso, url, office, query):
    def add(number):
        office.seats += number
        office.save(update_fields=["seats"])
        batch = Batch.objects.create(
            customer=contoso, kind="delete", state="done", by=alice, by_name="Alice"
        )
        for index in range(number):
            give(factories.user(contoso, "Ann"), office)
            gone = factories.user(contoso, "Ann")
            Line.objects.create(batch=batch, number=index + 1, user_id=gone.pk)
            delete(gone, deletion=batch.pk)

    def asked():
        with CaptureQueriesContext(connection) as captured:
            response = as_alice.get(f"{url}?{query}")
        return len(shown(response)), len(captured)

    add(1)
    # The first request of a browser asks more.
    asked()
    rows, one = asked()
    add(49)

    assert rows == 1
    assert asked() == (50, one)
    assert one <= 14


def test_user_of_another_customer_is_not_listed(as_alice, contoso, url):
    factories.user(factories.customer("fabrikam", "Fabrikam"), "Ann")

    assert shown(as_alice.get(url)) == []
    assert as_alice.get(reverse("users:list", args=[uuid4().hex])).status_code == 404
