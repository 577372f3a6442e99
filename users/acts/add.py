"""Adding users, one by one to a set or as lines of an import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

import audit.operations as audit
from batches.acts import Act, LineInput, LineResult, Outcome, Texts
from batches.errors import UsersError
from batches.models import Batch, Line
from batches.operations.plan import PlannedLine, create_batch, save_lines
from batches.operations.run import save_outcomes
from customers.counts import lock_customer
from customers.models import Customer
from customers.names import sort_key
from licensing.operations.seats import Wanted, assign
from licensing.rules import Seat
from partners.access import require
from partners.models import Member
from partners.postgres import execute
from partners.roles import Permission
from partners.tenancy import uuid7
from users.acts.inverse import invert_added
from users.acts.issue import NONE_ISSUED, issue_passwords
from users.acts.lines import MESSAGES, record
from users.acts.wait import wait_for_missing
from users.models import CustomerUser
from users.rules import names


class NameTaken(UsersError):
    """Another active user has this user name."""

    message = _("This user name was just taken. Choose another one.")


@dataclass(frozen=True)
class Added:
    """A set, and the line of the user that was added to it."""

    batch: Batch
    line: LineInput

    @property
    def is_short(self) -> bool:
        """Whether a license could not be assigned."""
        return self.line.state == Line.State.PARTLY


@transaction.atomic
def add_user(
    *,
    customer: Customer,
    person: dict,
    user_id: UUID | None = None,
    is_last: bool = False,
    by: Member,
) -> Added:
    """
    Add a user at once, as the next line of the member's open set at this customer.

    `person` has the keys of a line's input. The first user opens the set, and it stays open until
    `finish_set` or a user with `is_last`. A second call with the same `user_id`, as by a double
    click, adds no user and returns the line of the first.

    :raises NameTaken: where the user name is in use.
    :raises Refused: where the person is to be an administrator and the member may not grant that.
    """
    if person.get("permissions"):
        require(by, Permission.ACT_ON_ADMINISTRATORS)
    lock_customer(customer)
    added = _find_added(customer, user_id, by) or _add_to_set(
        customer, person, user_id or uuid7(), by
    )
    if is_last:
        finish_set(batch=added.batch, by=by)
    return added


def _find_added(customer: Customer, user_id: UUID | None, by: Member) -> Added | None:
    if user_id is None:
        return None
    lines = Line.objects.filter(
        partner_id=customer.partner_id,
        user_id=user_id,
        batch__customer=customer,
        batch__kind=ADD.kind,
        # A member cannot continue or finish the set of another.
        batch__by=by,
    )
    line = lines.select_related("batch").first()
    return Added(batch=line.batch, line=line) if line else None


def _add_to_set(customer: Customer, person: dict, user_id: UUID, by: Member) -> Added:
    batch = _get_open_set(customer, by)
    number = batch.total + 1
    save_lines(batch=batch, lines=[PlannedLine(user_id, person)], first=number)
    (outcome,) = apply_additions(batch=batch, lines=[LineInput(number, user_id, person)], by=by)
    if outcome.state == Line.State.FAILED:
        raise NameTaken
    save_outcomes(batch, [outcome])
    return Added(batch=batch, line=Line.objects.get(batch=batch, number=number))


def _get_open_set(customer: Customer, by: Member) -> Batch:
    now = timezone.now()
    batch = customer.batches.filter(state=Batch.State.OPEN, by=by).first()
    is_over = batch and batch.sheet_expires_at and batch.sheet_expires_at <= now
    if batch and (is_over or batch.handed_over_at):
        # The sheet is closed, so a password added to it could not be read.
        finish_set(batch=batch, by=by)
        batch = None
    batch = batch or create_batch(
        customer=customer, kind=ADD.kind, state=Batch.State.OPEN, started_at=now, by=by
    )
    batch.customer = customer
    return batch


@transaction.atomic
def finish_set(*, batch: Batch, by: Member) -> None:
    """Close a set, so that the next added user opens a new one; a closed set stays closed."""
    lock_customer(batch.customer)
    closed = Batch.objects.filter(pk=batch.pk, state=Batch.State.OPEN).update(
        state=Batch.State.DONE, finished_at=timezone.now()
    )
    batch.refresh_from_db(fields=["state", "finished_at"])
    if closed:
        audit.record(
            "batch.finished",
            subject=audit.Subject(batch.pk, str(batch.kind), after={"lines": batch.total}),
            customer_id=batch.customer_id,
            batch_id=batch.pk,
            by=by,
        )


# The columns of a new user that are copied from the line's input.
TEXTS = (
    "user_name",
    "first_name",
    "last_name",
    "display_name",
    "job_title",
    "department",
    "phone",
    "contact_email",
    "location",
    "language",
)


def apply_additions(*, batch: Batch, lines: Sequence[LineInput], by: Member) -> list[Outcome]:
    """
    Create the users of the lines, with passwords and, while seats are free, licenses.

    A user with blocked sign-in gets no password. A line fails where its user name was taken meanwhile, or where its user is an administrator and
    the member has lost the permission to add them. A line without a seat is partly done. The id of
    the user is on the line, so a repeat changes nothing.
    """
    protected = []
    if not by.may(Permission.ACT_ON_ADMINISTRATORS):
        protected = [line for line in lines if line.input.get("permissions")]
        lines = [line for line in lines if not line.input.get("permissions")]
    able = [line for line in lines if not line.input.get("is_blocked")]
    issued = issue_passwords(batch=batch, lines=able) if able else NONE_ISSUED
    created = _insert_users(batch, lines, _by_user(able, issued.hashes), issued.expires_at)
    added = [line for line in lines if line.user_id in created]
    wanted = [
        Wanted.of(line.user_id, Seat.from_json(product))
        for line in added
        for product in line.input.get("products", ())
    ]
    assigned = assign(customer=batch.customer, wanted=wanted, cause=batch.pk)
    record(
        "user.added",
        batch,
        added,
        after=lambda line: (
            {
                "display_name": line.input["display_name"],
                "permissions": line.input.get("permissions", []),
                "subscriptions": assigned.of(line.user_id),
            }
            | ({"is_blocked": True} if line.input.get("is_blocked") else {})
        ),
        by=by,
    )
    missing = wait_for_missing(batch=batch, lines=added, assigned=assigned)
    outcomes = [Outcome.failed(line, "administrator") for line in protected]
    sealed = _by_user(able, issued.sealed)
    for line in lines:
        if line.user_id not in created:
            outcomes.append(Outcome.failed(line, "name_taken"))
            continue
        lacks = missing.get(line.user_id, {})
        state = Line.State.PARTLY if lacks else Line.State.DONE
        result = LineResult(assigned=assigned.of(line.user_id), **lacks)
        outcomes.append(Outcome(line.number, state, result.to_json(), sealed.get(line.user_id)))
    return outcomes


def _by_user(lines: Sequence[LineInput], values: Sequence) -> dict[UUID, Any]:
    return dict(zip((line.user_id for line in lines), values, strict=True))


def _insert_users(
    batch: Batch,
    lines: Sequence[LineInput],
    hashes: Mapping[UUID, str],
    expires_at: datetime | None,
) -> set:
    inputs = [line.input for line in lines]
    texts = {column: [str(person.get(column) or "") for person in inputs] for column in TEXTS}
    created = execute(
        f"""
        INSERT INTO {CustomerUser._meta.db_table} (id, partner_id, customer_id,
            {", ".join(TEXTS)}, permissions, is_blocked, sort_key, search, password,
            password_state, password_expires_at, password_batch, version)
        SELECT r.id, %(partner)s, %(customer)s, {", ".join(f"r.{column}" for column in TEXTS)},
            COALESCE(string_to_array(NULLIF(r.permissions, ''), ','), '{{}}'), r.is_blocked,
            r.sort_key, r.search, r.password, CASE WHEN r.is_blocked THEN 'none' ELSE 'temporary' END,
            CASE WHEN NOT r.is_blocked THEN %(expires_at)s::timestamptz END,
            CASE WHEN NOT r.is_blocked THEN %(batch)s::uuid END, 1
        FROM ROWS
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        {
            "id uuid": [line.user_id for line in lines],
            **{f"{column} text": values for column, values in texts.items()},
            "permissions text": [",".join(person.get("permissions") or ()) for person in inputs],
            "sort_key text": [sort_key_of(person) for person in inputs],
            "search text": [search_of(person) for person in inputs],
            "is_blocked boolean": [bool(person.get("is_blocked")) for person in inputs],
            "password text": [hashes.get(line.user_id, "") for line in lines],
        },
        partner=batch.partner_id,
        customer=batch.customer_id,
        expires_at=expires_at,
        batch=batch.pk,
    )
    return {row[0] for row in created}


def sort_key_of(person: dict) -> str:
    """The key that sorts a person in lists."""
    return sort_key(
        person["display_name"], person.get("last_name", ""), person.get("first_name", "")
    )


def search_of(person: dict) -> str:
    """The text that a search looks in."""
    return names.search_text(
        person["display_name"],
        person.get("first_name", ""),
        person.get("last_name", ""),
        person["user_name"],
    )


ADD = Act(
    kind="add",
    permission=Permission.MANAGE_USERS,
    icon="user-plus",
    texts=Texts(
        label=_("Add users"),
        button=lambda n: ngettext("Add %(n)s user", "Add %(n)s users", n),
        done=lambda n: ngettext("%(n)s user added", "%(n)s users added", n),
    ),
    word=_("New"),
    apply=apply_additions,
    messages=MESSAGES,
    failures={
        "name_taken": _(
            "This user name was taken after the check. The user wasn’t added. Choose another name."
        )
    },
    shows=lambda _batch: {"licenses"},
    is_retryable=False,
    invert=invert_added,
)
