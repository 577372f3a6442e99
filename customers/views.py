"""Adding customers, their settings and their domains."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from customers import forms, locations, operations, queries
from customers.access import customer_view
from partners.access import partner_view
from partners.errors import Refusal
from partners.pages import refusal_as_error, refusal_as_message, render_form
from partners.roles import Permission


@partner_view(Permission.MANAGE_CUSTOMERS)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request):
    """Add a customer with its first domain."""
    form = forms.AddCustomer(request.POST or None, member=request.user)
    if form.is_valid():
        try:
            customer = operations.add_customer(**form.cleaned_data, by=request.user)
        except Refusal as error:
            form.add_refusal(error)
        else:
            messages.success(request, _("%(name)s added.") % {"name": customer.name})
            return redirect("portal:customer", customer.slug)
    return render_form(request, "customers/add.html", {"nav": "customers", "form": form})


@customer_view(Permission.VIEW)
@require_safe
def settings(request, customer):
    """Show the customer's details, policies and notes."""
    may_manage = request.user.may(Permission.MANAGE_CUSTOMERS)
    context = {
        "nav": "settings",
        "customer": customer,
        "location": locations.name_of(customer.location),
        "may_edit": may_manage and not customer.is_archived,
        "may_change_policies": request.user.may(Permission.MANAGE_POLICIES)
        and not customer.is_archived,
        "may_archive": may_manage,
    }
    return render(request, "customers/settings.html", context)


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_details(request, customer):
    """Change name, usage location, language and contact."""
    form = forms.Details.of(customer, request.POST or None)
    return save_settings(
        request, form, operations.edit_details, _("Details saved."), "customers/edit_details.html"
    )


@customer_view(Permission.MANAGE_POLICIES)
@require_http_methods(["GET", "HEAD", "POST"])
def change_policies(request, customer):
    """Change the rules for passwords and for deleted users."""
    form = forms.Policies.of(customer, request.POST or None)
    text = _("Policies saved. They apply from now on.")
    return save_settings(
        request, form, operations.change_policies, text, "customers/change_policies.html"
    )


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_notes(request, customer):
    form = forms.Notes.of(customer, request.POST or None)
    return save_settings(
        request, form, operations.edit_notes, _("Notes saved."), "customers/edit_notes.html"
    )


def save_settings(request, form, operation, text, template):
    """Run the operation with the values of a valid form; show the page of the others."""
    customer = request.customer
    if form.is_valid():
        operation(customer=customer, **form.cleaned_data, by=request.user)
        messages.success(request, text)
        return redirect("customers:settings", customer.slug)
    return render_form(request, template, {"nav": "settings", "customer": customer, "form": form})


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_http_methods(["GET", "HEAD", "POST"])
def archive(request, customer):
    """Archive the customer once its name has been typed."""
    form = forms.ConfirmArchiving(request.POST or None, customer=customer)
    if form.is_valid():
        operations.archive_customer(customer=customer, by=request.user)
        messages.success(request, _("%(name)s archived.") % {"name": customer.name})
        return redirect("portal:customer", customer.slug)
    context = {"nav": "settings", "customer": customer, "form": form}
    return render_form(request, "customers/archive.html", context)


@customer_view(Permission.MANAGE_CUSTOMERS, even_archived=True)
@require_POST
def reactivate(request, customer):
    operations.reactivate_customer(customer=customer, by=request.user)
    messages.success(request, _("%(name)s reactivated.") % {"name": customer.name})
    return redirect("portal:customer", customer.slug)


@customer_view(Permission.VIEW)
@require_safe
def domains(request, customer):
    context = {
        "nav": "domains",
        "customer": customer,
        "domains": queries.find_domains(customer),
        "may_edit": request.user.may(Permission.MANAGE_CUSTOMERS) and not customer.is_archived,
    }
    return render(request, "customers/domains.html", context)


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_http_methods(["GET", "HEAD", "POST"])
def add_domain(request, customer):
    form = forms.AddDomain(request.POST or None)
    if form.is_valid():
        with refusal_as_error(form, "name"):
            domain = operations.add_domain(customer=customer, **form.cleaned_data, by=request.user)
            messages.success(request, _("%(domain)s added.") % {"domain": domain.name})
            return redirect("customers:domains", customer.slug)
    context = {"nav": "domains", "customer": customer, "form": form}
    return render_form(request, "customers/add_domain.html", context)


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_POST
def mark_domain(request, customer, domain_id):
    """Mark a domain as verified or not verified."""
    domain = find_domain(customer, domain_id)
    form = forms.MarkDomain(request.POST)
    if form.is_valid():
        operations.mark_domain(domain=domain, **form.cleaned_data, by=request.user)
    return redirect("customers:domains", customer.slug)


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_POST
def make_default(request, customer, domain_id):
    domain = find_domain(customer, domain_id)
    with refusal_as_message(request):
        operations.make_default(domain=domain, by=request.user)
    return redirect("customers:domains", customer.slug)


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_POST
def remove_domain(request, customer, domain_id):
    domain = find_domain(customer, domain_id)
    with refusal_as_message(request):
        operations.remove_domain(domain=domain, by=request.user)
        messages.success(request, _("%(domain)s removed.") % {"domain": domain.name})
    return redirect("customers:domains", customer.slug)


def find_domain(customer, domain_id):
    """The customer's domain of this id, or 404."""
    domain = queries.get_domain(customer, domain_id)
    if domain is None:
        raise Http404
    return domain
