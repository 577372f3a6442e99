from datetime import date

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

import audit.operations as audit
from customers.models import Customer
from licensing.models import Product, Subscription
from licensing.operations.waitlist import notify_of_free_seats
from partners.errors import Refusal
from partners.models import Member

State = Subscription.State

STATE_ACTIONS = {
    State.ACTIVE: "subscription.reactivated",
    State.GRACE: "subscription.in_grace",
    State.SUSPENDED: "subscription.suspended",
}


class BoughtAlready(Refusal):
    """The customer has a subscription of this product."""

    message = _("This customer already has this product. Change the seats of that subscription.")


class TooFewSeats(Refusal):
    """More seats are assigned than there would be."""

    def __init__(self, *, assigned: int, seats: int):
        self.to_free = assigned - seats
        text = ngettext(
            "%(assigned)d seats are assigned. Remove %(number)d license first, or keep at least"
            " %(assigned)d seats.",
            "%(assigned)d seats are assigned. Remove %(number)d licenses first, or keep at least"
            " %(assigned)d seats.",
            self.to_free,
        )
        super().__init__(text % {"assigned": assigned, "number": self.to_free})


@transaction.atomic
def add_subscription(
    *,
    customer: Customer,
    product: Product,
    seats: int,
    renews_on: date | None = None,
    by: Member,
) -> Subscription:
    """
    Add what the customer has bought, active from now on.

    :raises BoughtAlready: and adds nothing, where the customer has the product.
    """
    subscription = Subscription(
        customer=customer, product=product, seats=seats, renews_on=renews_on
    )
    try:
        with transaction.atomic():
            subscription.save(force_insert=True)
    except IntegrityError:
        raise BoughtAlready from None
    _record(
        "subscription.added",
        subscription,
        after={"seats": seats, "renews_on": _plain(renews_on)},
        by=by,
    )
    return subscription


@transaction.atomic
def change_subscription(
    *, subscription: Subscription, seats: int, state: str, renews_on: date | None, by: Member
) -> Subscription:
    """
    Change seats, state and renewal date; each that is different is a record of its own.

    A suspended subscription keeps its holders, and no more seats are assigned. Users in line get the
    seats that are free now.

    :raises TooFewSeats: and changes nothing, where more seats are assigned.
    """
    # Locked, so that no seat is assigned while it is being removed.
    found = Subscription.objects.select_for_update(of=("self",), no_key=True)
    current = found.select_related("product", "customer").get(pk=subscription.pk)
    if seats < current.assigned:
        raise TooFewSeats(assigned=current.assigned, seats=seats)
    changes = []
    if seats != current.seats:
        changes.append(("subscription.seats_changed", "seats", seats))
    if state != current.state:
        changes.append((STATE_ACTIONS[State(state)], "state", state))
    if renews_on != current.renews_on:
        changes.append(("subscription.renewal_changed", "renews_on", renews_on))
    for action, field, value in changes:
        before = getattr(current, field)
        setattr(current, field, value)
        _record(
            action, current, before={field: _plain(before)}, after={field: _plain(value)}, by=by
        )
    current.save(update_fields=["seats", "state", "renews_on"])
    notify_of_free_seats(current)
    return current


def _plain(value: int | str | date | None) -> int | str | None:
    return value.isoformat() if isinstance(value, date) else value


def _record(
    action: str, subscription: Subscription, *, before: dict | None = None, after: dict, by: Member
) -> None:
    audit.record(
        action,
        subject=audit.Subject(
            subscription.pk, subscription.product.name, before=before or {}, after=after
        ),
        customer_id=subscription.customer_id,
        by=by,
    )
