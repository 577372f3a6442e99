from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods, require_safe

from customers import locations
from customers.access import customer_view
from licensing import forms, queries
from licensing.operations import catalog as licensing_catalog
from licensing.operations import subscriptions as licensing_subscriptions
from partners.access import partner_view
from partners.errors import Refusal
from partners.pages import refusal_as_error, render_form
from partners.roles import Permission

PRODUCTS = 50


@customer_view(Permission.VIEW)
@require_safe
def subscriptions(request, customer):
    found = queries.find_subscriptions(customer).prefetch_related(None)
    context = {
        "nav": "subscriptions",
        "customer": customer,
        "subscriptions": queries.count_in_line(found),
        "may_edit": request.user.may(Permission.MANAGE_CUSTOMERS) and not customer.is_archived,
    }
    return render(request, "licensing/subscriptions.html", context)


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_http_methods(["GET", "HEAD", "POST"])
def add_subscription(request, customer):
    form = forms.AddSubscription(request.POST or None, customer=customer)
    if form.is_valid():
        with refusal_as_error(form, "product"):
            added = licensing_subscriptions.add_subscription(
                customer=customer, **form.cleaned_data, by=request.user
            )
            return go_on(request, customer, added)
    context = {"nav": "subscriptions", "customer": customer, "form": form}
    return render_form(request, "licensing/add_subscription.html", context)


def go_on(request, customer, added):
    """Report the new subscription and the products that it needs; go to the list."""
    product = added.product
    messages.success(request, _("%(product)s was added.") % {"product": product.name})
    if missing := queries.find_missing(customer, product):
        text = _("%(product)s also needs %(others)s. This customer doesn’t have that yet.")
        others = pgettext("between the parts of a list", ", ").join(missing)
        messages.warning(request, text % {"product": product.name, "others": others})
    return redirect("licensing:subscriptions", customer.slug)


@customer_view(Permission.MANAGE_CUSTOMERS)
@require_http_methods(["GET", "HEAD", "POST"])
def change_subscription(request, customer, subscription_id):
    found = find_subscription(customer, subscription_id)
    form = forms.ChangeSubscription.of(found, request.POST or None)
    if form.is_valid():
        with refusal_as_error(form, "seats"):
            licensing_subscriptions.change_subscription(
                subscription=found, **form.cleaned_data, by=request.user
            )
            messages.success(request, _("%(product)s is saved.") % {"product": found.product.name})
            return redirect("licensing:subscriptions", customer.slug)
    context = {"nav": "subscriptions", "customer": customer, "form": form, "subscription": found}
    return render_form(request, "licensing/change_subscription.html", context)


def find_subscription(customer, subscription_id):
    found = queries.get_subscription(customer, subscription_id)
    if found is None:
        raise Http404
    return found


@partner_view(Permission.VIEW)
@require_safe
def catalog(request):
    q = forms.FindProducts(request.GET).value()
    products = Paginator(queries.find_products(member=request.user, q=q), PRODUCTS)
    context = {
        "nav": "catalog",
        "page": products.get_page(request.GET.get("page")),
        "q": q,
        "may_edit": request.user.may(Permission.MANAGE_PRODUCTS),
    }
    return render(request, "licensing/catalog.html", context)


@partner_view(Permission.MANAGE_PRODUCTS)
@require_http_methods(["GET", "HEAD", "POST"])
def add_product(request):
    form = forms.Description(request.POST or None, member=request.user)
    if form.is_valid():
        plans = form.cleaned_data["new_plans"]
        with refusal_as_error(form, "part_number"):
            made = licensing_catalog.add_product(
                description=form.described, plans=plans, by=request.user
            )
            messages.success(request, _("%(product)s was added.") % {"product": made.name})
            return redirect("licensing:product", made.pk)
    return render_form(request, "licensing/edit_product.html", {"nav": "catalog", "form": form})


@partner_view(Permission.VIEW)
@require_safe
def product(request, product_id):
    found = find_product(request.user, product_id)
    context = {
        "nav": "catalog",
        "product": found,
        "plans": found.plans.order_by("name"),
        "others": queries.get_others(found),
        "not_sold_in": [locations.name_of(code) for code in found.not_sold_in],
        "buyers": queries.find_buyers(found, member=request.user),
        "may_edit": request.user.may(Permission.MANAGE_PRODUCTS),
    }
    return render(request, "licensing/product.html", context)


@partner_view(Permission.MANAGE_PRODUCTS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_product(request, product_id):
    found = find_product(request.user, product_id)
    form = forms.Description.of(found, request.POST or None, member=request.user)
    if form.is_valid():
        try:
            save_product(form, found, by=request.user)
        except Refusal as error:
            form.report(error)
        else:
            messages.success(request, _("%(product)s is saved.") % {"product": form.described.name})
            return redirect("licensing:product", found.pk)
    context = {"nav": "catalog", "form": form, "product": found}
    return render_form(request, "licensing/edit_product.html", context)


def save_product(form, found, *, by):
    licensing_catalog.edit_product(
        product=found,
        description=form.described,
        plan_names=form.plan_names,
        removed=form.removed,
        new_plans=form.cleaned_data["new_plans"],
        by=by,
    )


def find_product(member, product_id):
    found = queries.get_product(product_id, member=member)
    if found is None:
        raise Http404
    return found
