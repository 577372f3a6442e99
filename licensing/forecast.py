"""What a plan will do to the free seats, before it is done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext, pgettext

from licensing.operations.swaps import Change, settle
from licensing.rules import SubscriptionFacts


class Forecast:
    """What lines, added in their order, will do to the free seats."""

    def __init__(
        self,
        subscriptions: Sequence[SubscriptionFacts],
        *,
        lengths: Mapping[UUID, int] | None = None,
        is_queue: bool = False,
    ):
        self.subscriptions = subscriptions
        self.names = {one.id: one.name for one in subscriptions}
        self.left = {one.id: one.free for one in subscriptions}
        self.wanted, self.freed, self.short = Counter(), Counter(), Counter()
        # Of what is freed: what lines that are done at once give on to each other.
        self.passed_on = Counter()
        # How many wait for each already, and how many more will; what is short waits in a queue.
        self.lengths = Counter({str(pk): number for pk, number in (lengths or {}).items()})
        self.is_queue, self.waits = is_queue, Counter()
        # Lines of which nothing will be done, as no seat is left.
        self.unserved = 0

    def resume(self, seats: Sequence[dict]) -> None:
        """Go on from what a plan has counted already: its `seats`."""
        for one in seats:
            key = one["subscription"]
            for name in ("wanted", "freed", "short"):
                getattr(self, name)[key] = one[name]
            # What is free may be more or less by now; what the plan has given away stays so.
            self.passed_on[key] = one.get("passed_on", 0)
            self.left[key] -= one["free"] - (one["left"] - one["freed"] + self.passed_on[key])

    def add(self, change: dict, awaited: Mapping[str, int] | None = None) -> list[dict]:
        """Count the line in; gives its warnings. `awaited` are the places that the user has."""
        given = [one["subscription"] for one in change["give"]]
        short = [one for one in given if self.left[one] < 1]
        for one in given:
            self.wanted[one] += 1
        for one in short:
            self.short[one] += 1
        if not self.is_queue:
            self.unserved += _is_unserved(change, short)
        # Who swaps gets all that is new, or keeps the old.
        if not (short and change["take"]):
            for one in given:
                self.left[one] -= one not in short
            for one in change["take"]:
                self.freed[one] += 1
        elif self.is_queue:
            short = given
        if self.is_queue:
            return [self._wait(one, awaited or {}) for one in short]
        return [self._miss(one) for one in short]

    def add_together(self, changes: Sequence[dict]) -> list[list[dict]]:
        """
        Count in lines that are done at once, so that what one gives back is another's.

        Gives the warnings of each.
        """
        asked = [
            Change(
                place=place,
                # Each is of a user of its own.
                user_id=place,
                subscriptions=tuple(one["subscription"] for one in change["give"]),
                gives=tuple(change["take"]),
            )
            for place, change in enumerate(changes)
        ]
        lacks = settle(asked, self.left)
        gets, gives, warnings = Counter(), Counter(), []
        for change, one in zip(changes, asked, strict=True):
            short = lacks.get(one.place, [])
            self.wanted.update(one.subscriptions)
            self.short.update(short)
            self.unserved += _is_unserved(change, short)
            if not (short and one.gives):
                gets.update(key for key in one.subscriptions if key not in short)
                gives.update(one.gives)
            warnings.append([self._miss(key) for key in short])
        for key, number in gets.items():
            passed_on = max(0, number - self.left[key])
            self.left[key] -= number - passed_on
            self.passed_on[key] += passed_on
        self.freed.update(gives)
        return warnings

    def _miss(self, one: str) -> dict:
        return {
            "code": "seat_missing",
            "column": "products",
            "params": {"product": self.names[one]},
            "severity": "warning",
        }

    def _wait(self, one: str, awaited: Mapping[str, int]) -> dict:
        self.waits[one] += one not in awaited
        return {
            "code": "seat_awaited",
            "column": "products",
            "params": {
                "product": self.names[one],
                "place": awaited.get(one) or self.lengths[one] + self.waits[one],
            },
            "severity": "warning",
        }

    @property
    def is_short(self) -> bool:
        """Whether anybody lacks a seat."""
        return self.short.total() > 0

    @property
    def seats(self) -> list[dict]:
        """Per product that is given or taken: what is wanted, lacks, and is free before and after."""
        return [
            {
                "subscription": one.id,
                "name": one.name,
                "free": one.free,
                "wanted": self.wanted[one.id],
                "freed": self.freed[one.id],
                "short": self.short[one.id],
                # A seat that one user gives back is promised to another only where both are done
                # at once.
                "left": self.left[one.id] + self.freed[one.id] - self.passed_on[one.id],
                **({"passed_on": self.passed_on[one.id]} if self.passed_on[one.id] else {}),
                # How many wait for it before the plan runs, and how many more afterwards.
                "line": self.lengths[one.id],
                "waits": self.waits[one.id],
            }
            for one in self.subscriptions
            if self.wanted[one.id] or self.freed[one.id]
        ]


def _is_unserved(change: Mapping, short: Sequence[str]) -> bool:
    """Whether nothing is done of a line that lacks these seats."""
    given = [one["subscription"] for one in change["give"]]
    return bool(short) and (bool(change["take"]) or (short == given and not change["plans"]))


def say_short(seats: Sequence[dict]) -> str:
    """Which licenses are too few, in a sentence that says what to do."""
    short = [
        gettext("%(product)s (%(wanted)s wanted, %(free)s free)")
        % {
            "product": one["name"],
            "wanted": intcomma(one["wanted"]),
            "free": intcomma(one["free"]),
        }
        for one in seats
        if one["short"]
    ]
    text = gettext(
        "Too few licenses are free: %(products)s. In that case nobody was to get one. Buy more,"
        " choose fewer users, or let the first come first."
    )
    return text % {"products": pgettext("between the parts of a list", ", ").join(short)}
