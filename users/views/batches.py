from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.VIEW)
def batch(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def start(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def cancel(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def customer_batches(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def all_batches(request, customer, **names):
    """Not built yet."""
    raise Http404
