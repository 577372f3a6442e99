"""The lines of an act: planned for selected users, then applied, refused and recorded."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from django.db.models import Q, QuerySet
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


class Locked(Protocol):
    """A user of a line, with LOCKED_FIELDS and the fields that the act asked for."""

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
LOCKED_FIELDS = ("pk", "is_administrator", "permissions")


ADMINISTRATOR = {"code": "administrator", "severity": "error"}


def plan_line(user: dict, problems: Sequence[dict] = (), **more) -> PlannedLine:
    """The line for a selected user; invalid if a problem is an error."""
    return PlannedLine(
        user["pk"],
        {"user_name": user["user_name"], "display_name": user["display_name"], **more},
        problems,
        not problems or not any(problem["severity"] == "error" for problem in problems),
    )


def find_problems(user: dict, *, by: Member) -> list[dict]:
    """The problem of an administrator, if the member may not act on administrators."""
    is_free = not user["is_administrator"] or by.may(Permission.ACT_ON_ADMINISTRATORS)
    return [] if is_free else [ADMINISTRATOR]


def find_protected(present: Mapping[UUID, Locked], *, by: Member) -> set[UUID]:
    """The administrators among these users, if the member may not act on administrators."""
    if by.may(Permission.ACT_ON_ADMINISTRATORS):
        return set()
    return {pk for pk, user in present.items() if user.is_administrator}


def find_active(customer_id: UUID, lines: Sequence[LineInput]) -> dict[UUID, Locked]:
    """
    The active users of the lines by id, not locked.

    For acts that do not write users, or write them in one statement and read nothing that users
    change themselves. The customer's lock, which the caller holds, keeps users active, and a lock
    of a hundred thousand rows costs as much as writing them.
    """
    return _find(CustomerUser.objects.all(), customer_id, lines, deleted_at=None)


def find_deleted(
    customer_id: UUID, lines: Sequence[LineInput], *, fields: Iterable[str] = ()
) -> dict[UUID, Locked]:
    """The deleted users of the lines by id, with these fields, not locked; see `find_active`."""
    users = CustomerUser.objects.all()
    return _find(users, customer_id, lines, fields, deleted_at__isnull=False)


def lock_active(
    customer_id: UUID, lines: Sequence[LineInput], *, fields: Iterable[str] = ()
) -> dict[UUID, Locked]:
    """The active users of the lines by id, with these fields, locked in the order of their ids."""
    return _lock(customer_id, lines, fields, deleted_at=None)


def lock_deleted(
    customer_id: UUID, lines: Sequence[LineInput], *, fields: Iterable[str] = ()
) -> dict[UUID, Locked]:
    """The deleted users of the lines by id, with these fields, locked in the order of their ids."""
    return _lock(customer_id, lines, fields, deleted_at__isnull=False)


def _lock(
    customer_id: UUID, lines: Sequence[LineInput], fields: Iterable[str], **which
) -> dict[UUID, Locked]:
    locked = CustomerUser.objects.select_for_update(of=("self",), no_key=True).order_by("pk")
    return _find(locked, customer_id, lines, fields, **which)


def _find(
    users: QuerySet[CustomerUser],
    customer_id: UUID,
    lines: Sequence[LineInput],
    fields: Iterable[str] = (),
    **which,
) -> dict[UUID, Locked]:
    of_lines = IsOneOf("pk", (line.user_id for line in lines))
    found = users.filter(of_lines, customer=customer_id, **which)
    names = dict.fromkeys((*LOCKED_FIELDS, *fields))
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
    present = set(able.values_list("pk", flat=True))
    return bool(present & set(leaving)) and not present - set(leaving)


def find_kept_administrators(batch: Batch, present: Mapping[UUID, Locked]) -> set[UUID]:
    """
    The global administrators among these users, if they are the customer's last ones.

    Empty where the batch has `may_take_last_administrator`.
    """
    if batch.options.get("may_take_last_administrator"):
        return set()
    if not is_last_administrator(batch.customer_id, present):
        return set()
    return {
        pk
        for pk, user in present.items()
        if UserPermission.GLOBAL_ADMINISTRATOR in user.permissions
    }


def refuse(
    batch: Batch, present: Mapping[UUID, Locked], *, ends_sign_in: bool = False, by: Member
) -> dict[UUID, str]:
    """The users that the act must not change, with codes of MESSAGES."""
    kept = find_kept_administrators(batch, present) if ends_sign_in else ()
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
            audit.Subject(line.user_id, line.input["user_name"], before(line), after(line))
            for line in lines
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


def build_outcomes(
    lines: Iterable[LineInput],
    present: Collection[UUID],
    refused: Mapping[UUID, str],
    finish: Callable[[LineInput], Outcome],
) -> list[Outcome]:
    """The outcomes of the lines: failed if the user is gone or refused, else those of `finish`."""
    return [
        Outcome.failed(line, refused.get(line.user_id, "gone"))
        if line.user_id in refused or line.user_id not in present
        else finish(line)
        for line in lines
    ]


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
