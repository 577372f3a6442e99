from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.RESET_PASSWORDS)
def show(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.RESET_PASSWORDS)
def print_sheet(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.RESET_PASSWORDS)
def download(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.RESET_PASSWORDS)
def hand_over(request, customer, **names):
    """Not built yet."""
    raise Http404
