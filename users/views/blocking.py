from customers.access import customer_view
from partners.roles import Permission
from users import operations

from .choosing import plan_for_chosen


@customer_view(Permission.MANAGE_USERS)
def block(request, customer):
    """Plan to block the chosen users from signing in."""
    return plan_for_chosen(request, customer, operations.plan_blocks, block=True)


@customer_view(Permission.MANAGE_USERS)
def unblock(request, customer):
    """Plan to let the chosen users sign in again."""
    return plan_for_chosen(request, customer, operations.plan_blocks, block=False)
