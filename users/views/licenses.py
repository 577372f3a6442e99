from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from batches import texts
from batches.errors import UsersError
from customers.access import customer_view
from customers.filters import UnknownFilter
from licensing import queries as licensing
from partners.pages import render_form
from partners.roles import Permission
from users.acts import waitlist
from users.acts.licenses import plan_licenses
from users.acts.selection import NoUsersSelected
from users.forms.licenses import ManageLicenses
from users.queries.selection import find_held, get_chosen
from users.queries.user import get_user
from users.views.acts import read_choice, read_chosen, redirect_to_page

# Users without a location that fit into the link to the page that sets it.
MAX_HANDED_ON = 1_000


@customer_view(Permission.ASSIGN_LICENSES)
@require_http_methods(["GET", "POST"])
def manage(request, customer):
    """Ask for changes of the selected users' licenses, then plan them."""
    if request.method == "POST" and "shown" not in request.POST:
        return redirect_to_page(request, customer, "users:licenses")
    try:
        form = read_form(request, customer)
    except (NoUsersSelected, UnknownFilter) as error:
        messages.error(request, error.message)
        return redirect("users:list", customer.slug)
    if form.is_valid():
        try:
            batch = plan_licenses(customer=customer, **form.arguments, by=request.user)
        except UsersError as error:
            form.add_error(None, error.message)
        else:
            return redirect("batches:batch", customer.slug, batch.pk)
    return render_form(request, "users/licenses.html", page_of(request, customer, form))


def read_form(request, customer):
    """Return the form: bound if it was sent, unbound for a selection from the list."""
    chosen = get_chosen(customer, read_chosen(request, customer), member=request.user)
    is_sent = "shown" in request.POST
    if not is_sent and not chosen.ids:
        raise NoUsersSelected
    return ManageLicenses(
        request.POST if is_sent else None,
        chosen=chosen,
        held=find_held(customer, chosen),
    )


def page_of(request, customer, form):
    choice, without = read_choice(request), form.chosen.without_location
    may_move = request.user.may(Permission.MANAGE_USERS) and len(without) <= MAX_HANDED_ON
    return {
        "nav": "users",
        "customer": customer,
        "form": form,
        "chosen": form.chosen,
        "choice": choice,
        "moved": texts.describe_moved(choice.counted, len(form.chosen)),
        "cards": form.cards,
        "location_url": reverse("users:edit_many", args=[customer.slug]) if may_move else "",
        "without_location": ",".join(map(str, without)),
    }


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
