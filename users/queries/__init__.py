"""Everything a page reads about users. One module a noun."""

from .batches import (
    SHOWS,
    STATES,
    Progress,
    find_batches,
    find_failed_lines,
    find_lines,
    find_product_names,
    get_batch,
    get_progress,
)
from .filters import Filters, UnknownFilter, chosen_ids, find_users, read_filters
from .listing import UserList, find_exported, get_list
from .my import License, find_own_licenses
from .people import UserPage, get_user_page
from .routes import (
    find_partners_to_wipe,
    find_partners_with_work,
    get_home_of_domain,
    get_partner_of_link,
)
from .sheets import HandoverCard, get_handover

__all__ = [
    "SHOWS",
    "STATES",
    "Progress",
    "find_batches",
    "find_failed_lines",
    "find_lines",
    "find_product_names",
    "get_batch",
    "get_progress",
    "License",
    "find_own_licenses",
    "Filters",
    "HandoverCard",
    "UnknownFilter",
    "UserList",
    "UserPage",
    "chosen_ids",
    "find_exported",
    "find_partners_to_wipe",
    "find_partners_with_work",
    "find_users",
    "get_handover",
    "get_home_of_domain",
    "get_list",
    "get_partner_of_link",
    "get_user_page",
    "read_filters",
]
