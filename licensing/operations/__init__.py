"""Everything that writes licenses. One module a noun: seats, subscriptions, the catalog."""

from .catalog import Description, PartNumberTaken, PlanInUse, add_product, edit_product
from .errors import LicensingError
from .exchanges import Change, settle
from .seats import (
    Assigned,
    Wanted,
    assign,
    change_plans,
    lock_subscriptions,
    revoke,
    revoke_all,
)
from .subscriptions import (
    BoughtAlready,
    TooFewSeats,
    add_subscription,
    change_subscription,
)
from .waiting import (
    Judge,
    Order,
    Wish,
    look_at_lines,
    stop_all_waiting,
    stop_waiting,
    take_turns,
    wait,
    when_seats_are_free,
)

__all__ = [
    "Change",
    "settle",
    "Assigned",
    "BoughtAlready",
    "Description",
    "Judge",
    "LicensingError",
    "Order",
    "PartNumberTaken",
    "PlanInUse",
    "TooFewSeats",
    "Wanted",
    "Wish",
    "add_product",
    "add_subscription",
    "assign",
    "change_plans",
    "change_subscription",
    "edit_product",
    "lock_subscriptions",
    "look_at_lines",
    "revoke",
    "revoke_all",
    "stop_all_waiting",
    "stop_waiting",
    "take_turns",
    "wait",
    "when_seats_are_free",
]
