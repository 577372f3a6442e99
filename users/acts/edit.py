"""Editing users: the same values for many."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from batches.acts import (
    Act,
    Case,
    Consequences,
    Inverse,
    LineInput,
    LineResult,
    Offer,
    Outcome,
    Payload,
    PlanFacts,
    Texts,
    problem,
)
from batches.models import Batch, Line
from batches.operations.plan import create_batch, save_lines
from customers import locations
from customers.models import Customer
from licensing import queries as licensing
from partners.access import require
from partners.models import Member
from partners.postgres import among, execute
from partners.roles import Permission
from users.acts.add import TEXTS, search_of, sort_key_of
from users.acts.inverse import as_warnings, invert_active
from users.acts.issue import end_temporary_passwords
from users.acts.lines import (
    MESSAGES,
    Present,
    apply_to_present,
    explain_cell,
    find_present,
    find_problems,
    find_protected,
    is_last_administrator,
    plan_line,
    record,
)
from users.acts.selection import NothingToChange, select_users
from users.models import CustomerUser, UserPermission, UserSession
from users.rules.fields import label_of

# The fields that many users can share; the others differ by person.
SHARED_FIELDS = ("job_title", "department", "location", "language")
GLOBAL_ADMINISTRATOR = UserPermission.GLOBAL_ADMINISTRATOR
AS_WANTED = gettext_lazy("Nothing to change. These values are already saved.")


@dataclass(slots=True)
class FieldChange(Payload):
    """New values of fields of a user, and the values at the time of the plan."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    was: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.changes)


@transaction.atomic
def plan_edits(
    *,
    customer: Customer,
    users: Iterable[UUID],
    changes: Mapping[str, str],
    reason: str = "",
    by: Member,
) -> Batch:
    """
    Plan to write the same values for these active users; nothing happens yet.

    `changes` has new values for some of SHARED_FIELDS; '' empties a field. The line of a user with
    a license that is not sold at the new location is invalid. Users with these values get no line;
    the plan has their number.

    :raises NoUsersSelected: where none of the ids is an active user of the customer.
    :raises NothingToChange: where no line is left.
    :raises Refused: where the member may not manage users.
    """
    require(by, Permission.MANAGE_USERS)
    changes = {name: changes[name] for name in SHARED_FIELDS if name in changes}
    chosen = select_users(customer, users, fields=SHARED_FIELDS)
    changing = [user for user in chosen if any(user[name] != changes[name] for name in changes)]
    if not changing:
        raise NothingToChange(AS_WANTED)
    unsold = {}
    if changes.get("location"):
        moves = dict.fromkeys((user["pk"] for user in changing), changes["location"])
        unsold = licensing.find_not_sold(customer=customer, locations=moves)
    lines = []
    for user in changing:
        differing = [name for name in changes if user[name] != changes[name]]
        problems = [
            *find_problems(user, by=by),
            *find_unsold_problems(unsold.get(user["pk"], ()), changes.get("location", "")),
        ]
        line = plan_line(
            user,
            problems,
            **FieldChange(
                {name: changes[name] for name in differing},
                {name: user[name] for name in differing},
            ).to_json(),
        )
        lines.append(line)
    batch = create_batch(
        customer=customer,
        kind=EDIT.kind,
        reason=reason,
        options={"changes": changes},
        plan=PlanFacts(unchanged=len(chosen) - len(changing)).to_json(),
        by=by,
    )
    save_lines(batch=batch, lines=lines)
    return batch


def find_unsold_problems(products: Iterable[str], location: str) -> list[dict]:
    """The problems of a user with these products that are not sold at the new location."""
    return [
        {
            "code": "product_not_sold",
            "column": "products",
            "value": product,
            "params": {"product": product, "location": location},
            "severity": "error",
        }
        for product in products
    ]


