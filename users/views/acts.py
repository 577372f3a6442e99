from secrets import token_urlsafe

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from batches import texts
from batches.errors import UsersError
from batches.forms import Place
from batches.page import page_of
from batches.views import get_batch_or_404, keep_note, plan_from
from customers.access import customer_view
from customers.filters import UnknownFilter
from partners.pages import render_form
from partners.roles import Permission
from users.acts import rename
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.acts.hold import plan_holds
from users.acts.purge import plan_purges
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores
from users.acts.selection import NoUsersSelected, record_selected_count
from users.acts.undo import plan_undo
from users.acts.waitlist import mark_report_seen
from users.forms.hold import HoldPurge
from users.forms.restore import RenameRestored
from users.forms.selection import Choice
from users.queries.filters import chosen_ids
from users.queries.restore import find_blocked, find_done_users


@customer_view(Permission.MANAGE_USERS)
def block(request, customer):
    return plan_for_chosen(request, customer, plan_blocks, block=True)


@customer_view(Permission.MANAGE_USERS)
def unblock(request, customer):
    return plan_for_chosen(request, customer, plan_blocks, block=False)


@customer_view(Permission.MANAGE_USERS)
@require_POST
def unblock_blocked(request, customer, batch_id):
    """Plan to unblock the blocked users of a batch."""
    batch = get_batch_or_404(customer, batch_id)
    users = find_blocked(batch).values_list("pk", flat=True)
    try:
        planned = plan_blocks(customer=customer, users=users, block=False, by=request.user)
    except NoUsersSelected:
        messages.error(request, _("None of these users are blocked."))
        return redirect("batches:batch", customer.slug, batch.pk)
    return redirect("batches:batch", customer.slug, planned.pk)


@customer_view(Permission.DELETE_USERS)
def delete(request, customer):
    return plan_for_chosen(request, customer, plan_deletes)


@customer_view(Permission.PURGE_USERS)
def purge(request, customer):
    return plan_for_chosen(request, customer, plan_purges, tab="deleted")


@customer_view(Permission.UNDO_ALL_BATCHES)
@require_http_methods(["GET", "HEAD", "POST"])
def hold(request, customer):
    """Plan to hold, release or postpone the purge of the selected users; ask for the days."""
    is_asked = request.method == "POST" and "shown" not in request.POST
    # The buttons of the list have their act in the address.
    values = request.GET.dict() | request.POST.dict()
    form = HoldPurge(values if request.method == "POST" else None)
    if form.is_valid():
        return plan_for_chosen(request, customer, plan_holds, tab="deleted", **form.order)
    if is_asked:
        return redirect_to_page(request, customer, "users:hold")
    return render_for_chosen(request, customer, "users/hold.html", form, tab="deleted")


@customer_view(Permission.RESET_PASSWORDS)
def reset(request, customer):
    return plan_for_chosen(request, customer, plan_resets)


@customer_view(Permission.RESTORE_USERS)
def restore(request, customer):
    return plan_for_chosen(request, customer, plan_restores, tab="deleted")


@customer_view(Permission.RESTORE_USERS)
@require_POST
def restore_deleted(request, customer, batch_id):
    """Plan to restore the users that a batch has deleted."""
    batch = get_batch_or_404(customer, batch_id)
    users = find_done_users(batch)
    try:
        planned = plan_restores(customer=customer, users=users, by=request.user)
    except NoUsersSelected:
        messages.error(request, _("None of these users are deleted."))
        return redirect("batches:batch", customer.slug, batch.pk)
    return redirect("batches:batch", customer.slug, planned.pk)


@customer_view(Permission.RESTORE_USERS)
@require_POST
def rename_restored(request, customer, batch_id):
    """Give a user of a planned restore a new name."""
    batch = get_batch_or_404(customer, batch_id)
    keep_note(request, batch)
    form = RenameRestored(request.POST)
    if form.is_valid():
        choice = {"number": form.cleaned_data["number"], "local_part": form.wanted}
        try:
            form.refuse(rename.rename_restored(batch=batch, **choice, by=request.user))
        except UsersError as error:
            messages.error(request, error.message)
    if not form.errors:
        return redirect("batches:batch", customer.slug, batch.pk)
    context = page_of(batch, Place(), member=request.user) | {"form": form}
    return render_form(request, "batches/batch.html", context)


# Selections too long for an address that a session keeps.
MAX_KEPT = 3


def read_choice(request):
    """Return the selection of the form, of the address, or of the session."""
    is_sent = "ids" in request.POST or "all" in request.POST
    sent = request.POST if is_sent else request.GET
    values = dict(request.session.get("choices", {}).get(sent.get("kept", ""), sent.dict()))
    if "counted" in request.POST:
        values["counted"] = request.POST["counted"]
    return Choice.read(values)


def read_chosen(request, customer):
    """Return the ids of the selected users."""
    return chosen_ids(customer, **read_choice(request).of_users)


def redirect_to_page(request, customer, name, **more):
    """Redirect to a page about the selected users, with the selection and `more` in its address."""
    choice = read_choice(request)
    address = choice.query_string
    if not choice.is_short:
        kept = request.session.get("choices", {})
        token = token_urlsafe(9)
        latest = list(kept.items())[-(MAX_KEPT - 1) :]
        request.session["choices"] = dict(latest) | {token: choice.values}
        address = f"kept={token}"
    if arguments := urlencode(more, doseq=True):
        address = f"{address}&{arguments}"
    return redirect(f"{reverse(name, args=[customer.slug])}?{address}")


def plan_for_chosen(request, customer, plan, *, tab="", **choices):
    """Plan an act on the selected users; the page of the batch asks before it runs."""
    if request.method == "POST":
        try:
            chosen = read_chosen(request, customer)
            batch = plan(customer=customer, users=chosen, **choices, by=request.user)
        except (UsersError, UnknownFilter) as error:
            messages.error(request, error.message)
        else:
            counted = read_choice(request).counted
            record_selected_count(batch=batch, counted=counted, by=request.user)
            return redirect("batches:batch", customer.slug, batch.pk)
    return redirect_to_list(customer, tab)


def count_chosen(request, customer):
    """
    Return the number of selected users.

    :raises NoUsersSelected: where it is zero.
    """
    chosen = read_chosen(request, customer)
    if not chosen:
        raise NoUsersSelected
    return len(chosen)


def render_for_chosen(request, customer, template, form, *, tab=""):
    """Show the form of an act on the selected users."""
    try:
        total = count_chosen(request, customer)
    except (UsersError, UnknownFilter) as error:
        messages.error(request, error.message)
        return redirect_to_list(customer, tab)
    moved = texts.describe_moved(read_choice(request).counted, total)
    context = {"nav": "users", "customer": customer, "form": form, "total": total, "moved": moved}
    return render_form(request, template, context)


def redirect_to_list(customer, tab=""):
    url = reverse("users:list", args=[customer.slug])
    return redirect(f"{url}?tab={tab}" if tab else url)


@customer_view(Permission.UNDO_OWN_BATCHES)
@require_POST
def undo(request, customer, batch_id):
    return plan_from(request, customer, batch_id, plan_undo)


@customer_view(Permission.VIEW)
@require_POST
def mark_seen(request, customer, batch_id):
    """Remove the notice about a report of the waitlist from the member's dashboard."""
    mark_report_seen(batch=get_batch_or_404(customer, batch_id), by=request.user)
    return redirect("portal:home")
