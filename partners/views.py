"""Members of the partner: list, roles, invitations, and their own address."""

from allauth.account.decorators import reauthentication_required
from allauth.decorators import rate_limit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from partners import forms, hashers, queries
from partners.access import partner_view
from partners.operations import factors
from partners.operations import members as partners_members
from partners.operations.addresses import (
    AddressLinkGone,
    ask_for_address,
    change_address,
    read_address_link,
)
from partners.operations.invitations import (
    InvitationGone,
    accept_invitation,
    invite_member,
    look_at_invitation,
    resend_invitation,
    withdraw_invitation,
)
from partners.operations.members import deactivate_member, reactivate_member
from partners.pages import refusal_as_error, refusal_as_message, render_form
from partners.roles import GRANTS, Permission, Role


@partner_view(Permission.MANAGE_STAFF)
@require_safe
def members(request):
    """List the members and open invitations."""
    context = {
        "nav": "team",
        "sees_all": not request.user.is_limited,
        "members": queries.find_staff(partner_id=request.user.partner_id),
        "invitations": queries.find_invitations(partner_id=request.user.partner_id),
    }
    return render(request, "partners/members.html", context)


@partner_view(Permission.MANAGE_STAFF)
@require_safe
def roles(request):
    """Show the permissions of each role."""
    rows = [(permission, [role in has for role in Role]) for permission, has in GRANTS.items()]
    return render(request, "partners/roles.html", {"nav": "team", "roles": Role, "rows": rows})


@partner_view(Permission.MANAGE_STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request):
    form = forms.InviteMember(request.POST or None, by=request.user)
    if form.is_valid():
        with refusal_as_error(form, "email"):
            invited = invite_member(**form.cleaned_data, by=request.user)
            messages.success(request, describe_invited(invited))
            return redirect("partners:members")
    return render_form(request, "partners/invite.html", {"nav": "team", "form": form})


@partner_view(Permission.MANAGE_STAFF)
@require_POST
def resend(request, invitation_id):
    """Send an invitation again with a new link."""
    invitation = get_invitation_or_404(request, invitation_id)
    with refusal_as_message(request):
        invited = resend_invitation(invitation=invitation, by=request.user)
        messages.success(request, describe_invited(invited))
    return redirect("partners:members")


@partner_view(Permission.MANAGE_STAFF)
@require_POST
def withdraw(request, invitation_id):
    invitation = get_invitation_or_404(request, invitation_id)
    with refusal_as_message(request):
        withdraw_invitation(invitation=invitation, by=request.user)
        text = _("Invitation to %(email)s withdrawn. Its link no longer works.")
        messages.success(request, text % {"email": invitation.email})
    return redirect("partners:members")


@partner_view(Permission.MANAGE_STAFF)
@require_safe
def member(request, member_id):
    found = get_member_or_404(request, member_id)
    form = forms.ChangeRole(initial={"role": found.role})
    return render(request, "partners/member.html", member_page(found, form, request.user))


@partner_view(Permission.MANAGE_STAFF)
@require_POST
def change_role(request, member_id):
    found = get_member_or_404(request, member_id)
    form = forms.ChangeRole(request.POST)
    if form.is_valid():
        with refusal_as_error(form):
            partners_members.change_role(member=found, **form.cleaned_data, by=request.user)
            messages.success(request, _("Role changed."))
            return redirect("partners:member", found.pk)
    return render_form(request, "partners/member.html", member_page(found, form, request.user))


@partner_view(Permission.MANAGE_STAFF)
@require_POST
def deactivate(request, member_id):
    found = get_member_or_404(request, member_id)
    text = _("%(name)s deactivated and signed out everywhere.")
    return _apply(request, deactivate_member, found, text)


@partner_view(Permission.MANAGE_STAFF)
@require_POST
def reactivate(request, member_id):
    found = get_member_or_404(request, member_id)
    return _apply(request, reactivate_member, found, _("%(name)s can sign in again."))


