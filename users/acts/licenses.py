"""Managing licenses: add, remove, and switch service plans, for one or many users in one batch."""

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
    Case,
    Consequences,
    Inverse,
    LineInput,
    Outcome,
    Texts,
    problem,
)
from batches.errors import TooFewSeats
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from licensing import queries as licensing_queries
from licensing.forecast import Forecast, describe_shortage
from licensing.operations.seats import SeatChange, SeatsChanged, Wanted, change_plans, change_seats
from licensing.operations.waitlist import WaitRequest, stop_waiting
from licensing.rules import ProductRules, find_conflicts
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.inverse import as_warnings, invert_active
from users.acts.lines import (
    MESSAGES,
    explain_cell,
    find_active,
    find_problems,
    find_protected,
    plan_line,
)
from users.acts.selection import NothingToChange, select_users
from users.acts.wait import wait_for_missing, without_places

AS_WANTED = gettext_lazy("Nothing to change. The selected users already have these licenses.")


@dataclass(frozen=True)
class Changes:
    """What to do with products, by the id of the subscription as text; other products stay."""

    give: frozenset[str] = frozenset()
    take: frozenset[str] = frozenset()
    # The service plans to switch off for all selected users with the product; users keep the plans
    # of products that are not in it.
    plans_off: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, held: Mapping[str, list[str]], awaited: Collection[str]) -> dict[str, list]:
        """The input of the line of a user with these licenses and places in the waitlist."""
        off = self.plans_off
        change = {
            "give": [
                {"subscription": one, "plans_off": list(off.get(one, ()))}
                for one in sorted(self.give - held.keys())
            ],
            "take": sorted(self.take & held.keys()),
            "plans": [
                {"subscription": one, "plans_off": list(off[one])}
                for one in sorted(off.keys() & held.keys() - self.take)
                if set(off[one]) != set(held[one])
            ],
        }
        if stop := sorted(self.take.intersection(awaited)):
            change["stop"] = stop
        return change


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
    Plan these changes for the selected users; nothing happens yet.

    Users with the wanted licenses already get no line; the plan has their number, and the seats
    before and after. If too few seats are free, they go to the first in list order ("first"), the
    other users join the waitlist ("queue"), or the plan is refused ("none").

    :raises NoUsersSelected: where none of the ids is an active user of the customer.
    :raises NothingToChange: where no line is left.
    :raises TooFewSeats: where too few seats are free and `when_short` is "none".
    :raises Refused: where the member may not assign licenses.
    """
    require(by, Permission.ASSIGN_LICENSES)
    chosen = select_users(customer, users)
    ids = [user["pk"] for user in chosen]
    bought = licensing_queries.find_bought(customer)
    rules = ProductRules(bought)
    held = licensing_queries.get_held(customer, ids)
    waits = licensing_queries.get_waits(customer, ids)
    waiting = licensing_queries.count_waiting(customer)
    forecast = Forecast(bought, waiting=waiting, is_queue=when_short == "queue")
    # Many users hold the same few sets, and then share one change.
    known: dict[tuple, tuple[dict, list[dict]]] = {}
    lines = []
    for user in chosen:
        has, awaited = held.get(user["pk"], {}), waits.get(user["pk"], {})
        seats = frozenset((one, *off) for one, off in has.items())
        key = (user["location"], seats, frozenset(awaited))
        if key not in known:
            change = changes.of(has, awaited)
            known[key] = change, find_conflicts(rules, user["location"], has, change)
        change, conflicts = known[key]
        if any(change.values()):
            problems = find_problems(user, by=by) + conflicts
            lines.append(plan_line(user, problems or forecast.add(change, awaited), **change))
    if not lines:
        raise NothingToChange(AS_WANTED)
    if when_short == "none" and forecast.is_short:
        raise TooFewSeats(describe_shortage(forecast.by_id.values()))
    batch = create_batch(
        customer=customer,
        kind=LICENSES.kind,
        reason=reason,
        options={"when_short": when_short},
        plan={
            "seats": forecast.to_json(),
            "unchanged": len(chosen) - len(lines),
            "unserved": forecast.unserved,
        },
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def apply_licenses(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """
    Change the licenses of the lines' users, in their order, as far as seats are free.

    A swap gets all of the new licenses, or keeps the old ones and waits if the batch asks for
    that. In an undo, seats that a line returns are free for the lines after it.
    """
    present = find_active(batch.customer_id, lines)
    refused = dict.fromkeys(find_protected(present, by=by), "administrator")
    refused |= {line.user_id: "gone" for line in lines if line.user_id not in present}
    able = [line for line in lines if line.user_id not in refused]
    changed = change_seats(
        customer=batch.customer,
        changes=[SeatChange.from_json(line.user_id, line.input) for line in able],
        cause=batch.pk,
        passes_on=batch.kind == "undo",
    )
    stopped = stop_waiting(
        customer=batch.customer,
        seats=[
            (line.user_id, UUID(subscription))
            for line in able
            for subscription in line.input.get("stop", ())
        ],
    )
    # After all seats were assigned, so that no user waits for a free one.
    lacks = wait_for_missing(
        batch=batch,
        lines=able,
        assigned=changed.assigned,
        swaps=[
            WaitRequest(Wanted.from_json(line.user_id, seat), tuple(map(UUID, line.input["take"])))
            for line in able
            if line.user_id in changed.kept
            for seat in line.input["give"]
        ],
    )
    kept_old = {pk: short for pk, short in changed.kept.items() if pk not in lacks}
    replanned = change_plans(
        customer=batch.customer,
        wanted=[
            Wanted.from_json(line.user_id, seat)
            for line in able
            if line.user_id not in kept_old
            for seat in line.input["plans"]
        ],
    )
    outcomes = _list_outcomes(lines, refused, changed, stopped, lacks, kept_old, replanned)
    audit.record_many(
        "user.licenses_changed",
        subjects=[
            audit.Subject(
                line.user_id, line.input["user_name"], after=without_places(outcome.result)
            )
            for line, outcome in zip(lines, outcomes, strict=True)
            if outcome.state != Line.State.FAILED
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return outcomes


# The keys of a result with changed licenses, or with places in the waitlist.
CHANGED = ("assigned", "taken", "plans", "stopped", "waiting")


def _list_outcomes(
    lines: Sequence[LineInput],
    refused: Mapping[UUID, str],
    changed: SeatsChanged,
    stopped: Mapping[UUID, list[str]],
    lacks: Mapping[UUID, dict],
    kept_old: Mapping[UUID, list[str]],
    replanned: Mapping[UUID, list[dict]],
) -> list[Outcome]:
    outcomes = []
    # Lines with the same result share one object, which is serialized once.
    shared: dict[tuple, dict] = {}
    for line in lines:
        user_id = line.user_id
        if user_id in refused:
            outcomes.append(Outcome.failed(line, refused[user_id]))
            continue
        if user_id in kept_old:
            outcomes.append(Outcome.failed(line, "kept_old", short=kept_old[user_id]))
            continue
        result = {
            "assigned": changed.assigned.of(user_id),
            "taken": [] if user_id in changed.kept else line.input["take"],
            "plans": [seat["subscription"] for seat in line.input["plans"]],
        }
        result = shared.setdefault(tuple(map(tuple, result.values())), result)
        more = dict(lacks.get(user_id, {}))
        is_partial = bool(more)
        # Licenses that the user had before, which an undo must not remove.
        if had := set(changed.assigned.had.get(user_id, ())).intersection(result["assigned"]):
            more["had"] = sorted(had)
        if user_id in stopped:
            more["stopped"] = stopped[user_id]
        if is_partial and not any(result.get(word) or more.get(word) for word in CHANGED):
            outcomes.append(Outcome.failed(line, "no_seat", **lacks[user_id]))
            continue
        # As it was before, for an undo.
        if held := changed.revoked.get(user_id, []) + replanned.get(user_id, []):
            more["held"] = held
        state = Line.State.PARTLY if is_partial else Line.State.DONE
        outcomes.append(Outcome(line.number, state, result | more if more else result))
    return outcomes


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    seats = batch.plan.get("seats", ())
    facts = []
    if unserved := batch.plan.get("unserved", 0):
        text = ngettext(
            "No seat is left for %(n)s user, so nothing changes for the user.",
            "No seats are left for %(n)s users, so nothing changes for them.",
            unserved,
        )
        facts.append(text % {"n": intcomma(unserved)})
    if any(seat["short"] for seat in seats):
        facts.append(_("Not enough seats. They’re assigned in list order."))
        is_queue = batch.options.get("when_short") == "queue"
        if is_queue:
            facts.append(_("The other users wait and get a license when a seat is free."))
        if any(seat["freed"] for seat in seats):
            facts.append(
                _("Waiting users keep their current licenses until then.")
                if is_queue
                else _("Users who can’t get all new licenses keep their current ones.")
            )
    if any(seat.get("line") and seat["wanted"] for seat in seats):
        facts.append(
            _(
                "Other users are already waiting for these licenses. This job uses the seats"
                " that are free now. Waiting users get the next ones."
            )
        )
    return Consequences(tuple(facts))


def describe_products(line: Line, products: Mapping[str, str]) -> tuple[str, ...]:
    """The products that the line adds and removes, or has added and removed."""
    # The line of a purged user is empty.
    if line.state == Line.State.FAILED or "give" not in line.input:
        return ()
    if line.state in {Line.State.DONE, Line.State.PARTLY}:
        given, plans = line.result.get("assigned", ()), line.result.get("plans", ())
        taken = line.result.get("taken", ())
    else:
        given = [seat["subscription"] for seat in line.input["give"]]
        plans = [seat["subscription"] for seat in line.input["plans"]]
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
    """The changes of licenses that undo a line, and the problems of the others."""
    result, problems = case.result, []
    given = {seat["subscription"]: seat["plans_off"] for seat in case.input.get("give", ())}
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
    switched = {seat["subscription"]: seat["plans_off"] for seat in case.input.get("plans", ())}
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
    if stop := [
        subscription for subscription in result.get("waiting", ()) if subscription in case.awaited
    ]:
        change["stop"] = stop
    problems += [
        problem("license_came_since", subscription=subscription)
        for subscription in result.get("waiting", ())
        if subscription in case.held
    ]
    problems += [
        problem("wait_lost", subscription=subscription)
        for subscription in result.get("stopped", ())
    ]
    return change, problems


def _invert(case: Case) -> Inverse:
    change, problems = find_seats_back(case)
    if not any(change.values()):
        return Inverse("licenses", {}, tuple(problems) or (problem("nothing_done"),))
    return Inverse("licenses", change, as_warnings(problems))


def replan(batch: Batch) -> None:
    """Forecast the seats of a planned batch again, with the licenses and seats of now."""
    if batch.kind != LICENSES.kind:
        return
    customer = batch.customer
    forecast = Forecast(
        licensing_queries.find_bought(customer),
        waiting=licensing_queries.count_waiting(customer),
        is_queue=batch.options.get("when_short") == "queue",
    )
    lines = dict(batch.lines.order_by("number").values_list("user_id", "input"))
    held = licensing_queries.get_held(customer, lines)
    waits = licensing_queries.get_waits(customer, lines)
    for user_id, change in lines.items():
        has = held.get(user_id, {})
        give = [
            seat
            for seat in change["give"]
            if seat["subscription"] in forecast.by_id and seat["subscription"] not in has
        ]
        take = [subscription for subscription in change["take"] if subscription in has]
        forecast.add(change | {"give": give, "take": take}, waits.get(user_id))
    batch.plan |= {"seats": forecast.to_json(), "unserved": forecast.unserved}


# Problems and results of lines that assign licenses.
SEAT_MESSAGES = MESSAGES | {
    "location_missing": gettext_lazy(
        "This user has no usage location, so no license can be assigned. Change the location first."
    ),
    "seat_missing": gettext_lazy("No “%(product)s” seat is left for this user."),
    "seat_awaited": gettext_lazy("Will wait for “%(product)s”, place %(place)s."),
    "no_seat": gettext_lazy("No seat was free, so nothing was changed for this user."),
    "kept_old": gettext_lazy(
        "There weren’t enough seats for all new licenses, so this user keeps the current ones."
    ),
    "wait_ended": gettext_lazy(
        "A seat became free, but the license can’t be assigned to this user. The user is no"
        " longer waiting. Correct the problem, then assign the license again."
    ),
}

# Lines that assign licenses, which a user with blocked sign-in cannot use.
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
            "%(n)s selected user already has these licenses and is skipped.",
            "%(n)s selected users already have these licenses and are skipped.",
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
        "Previous licenses restored for %(n)s user",
        "Previous licenses restored for %(n)s users",
        n,
    ),
)
