from functools import partial

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from customers.pages import render_form
from partners.access import partner_view
from partners.roles import Permission
from users import bundles, forms, operations, queries

from . import files
from .importing import PART_BYTES


@partner_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "POST"])
def upload(request):
    """Take a file with people of many customers and order that it is cut."""
    form = forms.ImportMany(request.POST or None, request.FILES or None)
    if form.is_valid():
        file = form.cleaned_data["file"]
        bundle = operations.receive_bundle(
            name=file.name,
            parts=iter(partial(file.read, PART_BYTES), b""),
            options=form.options,
            by=request.user,
        )
        return redirect("users:bundle", bundle.pk)
    return render_form(request, "users/import_many.html", {"nav": "customers", "form": form})


@partner_view(Permission.VIEW)
@require_safe
def bundle(request, bundle_id):
    """Show what a file holds for each customer, and how far its imports are."""
    found = get_bundle_or_404(request, bundle_id)
    return render(request, "users/bundle.html", bundles.page_of(found, member=request.user))


@partner_view(Permission.MANAGE_USERS)
@require_POST
def start(request, bundle_id):
    """Start every import of the file that waits."""
    found = get_bundle_or_404(request, bundle_id)
    # No text in Postgres holds a NUL.
    ticket = request.POST.get("ticket", "").replace("\0", "")[:60]
    try:
        started = operations.start_bundle(bundle=found, ticket=ticket, by=request.user)
    except operations.UsersError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, bundles.say_started(started))
    return redirect("users:bundle", found.pk)


@partner_view(Permission.MANAGE_USERS)
@require_POST
def strays(request, bundle_id, kind):
    """Record and hand out the rows that belong to no customer, with the reasons, to be corrected."""
    files.check_kind(kind)
    found = get_bundle_or_404(request, bundle_id)
    if not queries.shows_strays(found, request.user):
        raise Http404
    operations.record_strays(bundle=found, kind=kind, by=request.user)
    rows = bundles.stray_rows(found, get_language())
    return files.hand_out(rows, "errors-no-customer", kind)


def get_bundle_or_404(request, bundle_id):
    """Return the bundle; one that the member may see nothing of is as absent as none."""
    found = queries.get_bundle(bundle_id, member=request.user)
    if found is None:
        raise Http404
    return found
