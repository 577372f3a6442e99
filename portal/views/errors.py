"""Error pages."""

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
    """Answer an unreadable host, URL or form; there may be no session yet."""
    return HttpResponse(_plainly(request, "400.html", home=f"{settings.BASE_URL}/"), status=400)


def forbidden(request, exception=None):
    """Show the missing permission and the roles that have it."""
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
    """Answer alike for missing pages and those of others."""
    return render(request, "404.html", status=404)


def server_error(request):
    if is_away(sys.exception()):
        return unavailable(request)
    return render(request, "500.html", status=500)


def unavailable(request):
    """Answer while the database is away, without using it."""
    return HttpResponse(_plainly(request, "503.html"), status=503, headers={"Retry-After": "5"})


def busy(request):
    """Answer while too many passwords are being checked."""
    return HttpResponse(_plainly(request, "429.html"), status=503, headers={"Retry-After": "5"})


def too_many(request, exception=None):
    return HttpResponse(_plainly(request, "429.html"), status=429, headers={"Retry-After": "60"})


def too_large(request):
    """Answer with the limit for files, without reading the body."""
    page = _plainly(request, "413.html", limit=settings.UPLOAD_LIMIT_BYTES)
    return HttpResponse(page, status=413)


def _plainly(request, template, **context):
    # Without the member, whose language would need the database.
    with translation.override(translation.get_language_from_request(request)):
        return render_to_string(template, {"html_language": html_language(), **context})
