from itertools import islice

from django.contrib import messages
from django.http import StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from batches.errors import UsersError
from batches.forms import Place
from batches.queries.batch import get_progress
from batches.views import get_batch_or_404
from customers.access import customer_view
from handover import sheet as sheets
from handover.forms import HandOver
from handover.operations import sheet as users_sheets
from handover.operations.sheet import open_sheet, read_rows
from partners.downloads import TYPES, as_file, as_in_request
from partners.roles import Permission
from spreadsheets import csv_writer

# As many rows as a page shows at once; the whole sheet is printed or downloaded.
ROWS = 500
# As many users without a password as a printed sheet names; the others are a number.
MISSING = 20


def secret(response):
    """
    Keep an answer that holds a secret out of every cache, and its address out of every Referer.

    Not `no-referrer`: with it browsers send `Origin: null`, and every form of the page, sign-out
    included, would be refused as forged.
    """
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def refuse(request, batch, error):
    """Go back to the page of the batch, which says what is the matter."""
    messages.error(request, error.message)
    return redirect("batches:batch", batch.customer.slug, batch.pk)


@customer_view(Permission.RESET_PASSWORDS)
def show(request, customer, batch_id):
    """Show who got which password; only ever as the answer to a POST."""
    batch = get_batch_or_404(customer, batch_id)
    if request.method != "POST":
        return redirect("batches:batch", customer.slug, batch.pk)
    place = Place.of(request.POST, ())
    try:
        sheet = open_sheet(
            batch=batch, way="shown", after=place.after or 0, limit=ROWS, by=request.user
        )
    except UsersError as error:
        return refuse(request, batch, error)
    context = page_of(sheet) | {
        "rows": list(read_rows(sheet)),
        "failed": get_progress(sheet.batch).failed,
    }
    return secret(render(request, "handover/sheet.html", context))


def page_of(sheet):
    """Return what the pages of a sheet show."""
    return {
        "nav": "customer-batches",
        "customer": sheet.batch.customer,
        "batch": sheet.batch,
        "sheet": sheet,
        "code": sheets.qr_code(sheets.sign_in_address()),
        "address": sheets.sign_in_address(),
        "words": sheets.words_of(sheet.batch.customer.language),
        "rows_go_here": sheets.ROWS_GO_HERE,
    }


@customer_view(Permission.RESET_PASSWORDS)
def print_sheet(request, customer, batch_id):
    """Show the sheet as it is printed: slips to cut apart, or one list."""
    batch = get_batch_or_404(customer, batch_id)
    if request.method != "POST":
        return redirect("batches:batch", customer.slug, batch.pk)
    try:
        sheet = open_sheet(batch=batch, way="printed", by=request.user)
    except UsersError as error:
        return refuse(request, batch, error)
    layout = "list" if request.POST.get("layout") == "list" else "slips"
    return stream(request, sheet, layout, "handover/print_sheet.html")


def stream(request, sheet, layout, template, **more):
    """Answer with the sheet to print: its beginning at once, its rows while they are rendered."""
    missing = list(islice(sheet.withheld, MISSING))
    context = page_of(sheet) | {
        "layout": layout,
        "missing": list(read_rows(sheet, missing)) if missing else [],
    }
    shell = render_to_string(template, context | more, request)
    rows = read_rows(sheet, sheet.sealed)
    return secret(StreamingHttpResponse(sheets.stream_print(sheet, rows, layout, shell)))


@customer_view(Permission.RESET_PASSWORDS)
def download(request, customer, batch_id):
    """Send the sheet as a file for a spreadsheet."""
    batch = get_batch_or_404(customer, batch_id)
    if request.method != "POST":
        return redirect("batches:batch", customer.slug, batch.pk)
    try:
        sheet = open_sheet(batch=batch, way="downloaded", by=request.user)
    except UsersError as error:
        return refuse(request, batch, error)
    rows = as_in_request(sheets.csv_rows(read_rows(sheet)))
    answer = StreamingHttpResponse(csv_writer.write_csv(rows), content_type=TYPES["csv"])
    return secret(as_file(answer, f"passwords-{batch.pk}.csv"))


@customer_view(Permission.RESET_PASSWORDS)
@require_POST
def hand_over(request, customer, batch_id):
    """Destroy the passwords, because they have been handed over."""
    batch = get_batch_or_404(customer, batch_id)
    unopened = HandOver(request.POST).confirmed
    try:
        users_sheets.hand_over(batch=batch, unopened=unopened, by=request.user)
    except UsersError as error:
        return refuse(request, batch, error)
    messages.info(request, _("Marked as handed over. This copy of the passwords has been deleted."))
    return redirect("batches:batch", customer.slug, batch.pk)
