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
from handover.operations.link import LinkGone, LinkNeedsSignIn, look_at_link, open_link
from handover.operations.mail import mail_sheet, mail_users
from handover.queries.sheet import find_sheet_readers, get_handover, get_recipients
from handover.views.sheet import page_of, secret, stream
from partners.pages import render_form
from partners.roles import Permission


@customer_view(Permission.RESET_PASSWORDS)
@require_http_methods(["GET", "HEAD", "POST"])
def mail(request, customer, batch_id):
    """Mail the passwords of a batch: links that open once, or text where the policy allows it."""
    batch = get_batch_or_404(customer, batch_id)
    members = find_sheet_readers(customer, member=request.user)
    form = MailSheet(request.POST or None, customer=customer, member=request.user, members=members)
    if form.is_valid():
        try:
            mailed = send(batch, form.cleaned_data, by=request.user)
        except UsersError as error:
            form.add_error(None, error.message)
        else:
            messages.info(request, say(mailed))
            return redirect("batches:batch", customer.slug, batch.pk)
    return render_form(request, "handover/mail_sheet.html", mail_page(batch, form, request.user))


def send(batch, chosen, *, by):
    """Order the mails that the form asks for."""
    if chosen["kind"] == Handover.Kind.SHEET_LINK:
        return mail_sheet(batch=batch, to=chosen["address"], language=chosen["language"], by=by)
    return mail_users(batch=batch, kind=chosen["kind"], by=by)


def say(mailed):
    """Return the sentence that says how many mails are on their way."""
    return ngettext(
        "%(n)s mail is on its way. This page shows when it has been sent and opened.",
        "%(n)s mails are on their way. This page shows when they have been sent and opened.",
        mailed.queued,
    ) % {"n": mailed.queued}


def mail_page(batch, form, member):
    """Return what the page shows on which one chooses what to mail."""
    return {
        "nav": "customer-batches",
        "customer": batch.customer,
        "batch": batch,
        "form": form,
        "handover": get_handover(batch, member=member),
        "recipients": get_recipients(batch, member=member),
    }


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def link(request, token):
    """Open a one-time link: a GET only shows the button, for mail scanners follow links too."""
    by = request.user if request.user.is_authenticated else None
    try:
        if request.method != "POST":
            kind = look_at_link(token=token, by=by)
            return secret(render(request, "handover/link.html", {"kind": kind}))
        opened = open_link(token=token, by=by)
    except LinkNeedsSignIn:
        return secret(redirect_to_login(request.path))
    except LinkGone:
        return secret(render(request, "handover/link_gone.html", status=410))
    if opened.kind == Handover.Kind.SHEET_LINK:
        return stream(request, opened.sheet, "slips", "handover/link_sheet.html", customer=None)
    context = page_of(opened.sheet) | {"row": opened.row, "customer": None}
    return secret(render(request, "handover/link_opened.html", context))
