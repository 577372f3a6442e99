from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from batches.acts import Asked
from batches.models import Batch
from licensing.operations.seats import Assigned
from licensing.operations.waitlist import Wish, wait


@dataclass(frozen=True)
class Waits:
    """Per user what is lacking, as a line's result says it, and who waits for some of it."""

    lacks: dict[UUID, dict] = field(default_factory=dict)
    waiting: frozenset[UUID] = frozenset()


def wait_for_missing(
    *,
    batch: Batch,
    lines: Sequence[Asked],
    assigned: Assigned,
    wishes: Sequence[Wish] = (),
) -> Waits:
    """
    Put the lines' users in line for what they were not given, where the batch queues them.

    `wishes` are swaps that were not even tried. What is waited for stands in a result as
    "waiting", with the "places" in line, and what is not, as "short" and "closed".
    """
    if batch.options.get("when_short") != "queue":
        return Waits(assigned.missing())
    bought = set(batch.customer.subscriptions.values_list("pk", flat=True))
    wishes = [
        *wishes,
        *(Wish(one) for one in assigned.short),
        # A suspended subscription may come back; one that is not this customer's may not.
        *(Wish(one) for one in assigned.closed if one.subscription_id in bought),
    ]
    order = {line.user_id: line.number for line in lines}
    wishes.sort(key=lambda wish: order[wish.wanted.user_id])
    places = wait(customer=batch.customer, wishes=wishes, cause=batch.pk)
    return Waits(_lacks(assigned.missing(), places), frozenset(user for user, _one in places))


def _lacks(missing: dict[UUID, dict], places: Mapping[tuple[UUID, UUID], int]) -> dict[UUID, dict]:
    lacks = defaultdict(dict)
    for user_id, words in missing.items():
        for word, ones in words.items():
            if left := [one for one in ones if (user_id, UUID(one)) not in places]:
                lacks[user_id][word] = left
    for (user_id, subscription_id), place in places.items():
        found = lacks[user_id]
        found.setdefault("waiting", []).append(str(subscription_id))
        found.setdefault("places", {})[str(subscription_id)] = place
    return dict(lacks)


def recorded(result: dict) -> dict:
    """A line's result as the record keeps it: a place in line is soon another."""
    if "places" not in result:
        return result
    return {word: value for word, value in result.items() if word != "places"}
