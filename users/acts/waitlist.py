"""The waitlist for licenses: free seats are assigned in order, and reported."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext

import audit.operations as audit
from batches.acts import Act, LineResult, Outcome, Texts
from batches.models import Batch, Line
from batches.operations.plan import PlannedLine, create_batch, save_lines
from batches.operations.run import save_outcomes
from batches.operations.wake import wake_waitlist
from customers.counts import lock_customer
from customers.models import Customer
from licensing import queries as licensing_queries
from licensing import rules as licensing_rules
from licensing.operations import waitlist
from licensing.operations.waitlist import Order
from licensing.rules import LicenseChange, ProductRules, Seat
from partners.access import require
from partners.models import Member
from partners.postgres import among
from partners.roles import Permission
from users.acts.licenses import LICENSES, SEAT_MESSAGES, describe_products
from users.acts.lines import explain_cell
from users.models import CustomerUser

GONE = {"code": "gone", "severity": "error"}
# Named in the report: the batches that put users on the waitlist.
MAX_CAUSES = 20


def fill_waiting(*, customer_id: UUID | str) -> int:
    """
    Assign a customer's free seats to the first users on the waitlist.

    The wait of a user with a conflict ends without a seat. Each member with users on the waitlist
    gets a finished batch with the outcomes. Returns the number of ended waits; a second call is
    harmless.
    """
    ended = 0
    while orders := _fill_some(customer_id):
        ended += len(orders)
    return ended


@transaction.atomic
def _fill_some(customer_id: UUID | str) -> list[Order]:
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None or customer.is_archived:
        return []
    # Checked before the lock, as most calls find nothing.
    if not licensing_queries.has_assignable_seats(customer):
        return []
    lock_customer(customer)
    found = waitlist.lock_waitlist(customer=customer)
    if found is None:
        return []
    locked = CustomerUser.objects.select_for_update(of=("self",), no_key=True).filter(
        customer=customer, pk__in=among(found.users), deleted_at=None
    )
    users = {user.pk: user for user in locked.order_by("pk")}
    rules = ProductRules(licensing_queries.find_bought(customer))

    def find_conflicts(
        user_id: UUID, held: frozenset[UUID], after: frozenset[UUID]
    ) -> Sequence[dict]:
        if user_id not in users:
            return [GONE]
        change = LicenseChange(
            add=[Seat(str(pk)) for pk in sorted(after - held)],
            remove=[str(pk) for pk in held - after],
        )
        has = [str(subscription) for subscription in held]
        return licensing_rules.find_conflicts(rules, users[user_id].location, has, change)

    orders = waitlist.assign_waiting(waitlist=found, find_conflicts=find_conflicts)
    _report(customer, [order for order in orders if order.user_id in users], users)
    return orders


def _report(customer: Customer, orders: Sequence[Order], users: dict[UUID, CustomerUser]) -> None:
    """Write the outcomes: a batch for each member that put users on the waitlist."""
    causes = Batch.objects.select_related("by").in_bulk({order.cause for order in orders} - {None})
    by_member = defaultdict(list)
    for order in orders:
        if order.cause in causes:
            by_member[causes[order.cause].by].append(order)
    for member, theirs in by_member.items():
        now = timezone.now()
        batch = create_batch(
            customer=customer,
            kind=QUEUE.kind,
            state=Batch.State.DONE,
            options={"causes": sorted({str(order.cause) for order in theirs})[:MAX_CAUSES]},
            started_at=now,
            finished_at=now,
            by=member,
        )
        save_lines(batch=batch, lines=[_line(order, users[order.user_id]) for order in theirs])
        outcomes = [_outcome(number, order) for number, order in enumerate(theirs, 1)]
        save_outcomes(batch, outcomes)
        audit.record_many(
            "user.licenses_changed",
            subjects=[
                audit.Subject(order.user_id, users[order.user_id].user_name, after=outcome.result)
                for order, outcome in zip(theirs, outcomes, strict=True)
                if not order.problems
            ],
            customer_id=customer.pk,
            batch_id=batch.pk,
            by=member,
        )


def _line(order: Order, user: CustomerUser) -> PlannedLine:
    change = LicenseChange(
        add=[
            Seat(str(want.subscription_id), list(map(str, want.disabled_plans)))
            for want in order.wanted
        ],
        remove=list(map(str, order.gives_up)),
    )
    names = {"user_name": user.user_name, "display_name": user.display_name}
    return PlannedLine(order.user_id, names | change.to_json(), problems=list(order.problems))


def _outcome(number: int, order: Order) -> Outcome:
    subscriptions = list(map(str, order.subscriptions))
    if order.problems:
        result = LineResult(code="wait_ended", stopped=subscriptions)
        return Outcome(number, Line.State.FAILED, result.to_json())
    result = LineResult(
        assigned=subscriptions,
        removed=[Seat.from_json(seat).subscription for seat in order.gave_up],
        held=order.gave_up,
    )
    return Outcome(number, Line.State.DONE, result.to_json())


@transaction.atomic
def mark_report_seen(*, batch: Batch, by: Member) -> None:
    """Mark a report as seen, if it is the member's own."""
    if batch.kind == "queue" and batch.by_id == by.pk and not batch.options.get("seen"):
        batch.options["seen"] = True
        batch.save(update_fields=["options"])


def sweep_waiting() -> int:
    """Wake a worker for each customer with free seats that users wait for; returns their number."""
    with transaction.atomic():
        found = licensing_queries.find_customers_with_free_seats()
        customers = [customer for customer in found if not customer.is_archived]
        for customer in customers:
            wake_waitlist(customer)
    return len(customers)


@transaction.atomic
def stop_waiting(*, user: CustomerUser, subscription_id: UUID, by: Member) -> bool:
    """
    Remove a user from the waitlist for a subscription; False if the user was not on it.

    :raises Refused: where the member may not assign licenses, or not act on administrators.
    """
    require(by, Permission.ASSIGN_LICENSES)
    if user.is_administrator:
        require(by, Permission.ACT_ON_ADMINISTRATORS)
    lock_customer(user.customer)
    stopped = waitlist.stop_waiting(customer=user.customer, seats=[(user.pk, subscription_id)])
    if not stopped:
        return False
    audit.record(
        "user.licenses_changed",
        subject=audit.Subject(user.pk, user.user_name, after={"stopped": stopped[user.pk]}),
        customer_id=user.customer_id,
        by=by,
    )
    return True


QUEUE = Act(
    kind="queue",
    # Its batches are done from the start; this permission was needed to let users wait.
    permission=Permission.ASSIGN_LICENSES,
    icon="hourglass",
    texts=Texts(
        label=gettext_lazy("Assign licenses from the waitlist"),
        button=lambda n: ngettext(
            "Assign a license to %(n)s waiting user", "Assign licenses to %(n)s waiting users", n
        ),
        done=lambda n: ngettext(
            "Licenses assigned to %(n)s waiting user", "Licenses assigned to %(n)s waiting users", n
        ),
    ),
    explain=explain_cell,
    messages=SEAT_MESSAGES,
    licenses=describe_products,
    shows=lambda _batch: {"licenses"},
    needs_sign_in=Q(),
    is_retryable=False,
    invert=LICENSES.invert,
)
