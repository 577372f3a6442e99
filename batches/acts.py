"""The registry of acts: what the engine, the pages and the audit trail know about each of them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.db.models import Q
from django.utils.functional import Promise

from batches.models import Batch, Line
from partners.models import Member
from partners.roles import Permission

ERROR, WARNING = "error", "warning"


class LineInput(NamedTuple):
    """A line as an act needs it; an instance of the model would cost as much as the rest."""

    number: int
    user_id: UUID
    input: dict


@dataclass(slots=True)
class Outcome:
    """The result of one line; `sealed` is the temporary password to hand over."""

    number: int
    state: str
    result: dict = field(default_factory=dict)
    sealed: bytes | None = None

    @classmethod
    def failed(cls, line: LineInput, code: str, **more) -> "Outcome":
        """Nothing was done for the line; `code` is a key of the act's messages."""
        return cls(line.number, Line.State.FAILED, {"code": code, **more})


class Apply(Protocol):
    """Does lines of one act, in the caller's transaction and under the customer's lock."""

    def __call__(
        self, *, batch: Batch, lines: Collection[LineInput], by: Member
    ) -> list[Outcome]: ...


# A sentence with a singular and a plural, "%(n)s" in it.
Count = Callable[[int], str]


@dataclass(frozen=True, kw_only=True)
class Texts:
    """An act in words."""

    label: str | Promise
    # On the button that starts a plan.
    button: Count
    done: Count
    # Why selected users have no line.
    unchanged: Count | None = None


@dataclass(frozen=True)
class Seats:
    """What a plan does to the seats of a product."""

    name: str
    text: str
    short: str = ""


@dataclass(frozen=True)
class Consequences:
    """What a plan means beyond its lines."""

    facts: tuple[str, ...] = ()
    seats: tuple[Seats, ...] = ()
    # What cannot be undone.
    warning: str = ""


@dataclass(frozen=True)
class LineMessage:
    """A sentence about a line: the column that it is about, its value, and what would be right."""

    text: str
    column: str = ""
    value: str = ""
    suggestion: str = ""
    severity: str = ERROR
    # What one click does about it in a planned import, and the kind of problem.
    choices: tuple[tuple[str, str], ...] = ()
    kind: Any = None


@dataclass(frozen=True)
class Case:
    """A line that was done, and its user as it is now."""

    act: str
    input: Mapping[str, Any]
    result: Mapping[str, Any]
    # The batch of the line, and when it began.
    batch_id: UUID
    since: datetime
    # None: purged.
    user: Mapping[str, Any] | None
    # The subscriptions held, with the service plans switched off.
    held: Mapping[str, Collection[str]]
    # The subscriptions waited for.
    awaited: Collection[str]
    # Whether the member may make administrators and act on them.
    may_grant: bool


@dataclass(frozen=True)
class Inverse:
    """A line of an undo; a problem that is an error keeps it from running."""

    act: str
    input: Mapping[str, Any]
    problems: tuple[dict, ...] = ()

    @property
    def is_valid(self) -> bool:
        return not any(one["severity"] == ERROR for one in self.problems)


@dataclass(frozen=True, kw_only=True, eq=False)
class Act:
    """What can be done to users: in a batch of its own, or as lines of another."""

    kind: str
    permission: Permission
    icon: str
    texts: Texts
    # Other texts for some of its batches; None for the usual ones.
    special_texts: Callable[[Batch], Texts | None] = lambda _batch: None
    # Further permissions that some of its batches need.
    needs: Callable[[Batch], Iterable[Permission]] = lambda _batch: ()
    # Its name on a line, where the lines of a batch differ.
    word: str | Promise = ""
    # What lines of its batches do that name no act, where it is not the same.
    usual_act: str = ""
    # None where the lines of its batches have acts of their own, or are done as they are planned.
    apply: Apply | None = None
    # Refuses, by raising, to start a plan that would do harm.
    guard: Callable[[Batch], None] | None = None
    # Called when a plan was started or canceled, and what it was made from is no longer needed.
    release: Callable[[Batch], None] | None = None
    describe: Callable[[Batch, Mapping[str, str]], Consequences] = lambda _batch, _products: (
        Consequences()
    )
    # Sentences for the codes of problems and results; those of results that read otherwise.
    messages: Mapping[str, str | Promise] = field(default_factory=dict)
    failures: Mapping[str, str | Promise] = field(default_factory=dict)
    # Explains a problem of its batches that needs more than a sentence; None for one of those.
    explain: Callable[[Mapping, Batch], LineMessage | None] = lambda _problem, _batch: None
    # What becomes of the fields, and of the licenses, on a line of it.
    changes: Callable[[Line], tuple[str, ...]] = lambda _line: ()
    licenses: Callable[[Line, Mapping[str, str]], tuple[str, ...]] | None = None
    # What lines of its batches show beside the user: "licenses", "changes".
    shows: Callable[[Batch], Collection[str]] = lambda _batch: ()
    # Questions of the form that starts a plan: "new_passwords", "when_short", "typed".
    asks: Collection[str] = ()
    # Lines that are of no use to a user with blocked sign-in.
    needs_sign_in: Q | None = None
    ends_sign_in: bool = False
    is_dangerous: bool = False
    # Whether batches are of its kind, or only lines.
    has_batches: bool = True
    is_retryable: bool = True
    # Plans what a batch could not do once more; called with the new batch and its lines.
    replan: Callable[[Batch], None] | None = None
    # Why its batches cannot be undone.
    why_final: str | Promise = ""
    invert: Callable[[Case], Inverse] | None = None
    # What an undo with lines of this act does.
    undo_fact: Count | None = None


_ACTS: dict[str, Act] = {}


def register(*acts: Act) -> None:
    """Add acts in the order in which the lines of a chunk are done; called by AppConfig.ready()."""
    _ACTS.update((act.kind, act) for act in acts)


def get_act(kind: str) -> Act:
    return _ACTS[kind]


def get_acts() -> Iterator[Act]:
    """All acts, in their order."""
    return iter(_ACTS.values())


def texts_of(batch: Batch) -> Texts:
    act = get_act(batch.kind)
    return act.special_texts(batch) or act.texts


def problem(code: str, severity: str = ERROR, **params: str) -> dict:
    """A problem as a line keeps it."""
    return {"code": code, "severity": severity, "params": params}
