"""Deleting user accounts: sign-in ends and seats become free; a restore brings them back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from batches.acts import (
    WARNING,
    Act,
    Case,
    Consequences,
    Inverse,
    LineInput,
    Offer,
    OneText,
    Outcome,
    Payload,
    PlanFacts,
    Seats,
    Texts,
    problem,
)
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers.models import Customer
from licensing import queries as licensing
from licensing.operations.seats import revoke_all
from licensing.operations.waitlist import stop_all_waiting
from partners.access import require
from partners.models import Member
from partners.postgres import IsOneOf, among, execute
from partners.roles import Permission
from users.acts.lines import (
    MESSAGES,
    apply_to_present,
    find_present,
    find_problems,
    is_last_administrator,
    plan_line,
    record,
    refuse,
    replan_leaving,
)
from users.acts.selection import select_users
from users.models import CustomerUser, UserSession


@dataclass(slots=True)
class DeleteInput(Payload):
    """The deletion and the hold before a restore, which the undo of the restore returns to."""

    deletion: str = ""
    was_held: bool = False


@dataclass(kw_only=True, slots=True)
class DeletePlan(PlanFacts):
    # The seats that become free, by subscription.
    freed: Mapping[str, int] = field(default_factory=dict)
    administrators: int = 0
    # Users that leave the waitlist.
    waiting: int = 0
    retention_days: int = 0


@transaction.atomic
def plan_deletes(
    *, customer: Customer, users: Iterable[UUID], reason: str = "", by: Member
) -> Batch:
    """
    Plan to delete these active users.

    The plan has the seats that become free by subscription, the numbers of administrators and of
    users on the waitlist, and whether the last global administrator is among the users.

    :raises NoUsersSelected: where none of the ids is an active user of the customer.
    :raises Refused: where the member may not delete users.
    """
    require(by, Permission.DELETE_USERS)
    chosen = select_users(customer, users)
    lines = [plan_line(user, find_problems(user, by=by)) for user in chosen]
    going = [line.user_id for line in lines if line.is_valid]
    batch = create_batch(
        customer=customer,
        kind=DELETE.kind,
        reason=reason,
        plan=DeletePlan(
            freed=licensing.count_held(customer, going),
            administrators=sum(user["is_administrator"] for user in chosen),
            waiting=len(licensing.get_waits(customer, going)),
            takes_last_administrator=is_last_administrator(customer.pk, going),
            retention_days=customer.retention_days,
        ).to_json(),
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def apply_deletes(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """
    Delete the users of the lines: free their seats, end their sessions, set the day of the purge.

    Their lines keep their licenses for a restore, but not their places in the waitlist.
    """
    present = find_present(batch.customer_id, lines)
    refused = refuse(batch, present, ends_sign_in=True, by=by)

    def write(going: list[LineInput]) -> list[Outcome]:
        inputs = {line.user_id: DeleteInput.from_json(line.input) for line in going}
        ids = list(inputs)
        held = revoke_all(customer=batch.customer, users=ids)
        waited = stop_all_waiting(customer=batch.customer, users=ids)
        execute(
            f"""
            UPDATE {CustomerUser._meta.db_table} u SET deleted_at = now(),
                purge_at = now() + make_interval(days => %(days)s), deletion = r.deletion,
                is_held = r.is_held, version = u.version + 1
            FROM ROWS WHERE u.id = r.id AND u.customer_id = %(customer)s AND u.deleted_at IS NULL
            """,
            {
                "id uuid": ids,
                "deletion uuid": [one.deletion or str(batch.pk) for one in inputs.values()],
                "is_held boolean": [one.was_held for one in inputs.values()],
            },
            days=batch.customer.retention_days,
            customer=batch.customer_id,
        )
        UserSession.objects.filter(user__in=among(ids)).delete()
        record(
            "user.deleted",
            batch,
            going,
            before=lambda line: {"held": held.get(line.user_id, [])},
            after=lambda line: {"is_held": True} if inputs[line.user_id].was_held else {},
            by=by,
        )
        return [
            Outcome.done(
                line,
                held=held.get(line.user_id, ()),
                stopped=waited.get(line.user_id, ()),
                deletion=inputs[line.user_id].deletion,
            )
            for line in going
        ]

    return apply_to_present(lines, present, refused, write)


def get_holdings(batch_ids: Iterable[UUID], users: Iterable[UUID]) -> dict[UUID, list[dict]]:
    """The licenses that deleted users held, from the lines of their deletions."""
    of_users = IsOneOf("user_id", users)
    lines = Line.objects.filter(of_users, batch__in=set(batch_ids))
    return {user_id: held or [] for user_id, held in lines.values_list("user_id", "result__held")}


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    plan = DeletePlan.from_json(batch.plan)
    days = plan.retention_days or batch.customer.retention_days
    last_day = formats.date_format(
        timezone.localtime(timezone.now() + timedelta(days=days)), "DATE_FORMAT"
    )
    restorable = ngettext(
        "You can restore within %(days)s day, until %(day)s. After that, all data is purged.",
        "You can restore within %(days)s days, until %(day)s. After that, all data is purged.",
        days,
    )
    facts = [_("Sign-in is blocked and open sessions end immediately.")]
    if plan.administrators:
        facts.append(
            ngettext(
                "%(n)s user is an administrator.",
                "%(n)s users are administrators.",
                plan.administrators,
            )
            % {"n": intcomma(plan.administrators)}
        )
    facts.append(restorable % {"days": days, "day": last_day})
    if plan.waiting:
        text = ngettext(
            "%(n)s user leaves the waitlist for a license. Restoring doesn’t bring the place back.",
            "%(n)s users leave the waitlist for a license. Restoring doesn’t bring the places"
            " back.",
            plan.waiting,
        )
        facts.append(text % {"n": intcomma(plan.waiting)})
    freed = []
    for pk, number in plan.freed.items():
        text = ngettext("%(n)s seat becomes free", "%(n)s seats become free", number)
        name = licensing.name_product(products, pk)
        freed.append(Seats(name, text % {"n": intcomma(number)}))
    return Consequences(tuple(facts), tuple(freed))


def _invert(case: Case) -> Inverse:
    if case.user is None:
        return Inverse("restore", {}, (problem("purged_since"),))
    if not case.user["deleted_at"]:
        return Inverse("restore", {}, (problem("back_already"),))
    if str(case.user["deletion"]) != (case.result.deletion or str(case.batch_id)):
        return Inverse("restore", {}, (problem("deleted_again"),))
    is_plain = case.user["is_administrator"] and not case.may_grant
    problems = [problem("comes_back_as_user", WARNING)] if is_plain else []
    for subscription in case.result.stopped:
        problems.append(problem("wait_lost", WARNING, subscription=subscription))
    return Inverse("restore", {"products": list(case.result.held)}, tuple(problems))


DELETE = Act(
    kind="delete",
    permission=Permission.DELETE_USERS,
    icon="trash",
    texts=Texts(
        label=gettext_lazy("Delete user accounts"),
        button=lambda n: ngettext("Delete %(n)s user account", "Delete %(n)s user accounts", n),
        done=lambda n: ngettext("%(n)s user account deleted", "%(n)s user accounts deleted", n),
        one=OneText(
            question=gettext_lazy("Delete the user account of %(name)s?"),
            button=gettext_lazy("Delete user account"),
            done=gettext_lazy("User account of %(name)s deleted"),
        ),
    ),
    offer=Offer(path="delete", plan=plan_deletes, is_listed=False),
    word=gettext_lazy("Delete"),
    apply=apply_deletes,
    describe=_describe,
    messages=MESSAGES,
    shows=lambda batch: () if batch.state == Batch.State.PLANNED else {"licenses"},
    ends_sign_in=True,
    replan=replan_leaving,
    is_dangerous=True,
    invert=_invert,
    undo_fact=lambda n: ngettext(
        "%(n)s user account is deleted. You can restore it later.",
        "%(n)s user accounts are deleted. You can restore them later.",
        n,
    ),
)
# A line about a user missing from a full list.
LEAVE = replace(DELETE, kind="leave", has_batches=False, undo_fact=None, offer=None)
