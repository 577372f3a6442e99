from django.views.decorators.http import require_POST

from customers.access import customer_view
from partners.roles import Permission
from users import operations

from .batches import plan_from


@customer_view(Permission.UNDO_OWN_BATCHES)
@require_POST
def undo(request, customer, batch_id):
    """Plan to take back what a batch did; the page of the plan asks before it is done."""
    return plan_from(request, customer, batch_id, operations.plan_undo)
