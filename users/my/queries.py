from dataclasses import dataclass

from licensing.models import Assignment
from users.models import CustomerUser


@dataclass(frozen=True)
class License:
    """A product that a user has, and the names of its service plans that are on and off."""

    product: str
    is_suspended: bool
    plans_on: list[str]
    disabled_plans: list[str]


def find_own_licenses(user: CustomerUser) -> list[License]:
    """The licenses of this user, by the product's name."""
    assignments = (
        Assignment.objects.filter(user=user, customer=user.customer_id)
        .select_related("subscription__product")
        .prefetch_related("subscription__product__plans")
        .order_by("subscription__product__name", "pk")
    )
    licenses = []
    for assignment in assignments:
        product, off = assignment.subscription.product, set(assignment.disabled_plans)
        plans = sorted(product.plans.all(), key=lambda plan: plan.name)
        licenses.append(
            License(
                product=product.name,
                is_suspended=not assignment.subscription.is_open,
                plans_on=[plan.name for plan in plans if plan.pk not in off],
                disabled_plans=[plan.name for plan in plans if plan.pk in off],
            )
        )
    return licenses
