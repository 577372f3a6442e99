from django.http import Http404

from customers.access import customer_view
from partners.roles import Permission


@customer_view(Permission.VIEW)
def health(request, customer, **names):
    """Not built yet."""
    raise Http404
