"""Managing the licenses of one or many: give, take, and switch service plans, in one batch."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from customers.models import Customer
from licensing import operations as licensing
from licensing import queries as licensing_queries
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.importing.facts import Facts
from users.importing.products import ProductRules
from users.models import Batch, Line

from .batches import Outcome, TooFewSeats, UsersError, applies, create_batch, save_lines
from .choosing import choose, find_barred, lock_active, plan_line, problems_of
from .facts import gather_facts
from .queueing import Waits, recorded, wait_for_missing


class NothingToChange(UsersError):
    """Every product was left as it is, or everybody is as wanted already."""

    message = _("Nothing would change: everybody chosen has exactly these licenses already.")


@dataclass(frozen=True)
class Changes:
    """
    What shall become of each product's licenses, by the id of its subscription as text.

    A product that is in none of them is left as it is, for everybody.
    """

    give: frozenset[str] = frozenset()
    take: frozenset[str] = frozenset()
    # The service plans to leave out, for everybody who has the product afterwards; a product
    # that is not named here keeps everybody's plans.
    plans_off: Mapping[str, Sequence[str]] = field(default_factory=dict)


@transaction.atomic
def plan_licenses(
    *,
    customer: Customer,
    users: Iterable[UUID],
    changes: Changes,
    when_short: str = "first",
    reason: str = "",
    by: Member,
) -> Batch:
    """
    Plan these changes for the chosen users; nothing happens yet.

    Whoever is as wanted already gets no line; the plan says how many they are, and the seats
    before and after. Where too few are free, `when_short` says "first": first come in the order
    of the list, "none": nobody gets any, or "queue": whoever gets none now waits in line.

    :raises NobodyChosen: where none of the ids is an active user of the customer.
    :raises NothingToChange: where no line is left.
    :raises TooFewSeats: where too few are free, and in that case nobody was to get one.
    :raises Refused: where the member may not assign licenses.
    """
    require(by, Permission.ASSIGN_LICENSES)
    chosen = choose(customer, users)
    facts = gather_facts(customer=customer, user_names=[], by=by)
    rules = ProductRules(facts.subscriptions)
    held = licensing_queries.get_held(customer, [user["pk"] for user in chosen])
    waits = licensing_queries.get_waits(customer, [user["pk"] for user in chosen])
    lengths = licensing_queries.count_waiting(customer)
    forecast = Forecast(facts, rules, lengths=lengths, is_queue=when_short == "queue")
    lines = []
    for user in chosen:
        awaited = waits.get(user["pk"], {})
        change = _change_of(held.get(user["pk"], {}), awaited, changes)
        if not any(change.values()):
            continue
        problems = problems_of(user, by=by) + speak_against(
            rules, user["location"], held.get(user["pk"], {}), change
        )
        lines.append(plan_line(user, problems or forecast.add(change, awaited), **change))
    if not lines:
        raise NothingToChange
    if when_short == "none" and forecast.is_short:
        raise TooFewSeats(_say_short(forecast.seats))
    batch = create_batch(
        customer=customer,
        kind=Batch.Kind.LICENSES,
        reason=reason,
        options={"when_short": when_short},
        plan={
            "seats": forecast.seats,
            "unchanged": len(chosen) - len(lines),
            "unserved": forecast.unserved,
        },
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def _change_of(
    held: Mapping[str, list[str]], awaited: Mapping[str, int], changes: Changes
) -> dict[str, list]:
    """What the changes mean for somebody who holds and awaits these subscriptions."""
    off = changes.plans_off
    give = [
        {"subscription": one, "plans_off": list(off.get(one, ()))}
        for one in sorted(changes.give - held.keys())
    ]
    take = sorted(changes.take & held.keys())
    plans = [
        {"subscription": one, "plans_off": list(off[one])}
        for one in sorted(off.keys() & held.keys() - changes.take)
        if set(off[one]) != set(held[one])
    ]
    change = {"give": give, "take": take, "plans": plans}
    if stop := sorted(changes.take & awaited.keys()):
        change["stop"] = stop
    return change


def speak_against(
    rules: ProductRules, location: str, held, change, *, moves_to: str | None = None
) -> list[dict]:
    """What is wrong after a change of what is held, or a move, that is not wrong already."""
    given = [one["subscription"] for one in change["give"]]
    if given and not (location if moves_to is None else moves_to):
        return [{"code": "location_missing", "column": "location", "severity": "error"}]
    return [
        {"code": code, "column": "products", "value": value, "params": params, "severity": "error"}
        for value, code, params in rules.judge_change(
            location, held, give=given, take=change["take"], moves_to=moves_to
        )
    ]


class Forecast:
    """What lines, added in their order, will do to the free seats."""

    def __init__(
        self,
        facts: Facts,
        rules: ProductRules,
        *,
        lengths: Mapping[UUID, int] | None = None,
        is_queue: bool = False,
    ):
        self.subscriptions = facts.subscriptions
        self.rules = rules
        self.left = {one.id: one.free for one in facts.subscriptions}
        self.wanted, self.freed, self.short = Counter(), Counter(), Counter()
        # How many wait for each already, and how many more will; what is short waits in a queue.
        self.lengths = Counter({str(pk): number for pk, number in (lengths or {}).items()})
        self.is_queue, self.waits = is_queue, Counter()
        # Lines of which nothing will be done, as no seat is left.
        self.unserved = 0

    def resume(self, seats: Sequence[dict]) -> None:
        """Go on from what a plan has counted already: its `seats`."""
        for one in seats:
            key = one["subscription"]
            for name in ("wanted", "freed", "short"):
                getattr(self, name)[key] = one[name]
            # What is free may be more or less by now; what the plan has given away stays so.
            self.left[key] -= one["free"] - (one["left"] - one["freed"])

    def add(self, change: dict, awaited: Mapping[str, int] | None = None) -> list[dict]:
        """Count the line in; gives its warnings. `awaited` are the places that the user has."""
        given = [one["subscription"] for one in change["give"]]
        short = [one for one in given if self.left[one] < 1]
        self.wanted.update(given)
        self.short.update(short)
        if not self.is_queue:
            self.unserved += bool(short) and (
                bool(change["take"]) or (short == given and not change["plans"])
            )
        # Who swaps gets all that is new, or keeps the old.
        if not (short and change["take"]):
            for one in given:
                self.left[one] -= one not in short
            self.freed.update(change["take"])
        elif self.is_queue:
            short = given
        if self.is_queue:
            return [self._wait(one, awaited or {}) for one in short]
        return [
            {
                "code": "seat_missing",
                "column": "products",
                "params": {"product": self.rules.by_id[one].name},
                "severity": "warning",
            }
            for one in short
        ]

    def _wait(self, one: str, awaited: Mapping[str, int]) -> dict:
        self.waits[one] += one not in awaited
        return {
            "code": "seat_awaited",
            "column": "products",
            "params": {
                "product": self.rules.by_id[one].name,
                "place": awaited.get(one) or self.lengths[one] + self.waits[one],
            },
            "severity": "warning",
        }

    @property
    def is_short(self) -> bool:
        """Whether anybody lacks a seat."""
        return self.short.total() > 0

    @property
    def seats(self) -> list[dict]:
        """Per product that is given or taken: what is wanted, lacks, and is free before and after."""
        return [
            {
                "subscription": one.id,
                "name": one.name,
                "free": one.free,
                "wanted": self.wanted[one.id],
                "freed": self.freed[one.id],
                "short": self.short[one.id],
                # A seat that one user gives back is not promised to another.
                "left": self.left[one.id] + self.freed[one.id],
                # How many wait for it before the plan runs, and how many more afterwards.
                "line": self.lengths[one.id],
                "waits": self.waits[one.id],
            }
            for one in self.subscriptions
            if self.wanted[one.id] or self.freed[one.id]
        ]


def _say_short(seats: Sequence[dict]) -> str:
    short = [
        gettext("%(product)s (%(wanted)s wanted, %(free)s free)")
        % {
            "product": one["name"],
            "wanted": intcomma(one["wanted"]),
            "free": intcomma(one["free"]),
        }
        for one in seats
        if one["short"]
    ]
    text = gettext(
        "Too few licenses are free: %(products)s. In that case nobody was to get one. Buy more,"
        " choose fewer users, or let the first come first."
    )
    return text % {"products": pgettext("between the parts of a list", ", ").join(short)}


@applies(Batch.Kind.LICENSES)
def apply_licenses(*, batch: Batch, lines: Sequence[Line], by: Member) -> list[Outcome]:
    """
    Change the licenses of the lines' users, in their order, as far as seats are free.

    Who swaps one product for another either gets all of the new ones or keeps the old ones:
    nobody is left without because the second half failed.
    """
    present = lock_active(batch.customer_id, lines)
    barred = find_barred(present, by=by)
    allowed = present.keys() - barred
    able = [line for line in lines if line.user_id in allowed]
    lacking = _without_all_they_need(batch, able)
    going = [line for line in able if line.number not in lacking]
    assigned = licensing.assign(
        customer=batch.customer,
        wanted=[_wanted(line, one) for line in going for one in line.input["give"]],
        cause=batch.pk,
    )
    taken = licensing.revoke(
        customer=batch.customer,
        seats=[(line.user_id, UUID(one)) for line in going for one in line.input["take"]],
    )
    stopped = licensing.stop_waiting(
        customer=batch.customer,
        seats=[(line.user_id, UUID(one)) for line in able for one in line.input.get("stop", ())],
    )
    # After all seats were given: nobody waits for what is free.
    swaps = [line for line in able if line.number in lacking]
    waits = wait_for_missing(batch=batch, lines=able, assigned=assigned, wishes=_wishes_of(swaps))
    going += [line for line in swaps if line.user_id in waits.waiting]
    replanned = licensing.change_plans(
        customer=batch.customer,
        wanted=[_wanted(line, one) for line in going for one in line.input["plans"]],
    )
    done = _Done(assigned, stopped, waits, lacking)
    outcomes = [_outcome(line, present, barred, done) for line in lines]
    for line, outcome in zip(lines, outcomes, strict=True):
        # As it was before, for whoever wants it back.
        held = taken.get(line.user_id, []) + replanned.get(line.user_id, [])
        if held and outcome.state != Line.State.FAILED:
            outcome.result["held"] = held
    _record(batch, lines, outcomes, by)
    return outcomes


@dataclass(frozen=True)
class _Done:
    """What was done to licenses, by user; and by number the swaps that could not be done."""

    assigned: licensing.Assigned
    stopped: dict[UUID, list[str]]
    waits: Waits
    lacking: dict[int, list[str]]


def _wishes_of(swaps: Sequence[Line]) -> list[licensing.Wish]:
    return [
        licensing.Wish(_wanted(line, one), tuple(map(UUID, line.input["take"])))
        for line in swaps
        for one in line.input["give"]
    ]


def _wanted(line: Line, one: dict) -> licensing.Wanted:
    return licensing.Wanted.from_json(line.user_id, one)


def _without_all_they_need(batch: Batch, lines: Sequence[Line]) -> dict[int, list[str]]:
    """Which swaps cannot be done in full, with the subscriptions that lack a seat."""
    needed = {UUID(one["subscription"]) for line in lines for one in line.input["give"]}
    locked = licensing.lock_subscriptions(batch.customer, needed)
    free = defaultdict(int, {str(pk): one.free for pk, one in locked.items()})
    held = licensing_queries.get_held(batch.customer, [line.user_id for line in lines])
    lacking = {}
    for line in lines:
        given = [one["subscription"] for one in line.input["give"]]
        new = [one for one in given if one not in held.get(line.user_id, ())]
        short = [one for one in new if free[one] < 1]
        if short and line.input["take"]:
            lacking[line.number] = short
            continue
        for one in new:
            free[one] -= 1
    return lacking


def _outcome(line: Line, present, barred, done: _Done) -> Outcome:
    if line.user_id not in present:
        return Outcome.failed(line, "gone")
    if line.user_id in barred:
        return Outcome.failed(line, "administrator")
    lacks = done.waits.lacks.get(line.user_id, {})
    keeps_old = line.number in done.lacking
    if keeps_old and line.user_id not in done.waits.waiting:
        return Outcome.failed(line, "kept_old", short=done.lacking[line.number])
    result = {
        "assigned": done.assigned.of(line.user_id),
        "taken": [] if keeps_old else line.input["take"],
        "plans": [one["subscription"] for one in line.input["plans"]],
        **lacks,
    }
    if had := sorted(set(done.assigned.had.get(line.user_id, ())) & set(result["assigned"])):
        # Nothing that this line gave, and nothing that an undo of it takes.
        result["had"] = had
    if line.user_id in done.stopped:
        result["stopped"] = done.stopped[line.user_id]
    if not lacks:
        return Outcome(line.number, Line.State.DONE, result)
    something = ("assigned", "taken", "plans", "stopped", "waiting")
    if any(result.get(word) for word in something):
        return Outcome(line.number, Line.State.PARTLY, result)
    return Outcome.failed(line, "no_seat", **lacks)


def _record(batch: Batch, lines: Sequence[Line], outcomes: Sequence[Outcome], by: Member) -> None:
    audit.record_many(
        "user.licenses_changed",
        subjects=[
            audit.Subject(line.user_id, line.input["user_name"], after=recorded(outcome.result))
            for line, outcome in zip(lines, outcomes, strict=True)
            if outcome.state != Line.State.FAILED
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
