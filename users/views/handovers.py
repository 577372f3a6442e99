from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from customers.access import customer_view
from customers.pages import render_form
from partners.roles import Permission
from users import forms, operations, queries
from users.models import Handover

from .batches import get_batch_or_404
from .sheets import page_of, secret, stream


@customer_view(Permission.RESET_PASSWORDS)
@require_http_methods(["GET", "HEAD", "POST"])
def mail(request, customer, batch_id):
    """Mail the passwords of a batch: links that open once, or text where the policy allows it."""
    batch = get_batch_or_404(customer, batch_id)
    members = queries.find_sheet_readers(customer, member=request.user)
    form = forms.MailSheet(
        request.POST or None, customer=customer, member=request.user, members=members
    )
    if form.is_valid():
        try:
            mailed = send(batch, form.cleaned_data, by=request.user)
        except operations.UsersError as error:
            form.add_error(None, error.message)
        else:
            messages.info(request, say(mailed))
            return redirect("users:batch", customer.slug, batch.pk)
    return render_form(request, "users/mail_sheet.html", mail_page(batch, form, request.user))


def send(batch, chosen, *, by):
    """Order the mails that the form asks for."""
    if chosen["kind"] == Handover.Kind.SHEET_LINK:
        return operations.mail_sheet(
            batch=batch, to=chosen["address"], language=chosen["language"], by=by
        )
    return operations.mail_users(batch=batch, kind=chosen["kind"], by=by)


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
        "handover": queries.get_handover(batch, member=member),
        "recipients": queries.get_recipients(batch, member=member),
    }


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def link(request, token):
    """Open a one-time link: a GET only shows the button, for mail scanners follow links too."""
    by = request.user if request.user.is_authenticated else None
    try:
        if request.method != "POST":
            kind = operations.look_at_link(token=token, by=by)
            return secret(render(request, "users/link.html", {"kind": kind}))
        opened = operations.open_link(token=token, by=by)
    except operations.LinkNeedsSignIn:
        return secret(redirect_to_login(request.path))
    except operations.LinkGone:
        return secret(render(request, "users/link_gone.html", status=410))
    if opened.kind == Handover.Kind.SHEET_LINK:
        return stream(request, opened.sheet, "slips", "users/link_sheet.html", customer=None)
    context = page_of(opened.sheet) | {"row": opened.row, "customer": None}
    return secret(render(request, "users/link_opened.html", context))
