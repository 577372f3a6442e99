from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.VIEW)
def language(request, customer, **names):
    """Not built yet."""
    raise Http404


@customer_view(Permission.VIEW)
def profile(request, customer, **names):
    """Not built yet."""
    raise Http404
