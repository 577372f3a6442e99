from uuid import UUID

from batches.queries.routes import _ask


def get_partner_of_link(token_hash: str) -> UUID | None:
    """The partner whose one-time link has this token, or None."""
    return _ask("SELECT app.find_handover(%s)", [token_hash])[0][0]
