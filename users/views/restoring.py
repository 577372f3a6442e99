from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from customers.access import customer_view
from customers.pages import render_form
from partners.roles import Permission
from users import forms, operations, queries
from users.pages import page_of

from .batches import get_batch_or_404, keep_note
from .choosing import plan_for_chosen


@customer_view(Permission.RESTORE_USERS)
def restore(request, customer):
    """Plan the return of the chosen deleted users."""
    return plan_for_chosen(request, customer, operations.plan_restores, tab="deleted")


@customer_view(Permission.RESTORE_USERS)
@require_POST
def restore_deleted(request, customer, batch_id):
    """Plan the return of everybody whom a batch has deleted."""
    batch = get_batch_or_404(customer, batch_id)
    users = queries.find_done_users(batch)
    try:
        planned = operations.plan_restores(customer=customer, users=users, by=request.user)
    except operations.NobodyChosen:
        messages.error(request, _("None of these users is deleted any more."))
        return redirect("users:batch", customer.slug, batch.pk)
    return redirect("users:batch", customer.slug, planned.pk)


@customer_view(Permission.RESTORE_USERS)
@require_POST
def rename_restored(request, customer, batch_id):
    """Give a user who is to come back a new name, since somebody else has the old one."""
    batch = get_batch_or_404(customer, batch_id)
    keep_note(request, batch)
    form = forms.RenameRestored(request.POST)
    if form.is_valid():
        choice = {"number": form.cleaned_data["number"], "local_part": form.wanted}
        try:
            form.refuse(operations.rename_restored(batch=batch, **choice, by=request.user))
        except operations.UsersError as error:
            messages.error(request, error.message)
    if not form.errors:
        return redirect("users:batch", customer.slug, batch.pk)
    context = page_of(batch, forms.Place(), member=request.user) | {"form": form}
    return render_form(request, "users/batch.html", context)