def apply_changes(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """
    Write the changes of each line to its user, and keep the values before on the line.

    Blocked users are signed out.

    A line fails where, since the plan, its user was deleted, became an administrator, got other
    values in the same fields, or got a license that is not sold at the new location. A user with
    the wanted values already is done.
    """
    present = find_present(batch.customer_id, lines, lock=True, fields=(*TEXTS, "is_blocked"))
    inputs = {line.user_id: FieldChange.from_json(line.input) for line in lines}
    refused = _find_refused(batch, inputs, present, by)

    def write(going: list[LineInput]) -> list[Outcome]:
        before = {
            line.user_id: {
                name: getattr(present[line.user_id], name)
                for name, value in inputs[line.user_id].changes.items()
                if getattr(present[line.user_id], name) != value
            }
            for line in going
        }
        changing = [line for line in going if before[line.user_id]]
        if changing:
            _write(
                batch, {line.user_id: inputs[line.user_id].changes for line in changing}, present
            )
        profiles = {
            pk: {name: value for name, value in values.items() if name != "is_blocked"}
            for pk, values in before.items()
        }
        record(
            "user.edited",
            batch,
            [line for line in changing if profiles[line.user_id]],
            before=lambda line: profiles[line.user_id],
            after=lambda line: {
                name: inputs[line.user_id].changes[name] for name in profiles[line.user_id]
            },
            by=by,
        )
        _block(batch, [line for line in changing if "is_blocked" in before[line.user_id]], by)
        end_temporary_passwords(
            customer_id=batch.customer_id,
            users={
                line.user_id: line.user_name
                for line in changing
                if inputs[line.user_id].changes.get("permissions")
                and not present[line.user_id].permissions
            },
            batch_id=batch.pk,
            by=by,
        )
        return [
            Outcome.done(line, before=before[line.user_id], unchanged=not before[line.user_id])
            for line in going
        ]

    return apply_to_present(lines, present, refused, write)


def _block(batch: Batch, lines: Sequence[LineInput], by: Member) -> None:
    """End the sessions of users whose lines have blocked them, and record who is blocked."""
    blocked = [line for line in lines if line.input["changes"]["is_blocked"]]
    if blocked:
        UserSession.objects.filter(user__in=among(line.user_id for line in blocked)).delete()
    record("user.blocked", batch, blocked, by=by)
    unblocked = [line for line in lines if not line.input["changes"]["is_blocked"]]
    record("user.unblocked", batch, unblocked, by=by)


def _find_refused(
    batch: Batch, inputs: Mapping[UUID, FieldChange], present: Mapping[UUID, Present], by: Member
) -> dict[UUID, str]:
    changed, moving, leaving = [], {}, []
    protected = find_protected(present, by=by)
    may_grant = by.may(Permission.ACT_ON_ADMINISTRATORS)
    for pk, user in present.items():
        changes, was = inputs[pk].changes, inputs[pk].was
        # A field has neither the value of the time of the plan nor the wanted one.
        if any(getattr(user, name) not in (value, changes[name]) for name, value in was.items()):
            changed.append(pk)
        if changes.get("location"):
            moving[pk] = changes["location"]
        if changes.get("permissions") and not may_grant:
            protected.add(pk)
        if (
            GLOBAL_ADMINISTRATOR
            in set(user.permissions) - set(changes.get("permissions", user.permissions))
            or GLOBAL_ADMINISTRATOR in user.permissions
            and changes.get("is_blocked")
        ):
            leaving.append(pk)
    is_confirmed = batch.options.get("may_take_last_administrator")
    if is_confirmed or not is_last_administrator(batch.customer_id, leaving):
        leaving = []
    unsold = licensing.find_not_sold(customer=batch.customer, locations=moving)
    return (
        dict.fromkeys(changed, "changed")
        | dict.fromkeys(unsold, "not_sold")
        | dict.fromkeys(leaving, "last_administrator")
        | dict.fromkeys(protected, "administrator")
    )


def _write(
    batch: Batch, changes: Mapping[UUID, Mapping[str, Any]], present: Mapping[UUID, Present]
) -> None:
    columns = [name for name in TEXTS if name != "user_name"]
    people = [
        {name: getattr(present[pk], name) for name in (*TEXTS, "permissions", "is_blocked")}
        | values
        for pk, values in changes.items()
    ]
    execute(
        f"""
        UPDATE {CustomerUser._meta.db_table} u SET
            {", ".join(f"{column} = r.{column}" for column in columns)},
            permissions = COALESCE(string_to_array(NULLIF(r.permissions, ''), ','), '{{}}'),
            is_blocked = r.is_blocked, sort_key = r.sort_key, search = r.search,
            version = u.version + 1
        FROM ROWS WHERE u.id = r.id AND u.customer_id = %(customer)s
        """,
        {
            "is_blocked boolean": [person["is_blocked"] for person in people],
            "id uuid": list(changes),
            **{f"{column} text": [person[column] for person in people] for column in columns},
            "permissions text": [",".join(person["permissions"]) for person in people],
            "sort_key text": [sort_key_of(person) for person in people],
            "search text": [search_of(person) for person in people],
        },
        customer=batch.customer_id,
    )


# The consequences of a new value, and of an empty one.
BECOMES = {
    "location": gettext_lazy("Usage location changes to %(value)s."),
    "language": gettext_lazy("Language changes to %(value)s."),
    "department": gettext_lazy("Department changes to “%(value)s”."),
    "job_title": gettext_lazy("Job title changes to “%(value)s”."),
}
EMPTIED = {
    "location": gettext_lazy("Usage location is cleared."),
    "language": gettext_lazy("Language changes to the customer’s language."),
    "department": gettext_lazy("Department is cleared."),
    "job_title": gettext_lazy("Job title is cleared."),
}
LANGUAGES = dict(settings.LANGUAGES)


def _describe(batch: Batch, products: Mapping[str, str]) -> Consequences:
    facts = []
    for name, value in batch.options.get("changes", {}).items():
        if not value:
            facts.append(EMPTIED[name])
        else:
            shown = locations.name_of(value) if name == "location" else value
            facts.append(BECOMES[name] % {"value": LANGUAGES.get(shown, shown)})
    return Consequences((*map(str, facts), _("Licenses stay the same.")))


def describe_changes(
    line: Line,
    label: Callable[[str], object] = label_of,
    format_field: Callable[[str, Any], str] | None = None,
) -> tuple[str, ...]:
    """The old and the new value of each field that the line changes, or has changed."""
    show = format_field or format_value
    planned = FieldChange.from_json(line.input)
    changes, before = planned.changes, planned.was
    if line.state in {Line.State.DONE, Line.State.PARTLY}:
        result = LineResult.from_json(line.result)
        # The day of a purge can differ from the planned one.
        changes, before = {**changes, **result.after}, result.before
    return tuple(
        _("%(field)s: %(was)s → %(becomes)s")
        % {"field": label(name), "was": show(name, before[name]), "becomes": show(name, value)}
        for name, value in changes.items()
        if name in before
    )


def format_value(field: str, value: Any) -> str:
    """The value of a field in words."""
    if field == "is_blocked":
        return _("Blocked") if value else _("Allowed")
    if not value:
        return _("User") if field == "permissions" else _("empty")
    if field == "permissions":
        return pgettext("between the parts of a list", ", ").join(
            str(UserPermission(permission).label) for permission in value
        )
    if field == "location":
        return str(locations.name_of(value))
    if field == "language":
        return str(LANGUAGES.get(value, value))
    return str(value)


def find_fields_back(case: Case) -> tuple[dict, list[dict]]:
    """The fields that can get their old values, and the problems of the others."""
    changes, problems = {}, []
    planned = FieldChange.from_json(case.input).changes
    for name, before in case.result.before.items():
        now = case.user[name]
        if now == before:
            problems.append(problem("field_back_already", field=name))
        elif now != planned[name]:
            problems.append(problem("field_changed_since", field=name))
        elif name == "permissions" and before and not case.may_grant:
            problems.append(problem("would_grant"))
        else:
            changes[name] = before
    return changes, problems


def input_of(case: Case, changes: Mapping[str, Any]) -> dict:
    """The input of a line that makes these changes to the user of the case."""
    return FieldChange(changes, {name: case.user[name] for name in changes}).to_json()


def _invert(case: Case) -> Inverse:
    changes, problems = find_fields_back(case)
    if not changes:
        return Inverse("edit", {}, tuple(problems) or (problem("nothing_done"),))
    return Inverse("edit", input_of(case, changes), as_warnings(problems))


def _unchanged(n: int) -> str:
    return ngettext(
        "%(n)s selected user already has these values and is skipped.",
        "%(n)s selected users already have these values and are skipped.",
        n,
    )


MOVE = Texts(
    label=gettext_lazy("Change location"),
    button=lambda n: ngettext("Change location of %(n)s user", "Change location of %(n)s users", n),
    done=lambda n: ngettext("Location of %(n)s user changed", "Location of %(n)s users changed", n),
    unchanged=_unchanged,
)
EDIT = Act(
    kind="edit",
    permission=Permission.MANAGE_USERS,
    icon="pencil",
    texts=Texts(
        label=gettext_lazy("Edit users"),
        button=lambda n: ngettext("Change %(n)s user", "Change %(n)s users", n),
        done=lambda n: ngettext("%(n)s user changed", "%(n)s users changed", n),
        unchanged=_unchanged,
    ),
    offer=Offer(
        path="edit",
        name="edit_many",
        plan=plan_edits,
        form="users.forms.edit.EditMany",
        template="users/edit_many.html",
        is_listed=False,
        # One user is edited with all fields, by users.views.edit.
        is_for_one=False,
    ),
    special_texts=lambda batch: (
        MOVE if list(batch.options.get("changes", ())) == ["location"] else None
    ),
    word=gettext_lazy("Change"),
    apply=apply_changes,
    describe=_describe,
    explain=explain_cell,
    messages=MESSAGES
    | {
        "not_sold": gettext_lazy(
            "This user has a license that isn’t available in that location. Remove the license"
            " first."
        )
    },
    changes=describe_changes,
    shows=lambda _batch: {"changes"},
    invert=invert_active(_invert, "edit"),
    undo_fact=lambda n: ngettext(
        "Previous profile restored for %(n)s user",
        "Previous profiles restored for %(n)s users",
        n,
    ),
)
