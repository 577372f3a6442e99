"""What a plan will do to the free seats, before it is done."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext, pgettext

from licensing.allocation import allocate
from licensing.rules import LicenseChange, SubscriptionFacts


@dataclass(slots=True)
class SeatForecast:
    """What a plan does to the seats of one subscription."""

    subscription: str
    name: str
    # Before the plan runs.
    free: int
    wanted: int = 0
    freed: int = 0
    short: int = 0
    # Free afterwards; of these, `available` are not promised to lines of the plan.
    left: int = 0
    available: int = 0
    # Users on the waitlist before the plan runs, and users that join it.
    line: int = 0
    waits: int = 0

    @property
    def is_touched(self) -> bool:
        return bool(self.wanted or self.freed)

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, seats: Mapping) -> "SeatForecast":
        return cls(**seats)


class Forecast:
    """
    The seats that lines take and give back, counted in the order of the lines.

    A seat that one line gives back is promised to no other line, except in `add_together`.
    """

    def __init__(
        self,
        subscriptions: Sequence[SubscriptionFacts],
        *,
        waiting: Mapping[UUID, int] | None = None,
        is_queue: bool = False,
    ):
        in_line = {str(pk): number for pk, number in (waiting or {}).items()}
        self.by_id = {
            subscription.id: SeatForecast(
                subscription.id,
                subscription.name,
                subscription.free,
                left=subscription.free,
                line=in_line.get(subscription.id, 0),
            )
            for subscription in subscriptions
        }
        self.available = Counter(
            {subscription.id: subscription.free for subscription in subscriptions}
        )
        # Users without a seat join the waitlist.
        self.is_queue = is_queue
        # Lines that change nothing, because no seat is left.
        self.unserved = 0

    def resume(self, seats: Iterable[Mapping]) -> None:
        """Continue from the counts of a plan, with the seats that are free now."""
        for before in map(SeatForecast.from_json, seats):
            now = self.by_id[before.subscription]
            self.available[now.subscription] -= before.free - before.available
            now.left -= before.free - before.left
            now.wanted, now.freed, now.short = before.wanted, before.freed, before.short

    def add(self, change: LicenseChange, awaited: Mapping[str, int] | None = None) -> list[dict]:
        """Count a line and return its warnings; `awaited` are the user's places in line."""
        short = self._take(change, self.available, is_passed_on=False)
        if not self.is_queue:
            self.unserved += _is_unserved(change, short)
            return [self._warn_missing(subscription) for subscription in short]
        if short and change.remove:
            # A swap waits as a whole.
            short = change.added
        return [self._warn_awaited(subscription, awaited or {}) for subscription in short]

    def add_together(self, changes: Sequence[LicenseChange]) -> list[list[dict]]:
        """
        Count lines that are done in one transaction, and return the warnings of each.

        What one of them gives back is free for those after it; lines that only give back go first.
        """
        free = self.available.copy()
        warnings: list[list[dict]] = [[] for _change in changes]
        for place, change in sorted(enumerate(changes), key=lambda item: bool(item[1].add)):
            short = self._take(change, free, is_passed_on=True)
            self.unserved += _is_unserved(change, short)
            warnings[place] = [self._warn_missing(subscription) for subscription in short]
        # Returned seats that are left over come too late for lines of other transactions.
        for subscription, number in free.items():
            self.available[subscription] = min(self.available[subscription], number)
        return warnings

    def free_later(self, subscriptions: Iterable[str]) -> None:
        """Count seats that are returned too late for lines of this plan."""
        for subscription in subscriptions:
            self.by_id[subscription].freed += 1
            self.by_id[subscription].left += 1

    def to_json(self) -> list[dict]:
        """Return the subscriptions with seats that the plan takes or returns."""
        for subscription, seats in self.by_id.items():
            seats.available = self.available[subscription]
        return [seats.to_json() for seats in self.by_id.values() if seats.is_touched]

    @property
    def is_short(self) -> bool:
        return any(seats.short for seats in self.by_id.values())

    def _take(self, change: LicenseChange, free: Counter[str], *, is_passed_on: bool) -> list[str]:
        wanted, given_back = change.added, change.remove
        short = allocate(
            free, wanted, is_swap=bool(given_back), freed=given_back if is_passed_on else ()
        )
        is_done = not (short and given_back)
        for subscription in wanted:
            seats = self.by_id[subscription]
            seats.wanted += 1
            if subscription in short:
                seats.short += 1
            elif is_done:
                seats.left -= 1
        if is_done:
            self.free_later(given_back)
        return short

    def _warn_missing(self, subscription: str) -> dict:
        return {
            "code": "seat_missing",
            "column": "products",
            "params": {"product": self.by_id[subscription].name},
            "severity": "warning",
        }

    def _warn_awaited(self, subscription: str, awaited: Mapping[str, int]) -> dict:
        seats = self.by_id[subscription]
        seats.waits += subscription not in awaited
        return {
            "code": "seat_awaited",
            "column": "products",
            "params": {
                "product": seats.name,
                "place": awaited.get(subscription) or seats.line + seats.waits,
            },
            "severity": "warning",
        }


def _is_unserved(change: LicenseChange, short: Sequence[str]) -> bool:
    is_all_short = len(short) == len(change.add) and not change.plans
    return bool(short) and (bool(change.remove) or is_all_short)


def describe_shortage(seats: Iterable[SeatForecast]) -> str:
    """Return which licenses lack seats, in a sentence that names the way out."""
    short = [
        gettext("%(product)s (%(wanted)s needed, %(free)s free)")
        % {
            "product": seat.name,
            "wanted": intcomma(seat.wanted),
            "free": intcomma(seat.free),
        }
        for seat in seats
        if seat.short
    ]
    text = gettext(
        "Not enough free seats: %(products)s. Add seats, choose fewer users, or let licenses be"
        " assigned in list order."
    )
    return text % {"products": pgettext("between the parts of a list", ", ").join(short)}
