"""Queries across partners, before a tenant is set."""

from datetime import datetime
from uuid import UUID

from partners.postgres import call_function


def find_partners_with_pending_jobs() -> list[UUID]:
    """Return the partners with pending jobs without a wake-up in the last minute."""
    return [partner_id for (partner_id,) in call_function("find_partners_with_pending_jobs")]


def get_oldest_pending() -> datetime | None:
    """Return the start of the oldest batch with work left for a worker, or None."""
    return call_function("get_oldest_pending")[0][0]
