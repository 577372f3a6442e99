"""
Probes of machines, answered before any other middleware (portal.middleware.Probes).

They use any host name or address, without TLS and session.
"""

from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.queries.health import get_health, get_readiness


@never_cache
@require_safe
def live(request):
    """Show that the process works, without asking what it needs."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request):
    """Show whether pages can be served: for a load balancer."""
    state = get_readiness()
    return JsonResponse(state.to_json(), status=200 if state.is_ready else 503)


@never_cache
@require_safe
def health(request):
    """Show what works and how late jobs are, for monitoring; 503 only if no pages can be served."""
    state = get_health()
    return JsonResponse(state.to_json(), status=200 if state.is_ready else 503)


PROBES = {"/livez": live, "/readyz": ready, "/health/": health}
