"""The list of a customer's users, the list as a file, and one user."""

from django.contrib import messages
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from customers.access import customer_view
from partners import tenancy
from partners.roles import Permission
from users import exporting, forms, queries
from users.importing import export as files


@customer_view(Permission.VIEW)
@require_safe
def list_users(request, customer):
    """Show a page of the customer's users, filtered and sorted as the address says."""
    listing = queries.get_list(customer, request.GET)
    form = forms.FilterUsers(request.GET, subscriptions=listing.subscriptions)
    may_reset = request.user.may(Permission.RESET_PASSWORDS)
    context = {
        "nav": "users",
        "customer": customer,
        "list": listing,
        "filters": form,
        "set_filters": form.find_set(listing.filters),
        "clear_url": request.path + ("?tab=deleted" if listing.filters.is_deleted else ""),
        "is_selectable": may_reset and not listing.filters.is_deleted,
        "may_reset": may_reset,
        "may_export": request.user.may(Permission.EXPORT_LISTS),
    }
    return render(request, "users/list.html", context)


@customer_view(Permission.EXPORT_LISTS)
@require_safe
def export(request, customer):
    """Hand the list over as a file that a spreadsheet opens, filtered as the address says."""
    try:
        filters = queries.read_filters(customer, request.GET)
    except queries.UnknownFilter as error:
        messages.error(request, error.message)
        return redirect("users:list", customer.slug)
    users = queries.find_exported(queries.find_users(customer, filters))
    day = timezone.localdate().isoformat()
    return StreamingHttpResponse(
        tenancy.stream(files.write_csv(exporting.in_cells(users))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{customer.slug}-{day}.csv"'},
    )


@customer_view(Permission.VIEW)
@require_safe
def show_user(request, customer, user_id):
    """Show everything about one user, deleted ones included."""
    page = queries.get_user_page(customer, user_id)
    if page is None:
        raise Http404
    context = {
        "nav": "users",
        "customer": customer,
        "page": page,
        "user": page.user,
        "may_reset": _may_reset(request.user, page.user),
    }
    return render(request, "users/user.html", context)


def _may_reset(member, user):
    """Whether the member may give this user a new password: not all may act on administrators."""
    may = member.may(Permission.RESET_PASSWORDS) and user.deleted_at is None
    return may and (not user.is_administrator or member.may(Permission.ACT_ON_ADMINISTRATORS))
