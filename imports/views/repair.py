from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from batches import texts as batch_texts
from batches.errors import UsersError
from batches.forms import Place
from batches.page import page_of
from batches.views import keep_note
from customers.access import customer_view
from imports import texts
from imports.check.repair import EVERY, How
from imports.forms.repair import RepairAll, RepairLine
from imports.operations import repair
from imports.queries import get_line
from imports.views.upload import get_import_or_404
from licensing.queries import find_product_names
from partners.pages import render_form
from partners.roles import Permission


@customer_view(Permission.MANAGE_USERS)
@require_POST
def repair_all(request, customer, batch_id):
    """Repair the same problem in all rows of a planned import."""
    batch = get_import_or_404(customer, batch_id)
    keep_note(request, batch)
    form = RepairAll(request.POST)
    if not form.is_valid():
        context = page_of(batch, Place(), member=request.user) | {"form": form}
        return render_form(request, "batches/batch.html", context)
    try:
        show_result(request, repair.repair_all(batch=batch, **form.arguments, by=request.user))
    except UsersError as error:
        messages.error(request, error.message)
    return redirect("batches:batch", customer.slug, batch.pk)


@customer_view(Permission.MANAGE_USERS)
@require_POST
def apply_suggestions(request, customer, batch_id):
    """Take all suggestions of a planned import."""
    batch = get_import_or_404(customer, batch_id)
    keep_note(request, batch)
    try:
        done = repair.repair_all(batch=batch, kind=EVERY, how=How.SUGGESTED, by=request.user)
        show_result(request, done)
    except UsersError as error:
        messages.error(request, error.message)
    return redirect("batches:batch", customer.slug, batch.pk)


def show_result(request, repaired):
    """Add a message with the result of a repair."""
    if repaired.is_in_worker:
        # The page itself shows the progress and the result.
        return
    if not repaired.changed:
        messages.info(request, _("No rows have this problem now. Nothing was changed."))
        return
    level = messages.warning if repaired.bad or repaired.leaving > 0 else messages.success
    level(request, texts.describe_repaired(repaired.changed, repaired.bad, repaired.leaving))


@customer_view(Permission.MANAGE_USERS)
@require_POST
def stop_repair(request, customer, batch_id):
    """Cancel a repair that no worker has begun."""
    batch = get_import_or_404(customer, batch_id)
    try:
        repair.stop_repair(batch=batch, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
    else:
        messages.info(request, _("The repair was stopped. No row was changed."))
    return redirect("batches:batch", customer.slug, batch.pk)


def get_line_or_404(customer, batch_id, number):
    """Return the customer's import and the line of it that has this number."""
    batch = get_import_or_404(customer, batch_id)
    line = get_line(batch, number)
    if line is None:
        raise Http404
    return batch, line


@customer_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def repair_line(request, customer, batch_id, number):
    """Edit one row of a planned import."""
    batch, line = get_line_or_404(customer, batch_id, number)
    products = find_product_names(customer)
    arguments = {"line": line, "products": products, "customer": customer, "member": request.user}
    form = RepairLine(request.POST or None, **arguments)
    if form.is_valid() and save_line(request, batch, form):
        messages.success(request, _("The row was changed and can be imported."))
        back = redirect("batches:batch", customer.slug, batch.pk)
        return HttpResponseClientRefresh() if request.htmx else back
    (shown,) = batch_texts.show([line], products, is_over=False)
    context = {"nav": "import", "form": form, "batch": batch, "line": line, "shown": shown}
    name = "imports/_repair_line.html" if request.htmx else "imports/repair_line.html"
    return render_form(request, name, context)


def save_line(request, batch, form):
    """Save the row; add remaining errors to the form."""
    keep_note(request, batch)
    changes, number = form.cleaned_data["person"], form.line.number
    try:
        form.refuse(
            repair.repair_line(batch=batch, number=number, changes=changes, by=request.user)
        )
    except UsersError as error:
        form.add_error(None, error.message)
    return not form.errors


@customer_view(Permission.MANAGE_USERS)
@require_POST
def skip_line(request, customer, batch_id, number):
    """Skip a line of a planned import."""
    return move(request, customer, batch_id, number, repair.skip_lines)


@customer_view(Permission.MANAGE_USERS)
@require_POST
def include_line(request, customer, batch_id, number):
    """Include a skipped line in a planned import again."""
    return move(request, customer, batch_id, number, repair.include_lines)


def move(request, customer, batch_id, number, operation):
    """Skip or include the line, and show the plan with the result."""
    batch, line = get_line_or_404(customer, batch_id, number)
    keep_note(request, batch)
    try:
        moved = operation(batch=batch, numbers=[line.number], by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
    else:
        name = line.input["display_name"] or line.input["user_name"]
        is_skipped = operation is repair.skip_lines
        text = _("%(name)s skipped.") if is_skipped else _("%(name)s included again.")
        level = messages.warning if is_skipped and moved.leaving > 0 else messages.success
        level(request, f"{text % {'name': name}} {texts.describe_leaving(moved.leaving)}".strip())
    return redirect("batches:batch", customer.slug, batch.pk)
