"""Everything that writes users. One module a noun; import the package, call its verbs."""

from .adding import Added, NameTaken, add_user, finish_set
from .batches import (
    AT_ONCE,
    NotPlanned,
    Outcome,
    PlannedLine,
    UsersError,
    cancel_batch,
    create_batch,
    poke,
    run_chunk,
    save_lines,
    start_batch,
    sweep,
)
from .resetting import NobodyChosen, plan_resets

__all__ = [
    "AT_ONCE",
    "Added",
    "NameTaken",
    "NobodyChosen",
    "NotPlanned",
    "Outcome",
    "PlannedLine",
    "UsersError",
    "add_user",
    "cancel_batch",
    "create_batch",
    "finish_set",
    "plan_resets",
    "poke",
    "run_chunk",
    "save_lines",
    "start_batch",
    "sweep",
]
