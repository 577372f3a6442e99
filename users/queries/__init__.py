"""Everything a page reads about users. One module a noun."""

from .routes import (
    find_partners_to_wipe,
    find_partners_with_work,
    get_home_of_domain,
    get_partner_of_link,
)

__all__ = [
    "find_partners_to_wipe",
    "find_partners_with_work",
    "get_home_of_domain",
    "get_partner_of_link",
]
