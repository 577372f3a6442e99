"""
Run the bench: `make bench`, in a minute `make bench SCALE=small`.

    python -m tests.bench                 every row; writes .local/bench.json
    python -m tests.bench pages acts      only these families; prints, and writes nothing
    python -m tests.bench profile         where the time of our own acts goes; no rows
    python -m tests.bench servers         web servers against each other; no rows
    python -m tests.bench --markdown      the rows of the last whole run, to be pasted
"""

import json
import os
import signal
import sys
import time
from importlib import import_module

from tests.bench import surroundings, table
from tools import places

RESULT = places.LOCAL / "bench.json"
CIRCUMSTANCES = places.LOCAL / "bench-circumstances.json"

# A family of rows, and where it is: module, function.
FAMILIES = {
    "imports": ("imports", "run"),
    "check": ("imports", "check"),
    "worker": ("workers", "run"),
    "acts": ("acts", "run"),
    "pages": ("pages", "run"),
    "sheet": ("pages", "sheet"),
    "growth": ("imports", "grow"),
}
# These have no rows: they print what is asked of them.
ON_DEMAND = {"profile": ("profile", "run"), "servers": ("servers", "run")}


def main(arguments: list[str]) -> int:
    """Do what the arguments ask, and return the exit code."""
    if arguments == ["--markdown"]:
        return show_markdown()
    scale = os.environ.get("SCALE") or "full"
    unknown = set(arguments) - set(FAMILIES) - set(ON_DEMAND)
    if unknown or scale not in surroundings.SCALES:
        print(
            f"Families: {', '.join([*FAMILIES, *ON_DEMAND])}. SCALE: {', '.join(surroundings.SCALES)}."
        )
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with surroundings.only_one(), surroundings.servers() as servers:
            ground = surroundings.Ground(servers, surroundings.SCALES[scale])
            ground.set_up()
            run(ground, arguments or list(FAMILIES))
    except places.CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(ground: surroundings.Ground, wanted: list[str]) -> None:
    """Run these families, print what they measured, and keep it where they are all."""
    start = time.monotonic()
    from tests.bench import datasets

    circumstances = ground.describe()
    print("\n".join(circumstances.values()), flush=True)
    kept = datasets.settle_in(ground)
    rows = []
    for name in wanted:
        module, function = (FAMILIES | ON_DEMAND)[name]
        measure = getattr(import_module(f"{__package__}.{module}"), function)
        began = time.monotonic()
        rows += measure(ground, kept)
        print(f"  {name}: {time.monotonic() - began:.0f} s", flush=True)
    circumstances["time"] = f"the whole run took {(time.monotonic() - start) / 60:.1f} minutes"
    if rows:
        print(f"\n{table.as_text(rows)}\n\n{circumstances['time']}", flush=True)
    if set(wanted) == set(FAMILIES):
        table.write(rows, RESULT)
        CIRCUMSTANCES.write_text(json.dumps(circumstances, ensure_ascii=False) + "\n")


def show_markdown() -> int:
    """Print the rows of the last whole run."""
    if not RESULT.exists():
        print("There are no results yet: run `make bench`.", file=sys.stderr)
        return 1
    print(table.as_markdown(table.read(RESULT)))
    print("\n" + "; ".join(json.loads(CIRCUMSTANCES.read_text()).values()) + ".")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
