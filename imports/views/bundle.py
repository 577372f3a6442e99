from functools import partial

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from batches.errors import UsersError
from imports import bundle as bundles
from imports.forms.upload import ImportMany
from imports.operations.split import receive_bundle, start_bundle
from imports.operations.upload import record_strays
from imports.queries import get_bundle, shows_strays
from imports.views.upload import PART_BYTES
from partners import downloads
from partners.access import partner_view
from partners.pages import render_form
from partners.roles import Permission


@partner_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "POST"])
def upload(request):
    """Take a file with people of many customers and order that it is cut."""
    form = ImportMany(request.POST or None, request.FILES or None)
    if form.is_valid():
        file = form.cleaned_data["file"]
        bundle = receive_bundle(
            name=file.name,
            parts=iter(partial(file.read, PART_BYTES), b""),
            options=form.options,
            by=request.user,
        )
        return redirect("imports:bundle", bundle.pk)
    return render_form(request, "imports/upload_many.html", {"nav": "customers", "form": form})


@partner_view(Permission.VIEW)
@require_safe
def bundle(request, bundle_id):
    """Show what a file holds for each customer, and how far its imports are."""
    found = get_bundle_or_404(request, bundle_id)
    return render(request, "imports/bundle.html", bundles.page_of(found, member=request.user))


@partner_view(Permission.MANAGE_USERS)
@require_POST
def start(request, bundle_id):
    """Start every import of the file that waits."""
    found = get_bundle_or_404(request, bundle_id)
    # No text in Postgres holds a NUL.
    ticket = request.POST.get("ticket", "").replace("\0", "")[:60]
    try:
        started = start_bundle(bundle=found, ticket=ticket, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, bundles.say_started(started))
    return redirect("imports:bundle", found.pk)


@partner_view(Permission.MANAGE_USERS)
@require_POST
def strays(request, bundle_id, kind):
    """Record and hand out the rows that belong to no customer, with the reasons, to be corrected."""
    found = get_bundle_or_404(request, bundle_id)
    if not shows_strays(found, request.user):
        raise Http404
    record_strays(bundle=found, kind=kind, by=request.user)
    rows = bundles.stray_rows(found, get_language())
    return downloads.file_response(rows, "errors-no-customer", kind)


def get_bundle_or_404(request, bundle_id):
    """Return the bundle; one that the member may see nothing of is as absent as none."""
    found = get_bundle(bundle_id, member=request.user)
    if found is None:
        raise Http404
    return found
