"""Everything a page reads about users. One module a noun."""

from .filters import Filters, UnknownFilter, chosen_ids, find_users, read_filters
from .my import License, find_own_licenses
from .routes import (
    find_partners_to_wipe,
    find_partners_with_work,
    get_home_of_domain,
    get_partner_of_link,
)
from .sheets import HandoverCard, get_handover

__all__ = [
    "License",
    "find_own_licenses",
    "Filters",
    "HandoverCard",
    "UnknownFilter",
    "chosen_ids",
    "find_partners_to_wipe",
    "find_partners_with_work",
    "find_users",
    "get_handover",
    "get_home_of_domain",
    "get_partner_of_link",
    "read_filters",
]
