"""The pages for what went wrong; they say what and where to go."""

from django.shortcuts import render

from customers.access import Archived
from partners.access import Refused


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
    return render(request, "500.html", status=500)
