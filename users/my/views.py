from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.VIEW)
def home(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def sign_in(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def choose_password(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def sign_out(request, customer, **names):
    """Not built yet."""
    raise Http404
