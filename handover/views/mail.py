from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from batches.errors import UsersError
from batches.views import get_batch_or_404
from customers.access import customer_view
from handover.forms import MailSheet
from handover.models import Handover
from handover.operations.link import LinkGone, LinkNeedsSignIn, check_link, open_link
from handover.operations.mail import mail_sheet, mail_users
from handover.queries import find_recipients, find_sheet_readers, get_handover
from handover.views.sheet import page_of, secret, stream
from partners.pages import render_form
from partners.roles import Permission


@customer_view(Permission.RESET_PASSWORDS)
@require_http_methods(["GET", "HEAD", "POST"])
def mail(request, customer, batch_id):
    """Send the passwords of a batch: links that open once, or text where the policy allows it."""
    batch, by = get_batch_or_404(customer, batch_id), request.user
    members = find_sheet_readers(customer, member=by)
    form = MailSheet(request.POST or None, customer=customer, member=by, members=members)
    if form.is_valid():
        try:
            messages.info(request, send(batch, form.cleaned_data, by=by))
            return redirect("batches:batch", customer.slug, batch.pk)
        except UsersError as error:
            form.add_error(None, error.message)
    rows = find_recipients(batch, member=by)
    context = {"nav": "customer-batches", "customer": customer, "batch": batch, "form": form}
    context["without"] = [row for row in rows if not row.has_address]
    context["reachable"] = len(rows) - len(context["without"])
    context["handover"] = get_handover(batch, member=by)
    return render_form(request, "handover/mail_sheet.html", context)


def send(batch, chosen, *, by):
    """Queue the emails that the form asks for, and return the number of them as a sentence."""
    if chosen["kind"] == Handover.Kind.SHEET_LINK:
        to, language = chosen["address"], chosen["language"]
        number = mail_sheet(batch=batch, to=to, language=language, by=by)
    else:
        number = mail_users(batch=batch, kind=chosen["kind"], by=by)
    return ngettext(
        "Sending %(n)s email. This page shows when it’s sent and opened.",
        "Sending %(n)s emails. This page shows when they’re sent and opened.",
        number,
    ) % {"n": number}


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def link(request, token):
    """Open a one-time link: a GET only shows the button, as mail scanners follow links too."""
    by = request.user if request.user.is_authenticated else None
    try:
        if request.method != "POST":
            kind = check_link(token=token, by=by)
            return secret(render(request, "handover/link.html", {"kind": kind}))
        opened = open_link(token=token, by=by)
    except LinkNeedsSignIn:
        return secret(redirect_to_login(request.path))
    except LinkGone:
        return secret(render(request, "handover/link_gone.html", status=410))
    if opened.row is None:
        return stream(request, opened.sheet, "handover/link_sheet.html", customer=None)
    context = page_of(opened.sheet) | {"row": opened.row, "customer": None}
    return secret(render(request, "handover/link_opened.html", context))
