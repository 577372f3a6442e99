"""The lines of an act: planned for selected users, then applied, refused and recorded."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.acts import (
    LineInput,
    LineMessage,
    Outcome,
    get_acts,
)
from batches.models import Batch
from batches.operations.plan import PlannedLine
from partners.models import Member
from partners.postgres import IsOneOf
from partners.roles import Permission
from users.models import CustomerUser, UserPermission
from users.rules.fields import label_of
from users.rules.problems import Problem, describe


class Present(Protocol):
    """A user of a line, with PRESENT_FIELDS and the fields that the act asked for."""

    pk: UUID
    is_administrator: bool
    permissions: list[str]


# Problems of lines of every act.
MESSAGES = {
    "gone": _("This user was deleted, restored or purged in the meantime. Nothing was changed."),
    "administrator": _(
        "This user is an administrator. Ask an owner or an admin agent of your organization."
    ),
    "last_administrator": _(
        "This is the last global administrator with sign-in. Nothing was changed."
    ),
    "changed": _("Someone else changed the same fields of this user. Nothing was overwritten."),
}


# Read of the users of every act; named tuples, as many model instances take long.
PRESENT_FIELDS = ("pk", "is_administrator", "permissions")


ADMINISTRATOR = {"code": "administrator", "severity": "error"}


def plan_line(user: dict, problems: Sequence[dict] = (), *, act: str = "", **more) -> PlannedLine:
    """The line for a selected user; invalid if a problem is an error."""
    return PlannedLine(
        user["pk"],
        {"user_name": user["user_name"], "display_name": user["display_name"], **more},
        problems,
        not problems or not any(problem["severity"] == "error" for problem in problems),
        act,
    )


def find_problems(user: dict, *, by: Member) -> list[dict]:
    """The problem of an administrator, if the member may not act on administrators."""
    is_free = not user["is_administrator"] or by.may(Permission.ACT_ON_ADMINISTRATORS)
    return [] if is_free else [ADMINISTRATOR]


def find_protected(present: Mapping[UUID, Present], *, by: Member) -> set[UUID]:
    """The administrators among these users, if the member may not act on administrators."""
    if by.may(Permission.ACT_ON_ADMINISTRATORS):
        return set()
    return {pk for pk, user in present.items() if user.is_administrator}


def find_present(
    customer_id: UUID,
    lines: Sequence[LineInput],
    *,
    deleted: bool = False,
    lock: bool = False,
    fields: Iterable[str] = (),
) -> dict[UUID, Present]:
    """
    The active (or `deleted`) users of the lines by id, with PRESENT_FIELDS and these fields.

    The customer's lock, which the caller holds, keeps them so. With `lock` they are locked, in the
    order of their ids. That costs as much as writing them, and is for acts that read what users
    change themselves.
    """
    of_lines = IsOneOf("pk", (line.user_id for line in lines))
    found = CustomerUser.objects.filter(
        of_lines, customer=customer_id, deleted_at__isnull=not deleted
    )
    if lock:
        found = found.select_for_update(of=("self",), no_key=True).order_by("pk")
    names = dict.fromkeys((*PRESENT_FIELDS, *fields))
    return {user.pk: user for user in found.values_list(*names, named=True)}


def is_last_administrator(customer_id: UUID, leaving: Iterable[UUID]) -> bool:
    """Whether these users are all of the customer's global administrators that can sign in."""
    able = CustomerUser.objects.filter(
        Q(permissions__contains=[UserPermission.GLOBAL_ADMINISTRATOR]),
        customer=customer_id,
        is_administrator=True,
        is_blocked=False,
        deleted_at=None,
    )
    administrators = set(able.values_list("pk", flat=True))
    return bool(administrators) and administrators.issubset(leaving)


def refuse(
    batch: Batch, present: Mapping[UUID, Present], *, ends_sign_in: bool = False, by: Member
) -> dict[UUID, str]:
    """The users that the act must not change, with codes of MESSAGES."""
    kept = []
    is_confirmed = batch.options.get("may_take_last_administrator")
    if ends_sign_in and not is_confirmed and is_last_administrator(batch.customer_id, present):
        administrator = UserPermission.GLOBAL_ADMINISTRATOR
        kept = [pk for pk, user in present.items() if administrator in user.permissions]
    return dict.fromkeys(kept, "last_administrator") | dict.fromkeys(
        find_protected(present, by=by), "administrator"
    )


def record(
    action: str,
    batch: Batch,
    lines: Iterable[LineInput],
    *,
    before: Callable[[LineInput], dict] = lambda _line: {},
    after: Callable[[LineInput], dict] = lambda _line: {},
    by: Member,
) -> None:
    """Write an event for each line's user; one statement, none for no lines."""
    audit.record_many(
        action,
        subjects=[
            audit.Subject(line.user_id, line.user_name, before(line), after(line)) for line in lines
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


def apply_to_present(
    lines: Iterable[LineInput],
    present: Collection[UUID],
    refused: Mapping[UUID, str],
    write: Callable[[list[LineInput]], Iterable[Outcome]],
) -> list[Outcome]:
    """
    Apply the lines whose users are present and not refused; the others fail.

    `refused` are codes of messages by user. `write` changes and records the users of its lines,
    and returns the outcomes; it is not called without lines.
    """
    going, outcomes = [], []
    for line in lines:
        if line.user_id in refused:
            outcomes.append(Outcome.failed(line, refused[line.user_id]))
        elif line.user_id in present:
            going.append(line)
        else:
            outcomes.append(Outcome.failed(line, "gone"))
    if going:
        outcomes += write(going)
    return outcomes


def replan_leaving(batch: Batch) -> None:
    """Update whether the lines of a plan take the customer's last global administrator."""
    leaving = batch.lines.filter(act__in=[act.kind for act in get_acts() if act.ends_sign_in])
    batch.plan["takes_last_administrator"] = is_last_administrator(
        batch.customer_id, leaving.values_list("user_id", flat=True)
    )


def explain_cell(found: Mapping, batch: Batch) -> LineMessage:
    """The message for a problem that the rules for persons and products have found."""
    cell = Problem.from_line(found)
    return LineMessage(
        describe(cell),
        str(label_of(cell.column)) if cell.column else "",
        cell.value,
        cell.suggestion,
        cell.severity,
    )
