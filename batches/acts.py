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
    """A line as an act needs it; model instances of many lines take too long."""

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
        """The outcome of a line without changes; `code` is a key of the act's messages."""
        return cls(line.number, Line.State.FAILED, {"code": code, **more})


class Apply(Protocol):
    """Applies lines of one act, in the caller's transaction and with the customer's lock."""

    def __call__(
        self, *, batch: Batch, lines: Collection[LineInput], by: Member
    ) -> list[Outcome]: ...


# A sentence for a number, with "%(n)s" in it.
Count = Callable[[int], str]


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The texts of an act."""

    label: str | Promise
    # On the button that starts a plan.
    button: Count
    done: Count
    # Why selected users have no line.
    unchanged: Count | None = None


@dataclass(frozen=True)
class Seats:
    """The effect of a plan on the seats of a product."""

    name: str
    text: str
    short: str = ""


@dataclass(frozen=True)
class Consequences:
    """The consequences of a plan beyond its lines."""

    facts: tuple[str, ...] = ()
    seats: tuple[Seats, ...] = ()
    # What cannot be undone.
    warning: str = ""


@dataclass(frozen=True)
class LineMessage:
    """A message about a line, with its column, the value there, and a better one."""

    text: str
    column: str = ""
    value: str = ""
    suggestion: str = ""
    severity: str = ERROR
    # Repairs that a planned import offers, and the kind of problem.
    choices: tuple[tuple[str, str], ...] = ()
    kind: Any = None


@dataclass(frozen=True)
class Case:
    """A line that was done, with its user as it is now, for an undo."""

    act: str
    input: Mapping[str, Any]
    result: Mapping[str, Any]
    # The batch of the line, and its start.
    batch_id: UUID
    since: datetime
    # None for a purged user.
    user: Mapping[str, Any] | None
    # The subscriptions of the user, with the service plans that are off.
    held: Mapping[str, Collection[str]]
    # The subscriptions that the user waits for.
    awaited: Collection[str]
    # Whether the member may act on administrators and grant their permissions.
    may_grant: bool


@dataclass(frozen=True)
class Inverse:
    """A line of an undo; invalid if a problem is an error."""

    act: str
    input: Mapping[str, Any]
    problems: tuple[dict, ...] = ()

    @property
    def is_valid(self) -> bool:
        return not any(one["severity"] == ERROR for one in self.problems)


@dataclass(frozen=True, kw_only=True, eq=False)
class Act:
    """Something that can be done to users, in a batch of its own or in lines of another."""

    kind: str
    permission: Permission
    icon: str
    texts: Texts
    # Other texts for some of its batches, or None.
    special_texts: Callable[[Batch], Texts | None] = lambda _batch: None
    # Further permissions that some of its batches need.
    needs: Callable[[Batch], Iterable[Permission]] = lambda _batch: ()
    # Its name on a line, where the lines of a batch differ.
    word: str | Promise = ""
    # The act of lines without one, where it is not that of the batch.
    usual_act: str = ""
    # None if the lines of its batches have other acts, or are done from the start.
    apply: Apply | None = None
    # Refuses, by raising, to start a plan that would do harm.
    guard: Callable[[Batch], None] | None = None
    # Deletes what the plan was made from; called when the plan is started or canceled.
    release: Callable[[Batch], None] | None = None
    describe: Callable[[Batch, Mapping[str, str]], Consequences] = lambda _batch, _products: (
        Consequences()
    )
    # Sentences by code of problems and results, and other sentences for results.
    messages: Mapping[str, str | Promise] = field(default_factory=dict)
    failures: Mapping[str, str | Promise] = field(default_factory=dict)
    # Explains a problem that has no sentence in `messages`.
    explain: Callable[[Mapping, Batch], LineMessage | None] = lambda _problem, _batch: None
    # The changes of fields and of licenses of a line, in words.
    changes: Callable[[Line], tuple[str, ...]] = lambda _line: ()
    licenses: Callable[[Line, Mapping[str, str]], tuple[str, ...]] | None = None
    # Further columns of its batches: "licenses", "changes".
    shows: Callable[[Batch], Collection[str]] = lambda _batch: ()
    # Questions of the form that starts a plan: "new_passwords", "when_short", "typed".
    asks: Collection[str] = ()
    # The lines that are useless to users with blocked sign-in.
    needs_sign_in: Q | None = None
    ends_sign_in: bool = False
    is_dangerous: bool = False
    # Whether there are batches of its kind, or only lines.
    has_batches: bool = True
    is_retryable: bool = True
    # Updates the plan of a retry; called with the new batch.
    replan: Callable[[Batch], None] | None = None
    # Why its batches cannot be undone.
    why_final: str | Promise = ""
    invert: Callable[[Case], Inverse] | None = None
    # The consequence of an undo with lines of this act.
    undo_fact: Count | None = None


_ACTS: dict[str, Act] = {}


def register(*acts: Act) -> None:
    """Add acts in the order in which a chunk applies them; called by AppConfig.ready()."""
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
    """A problem as JSON of a line."""
    return {"code": code, "severity": severity, "params": params}
