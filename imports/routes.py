"""What is asked across partners, before there is a tenant."""

from uuid import UUID

from partners.postgres import call_function


def find_partners_with_expired_files() -> list[UUID]:
    """Return the partners with files, or rows of files, past their time."""
    return [partner_id for (partner_id,) in call_function("find_partners_with_expired_files")]
