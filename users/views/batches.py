from uuid import UUID

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from customers.access import customer_view
from partners.access import partner_view
from partners.roles import Permission
from users import forms, operations, queries, sentences
from users.models import Batch

IMPORT_STEPS = [_("Upload"), _("Check"), _("Import"), _("Hand over")]
STEP_OF = {"checking": 2, "refused": 1, "planned": 2, "running": 3, "done": 4, "canceled": 2}
MOVING = {Batch.State.CHECKING, Batch.State.RUNNING}


def get_batch_or_404(customer, batch_id):
    """Return the customer's batch; one of another customer is as absent as none."""
    batch = queries.get_batch(customer, batch_id)
    if batch is None:
        raise Http404
    return batch


@customer_view(Permission.VIEW)
@require_safe
def batch(request, customer, batch_id):
    """Show what a batch will do, does or has done."""
    found = get_batch_or_404(customer, batch_id)
    if request.htmx and "was" in request.GET and found.state not in MOVING:
        # It has finished: heading, sheet and lines change too, so the whole page comes anew.
        return HttpResponseClientRefresh()
    place = forms.Place.of(request.GET, queries.SHOWS)
    return render(request, "users/batch.html", page_of(found, place, member=request.user))


def page_of(batch, place, *, member):
    """Return everything the page about a batch shows."""
    progress = queries.get_progress(batch)
    page = queries.find_lines(batch, show=place.show, after=place.after, before=place.before)
    products = queries.find_product_names(batch.customer)
    return {
        "nav": "customer-batches",
        "customer": batch.customer,
        "batch": batch,
        "progress": progress,
        "heading": sentences.heading(batch, progress.succeeded),
        "button": sentences.button(batch, progress.planned),
        "refusal": sentences.refusal(batch) if batch.state == "refused" else "",
        "seats": sentences.seats(batch, products),
        "detected": sentences.detected(batch),
        "notices": sentences.notices(batch),
        "lines": sentences.show(page.rows, products, is_over=batch.started_at is not None),
        "page": page,
        "place": place,
        "tabs": sentences.tabs(batch, progress),
        "steps": IMPORT_STEPS if batch.kind == Batch.Kind.IMPORT else [],
        "step": STEP_OF.get(batch.state, 1),
        "is_held": batch.options.get("mode") == "all" and progress.invalid > 0,
        "may_start": operations.may_start(batch, member),
        "may_import": member.may(Permission.MANAGE_USERS),
        "may_open_sheet": member.may(Permission.RESET_PASSWORDS),
        "handover": get_handover(batch, member=member),
    }


def get_handover(batch, *, member):
    """Return what the hand-over card shows, or None where the batch never had passwords."""
    had_secrets = batch.sheet_key or batch.handed_over_at or batch.sheet_expires_at
    if not had_secrets or not hasattr(queries, "get_handover"):
        return None
    return queries.get_handover(batch, member=member)


@customer_view(Permission.VIEW)
@require_POST
def start(request, customer, batch_id):
    """Run the plan that was shown."""
    found = get_batch_or_404(customer, batch_id)
    try:
        operations.start_batch(batch=found, by=request.user)
    except operations.UsersError as error:
        messages.error(request, error.message)
    return redirect("users:batch", customer.slug, found.pk)


@customer_view(Permission.VIEW)
@require_POST
def cancel(request, customer, batch_id):
    """Drop a plan that nobody has started."""
    found = get_batch_or_404(customer, batch_id)
    try:
        operations.cancel_batch(batch=found, by=request.user)
    except operations.UsersError as error:
        messages.error(request, error.message)
        return redirect("users:batch", customer.slug, found.pk)
    messages.info(request, _("The plan was dropped. Nothing was changed."))
    return redirect("users:list", customer.slug)


@customer_view(Permission.VIEW)
@require_safe
def customer_batches(request, customer):
    """List the customer's batches."""
    return render_list(request, customer)


@partner_view(Permission.VIEW)
@require_safe
def all_batches(request):
    """List the batches of all customers that the member may see."""
    return render_list(request, None)


def render_list(request, customer):
    """Answer with a list of batches, of one customer or of all."""
    place = forms.Place.of(request.GET, queries.STATES, kind=UUID)
    is_mine = request.GET.get("by") == "me"
    page = queries.find_batches(
        member=request.user,
        customer=customer,
        is_mine=is_mine,
        show=place.show,
        after=place.after,
        before=place.before,
    )
    context = {
        "nav": "customer-batches" if customer else "batches",
        "customer": customer,
        "page": page,
        "batches": [(one, sentences.title(one)) for one in page.rows],
        "place": place,
        "is_mine": is_mine,
    }
    return render(request, "users/batches.html", context)
