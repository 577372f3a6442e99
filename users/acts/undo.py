"""Undoing a batch: a batch of its own with the inverses of the lines of the first."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import (
    WARNING,
    Act,
    Case,
    Consequences,
    Inverse,
    LineMessage,
    LineResult,
    OneText,
    PlanFacts,
    Texts,
    count,
    get_act,
    get_acts,
    problem,
)
from batches.errors import CannotUndo
from batches.models import Batch, Job, Line
from batches.operations.control import LARGEST_CHUNK, start_batch
from batches.operations.lease import end_job, order_job
from batches.operations.plan import PlannedLine, create_batch, save_lines
from batches.queries.undo import DONE, find_refusal, find_undo, right_to_undo
from licensing import queries as licensing
from licensing.forecast import Forecast, SeatForecast
from licensing.rules import LicenseChange, ProductRules, Seat, find_conflicts
from partners.access import require
from partners.models import Member
from partners.postgres import among
from partners.roles import Permission
from users.acts.add import TEXTS
from users.acts.edit import FieldChange
from users.acts.licenses import ADDS_LICENSES
from users.acts.lines import explain_cell, is_last_administrator
from users.acts.restore import NAME_TAKEN, find_taken
from users.models import CustomerUser, UserPermission
from users.rules.fields import label_of
from users.rules.gather import gather_facts

# Up to this many lines are planned in the request, in about a second; more in a worker.
MAX_IN_REQUEST = 1_000
# Lines that are planned together, as in a chunk, where lines can pass seats to each other.
SLICE = LARGEST_CHUNK

USER_FIELDS = (
    *TEXTS,
    "permissions",
    "pk",
    "is_administrator",
    "is_blocked",
    "password_state",
    "signed_in_at",
    "deleted_at",
    "deletion",
    "purge_at",
    "is_held",
)


@dataclass(kw_only=True, slots=True)
class UndoPlan(PlanFacts):
    # How many lines do which act.
    acts: Mapping[str, int] = field(default_factory=dict)
    # The lines of the undone batch that had changed nothing.
    nothing_done: int = 0


@transaction.atomic
def plan_undo(*, batch: Batch, reason: str = "", by: Member) -> Batch:
    """
    Plan to undo a batch; nothing happens yet.

    Each line that was done gets a line with its inverse, or with the reason why it has none.
    Returns the existing undo of the batch if it waits, runs or is done.

    :raises CannotUndo: where the batch has not ended, ended more than 30 days ago, reset passwords
        or purged, or has changed nothing.
    :raises Refused: where the member may not undo it; most may undo their own only.
    """
    require(by, right_to_undo(batch, by))
    # Locked, so that the second of two requests finds the undo of the first.
    locked = Batch.objects.select_for_update(of=("self",), no_key=True)
    undone = locked.select_related("customer").get(pk=batch.pk)
    if existing := find_undo(undone):
        return existing
    if refusal := find_refusal(undone):
        raise refusal
    to_do = undone.lines.filter(state__in=DONE).count()
    if not to_do:
        raise CannotUndo("nothing")
    undo = create_batch(
        customer=undone.customer,
        kind=UNDO.kind,
        state=Batch.State.CHECKING,
        undoes=undone.pk,
        reason=reason,
        plan=UndoPlan(nothing_done=undone.total - to_do).to_json(),
        by=by,
    )
    if to_do > MAX_IN_REQUEST:
        order_job(UNDO.kind, batch=undo)
    else:
        plan_lines(undo)
    return undo


@transaction.atomic
def undo_at_once(*, batch: Batch, by: Member) -> Batch:
    """
    Undo a batch of one user, if nothing stands against it; else its plan waits for the member.

    Returns the undo of the batch, also one from before.

    :raises CannotUndo: see `plan_undo`.
    :raises Refused: where the member may not undo it.
    """
    undo = plan_undo(batch=batch, by=by)
    lines = list(undo.lines.defer("sealed")[:2])
    is_clear = len(lines) == 1 and lines[0].state == Line.State.PLANNED and not lines[0].problems
    is_asked = undo.plan.get("takes_last_administrator")
    if undo.state == Batch.State.PLANNED and is_clear and not is_asked:
        return start_batch(batch=undo, by=by)
    return undo


@transaction.atomic
def plan_lines(undo: Batch) -> None:
    """Plan the inverse of every line of the undone batch."""
    undone = Batch.objects.get(pk=undo.undoes)
    planner = _Planner(undo)
    first = 1
    for lines in _slices(undone):
        planned = planner.plan(undone, lines)
        save_lines(batch=undo, lines=planned, first=first)
        first += len(planned)
    undo.plan |= UndoPlan(
        acts=planner.acts,
        seats=planner.forecast.to_json(),
        takes_last_administrator=is_last_administrator(undo.customer_id, planner.leaving),
    ).to_json()
    # It may have been canceled meanwhile.
    if not Batch.objects.filter(pk=undo.pk, state=Batch.State.CHECKING).update(
        state=Batch.State.PLANNED, plan=undo.plan, halted_by=""
    ):
        Line.objects.filter(batch=undo).delete()
    undo.refresh_from_db(fields=["state", "plan"])


def plan_ordered(job: Job) -> None:
    """Plan an undo that is too large for the request, in the caller's transaction."""
    waiting = Batch.objects.filter(pk=job.batch_id, state=Batch.State.CHECKING)
    undo = waiting.select_related("customer", "by").first()
    if undo is not None:
        plan_lines(undo)


