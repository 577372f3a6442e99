"""Rows about importing: against COPY, against what stands on the shelf, and as a customer grows."""

import csv
import gc
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import perf_counter

from django.db import transaction

from imports.check import plan, rows
from imports.read import table
from licensing.rules import SubscriptionFacts
from tests.bench import datasets, floor, ours, rounds, shelf
from tests.bench.surroundings import Ground
from tests.bench.table import Row, compare
from users.rules import facts


def run(ground: Ground, kept: dict[str, str]) -> Iterator[Row]:
    """Measure imports into a database of few users, each round in a fresh copy of it."""
    scale = ground.scale
    times = defaultdict(list)
    for _round in range(scale.rounds):
        with ground.fresh(kept["few"]), datasets.inside() as member:
            _import(ground, member, times)
            _copy(ground, times)
            _take_from_the_shelf(ground, times)
    whole = [s * 1e6 / scale.rows for s in times["whole"]]
    note = f"apply of {scale.rows:,} users, two licenses each"
    yield compare("import_vs_copy", times["apply"], times["users"], target=5, unit="s", note=note)
    yield compare("import_vs_ready", times["apply"], times["ready"], target=2, unit="s", note=note)
    for name, target in (("tuned", 0.15), ("default", 0.06)):
        other = [s * 1e6 / scale.shelf_rows for s in times[name]]
        note = f"{scale.rows:,} rows against {scale.shelf_rows:,}"
        yield compare(f"import_vs_{name}", whole, other, target=target, unit="µs/row", note=note)


def _import(ground: Ground, member, times) -> None:
    count = ground.scale.rows
    path = datasets.make_file("ours.example", count)
    with transaction.atomic():
        customer = datasets.make_customer("ours")
    ground.settle()
    start = perf_counter()
    batch = ours.upload(customer, path, member)
    uploading = perf_counter() - start
    checking = rounds.seconds(ours.check, batch)
    applying = rounds.seconds(ours.apply, batch, member)
    ours.prove(batch, count)
    print(
        f"    upload {uploading:.1f} s, check {checking:.1f} s, apply {applying:.1f} s", flush=True
    )
    times["apply"].append(applying)
    times["whole"].append(uploading + checking + applying)


def _copy(ground: Ground, times) -> None:
    with transaction.atomic():
        customer = datasets.get_customer("ours")
    floor.make_copies()
    users = floor.read(floor.USERS, customer)
    seats = floor.read(floor.ASSIGNMENTS, customer)
    ground.settle()
    taken = rounds.seconds(floor.copy_rows, floor.USERS, users)
    times["users"].append(taken)
    taken += rounds.seconds(floor.copy_rows, floor.ASSIGNMENTS, seats)
    times["ready"].append(taken)


def _take_from_the_shelf(ground: Ground, times) -> None:
    count = ground.scale.shelf_rows
    for name, resource in (("tuned", shelf.TunedUsers), ("default", shelf.Users)):
        path = datasets.make_file(f"{name}.example", count)
        with transaction.atomic():
            customer = datasets.make_customer(name)
        ground.settle()
        times[name].append(rounds.seconds(shelf.load, resource, customer, path, count))


# --- Without a database ------------------------------------------------------------------------


def check(ground: Ground, kept: dict[str, str]) -> Iterator[Row]:
    """Measure what a file costs before the database is asked."""
    count = ground.scale.rows
    path = datasets.make_file("ours.example", count)
    bought = tuple(
        SubscriptionFacts(
            id=f"00000000-0000-7000-8000-00000000000{number}",
            product=f"00000000-0000-7000-9000-00000000000{number}",
            name=name,
            part_number=f"BENCH-{number}",
            free=count,
        )
        for number, name in enumerate(datasets.PRODUCTS, 1)
    )
    known = facts.Facts(("ours.example",), {}, {}, bought, frozenset())
    times = rounds.in_turns(
        partial(_make_plan, path, known, count),
        partial(_read, path, count),
        rounds=5,
        before=gc.collect,
    )
    note = f"{count:,} rows, {path.stat().st_size / 1e6:.1f} MB"
    yield compare("check_rows", *times, target=15, unit="s", note=note)


def _make_plan(path: Path, known: facts.Facts, count: int) -> None:
    defaults = facts.Defaults()
    parsed = table.parse_file(path.read_bytes(), path.name)
    rows.find_lookups(parsed.rows, defaults, known.domains)
    made = plan.make_plan(*rows.validate(parsed.rows, known, defaults), known)
    if made.counts[plan.READY] != count:
        raise RuntimeError(f"{made.counts[plan.READY]} of {count} rows are ready.")


def _read(path: Path, count: int) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        if len(list(csv.reader(file))) != count + 1:
            raise RuntimeError("Some rows are missing.")


# --- Growing -----------------------------------------------------------------------------------


def grow(ground: Ground, kept: dict[str, str]) -> Iterator[Row]:
    """Measure the same import into a customer who has many users, and into one who has none."""
    scale = ground.scale
    times = defaultdict(list)
    with ground.fresh(kept["many"]), datasets.inside() as member:
        for number in range(scale.rounds):
            for slug, count in (("many", scale.rows), (f"empty{number}", scale.growth_rows)):
                with transaction.atomic():
                    is_new = slug != "many"
                    make = datasets.make_customer if is_new else datasets.get_customer
                    customer = make(slug)
                    domain = _add_domain(customer, number)
                path = datasets.make_file(domain, count)
                ground.settle()
                taken = rounds.seconds(_all_of_it, customer, path, member, count)
                times[slug[:4]].append(taken * 1e6 / count)
    note = f"{scale.rows:,} into {scale.many:,}, {scale.growth_rows:,} into none"
    yield compare("growth", times["many"], times["empt"], target=1.5, unit="µs/row", note=note)


def _add_domain(customer, number: int) -> str:
    from customers.models import Domain

    name = f"round{number}.{customer.slug}.example"
    Domain.objects.create(customer=customer, name=name, is_verified=True)
    return name


def _all_of_it(customer, path: Path, member, count: int) -> None:
    batch = ours.upload(customer, path, member)
    ours.check(batch)
    ours.apply(batch, member)
    ours.prove(batch, count)
