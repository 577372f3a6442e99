"""Dashboard, list of customers, overview of a customer, search."""

from django.shortcuts import render
from django.views.decorators.http import require_safe

from customers import locations
from customers.access import customer_view
from partners.access import partner_view
from partners.roles import Permission
from portal import forms
from portal.queries.customers import get_customer_page, get_overview
from portal.queries.figures import get_dashboard
from portal.queries.search import find_everything
from users.queries.add import find_open_set


@partner_view(Permission.VIEW)
@require_safe
def home(request):
    """Show figures, what needs attention, and recent activity."""
    context = {"nav": "dashboard", "dashboard": get_dashboard(member=request.user)}
    return render(request, "portal/home.html", context)


@partner_view(Permission.VIEW)
@require_safe
def search(request):
    """Find customers and users; the palette gets only the results."""
    found = find_everything(request.GET.get("q", ""), member=request.user)
    template = "portal/_results.html" if request.htmx else "portal/search.html"
    return render(request, template, {"found": found})


@partner_view(Permission.VIEW)
@require_safe
def customers(request):
    form = forms.FindCustomers(request.GET)
    page = get_customer_page(member=request.user, **form.values())
    return render(
        request, "portal/customers.html", {"nav": "customers", "page": page, "filters": form}
    )


@customer_view(Permission.VIEW)
@require_safe
def customer(request, customer):
    """Show one customer with subscriptions, users and recent batches."""
    context = {
        "nav": "overview",
        "customer": customer,
        "overview": get_overview(customer, member=request.user),
        "location": locations.name_of(customer.location),
        "adding": find_open_set(customer, member=request.user),
    }
    return render(request, "portal/customer.html", context)
