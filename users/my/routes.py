from uuid import UUID

from batches.queries.routes import _ask


def get_home_of_domain(domain: str) -> tuple[UUID, UUID] | None:
    """The partner and the customer that the domain belongs to, or None."""
    rows = _ask("SELECT partner_id, customer_id FROM app.find_domain(%s)", [domain])
    return rows[0] if rows else None
