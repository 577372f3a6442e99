from django.contrib import messages
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from customers.access import customer_view
from partners.roles import Permission
from users import operations

from .batches import get_batch_or_404


@customer_view(Permission.UNDO_OWN_BATCHES)
@require_POST
def undo(request, customer, batch_id):
    """Plan to take back what a batch did; the page of the plan asks before it is done."""
    batch = get_batch_or_404(customer, batch_id)
    try:
        batch = operations.plan_undo(batch=batch, by=request.user)
    except operations.UsersError as error:
        messages.error(request, error.message)
    return redirect("users:batch", customer.slug, batch.pk)
