from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from customers.access import customer_view
from partners.roles import Permission
from users import operations, queries

from .batches import get_batch_or_404
from .choosing import plan_for_chosen


@customer_view(Permission.MANAGE_USERS)
def block(request, customer):
    """Plan to block the chosen users from signing in."""
    return plan_for_chosen(request, customer, operations.plan_blocks, block=True)


@customer_view(Permission.MANAGE_USERS)
def unblock(request, customer):
    """Plan to let the chosen users sign in again."""
    return plan_for_chosen(request, customer, operations.plan_blocks, block=False)


@customer_view(Permission.MANAGE_USERS)
@require_POST
def unblock_blocked(request, customer, batch_id):
    """Plan to unblock the users of a batch who are blocked."""
    batch = get_batch_or_404(customer, batch_id)
    users = queries.find_blocked(batch).values_list("pk", flat=True)
    try:
        planned = operations.plan_blocks(
            customer=customer, users=users, block=False, by=request.user
        )
    except operations.NobodyChosen:
        messages.error(request, _("None of these users is blocked now."))
        return redirect("users:batch", customer.slug, batch.pk)
    return redirect("users:batch", customer.slug, planned.pk)
