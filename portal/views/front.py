from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.VIEW)
def home(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def search(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def customers(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def customer(request, customer, **names):
    """Not built yet."""
    raise Http404
