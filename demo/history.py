"""The demo's batches: those of the last 30 days, and today's in every state."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
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
    """Write the batches of the last 30 days that added and deleted the existing users."""
    actors = [member for member in members if member.may(Permission.DELETE_USERS)]
    since = timezone.now() - WINDOW
    people = customer.users.only("pk", "user_name", "display_name", "added_at", "deleted_at")
    for at, added in _by_day(people.filter(added_at__gte=since, deleted_at=None), "added_at"):
        kind = "import" if len(added) > 12 else "add"
        write_batch(customer, kind, at, added, by=chance.choice(actors))
    for at, deleted in _by_day(people.filter(deleted_at__gte=since), "deleted_at"):
        by = chance.choice(actors)
        bought = customer.subscriptions.filter(state="active").first()
        held = {"held": [{"subscription": str(bought.pk), "plans_off": []}]} if bought else {}
        reason = REASONS[at.day % len(REASONS)]
        batch = write_batch(customer, "delete", at, deleted, by=by, result=held, reason=reason)
        CustomerUser.objects.filter(pk__in=[user.pk for user in deleted]).update(deletion=batch.pk)


def _by_day(people, column: str):
    """The users of each day, with the moment of the first."""
    days: dict[object, list[CustomerUser]] = {}
    for user in people.order_by(column):
        days.setdefault(getattr(user, column).date(), []).append(user)
    return [(getattr(chosen[0], column), chosen) for chosen in days.values()]


def write_batch(
    customer: Customer,
    kind: str,
    at: datetime,
    people: Sequence[CustomerUser],
    *,
    by: Member,
    result: dict | None = None,
    reason: str = "",
) -> Batch:
    """Write a batch that was done at a moment of the past, with lines and events."""
    batch = create_batch(
        id=_id_at(at),
        customer=customer,
        kind=kind,
        state=Batch.State.DONE,
        source_name="people.csv" if kind == "import" else "",
        reason=reason,
        created_at=at,
        started_at=at,
        finished_at=at + timedelta(seconds=2 + len(people) // 50),
        handed_over_at=at + timedelta(minutes=9),
        handed_over_by=by.name,
        by=by,
    )
    lines = [
        PlannedLine(user.pk, {"user_name": user.user_name, "display_name": user.display_name})
        for user in people
    ]
    save_lines(batch=batch, lines=lines)
    batch.lines.update(state=Line.State.DONE, result=result or {})
    # After the commit, since the owner's connection has to see the members.
    transaction.on_commit(partial(_write_events, batch, at, people))
    return batch


def _id_at(moment: datetime) -> UUID:
    """A uuid7 of a moment of the past, because lists are in the order of ids."""
    random_bits = uuid7().int & ((1 << 80) - 1)
    return UUID(int=int(moment.timestamp() * 1000) << 80 | random_bits)


def _write_events(batch: Batch, at: datetime, people: Sequence[CustomerUser]) -> None:
    # As the owner of the tables: the portal itself cannot record the past.
    action = "user.deleted" if batch.kind == "delete" else "user.added"
    subjects = [(batch.pk, str(batch.kind), "batch.started")]
    subjects += [(user.pk, user.user_name, action) for user in people]
    Event.objects.using("owner").bulk_create(
        Event(
            id=_id_at(at),
            partner_id=batch.partner_id,
            at=at,
            by_id=batch.by_id,
            by_name=batch.by_name,
            by_email=batch.by.email,
            action=action,
            customer_id=batch.customer_id,
            batch_id=batch.pk,
            subject_id=subject_id,
            subject_name=name,
        )
        for subject_id, name, action in subjects
    )


def live(members: Sequence[Member]) -> None:
    """Make batches of today that are done, waiting, open, refused and canceled."""
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
    return [{"subscription": str(subscription.pk), "plans_off": []} for subscription in bought]


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
    """A finished import: some users lack a seat, two names were taken, one line was invalid."""
    batch = create_batch(customer=customer, kind="import", source_name="新员工.csv", by=by)
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
    """Users that are being added one by one; their sheet is open."""
    people = (("amara.okafor", "Amara", "Okafor"), ("jonas.haddad", "Jonas", "Haddad"))
    for local, first, last in people:
        person = _person(customer, local, first, last) | {"products": _products(customer, 1)}
        add_user(customer=customer, person=person, by=by)


def _plan_import(customer: Customer, *, by: Member) -> None:
    """An import that was checked and waits to be started."""
    batch = create_batch(
        customer=customer, kind="import", source_name="september-intake.csv", by=by
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
        kind="import",
        state=Batch.State.REFUSED,
        source_name="staff-photo.csv",
        plan={"refused": {"code": "not_a_table", "params": {"kind": "JPEG"}}},
        finished_at=timezone.now(),
        by=by,
    )
