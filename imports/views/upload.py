from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from batches.errors import UsersError
from batches.queries.batch import find_failed_lines, get_default_domain
from batches.views import get_batch_or_404, keep_note
from customers.access import customer_view
from imports.act import to_rows
from imports.forms.columns import MapColumns
from imports.forms.upload import ImportFile, ReadAgain, ReadRows
from imports.operations.check import check_again, receive_file
from imports.operations.upload import record_failed_rows
from imports.panel import STEPS
from imports.write import rows as export
from imports.write import template as templates
from licensing.queries import find_product_names
from partners import downloads
from partners.pages import render_form
from partners.roles import Permission
from users.views.export import send_users

TEMPLATES = [
    ("en", _("English")),
    ("zh-hans", _("Simplified Chinese")),
]
PART_BYTES = 1024 * 1024


@customer_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "POST"])
def upload(request, customer):
    """Take a file of users and order its check."""
    form = ImportFile(
        request.POST or None, request.FILES or None, customer=customer, member=request.user
    )
    if form.is_valid():
        file = form.cleaned_data["file"]
        batch = receive_file(
            customer=customer,
            name=file.name,
            parts=iter(partial(file.read, PART_BYTES), b""),
            options=form.options,
            by=request.user,
        )
        return redirect("batches:batch", customer.slug, batch.pk)
    context = {"nav": "import", "form": form, "steps": STEPS, "templates": TEMPLATES}
    return render_form(request, "imports/upload.html", context)


def get_import_or_404(customer, batch_id):
    """Return the customer's import; 404 where there is none."""
    batch = get_batch_or_404(customer, batch_id)
    if batch.kind != "import":
        raise Http404
    return batch


def are_valid(form, columns):
    """Validate both forms; an error of a column is also an error of the page."""
    if form.is_bound and not columns.is_valid():
        form.is_valid()
        form.add_error(None, _("Choose a field for each column, or skip it."))
    return form.is_valid()


@customer_view(Permission.MANAGE_USERS)
@require_http_methods(["GET", "POST"])
def change(request, customer, batch_id):
    """Read an uploaded file differently and check it again."""
    batch = get_import_or_404(customer, batch_id)
    form = ReadAgain(request.POST or None, batch=batch, member=request.user, chosen=request.GET)
    columns = MapColumns(request.POST or None, batch=batch, typed=request.GET)
    if are_valid(form, columns):
        try:
            check_again(batch=batch, **form.arguments(columns), by=request.user)
        except UsersError as error:
            form.refuse(error)
        else:
            return redirect("batches:batch", customer.slug, batch.pk)
    context = {"nav": "import", "form": form, "columns": columns, "batch": batch}
    return render_form(request, "imports/settings.html", context | {"steps": STEPS})


@customer_view(Permission.MANAGE_USERS)
@require_POST
def read_rows(request, customer, batch_id):
    """Read other rows of an uploaded workbook: of another worksheet, or the hidden ones."""
    batch = get_import_or_404(customer, batch_id)
    keep_note(request, batch)
    form = ReadRows(request.POST, batch=batch)
    if form.is_valid() and form.chosen:
        try:
            check_again(batch=batch, options=form.options, by=request.user)
        except UsersError as error:
            messages.error(request, error.message)
            query = {"query": form.chosen, "args": [customer.slug, batch.pk]}
            return redirect(reverse("imports:settings", **query))
    return redirect("batches:batch", customer.slug, batch.pk)


@customer_view(Permission.MANAGE_USERS)
@require_safe
def template(request, customer, language, kind):
    """Send an empty template with examples of this customer."""
    if language not in dict(TEMPLATES):
        raise Http404
    domain = get_default_domain(customer)
    products = list(find_product_names(customer).values())
    content = templates.template(language, domain, products, format=kind)
    answer = HttpResponse(content, content_type=downloads.TYPES[kind])
    return downloads.as_attachment(answer, f"users-{language}.{kind}")


@customer_view(Permission.EXPORT_LISTS, even_archived=True)
@require_POST
def filled_template(request, customer, language, kind):
    """Send the template of that language with the selected users in it."""
    if language not in dict(TEMPLATES):
        raise Http404
    fill = partial(templates.fill, language=language)
    return send_users(request, customer, kind, fill, is_active=True)


@customer_view(Permission.MANAGE_USERS, even_archived=True)
@require_POST
def failed(request, customer, batch_id, kind):
    """Send the rows that were not imported, with the reasons, as a file."""
    batch = get_import_or_404(customer, batch_id)
    try:
        record_failed_rows(batch=batch, kind=kind, by=request.user)
    except UsersError as error:
        messages.error(request, error.message)
        return redirect("batches:batch", customer.slug, batch.pk)
    names = find_product_names(customer)
    rows = export.failed_rows(to_rows(find_failed_lines(batch)), names, language=get_language())
    return downloads.file_response(rows, f"errors-{customer.slug}", kind)
