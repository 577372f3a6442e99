"""What is asked across partners, before there is a tenant."""

from uuid import UUID

from partners.postgres import call_function


def get_home_of_domain(domain: str) -> tuple[UUID, UUID] | None:
    """Return the partner and the customer that the domain belongs to, or None."""
    homes = call_function("find_domain", domain)
    return homes[0] if homes else None
