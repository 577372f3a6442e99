"""Everything that writes licenses. One module a noun: seats, subscriptions, the catalog."""

from .seats import (
    Assigned,
    Wanted,
    assign,
    change_plans,
    count_wanted,
    lock_subscriptions,
    revoke,
    revoke_all,
)

__all__ = [
    "Assigned",
    "Wanted",
    "assign",
    "change_plans",
    "count_wanted",
    "lock_subscriptions",
    "revoke",
    "revoke_all",
]
