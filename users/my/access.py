"""Access at /my/: the user's own session and tenant; a member's session grants nothing here."""

from collections.abc import Callable
from datetime import UTC
from functools import wraps
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import get_supported_language_variant

from batches.errors import UsersError
from partners import browsers, tenancy
from users.models import CustomerUser, UserSession
from users.my.operations import SignedIn, SignedOut, TooBusy, continue_session

PATH = "/my/"
# The code of a form error that is over in a moment.
BUSY = "busy"


def cookie_name() -> str:
    """The name of the session's cookie; over https browsers accept it from secure pages only."""
    return "__Secure-my" if settings.IS_HTTPS else "my"


def read_cookie(request: HttpRequest) -> tuple[UUID | None, str]:
    """The partner and the token of the browser's session; (None, '') where there is none."""
    partner, _dot, token = request.COOKIES.get(cookie_name(), "").partition(".")
    try:
        return UUID(partner), token
    except ValueError:
        return None, ""


def begin_session(request: HttpRequest, response: HttpResponse, signed_in: SignedIn):
    """
    Set the cookie of a new session, until the browser is closed; returns the response.

    The browser is known from now on, and forms that it was shown before are refused.
    """
    rotate_token(request)
    browsers.remember(request, response, signed_in.user_id, path=PATH)
    response.set_cookie(
        cookie_name(),
        f"{signed_in.partner_id}.{signed_in.token}",
        path=PATH,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )
    return response


def delete_cookie(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(cookie_name(), path=PATH, samesite="Lax")
    return response


def end_session(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Forget the session, the token of its forms, and the pages (portal.middleware.Headers)."""
    request.has_signed_out = True
    rotate_token(request)
    return delete_cookie(response)


def user_view(view: Callable) -> Callable:
    """
    Call the view with the session of the signed-in user.

    Visitors without a session are sent to sign in, and users with a temporary password to choose
    one of their own.
    """

    @wraps(view)
    def answer(request, **kwargs):
        partner_id, token = read_cookie(request)
        if partner_id is None:
            return redirect("my:sign_in")
        # A member signed in in the same browser has entered another tenant.
        with tenancy.tenant(partner_id):
            try:
                session = continue_session(token=token)
            except SignedOut:
                return delete_cookie(redirect("my:sign_in"))
            activate_language(request, session.user)
            is_temporary = session.user.password_state != CustomerUser.PasswordState.CHOSEN
            if is_temporary and not getattr(view, "is_open_to_temporary", False):
                return redirect("my:password")
            with transaction.atomic():
                return view(request, session, **kwargs)

    return login_not_required(answer)


def open_to_temporary(view: Callable) -> Callable:
    """Let users with a temporary password open the view, too."""
    view.is_open_to_temporary = True
    return view


def is_signed_in(request: HttpRequest) -> bool:
    partner_id, token = read_cookie(request)
    if partner_id is None:
        return False
    with tenancy.tenant(partner_id):
        try:
            continue_session(token=token)
        except SignedOut:
            return False
    return True


def activate_language(request: HttpRequest, user: CustomerUser | None) -> None:
    """
    Answer in the language chosen in this browser, else the user's, else the browser's own.

    The middleware has activated a member's language, which need not be the user's.
    """
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    language = translation.get_language_from_request(request)
    for wanted in filter(None, (chosen, user.language if user else "")):
        try:
            language = get_supported_language_variant(wanted)
        except LookupError:
            continue
        break
    translation.activate(language)
    request.LANGUAGE_CODE = translation.get_language()


def add_error(form: Form, error: UsersError, *, field: str | None = None) -> None:
    """Add the reason of a refusal to the form; to this field where it is about its value."""
    if isinstance(error, TooBusy):
        form.add_error(None, ValidationError(error.message, BUSY))
    else:
        form.add_error(field, error.message)


def render_page(
    request: HttpRequest, template: str, context: dict, session: UserSession | None = None
) -> HttpResponse:
    """Render a page of /my/ without anything of a member: 422 or 429 where its form has errors."""
    form, status = context.get("form"), 200
    if form is not None and form.is_bound and form.errors:
        status = 429 if form.has_error(NON_FIELD_ERRORS, BUSY) else 422
    context |= {"member": None, "theme": "", "messages": [], "customer": None}
    if session is not None:
        context["me"] = session.user
    with timezone.override(UTC):
        return render(request, template, context, status=status)
