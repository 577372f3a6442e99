"""Managing the licenses of one or many: give, take, and switch service plans, in one batch."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
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

from .batches import Outcome, UsersError, applies, create_batch, save_lines
from .choosing import ADMINISTRATOR, choose, lock_active, plan_line, problems_of
from .facts import gather_facts


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
    of the list, or "none": the batch will not start.

    :raises NobodyChosen: where none of the ids is an active user of the customer.
    :raises NothingToChange: where no line is left.
    :raises Refused: where the member may not assign licenses.
    """
    require(by, Permission.ASSIGN_LICENSES)
    chosen = choose(customer, users)
    facts = gather_facts(customer=customer, user_names=[], by=by)
    rules = ProductRules(facts.subscriptions)
    held = licensing_queries.get_held(customer, [user["pk"] for user in chosen])
    free = {one.id: one.free for one in facts.subscriptions}
    lines, wanted, freed = [], Counter(), Counter()
    for user in chosen:
        change = _change_of(held.get(user["pk"], {}), changes)
        if not any(change.values()):
            continue
        problems = problems_of(user, by=by) + _speak_against(
            rules, user["location"], held.get(user["pk"], {}), change
        )
        if not problems:
            wanted.update(one["subscription"] for one in change["give"])
            freed.update(change["take"])
            problems = _shortages(change, wanted, free, rules)
        lines.append(plan_line(user, problems, **change))
    if not lines:
        raise NothingToChange
    batch = create_batch(
        customer=customer,
        kind=Batch.Kind.LICENSES,
        reason=reason,
        options={"when_short": when_short},
        plan={
            "seats": _forecast(facts, wanted, freed),
            "unchanged": len(chosen) - len(lines),
        },
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def _change_of(held: Mapping[str, list[str]], changes: Changes) -> dict[str, list]:
    """What the changes mean for somebody who holds these subscriptions."""
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
    return {"give": give, "take": take, "plans": plans}


def _speak_against(rules: ProductRules, location: str, held, change) -> list[dict]:
    """What is wrong afterwards that is not wrong already."""
    given = [one["subscription"] for one in change["give"]]
    if given and not location:
        return [{"code": "location_missing", "column": "location", "severity": "error"}]
    before = rules.judge(location, sorted(held))
    after = rules.judge(location, sorted((set(held) - set(change["take"])) | set(given)))
    return [
        {"code": code, "column": "products", "value": value, "params": params, "severity": "error"}
        for value, code, params in after
        if (value, code, params) not in before
    ]


def _shortages(change, wanted: Counter, free: Mapping[str, int], rules: ProductRules) -> list[dict]:
    return [
        {
            "code": "seat_missing",
            "column": "products",
            "params": {"product": rules.by_id[one["subscription"]].name},
            "severity": "warning",
        }
        for one in change["give"]
        if wanted[one["subscription"]] > free[one["subscription"]]
    ]


def _forecast(facts: Facts, wanted: Counter, freed: Counter) -> list[dict]:
    return [
        {
            "subscription": one.id,
            "name": one.name,
            "free": one.free,
            "wanted": wanted[one.id],
            "freed": freed[one.id],
            "short": max(0, wanted[one.id] - one.free),
        }
        for one in facts.subscriptions
        if wanted[one.id] or freed[one.id]
    ]


@applies(Batch.Kind.LICENSES)
def apply_licenses(*, batch: Batch, lines: Sequence[Line], by: Member) -> list[Outcome]:
    """
    Change the licenses of the lines' users, in their order, as far as seats are free.

    Who swaps one product for another either gets all of the new ones or keeps the old ones:
    nobody is left without because the second half failed.
    """
    present = lock_active(batch.customer_id, lines)
    may_all = by.may(Permission.ACT_ON_ADMINISTRATORS)
    able = [
        line
        for line in lines
        if line.user_id in present and (may_all or not present[line.user_id].is_administrator)
    ]
    waiting = _without_all_they_need(batch, able)
    going = [line for line in able if line.number not in waiting]
    assigned = licensing.assign(
        customer=batch.customer,
        wanted=[_wanted(line, one) for line in going for one in line.input["give"]],
        cause=batch.pk,
    )
    licensing.revoke(
        customer=batch.customer,
        seats=[(line.user_id, UUID(one)) for line in going for one in line.input["take"]],
    )
    licensing.change_plans(
        customer=batch.customer,
        wanted=[_wanted(line, one) for line in going for one in line.input["plans"]],
    )
    missing = assigned.missing()
    barred = {line.user_id for line in lines} - {line.user_id for line in able}
    outcomes = [_outcome(line, present, barred, waiting, assigned, missing) for line in lines]
    _record(batch, lines, outcomes, by)
    return outcomes


def _wanted(line: Line, one: dict) -> licensing.Wanted:
    return licensing.Wanted.from_json(line.user_id, one)


def _without_all_they_need(batch: Batch, lines: Sequence[Line]) -> dict[int, list[str]]:
    """Which swaps cannot be done in full, with the subscriptions that lack a seat."""
    needed = {UUID(one["subscription"]) for line in lines for one in line.input["give"]}
    locked = licensing.lock_subscriptions(batch.customer, needed)
    free = defaultdict(int, {str(pk): one.free for pk, one in locked.items()})
    waiting = {}
    for line in lines:
        given = [one["subscription"] for one in line.input["give"]]
        short = [one for one in given if free[one] < 1]
        if short and line.input["take"]:
            waiting[line.number] = short
            continue
        for one in given:
            free[one] -= 1
    return waiting


def _outcome(line: Line, present, barred, waiting, assigned, missing) -> Outcome:
    if line.user_id not in present:
        return Outcome(line.number, Line.State.FAILED, {"code": "gone"})
    if line.user_id in barred:
        return Outcome(line.number, Line.State.FAILED, {"code": ADMINISTRATOR["code"]})
    if line.number in waiting:
        result = {"code": "kept_old", "short": waiting[line.number]}
        return Outcome(line.number, Line.State.FAILED, result)
    lacks = missing.get(line.user_id, {})
    result = {
        "assigned": assigned.of(line.user_id),
        "taken": line.input["take"],
        "plans": [one["subscription"] for one in line.input["plans"]],
        **lacks,
    }
    is_something_done = result["assigned"] or result["taken"] or result["plans"]
    if not lacks:
        return Outcome(line.number, Line.State.DONE, result)
    if is_something_done:
        return Outcome(line.number, Line.State.PARTLY, result)
    return Outcome(line.number, Line.State.FAILED, {"code": "no_seat", **lacks})


def _record(batch: Batch, lines: Sequence[Line], outcomes: Sequence[Outcome], by: Member) -> None:
    audit.record_many(
        "user.licenses_changed",
        subjects=[
            audit.Subject(line.user_id, line.input["user_name"], after=outcome.result)
            for line, outcome in zip(lines, outcomes, strict=True)
            if outcome.state != Line.State.FAILED
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
