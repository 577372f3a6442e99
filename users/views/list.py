"""The list of a customer's users, and one user."""

from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from customers.access import customer_view
from partners.roles import Permission
from users.forms.filters import FilterUsers
from users.queries.add import find_open_set
from users.queries.list import get_list
from users.queries.permissions import acts_on_list, acts_on_user
from users.queries.selection import count_unmatched
from users.queries.user import get_user_page


@customer_view(Permission.VIEW)
@require_safe
def list_users(request, customer):
    """Show a page of the customer's users, with the filters and the order of the address."""
    listing = get_list(customer, request.GET)
    form = FilterUsers(request.GET, subscriptions=listing.subscriptions)
    context = acts_on_list(request.user, is_deleted=listing.filters.is_deleted) | {
        "nav": "users",
        "customer": customer,
        "list": listing,
        "filters": form,
        "set_filters": form.find_set(listing.filters),
        "clear_url": request.path + ("?tab=deleted" if listing.filters.is_deleted else ""),
        "may_export": request.user.may(Permission.EXPORT_LISTS),
        "adding": find_open_set(customer, member=request.user),
        "unmatched": count_unmatched(customer, listing.filters.selection, member=request.user),
    }
    return render(request, "users/list.html", context)


@customer_view(Permission.VIEW)
@require_safe
def show_user(request, customer, user_id):
    """Show an active or deleted user."""
    page = get_user_page(customer, user_id)
    if page is None:
        raise Http404
    context = acts_on_user(request.user, page.user) | {
        "nav": "users",
        "customer": customer,
        "page": page,
        "user": page.user,
    }
    return render(request, "users/user.html", context)
