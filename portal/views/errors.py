"""The pages for what went wrong; they say what and where to go."""

import sys

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation

from customers.access import Archived
from partners.access import Refused
from partners.backend.away import is_away
from portal.context import html_language


def bad_request(request, exception=None):
    """Say that the host, the address or the form is not to be read; there may be no session yet."""
    return HttpResponse(_plainly(request, "400.html", home=f"{settings.BASE_URL}/"), status=400)


def forbidden(request, exception=None):
    """Name the right that is missing, and the roles that can give it."""
    if isinstance(exception, Archived):
        context = {"archived": exception.customer}
        return render(request, "customers/archived.html", context, status=403)
    permission = exception.permission if isinstance(exception, Refused) else None
    context = {
        "missing_right": permission.label if permission else "",
        "who_can_grant": [role.label for role in permission.roles] if permission else [],
    }
    return render(request, "403.html", context, status=403)


def not_found(request, exception=None):
    """Say the same of what does not exist and of what is somebody else's."""
    return render(request, "404.html", status=404)


def server_error(request):
    """Say that nothing was changed; the transaction has been rolled back."""
    if is_away(sys.exception()):
        return unavailable(request)
    return render(request, "500.html", status=500)


def unavailable(request):
    """Say that the portal will be back soon, without a look at the database, which is not there."""
    return HttpResponse(_plainly(request, "503.html"), status=503, headers={"Retry-After": "5"})


def busy(request):
    """Say that more passwords are being checked than the portal takes on at once."""
    return HttpResponse(_plainly(request, "429.html"), status=503, headers={"Retry-After": "5"})


def too_many(request, exception=None):
    """Say that something was asked for too often."""
    return HttpResponse(_plainly(request, "429.html"), status=429, headers={"Retry-After": "60"})


def too_large(request):
    """Say how large a file may be, without having read what was sent."""
    page = _plainly(request, "413.html", limit=settings.UPLOAD_LIMIT_BYTES)
    return HttpResponse(page, status=413)


def _plainly(request, template, **context):
    # Before anybody asked the database who is there.
    with translation.override(translation.get_language_from_request(request)):
        return render_to_string(template, {"html_language": html_language(), **context})
