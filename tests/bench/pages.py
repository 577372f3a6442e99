"""Rows about pages: whole responses, for a customer of a million users and for one of 1,000."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from statistics import median
from time import perf_counter
from urllib.parse import urlencode

from django.db import transaction
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from customers.models import Customer
from tests.bench import datasets, ours, rounds
from tests.bench.surroundings import Ground
from tests.bench.table import Row, compare
from users.acts.reset import plan_resets
from users.queries.filters import Filters, find_users
from users.queries.page import get_page
from users.views import list as lists

SEARCHES = {
    "rare": datasets.RARE[1],
    "common": datasets.COMMON[1],
    "none": "xyzzyqq",
    "two Chinese characters": "".join(reversed(datasets.CHINESE)),
}
# What finds so many that nobody would look through them.
BROAD_SEARCHES = {
    "two words": " ".join(datasets.COMMON),
    "everybody": "example",
    "one Chinese character": datasets.CHINESE[1],
    "two letters": datasets.COMMON[1][:2],
}
# What is looked for in a list that is filtered as well, and by which of its pages.
FILTERED_SEARCHES = {
    "two words": " ".join(datasets.COMMON),
    "everybody": "example",
    "one Chinese character": datasets.CHINESE[1],
    "a sign": "-",
}
FILTERS = ("allowed", "blocked", "unlicensed", "holds Visio", "lacks Office", "added from")


def run(ground: Ground, kept: dict[str, str]) -> Iterator[Row]:
    """Measure the list and the search; nothing is changed but sessions."""
    ground.use(kept["many"])
    with datasets.inside() as member:
        client = Client(headers={"accept-language": "en"})
        client.force_login(member)
        with transaction.atomic():
            many, few = datasets.get_customer("many"), datasets.get_customer("few")
            pages = [_pages(customer) for customer in (many, few)]
    # A request enters its tenant by itself.
    yield _worst(ground, client, "list_scale", (many, few), pages, target=2)
    for name, terms in (("search_scale", SEARCHES), ("search_scale_broad", BROAD_SEARCHES)):
        searches = [{case: {"q": text} for case, text in terms.items()}] * 2
        yield _worst(ground, client, name, (many, few), searches, target=5)
    searches = [_filtered_searches(of_customer) for of_customer in pages]
    yield _worst(ground, client, "search_filter_scale", (many, few), searches, target=5)
    yield _against_template(ground, client, many)
    ground.use("portal")


def _pages(customer: Customer) -> dict[str, dict]:
    """What is asked for, by what it is called."""
    office, visio = (str(one.pk) for one in customer.bought[:2])
    recent = (timezone.now() - timedelta(days=10)).date().isoformat()
    return {
        "first": {},
        "deep": {"after": _middle(customer)},
        "last": {"after": _end(customer)},
        "backwards": {"sort": "-name"},
        "by user name": {"sort": "user_name"},
        "last added": {"sort": "-added"},
        "allowed": {"status": "allowed"},
        "blocked": {"status": "blocked"},
        "licensed": {"license": "some"},
        "unlicensed": {"license": "none"},
        "holds Office": {"license": office},
        "holds Visio": {"license": visio},
        "lacks Office": {"lacks": office},
        "lacks Visio": {"lacks": visio},
        "administrators": {"permissions": "administrators"},
        "temporary password": {"password": "temporary"},
        "no location": {"location": "missing"},
        "added from": {"added_from": recent},
        "added until": {"added_to": recent},
        "deleted": {"tab": "deleted"},
        "deleted by name": {"tab": "deleted", "sort": "name"},
        "deleted from": {"tab": "deleted", "deleted_from": recent},
    }


def _filtered_searches(pages: dict[str, dict]) -> dict[str, dict]:
    """Each of the searches with each of the filters."""
    return {
        f"{case}, {name}": {"q": text} | pages[name]
        for case, text in FILTERED_SEARCHES.items()
        for name in FILTERS
    }


def _middle(customer: Customer) -> str:
    """The cursor of a row in the middle of the list."""
    everybody = Filters()
    ordered = find_users(customer, everybody).order_by("sort_key", "pk")
    users = ordered.filter(sort_key__gte=ordered[ordered.count() // 2].sort_key)
    return get_page(users, filters=everybody, sort="name").next


def _end(customer: Customer) -> str:
    """The cursor of the row before the last page."""
    everybody = Filters()
    users = find_users(customer, everybody)
    return get_page(users, filters=everybody, sort="-name").next


def _worst(ground, client, name, customers, pages, *, target: float) -> Row:
    """The page whose answer grows most with the customer."""
    sides = [reverse("users:list", args=[customer.slug]) for customer in customers]
    rows = []
    for case in pages[0]:
        addresses = [
            f"{side}?{urlencode(asked[case])}" for side, asked in zip(sides, pages, strict=True)
        ]
        for address in addresses:
            _get(client, address)
        times = rounds.in_turns(
            partial(_get, client, addresses[0]),
            partial(_get, client, addresses[1]),
            rounds=ground.scale.requests,
        )
        rows.append((case, *([seconds * 1e3 for seconds in side] for side in times)))
    rows.sort(key=lambda row: median(row[1]) / median(row[2]), reverse=True)
    for case, many, few in rows[:3]:
        print(f"    {name}, {case}: {median(many):.1f} ms, {median(few):.1f} ms", flush=True)
    case, many, few = rows[0]
    note = f"the worst of {len(rows)} is: {case}"
    return compare(name, many, few, target=target, unit="ms", note=note)


def _get(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answers {answer.status_code}.")


# --- What rendering alone costs ----------------------------------------------------------------


def _against_template(ground: Ground, client: Client, customer: Customer) -> Row:
    address = reverse("users:list", args=[customer.slug])
    taken = _take_context(client, address)
    template = get_template(taken["name"])
    # Once, so that everything lazy is in memory.
    with datasets.inside(), transaction.atomic():
        template.render(dict(taken["context"]), taken["request"])
    times = rounds.in_turns(
        partial(_get, client, address),
        lambda: template.render(dict(taken["context"]), taken["request"]),
        rounds=ground.scale.requests * 3,
    )
    times = [[seconds * 1e3 for seconds in side] for side in times]
    note = "50 rows of the customer with most users"
    return compare("list_vs_render", *times, target=2, unit="ms", note=note)


def _take_context(client: Client, address: str) -> dict:
    """What the view of the list hands to its template, caught on the way."""
    caught = {}
    render = lists.render

    def catch(request, name, context):
        caught.update(request=request, name=name, context=context)
        return render(request, name, context)

    lists.render = catch
    try:
        _get(client, address)
    finally:
        lists.render = render
    return caught


# --- The sheet ---------------------------------------------------------------------------------


def sheet(ground: Ground, kept: dict[str, str]) -> Iterator[Row]:
    """Measure how long a printable sheet lets one wait for its first byte."""
    sizes = (ground.scale.sheet, 100)
    with ground.fresh(kept["twins"]):
        with datasets.inside() as member:
            with transaction.atomic():
                customer = datasets.get_customer("ours")
                users = list(customer.users.values_list("pk", flat=True)[: sum(sizes)])
            parts = (users[: sizes[0]], users[sizes[0] :])
            batches = [
                ours.act(plan_resets, customer=customer, users=part, by=member) for part in parts
            ]
            client = Client(headers={"accept-language": "en"})
            client.force_login(member)
        addresses = [reverse("handover:print_sheet", args=["ours", one.pk]) for one in batches]
        for address in addresses:
            _print(client, address)
        times: tuple[list, list] = ([], [])
        wholes = []
        for _round in range(max(3, ground.scale.requests // 3)):
            for address, taken in zip(addresses, times, strict=True):
                first, whole = _print(client, address)
                taken.append(first * 1e3)
                wholes.append(whole)
    note = f"{sizes[0]:,} users against 100; all of it in {median(wholes[::2]):.1f} s"
    yield compare("sheet_10k", *times, target=3, unit="ms", note=note)


def _print(client: Client, address: str) -> tuple[float, float]:
    start = perf_counter()
    parts = iter(client.post(address, {"layout": "slips"}).streaming_content)
    next(parts)
    first = perf_counter() - start
    size = sum(map(len, parts))
    if size < 10_000:
        raise RuntimeError("The sheet is not there.")
    return first, perf_counter() - start
