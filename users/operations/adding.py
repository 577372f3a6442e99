"""Adding users: one by one into a set, or the lines of an import; one code path."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from customers.models import Customer
from licensing import operations as licensing
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import uuid7
from users import names
from users.models import Batch, CustomerUser, Line

from .batches import (
    Outcome,
    PlannedLine,
    UsersError,
    applies,
    create_batch,
    lock_customer,
    save_lines,
    save_outcomes,
)
from .secrets import issue_passwords


class NameTaken(UsersError):
    """Another active user has got this user name meanwhile."""

    message = _("This user name has just been taken. Choose another one.")


@dataclass(frozen=True)
class Added:
    """The user that was added and the line of the set that says so."""

    batch: Batch
    line: Line

    @property
    def is_short(self) -> bool:
        """Whether a license could not be given."""
        return self.line.state == Line.State.PARTLY


@transaction.atomic
def add_user(*, customer: Customer, person: dict, by: Member) -> Added:
    """
    Add the person at once, as the next line of the set that the member has open here.

    `person` has the keys of a line's input. The set is opened by its first user and stays open,
    also when the member leaves, until `finish_set`.

    :raises NameTaken: and adds nobody, where the user name is in use.
    :raises Refused: where the person is to be an administrator and the member may not grant that.
    """
    if person.get("permissions"):
        require(by, Permission.ACT_ON_ADMINISTRATORS)
    lock_customer(customer)
    batch = customer.batches.filter(state=Batch.State.OPEN, by=by).first() or create_batch(
        customer=customer,
        kind=Batch.Kind.ADD,
        state=Batch.State.OPEN,
        started_at=timezone.now(),
        by=by,
    )
    batch.customer = customer
    number = batch.total + 1
    save_lines(batch=batch, lines=[PlannedLine(uuid7(), person)], first=number)
    line = Line.objects.get(batch=batch, number=number)
    (outcome,) = apply_additions(batch=batch, lines=[line], by=by)
    if outcome.state == Line.State.FAILED:
        raise NameTaken
    save_outcomes(batch, [outcome])
    line.refresh_from_db()
    return Added(batch=batch, line=line)


@transaction.atomic
def finish_set(*, batch: Batch, by: Member) -> None:
    """Close the set: the next user that is added begins a new one."""
    Batch.objects.filter(pk=batch.pk, state=Batch.State.OPEN).update(
        state=Batch.State.DONE, finished_at=timezone.now()
    )
    batch.refresh_from_db()


# The columns of a new user that come from the line's input as they are.
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


@applies(Batch.Kind.ADD, Batch.Kind.IMPORT)
def apply_additions(*, batch: Batch, lines: Sequence[Line], by: Member) -> list[Outcome]:
    """
    Create the users of the lines, with passwords and, as far as seats are free, licenses.

    A line whose user name was taken meanwhile fails; one that lacks a seat is done in part. The
    user's id stands on the line, so a repeat changes nothing.
    """
    issued = issue_passwords(batch=batch, lines=lines)
    created = _insert_users(batch, lines, issued)
    added = [line for line in lines if line.user_id in created]
    wanted = [
        licensing.Wanted.from_json(line.user_id, product)
        for line in added
        for product in line.input.get("products", ())
    ]
    assigned = licensing.assign(customer=batch.customer, wanted=wanted, cause=batch.pk)
    audit.record_many(
        "user.added",
        subjects=[
            audit.Subject(
                line.user_id,
                line.input["user_name"],
                after={
                    "display_name": line.input["display_name"],
                    "permissions": line.input.get("permissions", []),
                    "subscriptions": assigned.of(line.user_id),
                },
            )
            for line in added
        ],
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    missing = assigned.missing()
    return [
        _outcome(line, sealed, line.user_id in created, assigned, missing)
        for line, sealed in zip(lines, issued.sealed, strict=True)
    ]


def _outcome(line, sealed, is_created, assigned, missing) -> Outcome:
    if not is_created:
        return Outcome(line.number, Line.State.FAILED, {"code": "name_taken"})
    lacks = missing.get(line.user_id, {})
    return Outcome(
        line.number,
        Line.State.PARTLY if lacks else Line.State.DONE,
        {"assigned": assigned.of(line.user_id), **lacks},
        sealed,
    )


def _insert_users(batch: Batch, lines: Sequence[Line], issued) -> set:
    inputs = [line.input for line in lines]
    texts = {column: [str(one.get(column) or "") for one in inputs] for column in TEXTS}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {CustomerUser._meta.db_table} (id, partner_id, customer_id,
                {", ".join(TEXTS)}, permissions, is_blocked, sort_key, search, password,
                password_state, password_expires_at, password_batch, tries, version)
            SELECT u.id, %s, %s, {", ".join(f"u.{column}" for column in TEXTS)},
                COALESCE(string_to_array(NULLIF(u.permissions, ''), ','), '{{}}'), false,
                u.sort_key, u.search, u.password, 'temporary', %s, %s, 0, 1
            FROM unnest(%s::uuid[], {", ".join("%s::text[]" for _column in TEXTS)}, %s::text[],
                %s::text[], %s::text[], %s::text[])
                AS u(id, {", ".join(TEXTS)}, permissions, sort_key, search, password)
            ON CONFLICT DO NOTHING
            RETURNING id
            """,
            [
                batch.partner_id,
                batch.customer_id,
                issued.expires_at,
                batch.pk,
                [line.user_id for line in lines],
                *texts.values(),
                [",".join(one.get("permissions") or ()) for one in inputs],
                [sort_key_of(one) for one in inputs],
                [search_of(one) for one in inputs],
                issued.hashes,
            ],
        )
        return {row[0] for row in cursor.fetchall()}


def sort_key_of(person: dict) -> str:
    """What a person is sorted by in lists."""
    return names.sort_key(
        person["display_name"], person.get("last_name", ""), person.get("first_name", "")
    )


def search_of(person: dict) -> str:
    """What a person is found by."""
    return names.search_text(
        person["display_name"],
        person.get("first_name", ""),
        person.get("last_name", ""),
        person["user_name"],
    )
