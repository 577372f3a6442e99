"""Managing the licenses of one or many: give, take, and switch service plans, in one batch."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.acts import Asked, Outcome, applies
from batches.errors import TooFewSeats
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from licensing import queries as licensing_queries
from licensing.forecast import Forecast, say_short
from licensing.operations.seats import (
    Assigned,
    Wanted,
    assign,
    change_plans,
    lock_subscriptions,
    revoke,
)
from licensing.operations.swaps import Change, settle
from licensing.operations.waitlist import Wish, stop_waiting
from licensing.rules import ProductRules
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.selection import (
    NothingToChange,
    choose,
    find_active,
    find_barred,
    plan_line,
    problems_of,
)
from users.acts.wait import Waits, recorded, wait_for_missing
from users.rules.gather import gather_facts

AS_WANTED = _("Nothing would change: everybody chosen has exactly these licenses already.")


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
    plan = _Planner(changes, rules)
    for user in chosen:
        awaited = waits.get(user["pk"], {})
        change, against = plan(held.get(user["pk"], {}), awaited, user["location"])
        if change:
            problems = problems_of(user, by=by) + against
            lines.append(plan_line(user, problems or forecast.add(change, awaited), **change))
    if not lines:
        raise NothingToChange(AS_WANTED)
    if when_short == "none" and forecast.is_short:
        raise TooFewSeats(say_short(forecast.seats))
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


class _Planner:
    """Says what the changes mean for somebody: asked for many, who hold much the same."""

    def __init__(self, changes: Changes, rules: ProductRules):
        self.changes, self.rules = changes, rules
        self.known: dict[tuple, tuple[dict, list[dict]]] = {}

    def __call__(self, held: Mapping[str, list[str]], awaited: Collection[str], location: str):
        """The change, empty where there is none, and the problems that speak against it."""
        seats = [(one, *off) for one, off in held.items()]
        key = (location, frozenset(seats), frozenset(awaited))
        if key not in self.known:
            change = _change_of(held, awaited, self.changes)
            if any(change.values()):
                against = speak_against(self.rules, location, held, change)
                self.known[key] = change, against
            else:
                self.known[key] = {}, []
        return self.known[key]


def _change_of(
    held: Mapping[str, list[str]], awaited: Collection[str], changes: Changes
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
    if stop := sorted(changes.take.intersection(awaited)):
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


@applies(Batch.Kind.LICENSES)
def apply_licenses(*, batch: Batch, lines: Sequence[Asked], by: Member) -> list[Outcome]:
    """
    Change the licenses of the lines' users, in their order, as far as seats are free.

    Who swaps one product for another either gets all of the new ones or keeps the old ones:
    nobody is left without because the second half failed. In an undo the lines give to each other
    what they give back.
    """
    present = find_active(batch.customer_id, lines)
    barred = find_barred(present, by=by)
    allowed = present.keys() - barred
    able = [line for line in lines if line.user_id in allowed]
    if batch.kind == Batch.Kind.UNDO:
        going, lacking = _settle(batch, able)
        # What one gives back is another's: they may have been given each other's seats.
        taken = _take(batch, going)
        assigned = _give(batch, going)
    else:
        lacking = _without_all_they_need(batch, able)
        going = [line for line in able if line.number not in lacking]
        assigned = _give(batch, going)
        taken = _take(batch, going)
    stopped = stop_waiting(
        customer=batch.customer,
        seats=[(line.user_id, UUID(one)) for line in able for one in line.input.get("stop", ())],
    )
    # After all seats were given: nobody waits for what is free.
    swaps = [line for line in able if line.number in lacking]
    waits = wait_for_missing(batch=batch, lines=able, assigned=assigned, wishes=_wishes_of(swaps))
    going += [line for line in swaps if line.user_id in waits.waiting]
    replanned = change_plans(
        customer=batch.customer,
        wanted=[_wanted(line, one) for line in going for one in line.input["plans"]],
    )
    done = _Done(assigned, stopped, waits, lacking)
    outcomes = [_outcome(line, present, barred, done) for line in lines]
    for line, outcome in zip(lines, outcomes, strict=True):
        # As it was before, for whoever wants it back.
        held = taken.get(line.user_id, []) + replanned.get(line.user_id, [])
        if held and outcome.state != Line.State.FAILED:
            outcome.result = {**outcome.result, "held": held}
    _record(batch, lines, outcomes, by)
    return outcomes


@dataclass(frozen=True)
class _Done:
    """What was done to licenses, by user; and by number the swaps that could not be done."""

    assigned: Assigned
    stopped: dict[UUID, list[str]]
    waits: Waits
    lacking: dict[int, list[str]]
    known: dict[tuple, dict] = field(default_factory=dict)

    def of(self, line: Asked) -> dict:
        """What was given and taken; lines that came to the same share one result."""
        assigned = self.assigned.of(line.user_id)
        taken = [] if line.number in self.lacking else line.input["take"]
        plans = [one["subscription"] for one in line.input["plans"]]
        key = tuple(map(tuple, (assigned, taken, plans)))
        return self.known.setdefault(key, {"assigned": assigned, "taken": taken, "plans": plans})


def _wishes_of(swaps: Sequence[Asked]) -> list[Wish]:
    return [
        Wish(_wanted(line, one), tuple(map(UUID, line.input["take"])))
        for line in swaps
        for one in line.input["give"]
    ]


def _give(batch: Batch, lines: Sequence[Asked]) -> Assigned:
    wanted = [_wanted(line, one) for line in lines for one in line.input["give"]]
    return assign(customer=batch.customer, wanted=wanted, cause=batch.pk)


def _take(batch: Batch, lines: Sequence[Asked]) -> dict[UUID, list[dict]]:
    seats = [(line.user_id, UUID(one)) for line in lines for one in line.input["take"]]
    return revoke(customer=batch.customer, seats=seats)


def _settle(batch: Batch, lines: Sequence[Asked]) -> tuple[list[Asked], dict[int, list[str]]]:
    """The lines that are done, those that lack nothing first; and the swaps that are not."""
    named = {one for line in lines for one in (*_given(line), *line.input["take"])}
    locked = lock_subscriptions(batch.customer, map(UUID, named))
    free = {str(pk): one.free for pk, one in locked.items() if one.is_open}
    held = licensing_queries.get_held(batch.customer, [line.user_id for line in lines])
    changes = [
        Change(
            place=line.number,
            user_id=line.user_id,
            subscriptions=tuple(
                one for one in _given(line) if one not in held.get(line.user_id, ())
            ),
            # Nobody gets what is given back of a suspended one.
            gives=tuple(
                one
                for one in line.input["take"]
                if one in free and one in held.get(line.user_id, ())
            ),
        )
        for line in lines
    ]
    lacks = settle(changes, free)
    lacking = {
        line.number: lacks[line.number]
        for line in lines
        if line.input["take"] and line.number in lacks
    }
    going = [line for line in lines if line.number not in lacking]
    return sorted(going, key=lambda line: line.number in lacks), lacking


def _given(line: Asked) -> list[str]:
    return [one["subscription"] for one in line.input["give"]]


def _wanted(line: Asked, one: dict) -> Wanted:
    return Wanted.from_json(line.user_id, one)


def _without_all_they_need(batch: Batch, lines: Sequence[Asked]) -> dict[int, list[str]]:
    """Which swaps cannot be done in full, with the subscriptions that lack a seat."""
    if not any(line.input["take"] and line.input["give"] for line in lines):
        return {}
    needed = {UUID(one["subscription"]) for line in lines for one in line.input["give"]}
    locked = lock_subscriptions(batch.customer, needed)
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


def _outcome(line: Asked, present, barred, done: _Done) -> Outcome:
    if line.user_id not in present:
        return Outcome.failed(line, "gone")
    if line.user_id in barred:
        return Outcome.failed(line, "administrator")
    lacks = done.waits.lacks.get(line.user_id, {})
    keeps_old = line.number in done.lacking
    if keeps_old and line.user_id not in done.waits.waiting:
        return Outcome.failed(line, "kept_old", short=done.lacking[line.number])
    result = done.of(line)
    more = dict(lacks)
    if had := sorted(set(done.assigned.had.get(line.user_id, ())) & set(result["assigned"])):
        # Nothing that this line gave, and nothing that an undo of it takes.
        more["had"] = had
    if line.user_id in done.stopped:
        more["stopped"] = done.stopped[line.user_id]
    if more:
        result = {**result, **more}
    if not lacks:
        return Outcome(line.number, Line.State.DONE, result)
    something = ("assigned", "taken", "plans", "stopped", "waiting")
    if any(result.get(word) for word in something):
        return Outcome(line.number, Line.State.PARTLY, result)
    return Outcome.failed(line, "no_seat", **lacks)


def _record(batch: Batch, lines: Sequence[Asked], outcomes: Sequence[Outcome], by: Member) -> None:
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
