from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.MANAGE_USERS)
def add(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.MANAGE_USERS)
def check_name(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.MANAGE_USERS)
def finish(request, customer, **names):
    """Not built yet."""
    raise Http404
