"""Whose is it: the only code that turns a URL into a customer."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404

from partners.access import require
from partners.roles import Permission

from . import queries


def customer_view(permission: Permission) -> Callable:
    """
    Hand the view the customer that the URL's slug names.

    Another partner's, or one outside the member's limits, is 404 like one that does not exist;
    one's own without the permission is 403 and the page names the right.
    """

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def answer(request, slug: str, **kwargs):
            customer = queries.get_customer(slug, member=request.user)
            if customer is None:
                raise Http404
            request.customer = customer
            require(request.user, permission)
            return view(request, customer, **kwargs)

        answer.permission = permission
        answer.is_customer_view = True
        return answer

    return decorate
