"""What is asked across partners, before there is a tenant."""

from uuid import UUID

from partners.postgres import call_function


def get_partner_of_link(token_hash: str) -> UUID | None:
    """Return the partner of the one-time link with this token, or None."""
    return call_function("find_handover", token_hash)[0][0]


def find_partners_with_queued_mails() -> list[UUID]:
    """Return the partners with mails that have waited for 15 seconds."""
    return [partner_id for (partner_id,) in call_function("find_partners_with_queued_mails")]


def find_partners_with_expired_secrets() -> list[UUID]:
    """Return the partners with temporary passwords past their time."""
    return [partner_id for (partner_id,) in call_function("find_partners_with_expired_secrets")]


def find_partners_to_remind() -> list[UUID]:
    """Return the partners with passwords that can be handed over for another day at most."""
    return [partner_id for (partner_id,) in call_function("find_partners_to_remind")]
