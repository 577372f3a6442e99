"""Putting users on the waitlist for licenses that an act could not assign."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from batches.acts import LineInput, waits_for_seats
from batches.models import Batch
from licensing.operations.seats import Assigned
from licensing.operations.waitlist import WaitRequest, wait


def wait_for_missing(
    *,
    batch: Batch,
    lines: Sequence[LineInput],
    assigned: Assigned,
    swaps: Sequence[WaitRequest] = (),
) -> dict[UUID, dict]:
    """
    Put users on the waitlist for missing licenses, if the batch asks for that.

    `swaps` are those that were not done. Returns what is missing by user, as fields of LineResult:
    "waiting" with "places", or "short" and "closed".
    """
    lacks = assigned.missing()
    if not waits_for_seats(batch):
        return lacks
    bought = set(batch.customer.subscriptions.values_list("pk", flat=True))
    requests = [
        *swaps,
        *map(WaitRequest, assigned.short),
        # A suspended subscription may become active again; a deleted one may not.
        *(WaitRequest(seat) for seat in assigned.closed if seat.subscription_id in bought),
    ]
    order = {line.user_id: line.number for line in lines}
    requests.sort(key=lambda request: order[request.wanted.user_id])
    places = wait(customer=batch.customer, requests=requests, cause=batch.pk)
    # The subscriptions that users cannot wait for are those that the customer no longer has.
    lacks = {
        user_id: {"closed": lost}
        for user_id, missing in lacks.items()
        if (lost := [pk for pk in missing.get("closed", ()) if UUID(pk) not in bought])
    }
    for (user_id, subscription_id), place in places.items():
        found = lacks.setdefault(user_id, {})
        found.setdefault("waiting", []).append(str(subscription_id))
        found.setdefault("places", {})[str(subscription_id)] = place
    return lacks


def without_places(result: Mapping) -> Mapping:
    """A line's result for the audit trail, without places in the waitlist, which change soon."""
    if "places" not in result:
        return result
    return {word: value for word, value in result.items() if word != "places"}
