"""What a user sees about themselves at /my/."""

from dataclasses import dataclass

from licensing.models import Assignment
from users.models import CustomerUser


@dataclass(frozen=True)
class License:
    """A product that the user holds, and which of its service plans are on and off."""

    product: str
    is_suspended: bool
    plans_on: list[str]
    plans_off: list[str]


def find_own_licenses(user: CustomerUser) -> list[License]:
    """The licenses of this user, by the product's name; two statements."""
    assignments = (
        Assignment.objects.filter(user=user, customer=user.customer_id)
        .select_related("subscription__product")
        .prefetch_related("subscription__product__plans")
        .order_by("subscription__product__name", "pk")
    )
    return [_license(assignment) for assignment in assignments]


def _license(assignment: Assignment) -> License:
    subscription = assignment.subscription
    plans = sorted(subscription.product.plans.all(), key=lambda plan: plan.name)
    off = set(assignment.plans_off)
    return License(
        product=subscription.product.name,
        is_suspended=not subscription.is_open,
        plans_on=[plan.name for plan in plans if plan.pk not in off],
        plans_off=[plan.name for plan in plans if plan.pk in off],
    )