def give_up_plan(job: Job) -> None:
    """Refuse an undo that cannot be planned."""
    waiting = Batch.objects.filter(pk=job.batch_id, state=Batch.State.CHECKING)
    refused = {"refused": {"code": "internal", "params": {}}}
    end_job(
        job,
        lambda _job: waiting.update(state=Batch.State.REFUSED, plan=refused, halted_by=""),
    )


def _slices(batch: Batch) -> Iterator[list[Line]]:
    lines = batch.lines.filter(state__in=DONE, user_id__isnull=False).defer("sealed")
    last = 0
    while some := list(lines.filter(number__gt=last).order_by("number")[:SLICE]):
        last = some[-1].number
        yield some


class _Planner:
    """Plans slice by slice, and keeps count of seats and user names across them."""

    def __init__(self, undo: Batch):
        self.undo = undo
        facts = gather_facts(customer=undo.customer, user_names=[], by=undo.by)
        self.rules = ProductRules(facts.subscriptions)
        self.forecast = Forecast(facts.subscriptions)
        self.may_grant = undo.by.may(Permission.ACT_ON_ADMINISTRATORS)
        self.acts: Counter[str] = Counter()
        self.names: set[str] = set()
        self.leaving: list[UUID] = []

    def plan(self, undone: Batch, lines: Sequence[Line]) -> list[PlannedLine]:
        """Plan some lines of the undone batch; four statements."""
        ids = [line.user_id for line in lines]
        customer = self.undo.customer
        found = CustomerUser.objects.filter(customer=customer, pk__in=among(ids))
        users = {user["pk"]: user for user in found.values(*USER_FIELDS)}
        held = licensing.get_held(customer, ids)
        awaited = licensing.get_waits(customer, ids)
        gone = [user["user_name"] for user in users.values() if user["deleted_at"]]
        self.names |= find_taken(customer, gone)
        cases = [
            Case(
                act=line.act,
                input=line.input,
                result=LineResult.from_json(line.result),
                batch_id=undone.pk,
                since=undone.started_at,
                user=users.get(line.user_id),
                held=held.get(line.user_id, {}),
                awaited=awaited.get(line.user_id, {}),
                may_grant=self.may_grant,
            )
            for line in lines
        ]
        inverses = [self._invert(case) for case in cases]
        seats = self._count_together(inverses)
        return [
            self._plan(line, cases[place], *inverses[place], seats.get(place))
            for place, line in enumerate(lines)
        ]

    def _invert(self, case: Case) -> tuple[Inverse, list[dict]]:
        """The inverse of a line, and its problems, except those of seats and names."""
        inverse = get_act(case.act).invert(case)
        problems = [self._name_product(problem) for problem in inverse.problems]
        if inverse.is_valid and inverse.act not in {"delete", "restore"}:
            problems += find_conflicts(
                self.rules,
                case.user["location"],
                case.held,
                LicenseChange.from_json(inverse.input),
                moves_to=FieldChange.from_json(inverse.input).changes.get("location"),
            )
        return inverse, problems

    def _count_together(self, found: Sequence[tuple[Inverse, list[dict]]]) -> dict[int, list[dict]]:
        """
        Add the lines that change licenses to the forecast; returns the warnings by place.

        They are added together, as a seat that one line returns is free for the next.
        """
        able, warnings = [], {}
        for place, (inverse, problems) in enumerate(found):
            change = LicenseChange.from_json(inverse.input)
            if change and not _has_error(problems):
                possible, warnings[place] = self._without_closed(change)
                able.append(possible)
        short = zip(warnings, self.forecast.add_together(able), strict=True)
        return {place: warnings[place] + more for place, more in short}

    def _plan(
        self,
        line: Line,
        case: Case,
        inverse: Inverse,
        problems: list[dict],
        seats: list[dict] | None,
    ) -> PlannedLine:
        if seats is not None:
            problems = problems + seats
        elif inverse.is_valid:
            problems = problems + self._look_around(case, inverse)
        planned = PlannedLine(
            line.user_id,
            {name: (case.user or line.input)[name] for name in ("user_name", "display_name")}
            | inverse.input,
            problems=problems,
            is_valid=not _has_error(problems),
            act=inverse.act,
        )
        if planned.is_valid:
            self.acts[inverse.act] += 1
            if _takes_global_administrator(case, inverse):
                self.leaving.append(line.user_id)
        return planned

    def _name_product(self, found: dict) -> dict:
        subscription = self.rules.by_id.get(found["params"].get("subscription"))
        if subscription is None:
            return found
        return found | {"params": found["params"] | {"product": subscription.name}}

    def _look_around(self, case: Case, inverse: Inverse) -> list[dict]:
        """The problems of names and seats of a line that deletes or restores its user."""
        if inverse.act == "delete":
            self.forecast.free_later(case.held)
            return []
        if inverse.act == "restore":
            user_name = case.user["user_name"]
            if user_name in self.names:
                return [NAME_TAKEN | {"value": user_name}]
            self.names.add(user_name)
            return self.count_restored(inverse.input)
        return []

    def count_restored(self, planned: Mapping[str, Any]) -> list[dict]:
        """Add the licenses of a user to be restored to the forecast; returns the warnings."""
        seats = [Seat.from_json(seat) for seat in planned.get("products", ())]
        change, warnings = self._without_closed(LicenseChange(seats))
        return warnings + [
            # A user is restored without a missing license.
            warning | {"code": "comes_back_without"}
            for warning in self.forecast.add(change)
        ]

    def _without_closed(self, change: LicenseChange) -> tuple[LicenseChange, list[dict]]:
        """The change without suspended subscriptions, and warnings about these."""
        bought = [self.rules.by_id[seat.subscription] for seat in change.add]
        seats = zip(change.add, bought, strict=True)
        able = replace(change, add=[seat for seat, one in seats if one.state != "suspended"])
        return able, [
            problem("closed_since", WARNING, product=subscription.name)
            for subscription in bought
            if subscription.state == "suspended"
        ]


