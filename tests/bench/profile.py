"""Where the time of our own acts goes: by statement, and what is left is Python's."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from time import perf_counter

from django.db import connection, transaction

from tests.bench import acts, datasets, ours
from tests.bench.surroundings import Ground
from tests.bench.table import Row

# What takes a smaller share of an act is not named.
LEAST_SHARE = 0.03
# What a statement with several parts writes says most about it.
WRITES = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM) \"?(\w+)")
READS = re.compile(r"(SELECT)\b(?:.*?FROM)? \"?([\w.]+)", re.S)


class Watch:
    """Adds up how long each kind of statement takes."""

    def __init__(self):
        self.taken: Counter[str] = Counter()

    def __call__(self, execute, statement, parameters, many, context):
        """Run a statement and count its time; its parameters' writing is in it."""
        start = perf_counter()
        try:
            return execute(statement, parameters, many, context)
        finally:
            self.taken[_name(str(statement))] += perf_counter() - start


def _name(statement: str) -> str:
    found = WRITES.search(statement) or READS.search(statement)
    if found is None:
        return statement.split(None, 1)[0].lower()
    return " ".join(found.groups()).lower().replace("users_", "")


def run(ground: Ground, kept: dict[str, str]) -> Iterator[Row]:
    """Print the parts of an import and of each act, once; there is no row to compare."""
    with ground.fresh(kept["few"]), datasets.inside() as member:
        path = datasets.make_file("ours.example", ground.scale.rows)
        with transaction.atomic():
            customer = datasets.make_customer("ours")
        batch = ours.upload(customer, path, member)
        _show(ground, "check", lambda: ours.check(batch))
        _show(ground, "import", lambda: ours.apply(batch, member))
    with ground.fresh(kept["twins"]), datasets.inside() as member:
        with transaction.atomic():
            one, other = datasets.get_customer("ours"), datasets.get_customer("bare")
            users = list(one.users.order_by("sort_key", "pk").values_list("pk", flat=True))
        for name, act in acts.make(one, users, member, ground.scale.rows).items():
            if name == "purge":
                acts.delete_again(one, other)
            _show(ground, name, act)
    yield from ()


def _show(ground: Ground, name: str, act: Callable[[], object]) -> None:
    ground.settle()
    watch = Watch()
    start = perf_counter()
    with connection.execute_wrapper(watch):
        act()
    whole = perf_counter() - start
    watch.taken["Python"] = whole - watch.taken.total()
    parts = [
        f"{what} {seconds:.1f}"
        for what, seconds in watch.taken.most_common()
        if seconds > whole * LEAST_SHARE
    ]
    print(f"    {name} {whole:.1f} s: {', '.join(parts)}", flush=True)
