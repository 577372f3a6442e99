"""Managing licenses: add, remove, and switch service plans, for one or many users in one batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import (
    Act,
    Case,
    Consequences,
    Inverse,
    LineInput,
    LineResult,
    Offer,
    OneText,
    Outcome,
    PlanFacts,
    Texts,
    problem,
    waits_for_seats,
)
from batches.errors import TooFewSeats
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from licensing import queries as licensing_queries
from licensing.forecast import Forecast, SeatForecast, describe_shortage
from licensing.operations.seats import SeatChange, Wanted, change_plans, change_seats
from licensing.operations.waitlist import WaitRequest, stop_waiting
from licensing.rules import LicenseChange, ProductRules, Seat, find_conflicts
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users.acts.inverse import as_warnings, invert_active
from users.acts.lines import (
    MESSAGES,
    apply_to_present,
    explain_cell,
    find_present,
    find_problems,
    find_protected,
    plan_line,
    record,
)
from users.acts.selection import NothingToChange, select_users
from users.acts.wait import wait_for_missing, without_places

AS_WANTED = gettext_lazy("Nothing to change. The selected users already have these licenses.")


@dataclass(frozen=True)
class Changes:
    """What to do with products, by the id of the subscription as text; other products stay."""

    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    # The service plans to switch off for all selected users with the product; users keep the plans
    # of products that are not in it.
    disabled_plans: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, held: Mapping[str, list[str]], awaited: Collection[str]) -> LicenseChange:
        """The change of a user with these licenses and places in the waitlist."""
        off = self.disabled_plans
        return LicenseChange(
            add=[Seat(pk, off.get(pk, ())) for pk in sorted(self.add - held.keys())],
            remove=sorted(self.remove & held.keys()),
            plans=[
                Seat(pk, off[pk])
                for pk in sorted(off.keys() & held.keys() - self.remove)
                if set(off[pk]) != set(held[pk])
            ],
            stop=sorted(self.remove.intersection(awaited)),
        )


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
    known: dict[tuple, tuple[LicenseChange, dict, list[dict]]] = {}
    lines = []
    for user in chosen:
        has, awaited = held.get(user["pk"], {}), waits.get(user["pk"], {})
        seats = frozenset((pk, *off) for pk, off in has.items())
        key = (user["location"], seats, frozenset(awaited))
        if key not in known:
            change = changes.of(has, awaited)
            conflicts = find_conflicts(rules, user["location"], has, change)
            known[key] = change, change.to_json(), conflicts
        change, as_json, conflicts = known[key]
        if change:
            problems = find_problems(user, by=by) + conflicts
            lines.append(plan_line(user, problems or forecast.add(change, awaited), **as_json))
    if not lines:
        raise NothingToChange(AS_WANTED)
    if when_short == "none" and forecast.is_short:
        raise TooFewSeats(describe_shortage(forecast.by_id.values()))
    batch = create_batch(
        customer=customer,
        kind=LICENSES.kind,
        reason=reason,
        options={"when_short": when_short},
        plan=PlanFacts(
            seats=forecast.to_json(),
            unchanged=len(chosen) - len(lines),
            unserved=forecast.unserved,
        ).to_json(),
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
    present = find_present(batch.customer_id, lines)
    refused = dict.fromkeys(find_protected(present, by=by), "administrator")

    def write(going: list[LineInput]) -> list[Outcome]:
        wanted = {line.user_id: LicenseChange.from_json(line.input) for line in going}
        outcomes = _change(batch, going, wanted)
        results = {
            outcome.number: without_places(outcome.result)
            for outcome in outcomes
            if outcome.state != Line.State.FAILED
        }
        record(
            "user.licenses_changed",
            batch,
            [line for line in going if line.number in results],
            after=lambda line: results[line.number],
            by=by,
        )
        return outcomes

    return apply_to_present(lines, present, refused, write)


def _change(
    batch: Batch, lines: Sequence[LineInput], wanted: Mapping[UUID, LicenseChange]
) -> list[Outcome]:
    """Change the licenses and the waitlist; returns the outcomes in the order of the lines."""
    changed = change_seats(
        customer=batch.customer,
        changes=[SeatChange.of(user_id, change) for user_id, change in wanted.items()],
        cause=batch.pk,
        passes_on=batch.kind == "undo",
    )
    stopped = stop_waiting(
        customer=batch.customer,
        seats=[
            (user_id, UUID(subscription))
            for user_id, change in wanted.items()
            for subscription in change.stop
        ],
    )
    # After all seats were assigned, so that no user waits for a free one.
    lacks = wait_for_missing(
        batch=batch,
        lines=lines,
        assigned=changed.assigned,
        swaps=[
            WaitRequest(Wanted.of(user_id, seat), tuple(map(UUID, wanted[user_id].remove)))
            for user_id in changed.kept
            for seat in wanted[user_id].add
        ],
    )
    kept_old = {pk: short for pk, short in changed.kept.items() if pk not in lacks}
    replanned = change_plans(
        customer=batch.customer,
        wanted=[
            Wanted.of(user_id, seat)
            for user_id, change in wanted.items()
            if user_id not in kept_old
            for seat in change.plans
        ],
    )
    outcomes = []
    # Lines with the same result share one object, which is serialized once.
    shared: dict[tuple, dict] = {}
    for line in lines:
        user_id = line.user_id
        if user_id in kept_old:
            outcomes.append(Outcome.failed(line, "kept_old", short=kept_old[user_id]))
            continue
        assigned, missing = changed.assigned.of(user_id), lacks.get(user_id, {})
        removed = () if user_id in changed.kept else wanted[user_id].remove
        plans = [seat.subscription for seat in wanted[user_id].plans]
        if missing and not (
            assigned or removed or plans or user_id in stopped or missing.get("waiting")
        ):
            outcomes.append(Outcome.failed(line, "no_seat", **missing))
            continue
        key = (tuple(assigned), tuple(removed), tuple(plans))
        if key not in shared:
            result = LineResult(assigned=assigned, removed=removed, plans=plans)
            shared[key] = result.to_json()
        more = LineResult(
            # Licenses that the user had before, which an undo must not remove.
            had=sorted(set(changed.assigned.had.get(user_id, ())).intersection(assigned)),
            stopped=stopped.get(user_id, ()),
            # As it was before, for an undo.
            held=changed.revoked.get(user_id, []) + replanned.get(user_id, []),
            **missing,
        ).to_json()
        state = Line.State.PARTLY if missing else Line.State.DONE
        outcomes.append(Outcome(line.number, state, shared[key] | more if more else shared[key]))
    return outcomes


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    plan = PlanFacts.from_json(batch.plan)
    seats = list(map(SeatForecast.from_json, plan.seats))
    facts = []
    if plan.unserved:
        text = ngettext(
            "No seat is left for %(n)s user, so nothing changes for the user.",
            "No seats are left for %(n)s users, so nothing changes for them.",
            plan.unserved,
        )
        facts.append(text % {"n": intcomma(plan.unserved)})
    if any(seat.short for seat in seats):
        facts.append(_("Not enough seats. They’re assigned in list order."))
        is_queue = waits_for_seats(batch)
        if is_queue:
            facts.append(_("The other users wait and get a license when a seat is free."))
        if any(seat.freed for seat in seats):
            facts.append(
                _("Waiting users keep their current licenses until then.")
                if is_queue
                else _("Users who can’t get all new licenses keep their current ones.")
            )
    if any(seat.line and seat.wanted for seat in seats):
        facts.append(
            _(
                "Other users are already waiting for these licenses. This job uses the seats"
                " that are free now. Waiting users get the next ones."
            )
        )
    return Consequences(tuple(facts))


def describe_products(line: Line, products: Mapping[str, str]) -> tuple[str, ...]:
    """The products that the line adds and removes, or has added and removed."""
    if line.state == Line.State.FAILED:
        return ()
    if line.state in {Line.State.DONE, Line.State.PARTLY}:
        result = LineResult.from_json(line.result)
        added, removed, plans = result.assigned, result.removed, result.plans
    else:
        change = LicenseChange.from_json(line.input)
        added, removed = change.added, change.remove
        plans = [seat.subscription for seat in change.plans]
    sentences = (
        (_("+ %(product)s"), added),
        (_("− %(product)s"), removed),
        (_("Service plans of %(product)s"), plans),
    )
    return tuple(
        sentence % {"product": licensing_queries.name_product(products, subscription)}
        for sentence, changed in sentences
        for subscription in changed
    )


def find_seats_back(case: Case) -> tuple[LicenseChange, list[dict]]:
    """The changes of licenses that undo a line, and the problems of the others."""
    result, done = case.result, LicenseChange.from_json(case.input)
    added, remove, plans, problems = [], [], [], []

    def report(code: str, subscription: str) -> None:
        problems.append(problem(code, subscription=subscription))

    disabled = dict(done.add)
    for subscription in result.assigned:
        if subscription in result.had:
            continue
        if subscription not in case.held:
            report("license_gone_since", subscription)
        elif set(case.held[subscription]) != set(disabled.get(subscription, ())):
            report("license_changed_since", subscription)
        else:
            remove.append(subscription)
    switched = dict(done.plans)
    for seat in map(Seat.from_json, result.held):
        subscription = seat.subscription
        if subscription not in switched:
            if subscription in case.held:
                report("license_back_already", subscription)
            else:
                added.append(seat)
        elif subscription not in case.held:
            report("license_gone_since", subscription)
        elif set(case.held[subscription]) != set(switched[subscription]):
            report("license_changed_since", subscription)
        else:
            plans.append(seat)
    for subscription in result.waiting:
        if subscription in case.held:
            report("license_came_since", subscription)
    for subscription in result.stopped:
        report("wait_lost", subscription)
    stop = [subscription for subscription in result.waiting if subscription in case.awaited]
    return LicenseChange(added, remove, plans, stop), problems


def _invert(case: Case) -> Inverse:
    change, problems = find_seats_back(case)
    if not change:
        return Inverse("licenses", {}, tuple(problems) or (problem("nothing_done"),))
    return Inverse("licenses", change.to_json(), as_warnings(problems))


def replan(batch: Batch) -> None:
    """Forecast the seats of a planned batch again, with the licenses and seats of now."""
    if batch.kind != LICENSES.kind:
        return
    customer = batch.customer
    forecast = Forecast(
        licensing_queries.find_bought(customer),
        waiting=licensing_queries.count_waiting(customer),
        is_queue=waits_for_seats(batch),
    )
    lines = dict(batch.lines.order_by("number").values_list("user_id", "input"))
    held = licensing_queries.get_held(customer, lines)
    waits = licensing_queries.get_waits(customer, lines)
    for user_id, values in lines.items():
        has, change = held.get(user_id, {}), LicenseChange.from_json(values)
        new = forecast.by_id.keys() - has.keys()
        still = replace(
            change,
            add=[seat for seat in change.add if seat.subscription in new],
            remove=[subscription for subscription in change.remove if subscription in has],
        )
        forecast.add(still, waits.get(user_id))
    batch.plan |= PlanFacts(seats=forecast.to_json(), unserved=forecast.unserved).to_json()


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
ADDS_LICENSES = Q(input__has_key="add") & ~Q(input__add=[])

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
        one=OneText(
            question=gettext_lazy("Licenses of %(name)s"),
            button=gettext_lazy("Save"),
            done=gettext_lazy("Licenses of %(name)s changed"),
        ),
    ),
    offer=Offer(
        path="licenses",
        plan=plan_licenses,
        form="users.forms.licenses.ManageLicenses",
        form_of_one="users.forms.licenses.LicensesOfOne",
        template="users/licenses.html",
        part="users/licenses_of_one.html",
        is_listed=False,
    ),
    word=gettext_lazy("Licenses"),
    apply=apply_licenses,
    describe=_describe,
    explain=explain_cell,
    messages=SEAT_MESSAGES,
    licenses=describe_products,
    shows=lambda _batch: {"licenses"},
    needs_sign_in=ADDS_LICENSES,
    replan=replan,
    invert=invert_active(_invert, "licenses"),
    undo_fact=lambda n: ngettext(
        "Previous licenses restored for %(n)s user",
        "Previous licenses restored for %(n)s users",
        n,
    ),
)
