from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.VIEW)
def list_users(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def export(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def show_user(request, customer, **names):
    """Not built yet."""
    raise Http404
