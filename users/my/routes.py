"""What is asked across partners, before there is a tenant."""

from uuid import UUID

from django.conf import settings
from django.urls import reverse

from partners.postgres import call_function


def sign_in_address() -> str:
    """Where users sign in, as an absolute address."""
    return f"{settings.BASE_URL}{reverse('my:home')}"


def get_home_of_domain(domain: str) -> tuple[UUID, UUID] | None:
    """Return the partner and the customer that the domain belongs to, or None."""
    homes = call_function("find_domain", domain)
    return homes[0] if homes else None
