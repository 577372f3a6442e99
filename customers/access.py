"""The only code that turns a URL into a customer."""

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.http import Http404

from customers import queries
from customers.models import Customer
from partners.access import require
from partners.roles import Permission

READING = ("GET", "HEAD", "OPTIONS")


class Archived(PermissionDenied):
    """The customer is archived and cannot be changed."""

    def __init__(self, customer: Customer):
        super().__init__(customer.name)
        self.customer = customer


def customer_view(permission: Permission, *, even_archived: bool = False) -> Callable:
    """
    Pass the customer of the URL's slug to the view.

    Answers 404 for another partner's customer and one outside the member's limits, as for one that
    does not exist; 403 without the permission, and for writes to an archived customer unless
    `even_archived`.
    """

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def answer(request, slug: str, **kwargs):
            customer = queries.get_customer(slug, member=request.user)
            if customer is None:
                raise Http404
            request.customer = customer
            require(request.user, permission)
            if customer.is_archived and request.method not in READING and not even_archived:
                raise Archived(customer)
            return view(request, customer, **kwargs)

        answer.permission = permission
        answer.is_customer_view = True
        return answer

    return decorate
