"""Whose is it, at /my/: the user's own session and tenant; a member's session counts for nothing."""

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
# The code of an error that passes by itself.
BUSY = "busy"


def cookie_name() -> str:
    """The name of the cookie; over https the browser takes it from no insecure page."""
    return "__Secure-my" if settings.IS_HTTPS else "my"


def read_cookie(request: HttpRequest) -> tuple[UUID | None, str]:
    """The partner and the token that the browser brings; (None, '') where it brings none."""
    partner, _dot, token = request.COOKIES.get(cookie_name(), "").partition(".")
    try:
        return UUID(partner), token
    except ValueError:
        return None, ""


def remember(request: HttpRequest, response: HttpResponse, signed_in: SignedIn) -> HttpResponse:
    """
    Give the browser the session that has just begun, until it is closed.

    The browser is known from now on, and what forms were shown before is worth nothing.
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


def forget(response: HttpResponse) -> HttpResponse:
    """Take the session's cookie from the browser."""
    response.delete_cookie(cookie_name(), path=PATH, samesite="Lax")
    return response


def end(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Forget the session, the token of its forms, and the pages (portal.middleware.Headers)."""
    request.has_signed_out = True
    rotate_token(request)
    return forget(response)


def user_view(view: Callable) -> Callable:
    """
    Hand the view the session of the user who is signed in here.

    Who is not is sent to sign in, and who still has a temporary password to choose one.
    """

    @wraps(view)
    def answer(request, **kwargs):
        partner_id, token = read_cookie(request)
        if partner_id is None:
            return redirect("my:sign_in")
        # A member who is signed in in the same browser has entered a tenant that is not this one.
        with tenancy.tenant(partner_id):
            try:
                session = continue_session(token=token)
            except SignedOut:
                return forget(redirect("my:sign_in"))
            speak(request, session.user)
            is_temporary = session.user.password_state != CustomerUser.PasswordState.CHOSEN
            if is_temporary and not getattr(view, "is_open_to_temporary", False):
                return redirect("my:password")
            with transaction.atomic():
                return view(request, session, **kwargs)

    return login_not_required(answer)


def open_to_temporary(view: Callable) -> Callable:
    """Let the view also be reached with a temporary password."""
    view.is_open_to_temporary = True
    return view


def is_signed_in(request: HttpRequest) -> bool:
    """Whether the browser brings a session that may go on."""
    partner_id, token = read_cookie(request)
    if partner_id is None:
        return False
    with tenancy.tenant(partner_id):
        try:
            continue_session(token=token)
        except SignedOut:
            return False
    return True


def speak(request: HttpRequest, user: CustomerUser | None) -> None:
    """
    Answer in the language chosen in this browser, else the user's, else the browser's own.

    A member's language, which the middleware has activated, says nothing about the user.
    """
    wanted = [request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")]
    wanted += [user.language] if user else []
    for language in filter(None, wanted):
        try:
            translation.activate(get_supported_language_variant(language))
        except LookupError:
            continue
        break
    else:
        translation.activate(translation.get_language_from_request(request))
    request.LANGUAGE_CODE = translation.get_language()


def show_error(form: Form, error: UsersError, *, field: str | None = None) -> None:
    """Let the form say why it was refused, at this field where it is about what was typed there."""
    if isinstance(error, TooBusy):
        form.add_error(None, ValidationError(error.message, BUSY))
    else:
        form.add_error(field, error.message)


def answer_page(
    request: HttpRequest, template: str, context: dict, session: UserSession | None = None
) -> HttpResponse:
    """Render a page of /my/: 422 where its form has errors, and nothing of a member on it."""
    form = context.get("form")
    of_nobody = {"member": None, "theme": "", "messages": [], "customer": None}
    if session is not None:
        of_nobody["me"] = session.user
    status = 422 if form is not None and form.is_bound and form.errors else 200
    if form is not None and form.has_error(NON_FIELD_ERRORS, BUSY):
        status = 429
    with timezone.override(UTC):
        return render(request, template, of_nobody | context, status=status)
