"""Holding, releasing and postponing the purge of deleted users."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
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
    PlanFacts,
    Texts,
    problem,
)
from batches.errors import UsersError
from batches.models import Batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from customers.models import Customer
from partners.access import require
from partners.models import Member
from partners.postgres import execute
from partners.roles import Permission
from users.acts.edit import FieldChange, describe_changes
from users.acts.lines import MESSAGES, Present, apply_to_present, find_present, plan_line, record
from users.acts.selection import NothingToChange, select_users
from users.models import CustomerUser

# After a release users can be restored for at least this many days.
DAYS_OF_GRACE = 7
MAX_DAYS = 365
AS_WANTED = {
    "hold": gettext_lazy("Nothing to change. The purge is already on hold."),
    "release": gettext_lazy("Nothing to change. The purge isn’t on hold."),
}


class WrongDays(UsersError):
    """The number of days is out of range."""

    message = gettext_lazy("Enter by how many days to put off the purge: 1 to 365.")


@dataclass(kw_only=True, slots=True)
class HoldPlan(PlanFacts):
    # Users to be released whose day is past or near, and so moves.
    near: int = 0


@transaction.atomic
def plan_holds(
    *,
    customer: Customer,
    users: Iterable[UUID],
    act: str = "hold",
    days: int = 0,
    reason: str = "",
    by: Member,
) -> Batch:
    """
    Plan to "hold" the purge of these deleted users, to "release" or to "extend" it by `days`.

    A held user is not purged before the release, and not within a week after it. Users in the
    wanted state already get no line; the plan has their number.

    :raises WrongDays: where `days` of "extend" is below 1 or above 365.
    :raises NoUsersSelected: where none of the ids is a deleted user of the customer.
    :raises NothingToChange: where no line is left.
    :raises Refused: where the member may not hold purges.
    """
    require(by, Permission.UNDO_ALL_BATCHES)
    if act == "extend" and not 1 <= days <= MAX_DAYS:
        raise WrongDays
    chosen = select_users(customer, users, deleted=True, fields=("purge_at", "is_held"))
    as_wanted = {"hold": True, "release": False}.get(act)
    changing = [user for user in chosen if user["is_held"] is not as_wanted]
    if not changing:
        raise NothingToChange(AS_WANTED[act])
    lines = [_plan_line(user, act, timedelta(days=days)) for user in changing]
    batch = create_batch(
        customer=customer,
        kind=HOLD.kind,
        reason=reason,
        options={"act": act} | ({"days": days} if act == "extend" else {}),
        plan=HoldPlan(
            near=sum("purge_at" in line.input["changes"] for line in lines),
            unchanged=len(chosen) - len(changing),
        ).to_json(),
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def _plan_line(user: dict, act: str, days: timedelta) -> PlannedLine:
    problems = []
    if act == "extend":
        changes = {"purge_at": max(user["purge_at"], timezone.now()) + days}
        if user["is_held"]:
            problems.append(problem("stays_held", WARNING))
    else:
        changes = {"is_held": act == "hold"}
        earliest = timezone.now() + timedelta(days=DAYS_OF_GRACE)
        if act == "release" and user["purge_at"] < earliest:
            changes["purge_at"] = earliest
    was = {name: user[name] for name in changes}
    change = FieldChange(hold_to_json(changes), hold_to_json(was))
    return plan_line(user, problems, **change.to_json())


def hold_to_json(values: Mapping) -> dict:
    """`is_held` and `purge_at` as JSON of a line."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def hold_from_json(values: Mapping) -> dict:
    """`is_held` and `purge_at` from JSON of a line."""
    return {
        name: datetime.fromisoformat(value) if name == "purge_at" else value
        for name, value in values.items()
    }


