from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.views.decorators.http import require_safe

from portal import queries


@login_not_required
@require_safe
def health(request):
    """Tell a load balancer whether to send requests here, and nobody why not."""
    if queries.is_healthy():
        return JsonResponse({"status": "ok"})
    return JsonResponse({"status": "unavailable"}, status=503)
