from functools import partial

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from batches.errors import UsersError
from imports import multi_upload as page
from imports.forms.upload import ImportMany
from imports.operations.split import receive_multi_upload, start_imports
from imports.operations.upload import record_unmatched_rows
from imports.queries import get_multi_upload, shows_unmatched_rows
from imports.views.upload import PART_BYTES
from partners import downloads
from partners.access import partner_view
from partners.pages import render_form
from partners.roles import Permission


@partner_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "POST"])
def upload(request):
    """Take a file with users of several customers, and order that it is split."""
    form = ImportMany(request.POST or None, request.FILES or None)
    if form.is_valid():
        file = form.cleaned_data["file"]
        kept = receive_multi_upload(
            name=file.name,
            parts=iter(partial(file.read, PART_BYTES), b""),
            options=form.options,
            by=request.user,
        )
        return redirect("imports:multi_upload", kept.pk)
    return render_form(request, "imports/upload_many.html", {"nav": "customers", "form": form})


@partner_view(Permission.VIEW)
@require_safe
def multi_upload(request, upload_id):
    """Show the imports of a file with their progress."""
    found = get_multi_upload_or_404(request, upload_id)
    return render(request, "imports/multi_upload.html", page.page_of(found, member=request.user))


@partner_view(Permission.MANAGE_USERS)
@require_POST
def start(request, upload_id):
    """Start the waiting imports of a file."""
    found = get_multi_upload_or_404(request, upload_id)
    # No text in Postgres holds a NUL.
    ticket = request.POST.get("ticket", "").replace("\0", "")[:60]
    try:
        started = start_imports(upload=found, ticket=ticket, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, page.describe_started(started))
    return redirect("imports:multi_upload", found.pk)


@partner_view(Permission.MANAGE_USERS)
@require_POST
def unmatched_rows(request, upload_id, kind):
    """Send the rows that belong to no customer, with the reasons, as a file."""
    found = get_multi_upload_or_404(request, upload_id)
    if not shows_unmatched_rows(found, request.user):
        raise Http404
    record_unmatched_rows(upload=found, kind=kind, by=request.user)
    rows = page.unmatched_rows(found, get_language())
    return downloads.file_response(rows, "errors-no-customer", kind)


def get_multi_upload_or_404(request, upload_id):
    """Return the uploaded file; 404 where the member may see nothing of it."""
    found = get_multi_upload(upload_id, member=request.user)
    if found is None:
        raise Http404
    return found
