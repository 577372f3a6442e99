"""Middleware: headers, preferences, sign-in, the tenant."""

import zoneinfo

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from audit import client
from partners import tenancy
from partners.hashers import Busy
from portal.views import errors, probes

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)
PERMISSIONS_POLICY = (
    "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
    "publickey-credentials-get=(self), publickey-credentials-create=(self)"
)
# At sign-out. Without "cookies": members and users of /my/ share the host, so the sign-out of one
# would end the session of the other. Their own sessions have already ended; the language and the
# known browser (partners.browsers) are kept.
CLEAR_SITE_DATA = '"cache", "storage"'


class Middleware:
    """Each answers in `__call__`, and lets the rest answer with `get_response`."""

    def __init__(self, get_response):
        self.get_response = get_response


class ClientAddress(Middleware):
    """Keeps the client's address for limits and for the record."""

    def __call__(self, request):
        try:
            address = get_adapter(request).get_client_ip(request)
        except PermissionDenied:
            # A socket without an address.
            address = None
        with client.address(address):
            return self.get_response(request)


class Activity(Middleware):
    """
    Postpones the end of a member's session with every request except polls of a page.

    Also answers requests that would hash too many passwords at once.
    """

    def __call__(self, request):
        if request.user.is_authenticated and "X-Poll" not in request.headers:
            request.session.keep_alive()
        return self.get_response(request)

    def process_exception(self, request, exception):
        return errors.busy(request) if isinstance(exception, Busy) else None


class Probes(Middleware):
    """Answers probes, which have no host name, no TLS and no session."""

    def __call__(self, request):
        answer = probes.PROBES.get(request.path_info)
        if answer is None:
            return self.get_response(request)
        response = answer(request)
        # Otherwise the web server closes the connection; CommonMiddleware comes later.
        response.headers["Content-Length"] = str(len(response.content))
        return response


class Headers(Middleware):
    """Sets security headers; pages are never cached."""

    def __call__(self, request):
        response = self.get_response(request)
        if getattr(request, "has_signed_out", False):
            response.headers["Clear-Site-Data"] = CLEAR_SITE_DATA
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("X-Frame-Options", "DENY")
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "private, no-store")
            patch_vary_headers(response, ["HX-Request", "HX-Request-Type"])
        return response


class Length(Middleware):
    """
    Refuses a request that announces far more than any form accepts, without reading it.

    One that is a few times too large is read and refused by its form, which keeps its values.
    """

    def __call__(self, request):
        length = request.META.get("CONTENT_LENGTH") or "0"
        # A number may have thousands of digits.
        if length.isdecimal() and int(length[:15]) > settings.REQUEST_LIMIT_BYTES:
            return errors.too_large(request)
        return self.get_response(request)


class Preferences(Middleware):
    """Activates the language (profile, cookie, header) and the time zone of the member."""

    def __call__(self, request):
        member = request.user if request.user.is_authenticated else None
        language = member.language if member else ""
        translation.activate(language or translation.get_language_from_request(request))
        request.LANGUAGE_CODE = translation.get_language()
        try:
            timezone.activate(zoneinfo.ZoneInfo(member.time_zone if member else "UTC"))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            timezone.deactivate()
        try:
            response = self.get_response(request)
        finally:
            timezone.deactivate()
        response.headers.setdefault("Content-Language", translation.get_language())
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response


class SignInRequired(LoginRequiredMiddleware):
    """Requires a signed-in member for every view that does not opt out."""

    def handle_no_permission(self, request, view_func):
        """Redirect to the sign-in page; htmx would swap a plain redirect into the fragment."""
        response = super().handle_no_permission(request, view_func)
        if request.htmx:
            return HttpResponseClientRedirect(response.url)
        return response


class OneTenant(Middleware):
    """Runs the request as the tenant of its member, in one transaction."""

    def __call__(self, request):
        if not request.user.is_authenticated:
            return self.get_response(request)
        with tenancy.tenant(request.user.partner_id), transaction.atomic():
            response = self.get_response(request)
            # Exceptions of a view arrive here as a response.
            if response.status_code >= 500:
                transaction.set_rollback(True)
        return response
