from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.MANAGE_USERS)
def upload(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.MANAGE_USERS)
def template(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.MANAGE_USERS)
def change(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.MANAGE_USERS)
def failed(request, customer, **names):
    """Not built yet."""
    raise Http404
