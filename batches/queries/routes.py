"""What is asked across partners, before there is a tenant."""

from datetime import datetime
from uuid import UUID

from partners.postgres import call_function


def find_partners_with_pending_chunks() -> list[UUID]:
    """Return the partners with chunks for which no worker was woken in the last minute."""
    return [partner_id for (partner_id,) in call_function("find_partners_with_pending_chunks")]


def get_oldest_pending() -> datetime | None:
    """Return when the oldest batch began that has work left for a worker, if there is one."""
    return call_function("get_oldest_pending")[0][0]
