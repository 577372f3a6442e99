"""What has happened at the demo's customers: batches of every state, and the record of them."""

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import connection, connections, transaction
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import cancel_batch, start_batch
from batches.operations.plan import PlannedLine, create_batch, save_lines
from customers.models import Customer
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import uuid7
from users.acts.add import add_user
from users.acts.reset import plan_resets
from users.models import CustomerUser

WINDOW = timedelta(days=30)
REASONS = ("Left the company", "", "Contract ended", "Account was added twice")


def write(customer: Customer, members: Sequence[Member], *, chance: random.Random) -> None:
    """Write the batches of the last 30 days that added and deleted the users there are."""
    actors = [member for member in members if member.may(Permission.DELETE_USERS)]
    since = timezone.now() - WINDOW
    people = customer.users.only("pk", "user_name", "display_name", "added_at", "deleted_at")
    for at, added in _by_day(people.filter(added_at__gte=since, deleted_at=None), "added_at"):
        kind = Batch.Kind.IMPORT if len(added) > 12 else Batch.Kind.ADD
        write_batch(customer, kind, at, added, by=chance.choice(actors))
    for at, deleted in _by_day(people.filter(deleted_at__gte=since), "deleted_at"):
        by = chance.choice(actors)
        bought = customer.subscriptions.filter(state="active").first()
        held = {"held": [{"subscription": str(bought.pk), "plans_off": []}]} if bought else {}
        batch = write_batch(customer, Batch.Kind.DELETE, at, deleted, by=by, result=held)
        batch.reason = REASONS[at.day % len(REASONS)]
        batch.save(update_fields=["reason"])
        CustomerUser.objects.filter(pk__in=[user.pk for user in deleted]).update(deletion=batch.pk)


def _by_day(people, column: str):
    """The users of each day, with the moment of the first."""
    days: dict[object, list[CustomerUser]] = {}
    for user in people.order_by(column):
        days.setdefault(getattr(user, column).date(), []).append(user)
    return [(getattr(chosen[0], column), chosen) for chosen in days.values()]


ACTIONS = {
    Batch.Kind.ADD: "user.added",
    Batch.Kind.IMPORT: "user.added",
    Batch.Kind.DELETE: "user.deleted",
}


def write_batch(
    customer: Customer,
    kind: str,
    at: datetime,
    people: Sequence[CustomerUser],
    *,
    by: Member,
    result: dict | None = None,
) -> Batch:
    """Write a batch that was done at a moment of the past, with lines and events."""
    batch = Batch.objects.create(
        id=_id_at(at),
        customer=customer,
        kind=kind,
        state=Batch.State.DONE,
        by=by,
        by_name=by.name,
        source_name="people.csv" if kind == Batch.Kind.IMPORT else "",
        total=len(people),
        created_at=at,
        started_at=at,
        finished_at=at + timedelta(seconds=2 + len(people) // 50),
        handed_over_at=at + timedelta(minutes=9),
        handed_over_by=by.name,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Line._meta.db_table} (partner_id, batch_id, number, state, user_id,
                input, problems, result)
            SELECT %s, %s, l.number, 'done', l.id,
                jsonb_build_object('user_name', l.user_name, 'display_name', l.display_name),
                '[]', %s::jsonb
            FROM unnest(%s::uuid[], %s::text[], %s::text[])
                WITH ORDINALITY AS l(id, user_name, display_name, number)
            """,
            [
                batch.partner_id,
                batch.pk,
                json.dumps(result or {}),
                [user.pk for user in people],
                [user.user_name for user in people],
                [user.display_name for user in people],
            ],
        )
    # With the right to date them back, which the app has not; the members have to be there by then.
    transaction.on_commit(partial(write_events, ACTIONS[kind], batch, at, people))
    return batch


def _id_at(moment: datetime) -> UUID:
    """A key as it would have been made then, because lists are in the order of keys."""
    random_bits = uuid7().int & ((1 << 80) - 1)
    return UUID(int=int(moment.timestamp() * 1000) << 80 | random_bits)


def write_events(action: str, batch: Batch, at: datetime, people: Sequence[CustomerUser]) -> None:
    """Record the batch and its users as of a moment of the past; ids stay in the order of time."""
    subjects = [(batch.pk, str(batch.kind), "batch.started")]
    subjects += [(user.pk, user.user_name, action) for user in people]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Event._meta.db_table} (id, partner_id, at, by_id, by_name, by_email, action,
                customer_id, batch_id, subject_id, subject_name)
            SELECT uuidv7(%s - now()), %s, %s, %s, %s, %s, s.action, %s, %s, s.id, s.name
            FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS s(id, name, action)
            """,
            [
                at,
                batch.partner_id,
                at,
                batch.by_id,
                batch.by_name,
                batch.by.email,
                batch.customer_id,
                batch.pk,
            ]
            + [list(column) for column in zip(*subjects, strict=True)],
        )


