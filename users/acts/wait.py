from collections.abc import Mapping, Sequence
from uuid import UUID

from batches.acts import LineInput
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
    Put users on the waitlist for what they were not given, where the batch asks for that.

    `swaps` are those that were not done. Returns per user what is lacking, in the words of a line's
    result: "waiting" with the "places" in line, or "short" and "closed".
    """
    lacks = assigned.missing()
    if batch.options.get("when_short") != "queue":
        return lacks
    bought = set(batch.customer.subscriptions.values_list("pk", flat=True))
    requests = [
        *swaps,
        *map(WaitRequest, assigned.short),
        # A suspended subscription may come back; one that is not this customer's may not.
        *(WaitRequest(one) for one in assigned.closed if one.subscription_id in bought),
    ]
    order = {line.user_id: line.number for line in lines}
    requests.sort(key=lambda request: order[request.wanted.user_id])
    places = wait(customer=batch.customer, requests=requests, cause=batch.pk)
    # What is not waited for is not this customer's any more.
    lacks = {
        user_id: {"closed": lost}
        for user_id, missing in lacks.items()
        if (lost := [one for one in missing.get("closed", ()) if UUID(one) not in bought])
    }
    for (user_id, subscription_id), place in places.items():
        found = lacks.setdefault(user_id, {})
        found.setdefault("waiting", []).append(str(subscription_id))
        found.setdefault("places", {})[str(subscription_id)] = place
    return lacks


def without_places(result: Mapping) -> Mapping:
    """Return a line's result for the audit trail: a place in line is soon another."""
    if "places" not in result:
        return result
    return {word: value for word, value in result.items() if word != "places"}
