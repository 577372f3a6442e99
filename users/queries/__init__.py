"""Everything a page reads about users. One module a noun."""

from .adding import (
    OpenSet,
    find_choices,
    find_verified_domains,
    get_open_set,
    get_set,
    is_user,
)
from .batches import (
    SHOWS,
    STATES,
    Progress,
    find_batches,
    find_failed_lines,
    find_lines,
    find_product_names,
    get_batch,
    get_default_domain,
    get_progress,
)
from .exporting import Bought, find_all_lines, find_bought, find_exported
from .filters import (
    Filters,
    UnknownFilter,
    chosen_ids,
    find_chosen,
    find_users,
    read_filters,
)
from .licenses import Chosen, Held, find_held, get_chosen
from .listing import UserList, get_list
from .my import License, find_own_licenses
from .people import UserPage, get_user, get_user_page
from .repairing import ProblemGroup, ProblemGroups, find_problem_groups, get_line
from .restoring import TakenName, find_done_users, find_taken_names
from .routes import (
    find_partners_to_purge,
    find_partners_to_wipe,
    find_partners_with_work,
    get_home_of_domain,
    get_partner_of_link,
)
from .sheets import (
    HandoverCard,
    Recipients,
    find_batches_with_mail,
    find_sheet_readers,
    get_handover,
    get_recipients,
)

__all__ = [
    "Bought",
    "OpenSet",
    "find_all_lines",
    "find_bought",
    "find_chosen",
    "find_choices",
    "find_verified_domains",
    "get_open_set",
    "get_set",
    "is_user",
    "SHOWS",
    "STATES",
    "Progress",
    "find_batches",
    "find_failed_lines",
    "find_lines",
    "find_product_names",
    "get_batch",
    "get_default_domain",
    "get_progress",
    "Chosen",
    "Held",
    "License",
    "find_own_licenses",
    "Filters",
    "HandoverCard",
    "ProblemGroup",
    "ProblemGroups",
    "Recipients",
    "UnknownFilter",
    "UserList",
    "TakenName",
    "UserPage",
    "chosen_ids",
    "find_batches_with_mail",
    "find_done_users",
    "find_exported",
    "find_held",
    "find_partners_to_purge",
    "find_partners_to_wipe",
    "find_partners_with_work",
    "find_taken_names",
    "find_users",
    "find_sheet_readers",
    "find_problem_groups",
    "get_chosen",
    "get_handover",
    "get_home_of_domain",
    "get_line",
    "get_list",
    "get_partner_of_link",
    "get_recipients",
    "get_user",
    "get_user_page",
    "read_filters",
]
