"""
What machines ask of the portal, answered before any other middleware (portal.middleware.Probes).

They ask by whatever name or address they have, without TLS and without a session.
"""

from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.queries.health import get_health, get_readiness


@never_cache
@require_safe
def live(request):
    """Answer, which shows that the process works; whatever it needs is not asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request):
    """Say whether pages can be served: for a load balancer."""
    state = get_readiness()
    return JsonResponse(state.to_json(), status=200 if state.is_ready else 503)


@never_cache
@require_safe
def health(request):
    """Say what works and how far work is behind: for monitoring. 503 only where no pages are served."""
    state = get_health()
    return JsonResponse(state.to_json(), status=200 if state.is_ready else 503)


PROBES = {"/livez": live, "/readyz": ready, "/health/": health}
