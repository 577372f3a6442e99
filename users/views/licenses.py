from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from customers.access import customer_view
from customers.pages import render_form
from partners.roles import Permission
from users import consequences, forms, operations, queries

from .choosing import read_choice, read_chosen, redirect_to_page

# So many users are handed on to the page that changes their location.
MOST_HANDED_ON = 1_000


@customer_view(Permission.ASSIGN_LICENSES)
@require_http_methods(["GET", "POST"])
def manage(request, customer):
    """Ask what shall become of the chosen users' licenses, then plan it."""
    if request.method == "POST" and "shown" not in request.POST:
        return redirect_to_page(request, customer, "users:licenses")
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
    context = page_of(customer, form, read_choice(request), request.user)
    return render_form(request, "users/licenses.html", context)


def read_form(request, customer):
    """Bind the form where it was sent; the list sends no more than who was chosen."""
    chosen = queries.get_chosen(customer, read_chosen(request, customer), member=request.user)
    is_sent = "shown" in request.POST
    if not is_sent and not chosen.ids:
        raise operations.NobodyChosen
    return forms.ManageLicenses(
        request.POST if is_sent else None,
        chosen=chosen,
        held=queries.find_held(customer, chosen),
    )


def page_of(customer, form, choice, member):
    """Return everything the page shows."""
    without = form.chosen.without_location
    may_move = member.may(Permission.MANAGE_USERS) and len(without) <= MOST_HANDED_ON
    return {
        "nav": "users",
        "customer": customer,
        "form": form,
        "chosen": form.chosen,
        "choice": choice,
        "moved": consequences.describe_moved(choice.counted, len(form.chosen)),
        "cards": form.cards,
        "location_url": reverse("users:change_location", args=[customer.slug]) if may_move else "",
        "without_location": ",".join(map(str, without)),
    }
