from customers.access import customer_view
from partners.roles import Permission
from users import operations

from .choosing import plan_for_chosen


@customer_view(Permission.RESET_PASSWORDS)
def reset(request, customer):
    """Plan new passwords for the chosen users; the page of the batch asks before it is done."""
    return plan_for_chosen(request, customer, operations.plan_resets)
