"""The registry of acts: what the engine, the pages and the audit trail know about each of them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol, Self
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Q
from django.utils.functional import Promise

from batches.models import Batch, Line
from partners.models import Member
from partners.roles import Permission

ERROR, WARNING = "error", "warning"


class Payload:
    """Base of the dataclasses that are stored as JSON; empty values are left out."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        names = self.__dataclass_fields__
        return {name: value for name in names if (value := getattr(self, name))}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the fields of this class; the JSON can have others too."""
        known = cls.__dataclass_fields__
        return cls(**{name: value for name, value in values.items() if name in known})


class LineInput(NamedTuple):
    """A line as an act needs it; model instances of many lines take too long."""

    number: int
    user_id: UUID
    input: dict

    @property
    def user_name(self) -> str:
        return self.input["user_name"]


@dataclass(kw_only=True, slots=True)
class LineResult(Payload):
    """What was changed about the user of a line, and what is missing."""

    # Why the line failed, or is done in part: a key of the act's messages.
    code: str = ""
    # The user had the wanted values before.
    unchanged: bool = False
    # Fields of the user.
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    # Ids of subscriptions. Assigned; of these, those that the user had before; removed; with
    # other service plans.
    assigned: Sequence[str] = ()
    had: Sequence[str] = ()
    removed: Sequence[str] = ()
    plans: Sequence[str] = ()
    # Without a free seat, and suspended or deleted since the plan.
    short: Sequence[str] = ()
    closed: Sequence[str] = ()
    # The user waits for them, with the places at first, or no longer waits.
    waiting: Sequence[str] = ()
    places: Mapping[str, int] = field(default_factory=dict)
    stopped: Sequence[str] = ()
    # The JSON of the licenses that were removed or changed, as they were before.
    held: Sequence[Mapping[str, Any]] = ()
    # Of a restored user, for the deletion that undoes it; or the deletion that the user has again.
    deletion: str = ""
    was_held: bool = False
    # How often a worker has begun the line.
    tries: int = 0


@dataclass(slots=True)
class Outcome:
    """The state and the LineResult of a line; `sealed` is the temporary password to hand over."""

    number: int
    state: str
    result: dict = field(default_factory=dict)
    sealed: bytes | None = None

    @classmethod
    def failed(cls, line: LineInput, code: str, **more) -> "Outcome":
        """The outcome of a line without changes; `code` is a key of the act's messages."""
        return cls(line.number, Line.State.FAILED, LineResult(code=code, **more).to_json())

    @classmethod
    def done(cls, line: LineInput, **result) -> "Outcome":
        return cls(line.number, Line.State.DONE, LineResult(**result).to_json())


class Apply(Protocol):
    """Applies lines of one act, in the caller's transaction and with the customer's lock."""

    def __call__(
        self, *, batch: Batch, lines: Collection[LineInput], by: Member
    ) -> list[Outcome]: ...


@dataclass(kw_only=True, slots=True)
class PlanFacts(Payload):
    """What was found while a batch was planned, besides its lines; acts add fields."""

    # Selected users without a line, as nothing changes for them.
    unchanged: int = 0
    # Users for whom nothing changes, because no seat is left.
    unserved: int = 0
    # The JSON of the forecasts of the subscriptions concerned.
    seats: Sequence[Mapping[str, Any]] = ()
    # This must be confirmed at the start.
    takes_last_administrator: bool = False


# A sentence for a number, with "%(n)s" in it.
Count = Callable[[int], str]


def count(sentence: Count, number: int) -> str:
    return sentence(number) % {"n": intcomma(number)}


@dataclass(frozen=True, kw_only=True)
class OneText:
    """The texts of an act on one user, with "%(name)s" for the user's name."""

    question: str | Promise
    button: str | Promise
    done: str | Promise


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The texts of an act."""

    label: str | Promise
    # On the button that starts a plan.
    button: Count
    done: Count
    # Why selected users have no line.
    unchanged: Count | None = None
    # None if there is no other sentence than those for a number.
    one: OneText | None = None


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
    result: LineResult
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
    # The JSON of that act's input.
    input: Mapping[str, Any]
    problems: tuple[dict, ...] = ()

    @property
    def is_valid(self) -> bool:
        return not any(problem["severity"] == ERROR for problem in self.problems)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """
    How members choose an act for selected users, at …/users/<path>/, or for one of them, at
    …/users/<id>/<path>/.
    """

    path: str
    # The name of its URL, if it is not the path.
    name: str = ""
    # Plans the act: `plan(customer=…, users=…, by=…)` with these arguments and those of the form.
    plan: Callable[..., Batch]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    # The tab of the list with the users: "" for active ones, or "deleted".
    tab: str = ""
    # The dotted names of the forms that ask for more before a plan; forms import acts.
    form: str = ""
    form_of_one: str = ""
    # The page with the form, and the part of the question about one user with the other form.
    template: str = "users/ask.html"
    part: str = "users/ask_fields.html"
    # Whether it has no button of its own in the templates and is listed with the others.
    is_listed: bool = True
    # Whether it can be done to one user at once.
    is_for_one: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Act:
    """Something that can be done to users, in a batch of its own or in lines of another."""

    kind: str
    permission: Permission
    icon: str
    texts: Texts
    # How members choose it; None if it is part of other acts only.
    offer: Offer | None = None
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


def waits_for_seats(batch: Batch) -> bool:
    """Whether users of the batch without a free seat join the waitlist."""
    return batch.options.get("when_short") == "queue"


def texts_of(batch: Batch) -> Texts:
    act = get_act(batch.kind)
    return act.special_texts(batch) or act.texts


def problem(code: str, severity: str = ERROR, **params: str) -> dict:
    """A problem as JSON of a line."""
    return {"code": code, "severity": severity, "params": params}
