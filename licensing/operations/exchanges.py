"""Finding those who wait for just what the others would give back, so that all can be served."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from .waiting import Order

# So many users at most give to each other in turn.
LONGEST = 50


class Swaps:
    """Who would give something back for what they wait for; of the same kind the first is next."""

    def __init__(self, gives: Mapping["Order", frozenset[UUID]]):
        """Take the orders in the order in which they wait, with what each would give back."""
        self.gives = gives
        of_user = Counter(order.user_id for order in gives)
        self.kinds = {
            order: (
                frozenset(order.subscriptions),
                given,
                # Who waits for several things stands for nobody else: one rules out the other.
                order.user_id if of_user[order.user_id] > 1 else None,
            )
            for order, given in gives.items()
        }
        self.waiting: dict[tuple, deque[Order]] = defaultdict(deque)
        for order in gives:
            self.waiting[self.kinds[order]].append(order)

    def remove(self, orders: Iterable["Order"]) -> None:
        """Leave these out from now on, and whatever else their users wait for."""
        for order in orders:
            self.waiting[self.kinds[order]].remove(order)
            for kind in [kind for kind in self.waiting if kind[2] == order.user_id]:
                del self.waiting[kind]

    def find_circle(self, free: Mapping[UUID, int]) -> list["Order"]:
        """
        Some who together want no more than is free and they give; none where there are none.

        Who has waited longest is in it, if anybody can be. Where each wants one subscription no
        circle is overlooked; where some want several, not every way is tried.
        """
        first = [line[0] for line in self.waiting.values() if line]
        first.sort(key=lambda order: order.waits[0].pk)
        giving = defaultdict(list)
        for order in first:
            for one in self.gives[order]:
                giving[one].append(order)
        spare = +Counter(free)
        for order in first:
            given = spare + Counter(self.gives[order])
            if found := self._complete([order], given, order.subscriptions, giving, set()):
                return found
        return []

    def _complete(
        self,
        members: list["Order"],
        spare: Counter[UUID],
        wanted: Collection[UUID],
        giving: Mapping[UUID, Sequence["Order"]],
        asked: set[UUID],
    ) -> list["Order"]:
        """The members with all who must join them, so that nothing is wanted that nobody gives."""
        wanted = list(wanted)
        while wanted:
            one = wanted.pop()
            if spare[one] > 0:
                spare = spare - Counter([one])
                continue
            # What nobody could give to another member, nobody can give to this one.
            if one in asked or len(members) >= LONGEST:
                return []
            asked.add(one)
            users = {member.user_id for member in members}
            for order in giving.get(one, ()):
                if order.user_id in users:
                    continue
                left = spare + Counter(self.gives[order]) - Counter([one])
                more = [*wanted, *order.subscriptions]
                if found := self._complete([*members, order], left, more, giving, asked):
                    return found
            return []
        return members
