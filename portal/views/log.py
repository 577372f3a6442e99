"""The activity log: of the partner, of one customer, and as a file."""

from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from customers.access import customer_view
from partners import downloads
from partners.access import partner_view
from partners.roles import Permission
from portal import forms, operations
from portal.queries.log import find_logged, get_customer_choice, get_log, to_rows


@partner_view(Permission.VIEW_OWN_ACTIVITY)
@require_safe
def activity(request):
    """Show the log of the partner, as far as the member can see it."""
    return render_log(request, None)


@customer_view(Permission.VIEW_OWN_ACTIVITY)
@require_safe
def customer_activity(request, customer):
    return render_log(request, customer)


def render_log(request, customer):
    """Show a page of the log with the filters of the URL."""
    form = forms.FindEvents(request.GET)
    values = form.values()
    context = {
        "nav": "customer-activity" if customer else "activity",
        "filters": form,
        "chosen": values,
        "log": get_log(member=request.user, of=customer, **values),
        "may_export": request.user.may(Permission.EXPORT_LISTS),
        "sees_all": request.user.may(Permission.VIEW_ALL_ACTIVITY),
    }
    return render(request, "portal/activity.html", context)


@partner_view(Permission.EXPORT_LISTS)
@require_POST
def export(request, kind):
    """Record an export of the log with the filters of the URL, and send the file."""
    form = forms.FindEvents(request.GET)
    values = form.values()
    choice = get_customer_choice(member=request.user, **values)
    customer = choice.chosen
    events = find_logged(member=request.user, **values | {"customer": customer})
    if choice.is_missing or form.errors:
        # An invalid filter exports nothing instead of everything.
        events = events.none()
    what = {"events": events, "customer": customer, "query": request.GET.urlencode()}
    operations.record_log_export(**what, kind=kind, by=request.user)
    rows = to_rows(events, member=request.user)
    return downloads.file_response(rows, "activity", kind, title=_("Activity"))
