from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from customers.access import customer_view
from customers.pages import render_form
from partners.roles import Permission
from users import forms, operations, queries

from .choosing import read_chosen

# So many users are handed on to the page that changes their location.
MOST_HANDED_ON = 1_000


@customer_view(Permission.ASSIGN_LICENSES)
@require_http_methods(["GET", "POST"])
def manage(request, customer):
    """Ask what shall become of the chosen users' licenses, then plan it."""
    try:
        form = read_form(request, customer)
    except (operations.NobodyChosen, queries.UnknownFilter) as error:
        messages.error(request, error.message)
        return redirect("users:list", customer.slug)
    if form.is_valid():
        order = {"users": form.chosen.ids, **form.order, "by": request.user}
        try:
            batch = operations.plan_licenses(customer=customer, **order)
        except operations.UsersError as error:
            form.add_error(None, error.message)
        else:
            return redirect("users:batch", customer.slug, batch.pk)
    return render_form(request, "users/licenses.html", page_of(customer, form, request.user))


def read_form(request, customer):
    """Bind the form where it was sent; the list sends no more than who was chosen."""
    chosen = queries.get_chosen(customer, read_chosen(request, customer), member=request.user)
    is_sent = "shown" in request.POST
    if not is_sent and not chosen.ids:
        raise operations.NobodyChosen
    return forms.ManageLicenses(
        request.POST if is_sent else None,
        initial={name: request.POST.get(name, "") for name in ("ids", "all", "query")},
        chosen=chosen,
        held=queries.find_held(customer, chosen),
    )


def page_of(customer, form, member):
    """Return everything the page shows."""
    without = form.chosen.without_location
    may_move = member.may(Permission.MANAGE_USERS) and len(without) <= MOST_HANDED_ON
    return {
        "nav": "users",
        "customer": customer,
        "form": form,
        "chosen": form.chosen,
        "cards": form.cards,
        "location_url": reverse("users:change_location", args=[customer.slug]) if may_move else "",
        "without_location": ",".join(map(str, without)),
    }
