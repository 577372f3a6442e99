"""Managing the licenses of one or many: give, take, and switch service plans, in one batch."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

import audit.operations as audit
from batches.acts import (
    Act,
    Asked,
    Case,
    Consequences,
    Inverse,
    Outcome,
    Texts,
    problem,
)
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
from licensing.rules import ProductRules, find_conflicts
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.selection import (
    MESSAGES,
    NothingToChange,
    as_warnings,
    choose,
    explain_cell,
    find_active,
    find_protected,
    invert_active,
    plan_line,
    problems_of,
)
from users.acts.wait import Waits, recorded, wait_for_missing
from users.rules.gather import gather_facts

AS_WANTED = gettext_lazy(
    "Nothing would change: everybody chosen has exactly these licenses already."
)


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
    forecast = Forecast(facts.subscriptions, lengths=lengths, is_queue=when_short == "queue")
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
        kind=LICENSES.kind,
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
                against = find_conflicts(self.rules, location, held, change)
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


def apply_licenses(*, batch: Batch, lines: Sequence[Asked], by: Member) -> list[Outcome]:
    """
    Change the licenses of the lines' users, in their order, as far as seats are free.

    Who swaps one product for another either gets all of the new ones or keeps the old ones:
    nobody is left without because the second half failed. In an undo the lines give to each other
    what they give back.
    """
    present = find_active(batch.customer_id, lines)
    barred = find_protected(present, by=by)
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


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    seats = batch.plan.get("seats", ())
    facts = []
    if unserved := batch.plan.get("unserved", 0):
        text = ngettext(
            "No seat is left for %(n)s user, for whom nothing changes.",
            "No seat is left for %(n)s users, for whom nothing changes.",
            unserved,
        )
        facts.append(text % {"n": intcomma(unserved)})
    if any(one["short"] for one in seats):
        facts.append(_("Seats are too few: they go to the first in the order of the list."))
        is_queue = batch.options.get("when_short") == "queue"
        if is_queue:
            facts.append(_("The others wait in line, and get a license as soon as a seat is free."))
        if any(one["freed"] for one in seats):
            facts.append(
                _("Who has to wait keeps the old licenses until then.")
                if is_queue
                else _("Who cannot get everything new keeps the old licenses.")
            )
    if any(one.get("line") and one["wanted"] for one in seats):
        facts.append(
            _(
                "Others wait for the same licenses already. Seats that are free now are given here"
                " nevertheless; who waits gets the next ones."
            )
        )
    return Consequences(tuple(facts))


def describe_products(line: Line, products: Mapping[str, str]) -> tuple[str, ...]:
    """The products that the line adds and removes, or has added and removed."""
    if line.state == Line.State.FAILED:
        return ()
    if line.state in {Line.State.DONE, Line.State.PARTLY}:
        given, plans = line.result.get("assigned", ()), line.result.get("plans", ())
        taken = line.result.get("taken", ())
    else:
        given = [one["subscription"] for one in line.input["give"]]
        plans = [one["subscription"] for one in line.input["plans"]]
        taken = line.input["take"]
    sentences = (
        (_("+ %(product)s"), given),
        (_("− %(product)s"), taken),
        (_("Service plans of %(product)s"), plans),
    )
    return tuple(
        sentence % {"product": licensing_queries.name_product(products, one)}
        for sentence, changed in sentences
        for one in changed
    )


def find_seats_back(case: Case) -> tuple[dict[str, list], list[dict]]:
    """What to add, remove and switch, and the problems of the rest."""
    result, problems = case.result, []
    given = {one["subscription"]: one["plans_off"] for one in case.input.get("give", ())}
    take = []
    for one in result.get("assigned", ()):
        if one in result.get("had", ()):
            continue
        if one not in case.held:
            problems.append(problem("license_gone_since", subscription=one))
        elif set(case.held[one]) != set(given.get(one, ())):
            problems.append(problem("license_changed_since", subscription=one))
        else:
            take.append(one)
    switched = {one["subscription"]: one["plans_off"] for one in case.input.get("plans", ())}
    give, plans = [], []
    for one in result.get("held", ()):
        key = one["subscription"]
        if key not in switched:
            if key in case.held:
                problems.append(problem("license_back_already", subscription=key))
            else:
                give.append(one)
        elif key not in case.held:
            problems.append(problem("license_gone_since", subscription=key))
        elif set(case.held[key]) != set(switched[key]):
            problems.append(problem("license_changed_since", subscription=key))
        else:
            plans.append(one)
    change = {"give": give, "take": take, "plans": plans}
    if stop := [one for one in result.get("waiting", ()) if one in case.awaited]:
        change["stop"] = stop
    problems += [
        problem("license_came_since", subscription=one)
        for one in result.get("waiting", ())
        if one in case.held
    ]
    problems += [problem("wait_lost", subscription=one) for one in result.get("stopped", ())]
    return change, problems


def _invert(case: Case) -> Inverse:
    change, problems = find_seats_back(case)
    if not any(change.values()):
        return Inverse("licenses", {}, tuple(problems) or (problem("nothing_done"),))
    return Inverse("licenses", change, as_warnings(problems))


def replan(batch: Batch) -> None:
    """Forecast the seats of a planned batch with the licenses and seats of now."""
    if batch.kind != LICENSES.kind:
        return
    customer = batch.customer
    facts = gather_facts(customer=customer, user_names=[], by=batch.by)
    rules = ProductRules(facts.subscriptions)
    forecast = Forecast(
        facts.subscriptions,
        lengths=licensing_queries.count_waiting(customer),
        is_queue=batch.options.get("when_short") == "queue",
    )
    lines = dict(batch.lines.order_by("number").values_list("user_id", "input"))
    held, waits = (
        licensing_queries.get_held(customer, lines),
        licensing_queries.get_waits(customer, lines),
    )
    for user_id, change in lines.items():
        has = held.get(user_id, {})
        give = [
            one
            for one in change["give"]
            if one["subscription"] in rules.by_id and one["subscription"] not in has
        ]
        take = [one for one in change["take"] if one in has]
        forecast.add(change | {"give": give, "take": take}, waits.get(user_id))
    batch.plan |= {"seats": forecast.seats, "unserved": forecast.unserved}


# Why a line of a plan cannot run or will lack something, and why nothing was done for it.
SEAT_MESSAGES = MESSAGES | {
    "location_missing": gettext_lazy(
        "This user has no usage location, without which no license can be given. Change the"
        " location first."
    ),
    "seat_missing": gettext_lazy("No license of “%(product)s” is left for this user."),
    "seat_awaited": gettext_lazy(
        "Will wait for a license of “%(product)s”, place %(place)s in line."
    ),
    "no_seat": gettext_lazy("No seat was free, so nothing was changed for this user."),
    "kept_old": gettext_lazy(
        "Not all of the new licenses were free, so this user keeps the old ones."
    ),
    "wait_ended": gettext_lazy(
        "A license became free, but this user may not have it now, and waits no longer. Correct"
        " what is said here, then give the license again."
    ),
}

# Lines that give licenses, which are of no use to a user with blocked sign-in.
GIVES_LICENSES = Q(input__has_key="give") & ~Q(input__give=[])

LICENSES = Act(
    kind="licenses",
    permission=Permission.ASSIGN_LICENSES,
    icon="license",
    texts=Texts(
        label=gettext_lazy("Manage licenses"),
        button=lambda n: ngettext(
            "Change licenses of %(n)s user", "Change licenses of %(n)s users", n
        ),
        done=lambda n: ngettext(
            "Licenses of %(n)s user changed", "Licenses of %(n)s users changed", n
        ),
        unchanged=lambda n: ngettext(
            "%(n)s of those chosen has exactly these licenses already and is left out.",
            "%(n)s of those chosen have exactly these licenses already and are left out.",
            n,
        ),
    ),
    word=gettext_lazy("Licenses"),
    apply=apply_licenses,
    describe=_describe,
    explain=explain_cell,
    messages=SEAT_MESSAGES,
    licenses=describe_products,
    shows=lambda _batch: {"licenses"},
    needs_sign_in=GIVES_LICENSES,
    replan=replan,
    invert=invert_active(_invert, "licenses"),
    undo_fact=lambda n: ngettext(
        "%(n)s user has the licenses from before again.",
        "%(n)s users have the licenses from before again.",
        n,
    ),
)
