"""Finding those who want just what the others would give back, so that all can be served."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

# So many users at most give to each other in turn.
LONGEST = 50
# So many kinds of swaps are tried when changes are settled at once; more would take minutes.
MOST_KINDS = 200


class Order(Protocol):
    """Seats that a user gets together or not at all; of all orders each has a place of its own."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def place(self) -> UUID | int: ...

    @property
    def subscriptions(self) -> Sequence[Hashable]: ...


class Swaps:
    """Who would give something back for what they wait for; of the same kind the first is next."""

    def __init__(self, gives: Mapping[Order, frozenset[Hashable]]):
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

    def remove(self, orders: Iterable[Order]) -> None:
        """Leave these out from now on, and whatever else their users wait for."""
        for order in orders:
            self.waiting[self.kinds[order]].remove(order)
            for kind in [kind for kind in self.waiting if kind[2] == order.user_id]:
                del self.waiting[kind]

    def find_circle(self, free: Mapping[Hashable, int]) -> list[Order]:
        """
        Some who together want no more than is free and they give; none where there are none.

        Who has waited longest is in it, if anybody can be. Where each wants one subscription no
        circle is overlooked; where some want several, not every way is tried.
        """
        first = [line[0] for line in self.waiting.values() if line]
        first.sort(key=lambda order: order.place)
        giving = defaultdict(list)
        for order in first:
            for one in self.gives[order]:
                giving[one].append(order)
        for order in first:
            # Not by adding: fewer than none would be forgotten.
            given = Counter(free)
            given.update(self.gives[order])
            if found := self._complete([order], given, order.subscriptions, giving, set()):
                return found
        return []

    def _complete(
        self,
        members: list[Order],
        spare: Counter[Hashable],
        wanted: Collection[Hashable],
        giving: Mapping[Hashable, Sequence[Order]],
        asked: set[Hashable],
    ) -> list[Order]:
        """The members with all who must join them, so that nothing is wanted that nobody gives."""
        wanted = list(wanted)
        while wanted:
            one = wanted.pop()
            if spare[one] > 0:
                spare = spare.copy()
                spare[one] -= 1
                continue
            # What nobody could give to another member, nobody can give to this one.
            if one in asked or len(members) >= LONGEST:
                return []
            asked.add(one)
            users = {member.user_id for member in members}
            for order in giving.get(one, ()):
                if order.user_id in users:
                    continue
                left = spare.copy()
                left.update(self.gives[order])
                left[one] -= 1
                if left[one] < 0:
                    continue
                more = [*wanted, *order.subscriptions]
                if found := self._complete([*members, order], left, more, giving, asked):
                    return found
            return []
        return members


@dataclass(frozen=True, eq=False)
class Change:
    """
    New seats that a user wants, and those that are given back.

    Where there are both it is a swap, done in full or not at all.
    """

    place: int
    user_id: UUID
    subscriptions: tuple[Hashable, ...]
    gives: tuple[Hashable, ...] = ()

    @property
    def is_swap(self) -> bool:
        """Whether something is given back for what is wanted."""
        return bool(self.subscriptions and self.gives)


def settle(changes: Sequence[Change], free: Mapping[Hashable, int]) -> dict[int, list[Hashable]]:
    """
    Which of these changes cannot be done where all are done at once, by place, with what they lack.

    What one gives back is another's. First come first served as far as seats are there; then those
    who give to each other in a circle; and who gives nothing back gets of the rest what there is.
    """
    spare = Counter(free)
    for change in changes:
        if not change.subscriptions:
            spare.update(change.gives)
    left = []
    for change in changes:
        if not change.subscriptions:
            continue
        if all(spare[one] > 0 for one in change.subscriptions):
            _serve(change, spare)
        else:
            left.append(change)
    swaps = Swaps({one: frozenset(one.gives) for one in _of_first_kinds(left)})
    served = set()
    while members := swaps.find_circle(spare):
        swaps.remove(members)
        for change in members:
            _serve(change, spare)
            served.add(change.place)
    lacking = {}
    for change in left:
        if change.is_swap and change.place not in served:
            if short := [one for one in change.subscriptions if spare[one] < 1]:
                lacking[change.place] = short
            else:
                _serve(change, spare)
    for change in left:
        if not change.is_swap and (short := _serve_in_part(change, spare)):
            lacking[change.place] = short
    return lacking


def _of_first_kinds(changes: Sequence[Change]) -> Iterator[Change]:
    """The swaps, of so many kinds as can be tried; the others wait for seats that are free."""
    kinds = set()
    for change in changes:
        kind = frozenset(change.subscriptions), frozenset(change.gives)
        if change.is_swap and (kind in kinds or len(kinds) < MOST_KINDS):
            kinds.add(kind)
            yield change


def _serve(change: Change, spare: Counter[Hashable]) -> None:
    spare.subtract(change.subscriptions)
    spare.update(change.gives)


def _serve_in_part(change: Change, spare: Counter[Hashable]) -> list[Hashable]:
    short = [one for one in change.subscriptions if spare[one] < 1]
    spare.subtract(one for one in change.subscriptions if one not in short)
    return short
