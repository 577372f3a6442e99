"""
Invented people with names in several scripts; the names are in people.json.

There a name may have its spelling in a–z behind a "=", where users.rules.names would not find it.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from users.rules import names

_DATA = json.loads(Path(__file__).with_name("people.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Person:
    first_name: str
    last_name: str
    display_name: str
    local: str
    job_title: str
    department: str


def invent(count: int, scripts: dict[str, int], seed: str) -> Iterator[Person]:
    """
    Invent people, the same for the same seed.

    :param scripts: the scripts of their names, with their weights.
    """
    chance = random.Random(seed)
    chosen = chance.choices(list(scripts), weights=list(scripts.values()), k=count)
    taken: dict[str, int] = {}
    for script in chosen:
        # A script may have titles and departments of its own.
        data = _DATA | _DATA["scripts"][script]
        first, _, first_spelled = chance.choice(data["given"]).partition("=")
        last, _, last_spelled = chance.choice(data["family"]).partition("=")
        if first_spelled and last_spelled:
            local = f"{first_spelled}.{last_spelled}"
        else:
            local = names.propose_local_part("", first, last)
        if script == "japanese":
            display_name = f"{last} {first}"
        else:
            display_name = names.compose_display_name(first, last)
        taken[local] = number = taken.get(local, 0) + 1
        yield Person(
            first_name=first,
            last_name=last,
            display_name=display_name,
            local=local if number == 1 else f"{local}{number}",
            job_title=chance.choice(data["titles"]),
            department=chance.choice(data["departments"]),
        )
