from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from customers.access import customer_view
from customers.pages import render_form
from partners.access import require
from partners.roles import Permission
from users import consequences, forms, operations, queries

from .choosing import count_chosen, plan_for_chosen, read_choice, redirect_to_page


@customer_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request, customer, user_id):
    """Change a user: profile, user name, location and permissions."""
    user = get_user_or_404(customer, user_id, member=request.user)
    form = forms.EditUser(request.POST or None, user=user, customer=customer, member=request.user)
    if form.is_valid():
        try:
            changed = operations.edit_user(user=user, **form.order, by=request.user)
        except operations.UsersError as error:
            form.refuse(error)
        else:
            said = _("%(name)s was changed.") if changed else _("Nothing was changed.")
            messages.success(request, said % {"name": form.order["person"]["display_name"]})
            return redirect("users:user", customer.slug, user.pk)
    context = {"nav": "users", "customer": customer, "user": user, "form": form}
    return render_form(request, "users/edit.html", context)


def get_user_or_404(customer, user_id, *, member):
    """Return the active user; not every member may touch an administrator."""
    user = queries.get_user(customer, user_id)
    if user is None:
        raise Http404
    if user.is_administrator:
        require(member, Permission.ACT_ON_ADMINISTRATORS)
    return user


@customer_view(Permission.MANAGE_USERS)
def change_location(request, customer):
    """Ask for a usage location, then plan it for the chosen users."""
    is_asked = "location" in request.POST
    if request.method == "POST" and not is_asked:
        return redirect_to_page(request, customer, "users:change_location")
    form = forms.ChangeLocation(request.POST if is_asked else None)
    if form.is_valid():
        changes = {"location": form.cleaned_data["location"]}
        return plan_for_chosen(request, customer, operations.plan_edits, changes=changes)
    try:
        total = count_chosen(request, customer)
    except (operations.UsersError, queries.UnknownFilter) as error:
        messages.error(request, error.message)
        return redirect("users:list", customer.slug)
    moved = consequences.describe_moved(read_choice(request).counted, total)
    context = {"nav": "users", "customer": customer, "form": form, "total": total, "moved": moved}
    return render_form(request, "users/change_location.html", context)
