"""What every request goes through: headers, preferences, sign-in, one tenant."""

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
# At sign-out. Not "cookies": members and users of /my/ share the host, so the sign-out of one would
# end the session of the other, and both have ended their own session already; the languages and the
# known browsers (partners.browsers) stay too.
CLEAR_SITE_DATA = '"cache", "storage"'


class ClientAddress:
    """Keeps the client's address for limits and for the record of everything the request does."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        try:
            address = get_adapter(request).get_client_ip(request)
        except PermissionDenied:
            # A socket without an address.
            address = None
        with client.address(address):
            return self.get_response(request)


class Activity:
    """
    Puts off the end of a member's session with every request but those a page makes by itself.

    Also answers a request that came while too many passwords were being hashed.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.user.is_authenticated and "X-Poll" not in request.headers:
            request.session.keep_alive()
        return self.get_response(request)

    def process_exception(self, request, exception):
        """Say that it goes on in a moment."""
        return errors.busy(request) if isinstance(exception, Busy) else None


class Probes:
    """Answers probes, which know no host name, no TLS and no session."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        answer = probes.PROBES.get(request.path_info)
        if answer is None:
            return self.get_response(request)
        response = answer(request)
        # Else the web server would close the connection; CommonMiddleware comes later.
        response.headers["Content-Length"] = str(len(response.content))
        return response


class Headers:
    """Sets the headers of security 7; pages are never kept by a cache."""

    def __init__(self, get_response):
        self.get_response = get_response

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


class Length:
    """
    Answers a request that announces far more than any form takes, without reading it.

    What is only a few times too large is read and refused by its form, with everything kept that
    was chosen there.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        length = request.META.get("CONTENT_LENGTH") or "0"
        # A number of thousands of digits is not even read.
        if length.isdecimal() and int(length[:15]) > settings.REQUEST_LIMIT_BYTES:
            return errors.too_large(request)
        return self.get_response(request)


class Preferences:
    """Activates the language (profile, cookie, header) and the time zone of the member."""

    def __init__(self, get_response):
        self.get_response = get_response

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
    """Every view asks for a member who is signed in, but those that opt out."""

    def handle_no_permission(self, request, view_func):
        """Go to the sign-in page; htmx would swap a plain redirect into the fragment."""
        response = super().handle_no_permission(request, view_func)
        if request.htmx:
            return HttpResponseClientRedirect(response.url)
        return response


class OneTenant:
    """Answers the request in one transaction that sees the rows of the member's partner."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.user.is_authenticated:
            return self.get_response(request)
        with tenancy.tenant(request.user.partner_id), transaction.atomic():
            response = self.get_response(request)
            # Exceptions of a view arrive here as an answer; the transaction must not be kept.
            if response.status_code >= 500:
                transaction.set_rollback(True)
        return response
