from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from customers.access import customer_view
from licensing import queries as licensing
from partners.roles import Permission
from users.acts import waitlist
from users.queries.user import get_user


@customer_view(Permission.ASSIGN_LICENSES)
@require_POST
def stop_waiting(request, customer, user_id, subscription_id):
    """Remove a user from the waitlist for a license."""
    user = get_user(customer, user_id)
    bought = licensing.get_subscription(customer, subscription_id)
    if user is None or bought is None:
        raise Http404
    if waitlist.stop_waiting(user=user, subscription_id=bought.pk, by=request.user):
        text = _("%(name)s is no longer waiting for %(product)s.")
    else:
        text = _("%(name)s wasn’t waiting for %(product)s.")
    messages.success(request, text % {"name": user.display_name, "product": bought.product.name})
    return redirect("users:user", customer.slug, user.pk)
