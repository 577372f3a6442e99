from uuid import UUID

from django.db.models import QuerySet

from .models import Event


def find_events(*, partner_id: UUID) -> QuerySet[Event]:
    """Everything on record at the partner, the latest first."""
    return Event.objects.filter(partner_id=partner_id).order_by("-id")
