from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.RESET_PASSWORDS)
def mail(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.RESET_PASSWORDS)
def link(request, customer, **names):
    """Not built yet."""
    raise Http404
