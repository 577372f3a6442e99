from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from batches.errors import UsersError
from batches.forms import Note, Place, StartBatch
from batches.operations import control
from batches.operations.control import (
    cancel_batch,
    pause_batch,
    resume_batch,
    start_batch,
    stop_batch,
)
from batches.operations.retry import plan_retry
from batches.page import MOVING, list_of, page_of
from batches.queries.batch import SHOWS, get_batch, get_progress
from customers.access import customer_view
from partners.access import partner_view
from partners.pages import render_form
from partners.roles import Permission


def get_batch_or_404(customer, batch_id):
    """Return the customer's batch; 404 for one of another customer."""
    batch = get_batch(customer, batch_id)
    if batch is None:
        raise Http404
    return batch


@customer_view(Permission.VIEW)
@require_safe
def batch(request, customer, batch_id):
    """Show the plan, the progress or the result of a batch."""
    found = get_batch_or_404(customer, batch_id)
    if request.htmx and "was" in request.GET and found.state not in MOVING:
        # It has ended: heading, sheet and lines change too, so the whole page is reloaded.
        return HttpResponseClientRefresh()
    place = Place.of(request.GET, SHOWS)
    return render(request, "batches/batch.html", page_of(found, place, member=request.user))


def keep_note(request, batch):
    """Store reason and ticket beside a plan, if the form sent them."""
    note = Note(request.POST)
    if note.is_sent:
        control.keep_note(batch=batch, **note.cleaned_data, by=request.user)


@customer_view(Permission.VIEW)
@require_POST
def note(request, customer, batch_id):
    """Store reason and ticket beside a plan; without scripts its repairs do not send them."""
    found = get_batch_or_404(customer, batch_id)
    form = Note(request.POST)
    if not form.is_valid():
        context = page_of(found, Place(), member=request.user) | {"form": form, "start": form}
        return render_form(request, "batches/batch.html", context)
    control.keep_note(batch=found, **form.cleaned_data, by=request.user)
    messages.success(request, _("The reason and ticket number were saved."))
    return redirect("batches:batch", customer.slug, found.pk)


@customer_view(Permission.VIEW)
@require_POST
def start(request, customer, batch_id):
    """Run a plan with the answers to its questions."""
    found = get_batch_or_404(customer, batch_id)
    planned = get_progress(found).planned
    form = StartBatch(request.POST, batch=found, number=planned)
    if not form.is_valid():
        context = page_of(found, Place(), member=request.user) | {"form": form, "start": form}
        return render_form(request, "batches/batch.html", context)
    try:
        start_batch(batch=found, **form.choices, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
    return redirect("batches:batch", customer.slug, found.pk)


@customer_view(Permission.VIEW)
@require_POST
def cancel(request, customer, batch_id):
    found = get_batch_or_404(customer, batch_id)
    try:
        cancel_batch(batch=found, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
        return redirect("batches:batch", customer.slug, found.pk)
    messages.info(request, _("The job was canceled. Nothing was changed."))
    return redirect("users:list", customer.slug)


@customer_view(Permission.VIEW)
@require_POST
def pause(request, customer, batch_id):
    return change_course(request, customer, batch_id, pause_batch)


@customer_view(Permission.VIEW)
@require_POST
def resume(request, customer, batch_id):
    return change_course(request, customer, batch_id, resume_batch)


@customer_view(Permission.VIEW)
@require_POST
def stop(request, customer, batch_id):
    return change_course(request, customer, batch_id, stop_batch)


def change_course(request, customer, batch_id, change):
    """Pause, resume or stop a batch, and show it."""
    found = get_batch_or_404(customer, batch_id)
    try:
        change(batch=found, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
    return redirect("batches:batch", customer.slug, found.pk)


@customer_view(Permission.VIEW)
@require_POST
def retry(request, customer, batch_id):
    return plan_from(request, customer, batch_id, plan_retry)


def plan_from(request, customer, batch_id, plan):
    """Plan a batch from another, and show it; on refusal show the other with the error."""
    found = get_batch_or_404(customer, batch_id)
    try:
        found = plan(batch=found, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
    return redirect("batches:batch", customer.slug, found.pk)


@customer_view(Permission.VIEW)
@require_safe
def customer_batches(request, customer):
    return render_list(request, customer)


@partner_view(Permission.VIEW)
@require_safe
def all_batches(request):
    return render_list(request, None)


def render_list(request, customer):
    """Render the list of batches of one customer, or of all if None."""
    context = list_of(customer, request.GET, member=request.user)
    return render(request, "batches/list.html", context)
