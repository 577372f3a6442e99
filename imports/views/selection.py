from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from customers.access import customer_view
from imports.forms.selection import CompleteSelection, SelectNamed
from imports.operations.selection import complete_selection, record_names, select_named
from imports.selection import page_of, to_rows
from partners import downloads
from partners.pages import render_form
from partners.roles import Permission
from users.queries.named import TWICE
from users.queries.selection import find_selection


@customer_view(Permission.VIEW, even_archived=True)
@require_http_methods(["GET", "HEAD", "POST"])
def select(request, customer):
    """Take a list of users, and select them on the list of users."""
    form = SelectNamed(request.POST or None, request.FILES or None)
    if form.is_valid():
        made = select_named(customer=customer, entries=form.entries, by=request.user)
        return go_on(customer, made)
    return render_form(request, "imports/select.html", {"nav": "users", "form": form})


@customer_view(Permission.VIEW, even_archived=True)
@require_http_methods(["GET", "HEAD", "POST"])
def selection(request, customer, selection_id):
    """Show which entries of a list select no user, and complete the selection."""
    found = get_selection_or_404(request, customer, selection_id)
    form = CompleteSelection(request.POST or None, selection=found)
    if form.is_valid():
        made = complete_selection(selection=found, **form.arguments, by=request.user)
        return go_on(customer, made) if form.is_again else go_to_users(customer, made, form.tab)
    return render_form(request, "imports/selection.html", page_of(found) | {"form": form})


@customer_view(Permission.VIEW, even_archived=True)
@require_POST
def names(request, customer, selection_id, kind):
    """Send the entries that select no user, with the reasons, as a file."""
    found = get_selection_or_404(request, customer, selection_id)
    record_names(selection=found, kind=kind, by=request.user)
    return downloads.file_response(to_rows(found), f"not-found-{customer.slug}", kind)


def get_selection_or_404(request, customer, selection_id):
    """Return the member's own selection; 404 for those of others."""
    found = find_selection(customer, selection_id, member=request.user)
    if found is None:
        raise Http404
    return found


def go_on(customer, selection):
    """Redirect to the selected users, or to the entries that ask for a decision."""
    if selection.users and all(entry["code"] == TWICE for entry in selection.unmatched):
        return go_to_users(customer, selection)
    return redirect("imports:selection", customer.slug, selection.pk)


def go_to_users(customer, selection, tab=""):
    users = reverse("users:list", args=[customer.slug])
    return redirect(f"{users}?{'tab=deleted&' if tab else ''}selection={selection.pk}")
