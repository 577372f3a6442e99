from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from batches import texts
from customers.access import customer_view
from licensing.queries import find_product_names
from partners.pages import render_form
from partners.roles import Permission
from users.acts.add import NameTaken, add_user, finish_set
from users.forms import person
from users.forms.person import AddUser
from users.queries.add import get_open_set, get_set


@customer_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request, customer):
    """Add a user, then show the form again or the page of the set."""
    member = request.user
    open_set = get_open_set(customer, member=member)
    last = open_set.last if open_set else None
    form = AddUser(request.POST or None, customer=customer, member=member, last=last)
    if form.is_valid():
        try:
            added = add_user(customer=customer, **form.order, by=member)
        except NameTaken as error:
            form.refuse_name(error.message)
        else:
            return go_on(request, customer, added)
    context = {"nav": "add", "customer": customer, "form": form, "open_set": open_set}
    return render_form(request, "users/add.html", context)


def go_on(request, customer, added):
    """Redirect with messages about the added user: to the form while the set is open."""
    products = find_product_names(customer)
    (shown,) = texts.show([added.line], products)
    for one in shown.messages:
        messages.warning(request, one.text)
    if added.batch.state != added.batch.State.OPEN:
        return redirect("batches:batch", customer.slug, added.batch.pk)
    messages.success(request, _("%(name)s was added.") % {"name": shown.name})
    return redirect("users:add", customer.slug)


@customer_view(Permission.MANAGE_USERS)
@require_safe
def check_name(request, customer):
    """Show whether a user name is free as it is typed."""
    check = person.check_name(customer, request.GET, member=request.user)
    return render(request, "users/_name_check.html", {"customer": customer, "check": check})


@customer_view(Permission.MANAGE_USERS)
@require_POST
def finish(request, customer, batch_id):
    """Close the set, and show its page."""
    batch = get_set(customer, batch_id, member=request.user)
    if batch is None:
        raise Http404
    finish_set(batch=batch, by=request.user)
    return redirect("batches:batch", customer.slug, batch.pk)