def apply_holds(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """
    Hold or release the purge of each line's user, or set its day.

    A line fails where, since the plan, its user was restored or purged, or its hold changed. If
    the day of a released user has passed, it becomes the day in a week.
    """
    present = find_present(
        batch.customer_id, lines, deleted=True, lock=True, fields=["is_held", "purge_at"]
    )
    wanted = {line.user_id: _read_changes(line) for line in lines}
    refused = {
        pk: "changed"
        for pk, user in present.items()
        if any(getattr(user, name) not in values for name, values in wanted[pk].items())
    }

    def write(going: list[LineInput]) -> list[Outcome]:
        after = {pk: _become(present[pk], wanted[pk]) for pk in (line.user_id for line in going)}
        before = {
            pk: {name: getattr(present[pk], name) for name in values}
            for pk, values in after.items()
        }
        changing = [line for line in going if after[line.user_id]]
        if changing:
            _write(batch, [present[line.user_id] for line in changing], after)
        _record(batch, changing, before, after, by)
        return [
            Outcome.done(
                line,
                unchanged=not after[line.user_id],
                before=hold_to_json(before[line.user_id]),
                after=hold_to_json(after[line.user_id]),
            )
            for line in going
        ]

    return apply_to_present(lines, present, refused, write)


def _read_changes(line: LineInput) -> dict[str, tuple]:
    """The values of the time of the plan and the wanted ones, by field."""
    change = FieldChange.from_json(line.input)
    was, wanted = hold_from_json(change.was), hold_from_json(change.changes)
    return {name: (was[name], wanted[name]) for name in wanted}


def _become(user: Present, changes: Mapping[str, tuple]) -> dict:
    """The values that change."""
    now = {"is_held": user.is_held, "purge_at": user.purge_at}
    wanted = now | {name: value for name, (_was, value) in changes.items()}
    if wanted == now:
        return {}
    if not wanted["is_held"] and wanted["purge_at"] <= timezone.now():
        wanted["purge_at"] = timezone.now() + timedelta(days=DAYS_OF_GRACE)
    return {name: value for name, value in wanted.items() if value != now[name]}


def _write(batch: Batch, users: Sequence[Present], after: Mapping[UUID, dict]) -> None:
    execute(
        f"""
        UPDATE {CustomerUser._meta.db_table} u
        SET is_held = r.is_held, purge_at = r.purge_at, version = u.version + 1
        FROM ROWS WHERE u.id = r.id AND u.customer_id = %(customer)s AND u.deleted_at IS NOT NULL
        """,
        {
            "id uuid": [user.pk for user in users],
            "is_held boolean": [after[user.pk].get("is_held", user.is_held) for user in users],
            "purge_at timestamptz": [
                after[user.pk].get("purge_at", user.purge_at) for user in users
            ],
        },
        customer=batch.customer_id,
    )


def _record(batch: Batch, lines: Sequence[LineInput], before: Mapping, after: Mapping, by) -> None:
    actions = {True: "user.purge_held", False: "user.purge_released", None: "user.purge_moved"}
    for is_held, action in actions.items():
        record(
            action,
            batch,
            [line for line in lines if after[line.user_id].get("is_held") is is_held],
            before=lambda line: hold_to_json(before[line.user_id]),
            after=lambda line: hold_to_json(after[line.user_id]),
            by=by,
        )


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    if batch.options["act"] == "hold":
        return Consequences(
            (
                _("There’s no purge until you release the hold, even after the purge date."),
                _("“Purge now” isn’t available until then."),
            )
        )
    if batch.options["act"] == "release":
        facts = [_("The purge takes place on its date.")]
        if near := HoldPlan.from_json(batch.plan).near:
            text = ngettext(
                "The purge date of %(n)s user is past or near and moves to 7 days from now.",
                "The purge dates of %(n)s users are past or near and move to 7 days from now.",
                near,
            )
            facts.append(text % {"n": intcomma(near)})
        return Consequences(tuple(facts))
    days = batch.options.get("days", 0)
    text = ngettext(
        "The purge takes place %(days)s day later. You can restore until then.",
        "The purge takes place %(days)s days later. You can restore until then.",
        days,
    )
    return Consequences((text % {"days": intcomma(days)},))


# The labels of the fields of a purge.
LABELS = {"is_held": gettext_lazy("Purge on hold"), "purge_at": gettext_lazy("To be purged")}


def format_field(field: str, value: bool | str) -> str:
    """The value of a field of a purge in words."""
    if field == "is_held":
        return _("Yes") if value else _("No")
    day = parse_datetime(str(value))
    return formats.date_format(timezone.localtime(day), "DATETIME_FORMAT") if day else str(value)


def _invert(case: Case) -> Inverse:
    if case.user is None:
        return Inverse("hold", {}, (problem("purged_since"),))
    if not case.user["deleted_at"]:
        return Inverse("hold", {}, (problem("restored_since"),))
    before, after = case.result.before, case.result.after
    now = hold_to_json({name: case.user[name] for name in before})
    if not before or now == before:
        code = "back_already" if before else "nothing_done"
        return Inverse("hold", {}, (problem(code),))
    if now != after:
        return Inverse("hold", {}, (problem("purge_changed_since"),))
    is_held = before.get("is_held", case.user["is_held"])
    day = hold_from_json(before).get("purge_at", case.user["purge_at"])
    # The undo then sets the day in a week.
    is_past = not is_held and day <= timezone.now()
    problems = (problem("purge_day_past", WARNING),) if is_past else ()
    return Inverse("hold", FieldChange(before, now).to_json(), problems)


TEXTS = {
    "hold": Texts(
        label=gettext_lazy("Hold purge"),
        button=lambda n: ngettext("Hold purge of %(n)s user", "Hold purge of %(n)s users", n),
        done=lambda n: ngettext("Purge of %(n)s user held", "Purge of %(n)s users held", n),
        unchanged=lambda n: ngettext(
            "The purge of %(n)s selected user is already on hold. The user is skipped.",
            "The purge of %(n)s selected users is already on hold. The users are skipped.",
            n,
        ),
        one=OneText(
            question=gettext_lazy("Hold the purge of %(name)s?"),
            button=gettext_lazy("Hold purge"),
            done=gettext_lazy("Purge of %(name)s held"),
        ),
    ),
    "release": Texts(
        label=gettext_lazy("Release purge"),
        button=lambda n: ngettext("Release purge of %(n)s user", "Release purge of %(n)s users", n),
        done=lambda n: ngettext("Purge of %(n)s user released", "Purge of %(n)s users released", n),
        unchanged=lambda n: ngettext(
            "The purge of %(n)s selected user isn’t on hold. The user is skipped.",
            "The purge of %(n)s selected users isn’t on hold. The users are skipped.",
            n,
        ),
        one=OneText(
            question=gettext_lazy("Release the purge of %(name)s?"),
            button=gettext_lazy("Release purge"),
            done=gettext_lazy("Purge of %(name)s released"),
        ),
    ),
    "extend": Texts(
        label=gettext_lazy("Put off purge"),
        button=lambda n: ngettext("Put off purge of %(n)s user", "Put off purge of %(n)s users", n),
        done=lambda n: ngettext("Purge of %(n)s user put off", "Purge of %(n)s users put off", n),
        one=OneText(
            question=gettext_lazy("Put off the purge of %(name)s?"),
            button=gettext_lazy("Put off purge"),
            done=gettext_lazy("Purge of %(name)s put off"),
        ),
    ),
}
HOLD = Act(
    kind="hold",
    # One permission of the roles: to undo every batch and to hold a purge.
    permission=Permission.UNDO_ALL_BATCHES,
    icon="lock",
    texts=TEXTS["hold"],
    offer=Offer(
        path="hold",
        plan=plan_holds,
        tab="deleted",
        form="users.forms.hold.HoldPurge",
        form_of_one="users.forms.hold.HoldPurge",
        template="users/hold.html",
        is_listed=False,
    ),
    special_texts=lambda batch: TEXTS.get(batch.options.get("act")),
    word=gettext_lazy("Purge"),
    apply=apply_holds,
    describe=_describe,
    messages=MESSAGES
    | {"stays_held": gettext_lazy("The purge of this user is on hold until you release it.")},
    changes=lambda line: describe_changes(line, LABELS.get, format_field),
    shows=lambda _batch: {"changes"},
    invert=_invert,
    undo_fact=lambda n: ngettext(
        "Previous purge setting restored for %(n)s user",
        "Previous purge settings restored for %(n)s users",
        n,
    ),
)
