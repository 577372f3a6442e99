from functools import cache, partial, wraps
from itertools import islice

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from batches.errors import UsersError
from batches.forms import Place
from batches.queries.batch import get_progress
from batches.views import get_batch_or_404
from customers.access import customer_view
from handover import paper
from handover.forms import HandOver, PrintSheet
from handover.operations import sheet as operations
from partners import downloads, qr
from partners.roles import Permission
from spreadsheets import csv_writer
from users.my.routes import sign_in_address

# Rows of a page on screen; the whole sheet is printed or downloaded.
MAX_SHOWN = 500
# Users without a password that a printed sheet names; the others are a number.
MAX_MISSING = 20

draw_code = cache(partial(qr.draw, border=4))


def secret(response):
    """
    Keep an answer that holds a secret out of every cache, and its address out of every Referer.

    Not `no-referrer`: with it browsers send `Origin: null`, and every form of the page, sign-out
    included, would be refused as forged.
    """
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def go_back(request, batch):
    """Show the page of the batch; a dialog is closed by an empty answer, and its page says why."""
    if request.htmx:
        return HttpResponse()
    return redirect("batches:batch", batch.customer.slug, batch.pk)


def sheet_view(view):
    """Answer a POST with `view(request, batch)`; a GET and refusals with the page of the batch."""

    @wraps(view)
    def answer(request, customer, batch_id):
        batch = get_batch_or_404(customer, batch_id)
        if request.method == "POST":
            try:
                return view(request, batch)
            except UsersError as error:
                messages.error(request, error.message)
        return go_back(request, batch)

    return customer_view(Permission.RESET_PASSWORDS)(answer)


@sheet_view
def show(request, batch):
    after = Place.of(request.POST, ()).after or 0
    sheet = operations.open_sheet(
        batch=batch, way="shown", after=after, limit=MAX_SHOWN, by=request.user
    )
    context = page_of(sheet) | {
        "rows": list(operations.read_rows(sheet)),
        "failed": get_progress(sheet.batch).failed,
    }
    template = "handover/_one.html" if request.htmx else "handover/sheet.html"
    return secret(render(request, template, context))


@sheet_view
def print_sheet(request, batch):
    """Answer with slips to cut apart, or with one list."""
    sheet = operations.open_sheet(batch=batch, way="printed", by=request.user)
    return stream(request, sheet, "handover/print_sheet.html", **PrintSheet(request.POST).chosen)


@sheet_view
def download(request, batch):
    sheet = operations.open_sheet(batch=batch, way="downloaded", by=request.user)
    rows = downloads.in_request_locale(paper.csv_rows(operations.read_rows(sheet)))
    response = StreamingHttpResponse(
        csv_writer.write_csv(rows), content_type=downloads.TYPES["csv"]
    )
    return secret(downloads.as_attachment(response, f"passwords-{batch.pk}.csv"))


@sheet_view
def hand_over(request, batch):
    """Delete this copy of the passwords, because they have been handed over."""
    unopened = HandOver(request.POST).confirmed
    operations.hand_over(batch=batch, unopened=unopened, by=request.user)
    messages.info(request, _("Marked as handed over. This copy of the passwords has been deleted."))
    return go_back(request, batch)


def page_of(sheet):
    """The context of all pages that show a sheet."""
    address = sign_in_address()
    return {
        "nav": "customer-batches",
        "customer": sheet.batch.customer,
        "batch": sheet.batch,
        "sheet": sheet,
        "code": draw_code(address),
        "address": address,
        "words": paper.words_of(sheet.batch.customer.language),
        "rows_go_here": paper.ROWS_GO_HERE,
    }


def stream(request, sheet, template, *, layout="slips", by_department=False, **more):
    """Answer with the sheet to print: its beginning at once, its rows while they are rendered."""
    missing = list(islice(sheet.withheld, MAX_MISSING))
    context = page_of(sheet) | {
        "layout": layout,
        "by_department": by_department,
        "missing": list(operations.read_rows(sheet, missing)) if missing else [],
    }
    shell = render_to_string(template, context | more, request)
    rows = operations.read_rows(sheet, sheet.sealed, by_department=by_department)
    parts = paper.stream_print(sheet, rows, layout, shell, by_department=by_department)
    return secret(StreamingHttpResponse(parts))
