"""
Users and results as files.

The requests are POST, since each download is recorded.
"""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from batches.errors import UsersError
from batches.views import get_batch_or_404
from customers.access import customer_view
from customers.filters import UnknownFilter
from partners import downloads
from partners.roles import Permission
from users import export as exporting
from users.export import record_export, record_results
from users.queries.export import find_all_lines, find_bought, find_exported
from users.queries.filters import find_chosen
from users.views.acts import read_choice


@customer_view(Permission.EXPORT_LISTS, even_archived=True)
@require_POST
def export(request, customer, kind):
    """Send the selected users, or all users in the filters of the list, as a file."""
    return send_users(request, customer, kind, exporting.to_rows)


def send_users(request, customer, kind, to_rows, *, is_active=False):
    """Record the download, and send these users as a file."""
    choice = read_choice(request)
    try:
        users = find_chosen(customer, **choice.of_users, is_active=is_active)
        query = choice.query if choice.all else ""
        record_export(customer=customer, users=users, query=query, kind=kind, by=request.user)
    except (UsersError, UnknownFilter) as error:
        messages.error(request, error.message)
        return redirect("users:list", customer.slug)
    rows = to_rows(find_exported(users), find_bought(customer))
    return downloads.file_response(rows, customer.slug, kind)


@customer_view(Permission.EXPORT_LISTS, even_archived=True)
@require_POST
def result(request, customer, batch_id, kind):
    """Send the result of each line of a batch, without passwords, as a file."""
    batch = get_batch_or_404(customer, batch_id)
    if batch.started_at is None:
        raise Http404
    record_results(batch=batch, kind=kind, by=request.user)
    rows = exporting.results(batch, find_all_lines(batch), find_bought(customer))
    return downloads.file_response(rows, f"{customer.slug}-{batch.kind}", kind)