def live(members: Sequence[Member]) -> None:
    """Do things today, as members do them: batches that are done, waiting, open, and canceled."""
    mira, jonas, tao = members[:3]
    customers = {customer.slug: customer for customer in Customer.objects.all()}
    _import_with_failures(customers["jiangnan-design"], by=tao)
    _leave_open_set(customers["orchard-foods"], by=mira)
    _plan_import(customers["brightwater-schools"], by=mira)
    _reset(customers["kestrel-logistics"], 12, by=jonas)
    _refuse(customers["vidya-institute"], by=jonas)
    canceled = _plan_reset(customers["sunrise-clinics"], 3, by=jonas)
    cancel_batch(batch=canceled, by=jonas)
    _plan_reset(customers["severny-mayak"], 5, by=mira)


def _products(customer: Customer, number: int) -> list[dict]:
    bought = customer.subscriptions.order_by("pk")[:number]
    return [{"subscription": str(one.pk), "plans_off": []} for one in bought]


def _person(customer: Customer, local: str, first: str, last: str, display: str = "") -> dict:
    domain = customer.domains.get(is_default=True).name
    return {
        "user_name": f"{local}@{domain}",
        "display_name": display or f"{first} {last}",
        "first_name": first,
        "last_name": last,
        "location": customer.location,
        "language": customer.language,
        "contact_email": f"{local}@home.example",
        "products": [],
    }


def _import_with_failures(customer: Customer, *, by: Member) -> None:
    """An import that is done: some lack a seat, two names were taken, one line could not run."""
    batch = create_batch(customer=customer, kind=Batch.Kind.IMPORT, source_name="新员工.csv", by=by)
    products = _products(customer, 2)
    people = [
        _person(customer, f"xin{number}", given, "新", f"新{given}") | {"products": products}
        for number, given in enumerate("一二三四五六七八九十", 1)
    ]
    taken = customer.users.filter(deleted_at=None).order_by("sort_key").values("user_name")[:2]
    for person, other in zip(people[3:5], taken, strict=False):
        person["user_name"] = other["user_name"]
    lines = [PlannedLine(uuid7(), person) for person in people]
    lines.append(
        PlannedLine(
            uuid7(),
            _person(customer, "no-one", "", "", "无名") | {"user_name": "no.one@elsewhere.example"},
            problems=[
                {
                    "code": "domain_unknown",
                    "column": "user_name",
                    "value": "no.one@elsewhere.example",
                    "severity": "error",
                }
            ],
            is_valid=False,
        )
    )
    save_lines(batch=batch, lines=lines)
    start_batch(batch=batch, by=by)


def _leave_open_set(customer: Customer, *, by: Member) -> None:
    """A set of users that is still being added; its sheet is open."""
    people = (("amara.okafor", "Amara", "Okafor"), ("jonas.haddad", "Jonas", "Haddad"))
    for local, first, last in people:
        person = _person(customer, local, first, last) | {"products": _products(customer, 1)}
        add_user(customer=customer, person=person, by=by)


def _plan_import(customer: Customer, *, by: Member) -> None:
    """An import that was checked and waits for somebody to start it."""
    batch = create_batch(
        customer=customer, kind=Batch.Kind.IMPORT, source_name="september-intake.csv", by=by
    )
    products = _products(customer, 1)
    lines = [
        PlannedLine(
            uuid7(),
            _person(customer, f"intake.pupil{number}", "Pupil", f"{number:03}")
            | {"products": products},
        )
        for number in range(1, 121)
    ]
    save_lines(batch=batch, lines=lines)


def _plan_reset(customer: Customer, number: int, *, by: Member) -> Batch:
    chosen = customer.users.filter(deleted_at=None, is_administrator=False).order_by("sort_key")
    people = chosen.values_list("pk", flat=True)[:number]
    return plan_resets(customer=customer, users=list(people), by=by)


def _reset(customer: Customer, number: int, *, by: Member) -> None:
    start_batch(batch=_plan_reset(customer, number, by=by), by=by)


def _refuse(customer: Customer, *, by: Member) -> None:
    """A file that could not be read."""
    create_batch(
        customer=customer,
        kind=Batch.Kind.IMPORT,
        state=Batch.State.REFUSED,
        source_name="staff-photo.csv",
        plan={"refused": {"code": "not_a_table", "params": {"kind": "JPEG"}}},
        finished_at=timezone.now(),
        by=by,
    )