@partner_view(Permission.MANAGE_STAFF)
@reauthentication_required
@require_http_methods(["GET", "HEAD", "POST"])
def reset_factor(request, member_id):
    """Reset the lost second factor of a member."""
    found = get_member_or_404(request, member_id)
    if request.method == "POST":
        text = _("Second factor of %(name)s reset.")
        return _apply(request, factors.reset_factor, found, text)
    return render(request, "partners/reset_factor.html", {"nav": "team", "found": found})


@reauthentication_required
@rate_limit(action="manage_email")
@require_http_methods(["GET", "HEAD", "POST"])
def address(request):
    """Request a link to a new address; the page does not reveal whether it is taken."""
    form = forms.ChangeAddress(request.POST or None, member=request.user)
    if form.is_valid():
        ask_for_address(**form.cleaned_data, by=request.user)
        text = _("If %(email)s can be used, it gets an email with a link.")
        messages.success(request, text % form.cleaned_data)
        return redirect("partners:address")
    return render_form(request, "partners/address.html", {"nav": "profile", "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def confirm_address(request, token):
    """Change the member's address; a GET only shows the button, because mail scanners follow links."""
    try:
        email = read_address_link(token=token, by=request.user)
        if request.method == "POST":
            member = change_address(token=token, by=request.user)
            update_session_auth_hash(request, member)
            messages.success(request, _("You now sign in as %(email)s.") % {"email": email})
            return redirect("portal:profile")
    except AddressLinkGone as error:
        messages.error(request, error.message)
        return redirect("portal:profile")
    page = render(request, "partners/confirm_address.html", {"nav": "profile", "email": email})
    return without_referrer(page)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request, token):
    """Accept an invitation; a GET changes nothing, because mail scanners follow links."""
    try:
        found = look_at_invitation(token=token)
        form = forms.AcceptInvitation(request.POST or None, invitation=found)
        if form.is_valid() and accept(token, form):
            messages.success(request, _("Your account is ready. Sign in with your password."))
            return redirect(settings.LOGIN_URL)
    except InvitationGone:
        return without_referrer(render(request, "partners/invitation_gone.html", status=410))
    context = {"invitation": found, "form": form}
    return without_referrer(render_form(request, "partners/invitation.html", context))


def accept(token, form) -> bool:
    """Create the member; too many passwords being hashed is an error of the form."""
    try:
        accept_invitation(token=token, **form.chosen())
    except hashers.Busy as error:
        form.add_error(None, error.message)
    return not form.errors


def get_member_or_404(request, member_id):
    found = queries.get_member(member_id, partner_id=request.user.partner_id)
    if found is None:
        raise Http404
    return found


def get_invitation_or_404(request, invitation_id):
    found = queries.get_invitation(invitation_id, partner_id=request.user.partner_id)
    if found is None:
        raise Http404
    return found


def describe_invited(invited):
    until = date_format(timezone.localtime(invited.invitation.expires_at), "DATETIME_FORMAT")
    text = _("Invitation sent to %(email)s. Its link works once, until %(until)s.")
    return text % {"email": invited.invitation.email, "until": until}


def member_page(found, form, by):
    return {
        "nav": "team",
        "found": found,
        "form": form,
        "factors": queries.count_factors(found),
        "may_manage": found.pk != by.pk and queries.is_within_reach(found, by=by),
        "may_choose": found.pk != by.pk and (found.is_limited or not by.is_limited),
    }


def without_referrer(response):
    """
    Keep the secret in this page's URL from other sites.

    Not with `no-referrer`: browsers would send `Origin: null`, and the form would count as forged.
    """
    response["Referrer-Policy"] = "strict-origin"
    return response


def _apply(request, operation, found, text):
    """Run an operation on the member, with a message of its success or refusal."""
    with refusal_as_message(request):
        operation(member=found, by=request.user)
        messages.success(request, text % {"name": found.name})
    return redirect("partners:member", found.pk)