def _has_error(problems: Sequence[dict]) -> bool:
    return any(problem["severity"] == "error" for problem in problems)


def count_restored(undo: Batch, line: Line) -> list[dict]:
    """Add a line that can restore its user now to the plan; returns its warnings."""
    planner = _Planner(undo)
    plan = UndoPlan.from_json(undo.plan)
    planner.forecast.resume(plan.seats)
    warnings = planner.count_restored(line.input)
    acts = Counter(plan.acts) + Counter(["restore"])
    undo.plan |= UndoPlan(acts=acts, seats=planner.forecast.to_json()).to_json()
    return warnings


def _takes_global_administrator(case: Case, inverse: Inverse) -> bool:
    """Whether the line blocks, deletes or demotes a global administrator."""
    if UserPermission.GLOBAL_ADMINISTRATOR not in case.user["permissions"]:
        return False
    changes = FieldChange.from_json(inverse.input).changes
    kept = changes.get("permissions", case.user["permissions"])
    return inverse.act in {"delete", "block"} or UserPermission.GLOBAL_ADMINISTRATOR not in kept


# Problems of lines that cannot be undone, or only in part, and warnings.
MESSAGES = {
    "nothing_done": gettext_lazy(
        "The job changed nothing for this user, so there’s nothing to undo."
    ),
    "purged_since": gettext_lazy("This user has been purged."),
    "deleted_since": gettext_lazy("This user has been deleted. Restore the user first, then undo."),
    "back_already": gettext_lazy("This has already been undone."),
    "deleted_again": gettext_lazy(
        "This user was restored and deleted again. Undo the later deletion instead."
    ),
    "comes_back_without": gettext_lazy(
        "No “%(product)s” seat is left, so this license isn’t restored."
    ),
    "closed_since": gettext_lazy("“%(product)s” is suspended, so this license isn’t restored."),
    "in_use": gettext_lazy("This user has signed in since then and loses access."),
    "field_back_already": gettext_lazy("%(field)s: already has the previous value."),
    "field_changed_since": gettext_lazy("%(field)s: was changed again later and stays the same."),
    "would_grant": gettext_lazy(
        "This user would become an administrator again. Your role doesn’t allow this."
    ),
    "restored_since": gettext_lazy("This user has been restored, so there’s no purge."),
    "purge_changed_since": gettext_lazy(
        "The purge of this user was changed again later and stays the same."
    ),
    "purge_day_past": gettext_lazy(
        "The previous purge date has passed, so the new date is 7 days from now."
    ),
    "license_gone_since": gettext_lazy("The “%(product)s” license has already been removed."),
    "license_back_already": gettext_lazy("The “%(product)s” license has already been restored."),
    "license_changed_since": gettext_lazy(
        "The service plans of “%(product)s” were changed again later and stay the same."
    ),
    "wait_lost": gettext_lazy(
        "The user is no longer waiting for “%(product)s”. The place can’t be restored."
    ),
    "license_came_since": gettext_lazy(
        "A “%(product)s” license was assigned from the waitlist later. Undo that job to remove it."
    ),
}


