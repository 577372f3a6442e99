"""What is asked across partners, before there is a tenant."""

from uuid import UUID

from partners.postgres import call_function


def find_partners_to_purge() -> list[UUID]:
    """Return the partners with deleted users that are due for the purge."""
    return [partner_id for (partner_id,) in call_function("find_partners_to_purge")]


def find_partners_with_free_seats() -> list[UUID]:
    """Return the partners with users waiting for a free seat, or for one that others give up."""
    return [partner_id for (partner_id,) in call_function("find_partners_with_free_seats")]
