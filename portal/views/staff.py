"""Access of members to customers."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from customers import limits
from partners import queries
from partners.access import partner_view
from partners.pages import refusal_as_error, render_form
from partners.roles import Permission
from portal import forms


@partner_view(Permission.MANAGE_STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def choose_customers(request, member_id):
    """Select the customers that a member can see."""
    found = queries.get_member(member_id, partner_id=request.user.partner_id)
    if found is None:
        raise Http404
    form = forms.ChooseCustomers.of(found, request.POST or None, by=request.user)
    if form.is_valid():
        with refusal_as_error(form):
            limits.limit_member(member=found, **form.cleaned_data, by=request.user)
            messages.success(request, _("Customer selection saved."))
            return redirect("partners:member", found.pk)
    may_choose = found.is_limited or not request.user.is_limited
    context = {"nav": "team", "found": found, "form": form, "may_choose": may_choose}
    return render_form(request, "portal/member_customers.html", context)