def _explain(found: Mapping, undo: Batch) -> LineMessage:
    sentence = MESSAGES.get(found.get("code", ""))
    if sentence is None:
        return explain_cell(found, undo)
    params = dict(found.get("params") or {})
    if "field" in params:
        params["field"] = label_of(params["field"])
    if "subscription" in params:
        params.setdefault("product", _("a product that’s no longer subscribed"))
    return LineMessage(str(sentence) % params, severity=found.get("severity", "error"))


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    plan = UndoPlan.from_json(batch.plan)
    facts = [
        count(act.undo_fact, plan.acts[act.kind]) for act in get_acts() if plan.acts.get(act.kind)
    ]
    is_short = any(SeatForecast.from_json(seat).short for seat in plan.seats)
    if is_short and plan.acts.keys() & {"licenses", "update"}:
        facts.append(_("Users without a free seat keep their current licenses."))
    if plan.nothing_done:
        text = ngettext(
            "%(n)s user wasn’t changed by that job and is skipped.",
            "%(n)s users weren’t changed by that job and are skipped.",
            plan.nothing_done,
        )
        facts.append(text % {"n": intcomma(plan.nothing_done)})
    return Consequences(tuple(facts))


UNDO = Act(
    kind="undo",
    # plan_undo has checked the permission to undo batches of other members.
    permission=Permission.UNDO_OWN_BATCHES,
    icon="arrow-back-up",
    texts=Texts(
        label=gettext_lazy("Undo"),
        button=lambda n: ngettext("Undo for %(n)s user", "Undo for %(n)s users", n),
        done=lambda n: ngettext("Undone for %(n)s user", "Undone for %(n)s users", n),
        one=OneText(
            question=gettext_lazy("Undo for %(name)s?"),
            button=gettext_lazy("Undo"),
            done=gettext_lazy("Undone for %(name)s"),
        ),
    ),
    describe=_describe,
    explain=_explain,
    shows=lambda batch: (
        {"licenses", "changes"} if PlanFacts.from_json(batch.plan).seats else {"changes"}
    ),
    needs_sign_in=ADDS_LICENSES | Q(act="restore"),
)
