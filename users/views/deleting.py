from customers.access import customer_view
from partners.roles import Permission
from users import operations

from .choosing import plan_for_chosen


@customer_view(Permission.DELETE_USERS)
def delete(request, customer):
    """Plan the deletion of the chosen users."""
    return plan_for_chosen(request, customer, operations.plan_deletes)


@customer_view(Permission.PURGE_USERS)
def purge(request, customer):
    """Plan to purge the chosen deleted users before their day."""
    return plan_for_chosen(request, customer, operations.plan_purges, tab="deleted")
