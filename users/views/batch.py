"""What the page of a batch offers to do with its users."""

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from batches.acts import get_act
from batches.errors import UsersError
from batches.forms import Place
from batches.page import page_of
from batches.views import get_batch_or_404, keep_note, plan_from
from customers.access import customer_view
from partners.pages import render_form
from partners.roles import Permission
from users.acts import rename
from users.acts.selection import NoUsersSelected
from users.acts.undo import plan_undo, undo_at_once
from users.acts.waitlist import mark_report_seen
from users.forms.restore import RenameRestored
from users.queries.restore import find_blocked, find_done_users
from users.views import one


@customer_view(Permission.MANAGE_USERS)
@require_POST
def unblock_blocked(request, customer, batch_id):
    """Plan to unblock the blocked users of a batch."""
    batch = get_batch_or_404(customer, batch_id)
    users = find_blocked(batch).values_list("pk", flat=True)
    return plan_for(request, batch, "unblock", users, _("None of these users are blocked."))


@customer_view(Permission.RESTORE_USERS)
@require_POST
def restore_deleted(request, customer, batch_id):
    """Plan to restore the users that a batch has deleted."""
    batch = get_batch_or_404(customer, batch_id)
    users = find_done_users(batch)
    return plan_for(request, batch, "restore", users, _("None of these users are deleted."))


def plan_for(request, batch, kind, users, refusal):
    """Plan an act on users of a batch, and show it; without any, show the batch with the refusal."""
    offer, customer = get_act(kind).offer, batch.customer
    try:
        batch = offer.plan(customer=customer, users=users, **offer.arguments, by=request.user)
    except NoUsersSelected:
        messages.error(request, refusal)
    return redirect("batches:batch", customer.slug, batch.pk)


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


@customer_view(Permission.UNDO_OWN_BATCHES)
@require_POST
def undo(request, customer, batch_id):
    """Plan to undo a batch; a notice about one user undoes at once, if nothing stands against it."""
    if "at_once" not in request.POST:
        return plan_from(request, customer, batch_id, plan_undo)
    batch = get_batch_or_404(customer, batch_id)
    try:
        undone = undo_at_once(batch=batch, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
        return one.go_back(request, customer)
    # One that waits, that is of several users, or whose user was purged, is shown on its page.
    names = list(undone.lines.values_list("input__display_name", flat=True)[:2])
    if undone.state != undone.State.DONE or len(names) != 1 or not names[0]:
        return one.go_to(request, reverse("batches:batch", args=[customer.slug, undone.pk]))
    return one.finish(request, undone, name=names[0])


@customer_view(Permission.VIEW)
@require_POST
def mark_seen(request, customer, batch_id):
    """Remove the notice about a report of the waitlist from the member's dashboard."""
    mark_report_seen(batch=get_batch_or_404(customer, batch_id), by=request.user)
    return redirect("portal:home")
