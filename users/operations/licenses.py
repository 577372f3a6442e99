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
    of the list, or "none": nobody gets any.

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
    forecast = Forecast(facts, rules)
    lines = []
    for user in chosen:
        change = _change_of(held.get(user["pk"], {}), changes)
        if not any(change.values()):
            continue
        problems = problems_of(user, by=by) + _speak_against(
            rules, user["location"], held.get(user["pk"], {}), change
        )
        lines.append(plan_line(user, problems or forecast.add(change), **change))
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


class Forecast:
    """What lines, added in their order, will do to the free seats."""

    def __init__(self, facts: Facts, rules: ProductRules):
        self.subscriptions = facts.subscriptions
        self.rules = rules
        self.left = {one.id: one.free for one in facts.subscriptions}
        self.wanted, self.freed, self.short = Counter(), Counter(), Counter()
        # Lines of which nothing will be done, as no seat is left.
        self.unserved = 0

    def add(self, change: dict) -> list[dict]:
        """Count the line in; gives its warnings."""
        given = [one["subscription"] for one in change["give"]]
        short = [one for one in given if self.left[one] < 1]
        self.wanted.update(given)
        self.short.update(short)
        self.unserved += bool(short) and (
            bool(change["take"]) or (short == given and not change["plans"])
        )
        # Who swaps gets all that is new, or keeps the old.
        if not (short and change["take"]):
            for one in given:
                self.left[one] -= one not in short
            self.freed.update(change["take"])
        return [
            {
                "code": "seat_missing",
                "column": "products",
                "params": {"product": self.rules.by_id[one].name},
                "severity": "warning",
            }
            for one in short
        ]

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
    waiting = _without_all_they_need(batch, able)
    going = [line for line in able if line.number not in waiting]
    assigned = licensing.assign(
        customer=batch.customer,
        wanted=[_wanted(line, one) for line in going for one in line.input["give"]],
        cause=batch.pk,
    )
    taken = licensing.revoke(
        customer=batch.customer,
        seats=[(line.user_id, UUID(one)) for line in going for one in line.input["take"]],
    )
    replanned = licensing.change_plans(
        customer=batch.customer,
        wanted=[_wanted(line, one) for line in going for one in line.input["plans"]],
    )
    missing = assigned.missing()
    outcomes = [_outcome(line, present, barred, waiting, assigned, missing) for line in lines]
    for line, outcome in zip(lines, outcomes, strict=True):
        # As it was before, for whoever wants it back.
        held = taken.get(line.user_id, []) + replanned.get(line.user_id, [])
        if held and outcome.state != Line.State.FAILED:
            outcome.result["held"] = held
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
        return Outcome.failed(line, "gone")
    if line.user_id in barred:
        return Outcome.failed(line, "administrator")
    if line.number in waiting:
        return Outcome.failed(line, "kept_old", short=waiting[line.number])
    lacks = missing.get(line.user_id, {})
    result = {
        "assigned": assigned.of(line.user_id),
        "taken": line.input["take"],
        "plans": [one["subscription"] for one in line.input["plans"]],
        **lacks,
    }
    if had := sorted(set(assigned.had.get(line.user_id, ())) & set(result["assigned"])):
        # Nothing that this line gave, and nothing that an undo of it takes.
        result["had"] = had
    is_something_done = result["assigned"] or result["taken"] or result["plans"]
    if not lacks:
        return Outcome(line.number, Line.State.DONE, result)
    if is_something_done:
        return Outcome(line.number, Line.State.PARTLY, result)
    return Outcome.failed(line, "no_seat", **lacks)


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
