from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from batches.models import Batch, Line
from partners.roles import Permission

# What refuses, by raising, to start a plan of some kind that would do harm.
GUARDS: dict[str, Callable[[Batch], None]] = {}


def guards(kind: str) -> Callable:
    """Register the function that is asked before a plan of this kind is started."""

    def register(guard: Callable[[Batch], None]) -> Callable[[Batch], None]:
        GUARDS[kind] = guard
        return guard

    return register


# What a member needs to start a batch of each kind.
NEEDS = {
    Batch.Kind.ADD: Permission.MANAGE_USERS,
    Batch.Kind.IMPORT: Permission.MANAGE_USERS,
    Batch.Kind.RESET: Permission.RESET_PASSWORDS,
    Batch.Kind.EDIT: Permission.MANAGE_USERS,
    Batch.Kind.BLOCK: Permission.MANAGE_USERS,
    Batch.Kind.UNBLOCK: Permission.MANAGE_USERS,
    Batch.Kind.LICENSES: Permission.ASSIGN_LICENSES,
    Batch.Kind.DELETE: Permission.DELETE_USERS,
    Batch.Kind.RESTORE: Permission.RESTORE_USERS,
    Batch.Kind.PURGE: Permission.PURGE_USERS,
    # One permission of the roles: to undo every batch and to hold a purge.
    Batch.Kind.HOLD: Permission.UNDO_ALL_BATCHES,
    # Is done when it is made; this is what putting users in line needed.
    Batch.Kind.QUEUE: Permission.ASSIGN_LICENSES,
    # Whether the batch is theirs to undo was asked when the undo was planned.
    Batch.Kind.UNDO: Permission.UNDO_OWN_BATCHES,
}


class Asked(NamedTuple):
    """What a line asks for, as an act needs it: a model of each would take as long as the rest."""

    number: int
    user_id: UUID
    input: dict


@dataclass(slots=True)
class Outcome:
    """What became of one line; `sealed` is the temporary password to hand over."""

    number: int
    state: str
    result: dict = field(default_factory=dict)
    sealed: bytes | None = None

    @classmethod
    def failed(cls, line: Asked, code: str, **more) -> "Outcome":
        """Nothing was done for the line; `code` says why."""
        return cls(line.number, Line.State.FAILED, {"code": code, **more})


# What a kind of batch does with some of its lines, in the transaction of the caller.
Apply = Callable[..., list[Outcome]]


APPLIES: dict[str, Apply] = {}


def applies(*kinds: str) -> Callable:
    """Register the function that applies lines of these kinds of batch."""

    def register(apply: Apply) -> Apply:
        for kind in kinds:
            APPLIES[kind] = apply
        return apply

    return register
