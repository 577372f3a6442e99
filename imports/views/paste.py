from django.http import JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from customers.access import customer_view
from imports import pasted
from imports.forms.upload import PasteRows
from imports.operations.paste import check_rows, receive_rows
from imports.panel import STEPS
from partners.pages import render_form
from partners.roles import Permission
from spreadsheets.errors import UnreadableFile


@customer_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def paste(request, customer):
    """Take rows of a spreadsheet and order their check."""
    form = PasteRows(request.POST or None, customer=customer, member=request.user)
    if form.is_valid():
        batch = receive_rows(customer=customer, **form.arguments, by=request.user)
        return redirect("batches:batch", customer.slug, batch.pk)
    context = {"nav": "import", "form": form, "steps": STEPS}
    return render_form(request, "imports/paste.html", context)


@customer_view(Permission.MANAGE_USERS)
@require_POST
def check(request, customer):
    """Send the problems of rows that are being typed, cell by cell."""
    form = PasteRows(request.POST, customer=customer, member=request.user)
    if not form.is_valid():
        return JsonResponse(pasted.describe_refused_rows(next(iter(form.errors.values()))[0]))
    try:
        checked = check_rows(customer=customer, **form.arguments, by=request.user)
    except UnreadableFile as error:
        return JsonResponse(pasted.describe_refused_rows(error.message))
    return JsonResponse(pasted.describe_checked_rows(checked))
