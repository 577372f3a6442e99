"""The sheet of a batch: opened, marked as handed over, deleted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from batches.errors import UsersError
from batches.models import Batch, Line
from customers.counts import lock_customer, lock_customers
from handover.models import Handover, Withheld
from handover.queries import OPENED, Row, count_passwords, find_rows, find_seals, get_state
from partners import tenancy
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users import passwords

# Passwords that are in clear at the same time while a sheet is sent.
OPEN_BATCH_SIZE = 100
# Sheets deleted in one transaction; beat comes back each minute.
WIPE_BATCH_SIZE = 500


class NoSheet(UsersError):
    message = _("This job has no passwords to hand over.")


class StillRunning(NoSheet):
    message = _("The job is still running. You can hand over its passwords when it’s done.")


class HandedOver(NoSheet):
    message = _(
        "These passwords were marked as handed over, so this copy has been deleted. Reset the"
        " password of a user who has lost it."
    )


class SheetExpired(NoSheet):
    message = _(
        "The time to hand over these passwords has ended. Reset the password of a user who hasn’t"
        " received it."
    )


class SheetDamaged(NoSheet):
    """The key that sealed the passwords is gone, or what was sealed has been changed."""

    message = _(
        "These passwords can’t be opened: the key is missing, or they were changed. Contact your"
        " administrator, and reset the passwords."
    )


class NothingLeft(NoSheet):
    message = _(
        "No passwords left to hand over: users can no longer sign in with them. See the page of the"
        " job for the reasons."
    )


class NeverOpened(UsersError):
    """More passwords were never opened than the member confirmed."""

    message = _(
        "Nothing was deleted: some of these passwords were never shown, printed or sent. Check how"
        " many there are, and confirm that you want to delete them."
    )


class NotYours(UsersError):
    """The sheet holds passwords that this member may not see, and so may not delete or send."""

    message = _(
        "This sheet includes passwords of administrators, which your role can’t see. Ask an owner"
        " or an admin agent of your team to hand it over."
    )


REFUSALS = {"running": StillRunning, "handed_over": HandedOver, "expired": SheetExpired}


@dataclass(frozen=True)
class Sheet:
    """
    An opened sheet, or a page of it: its seals were tried, and the opening is on record.

    It holds no password in clear and no names: its rows are read when they are sent.
    """

    batch: Batch
    # By the number of the line: the passwords to hand over, and why others are not, as values of
    # Withheld. No object a line, for ten thousand of them keep Python's collector busy.
    sealed: dict[int, bytes]
    withheld: dict[int, str]
    # The number of the line after which the next page begins; None at the end.
    next: int | None = None


@transaction.atomic
def open_sheet(
    *, batch: Batch, way: str, after: int = 0, limit: int | None = None, by: Member
) -> Sheet:
    """
    Open the passwords of a batch and record it; without the record there is no answer.

    A password is in it only while its user can sign in with it, and one of an administrator only
    for members with the right to act on administrators. `read_rows` reads the rows afterwards.

    :param way: shown, printed or downloaded.
    :raises NoSheet: where there is nothing to open.
    :raises NotYours: where this member may see none of the passwords that are left.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    may_all = by.may(Permission.ACT_ON_ADMINISTRATORS)
    sheet = unseal(lock_sheet(batch), may_all=may_all, after=after, limit=limit)
    if after == 0 and sheet.next is None:
        require_some(sheet)
    record_opening(sheet, after={"way": way}, by=by)
    return sheet


def lock_sheet(batch: Batch) -> Batch:
    """
    Lock a batch with a sheet that can be opened, until the transaction ends.

    :raises NoSheet: where there is nothing to open.
    """
    batch = (
        Batch.objects.select_for_update(of=("self",), no_key=True)
        .select_related("customer", "partner", "by")
        .get(pk=batch.pk)
    )
    if batch.sheet_expires_at is None:
        raise NoSheet
    if refusal := REFUSALS.get(get_state(batch)):
        raise refusal
    return batch


def unseal(
    batch: Batch,
    *,
    may_all: bool,
    after: int = 0,
    limit: int | None = None,
    number: int | None = None,
) -> Sheet:
    """
    Open a sheet, a page of it, or one line, and try every seal that may be shown.

    :raises SheetDamaged: where one of them does not open in its place; nothing is opened then.
    """
    sealed, users, withheld, last = {}, {}, {}, after
    one_more = limit + 1 if limit else None
    lines = find_seals(batch, may_all=may_all, after=after, limit=one_more, number=number)
    for last, user, data, reason in islice(lines, limit):
        if reason:
            withheld[last] = reason
        else:
            sealed[last], users[last] = data, user
    places = passwords.contexts(batch, users.items())
    try:
        passwords.check_sealed(batch.sheet_key, sealed.values(), places)
    except passwords.CannotOpen as error:
        raise SheetDamaged from error
    return Sheet(batch, sealed, withheld, next=last if next(lines, None) else None)


def require_some(sheet: Sheet) -> None:
    """
    Require that a sheet has anything to hand over.

    :raises NothingLeft: where no password of it is valid.
    :raises NotYours: where the member may see none of those that are.
    """
    if not sheet.sealed:
        raise NotYours if Withheld.ADMINISTRATOR in sheet.withheld.values() else NothingLeft


def read_rows(
    sheet: Sheet, numbers: Iterable[int] | None = None, *, by_department: bool = False
) -> Iterator[Row]:
    """
    Yield the rows of an opened sheet, or those of the lines of these numbers, in their order.

    `by_department` puts users of one department together; those without one are the last.

    What can block or fail comes first, in a transaction of its own that ends before the first row:
    a slow client holds nothing. From then on passwords are opened that were tried already, a few
    at a time.

    What was tried can be sent, also where the sheet is handed over meanwhile: the opening was on
    record before. A password that its user has used or lost meanwhile is withheld all the same.
    """
    batch = sheet.batch
    numbers = sorted([*sheet.sealed, *sheet.withheld]) if numbers is None else list(numbers)
    with tenancy.tenant(batch.partner_id), transaction.atomic(savepoint=False):
        rows = find_rows(batch, may_all=True, numbers=numbers)
    if by_department:
        rows.sort(key=lambda row: (not row.department, row.department_key))
    rows = iter(rows)
    while some := list(islice(rows, OPEN_BATCH_SIZE)):
        # Deleted since the opening ("gone") is no reason: it was there when it was tried.
        good = {
            row.number: row.user_id
            for row in some
            if row.number in sheet.sealed and row.withheld in ("", Withheld.GONE)
        }
        sealed = [sheet.sealed[number] for number in good]
        places = passwords.contexts(batch, good.items())
        opened = passwords.open_sealed(batch.sheet_key, sealed, places)
        secrets = dict(zip(good, opened, strict=True))
        for row in some:
            secret = secrets.get(row.number)
            withheld = "" if secret else sheet.withheld.get(row.number) or row.withheld
            yield row._replace(password=secret, withheld=withheld)


def record_opening(sheet: Sheet, *, after: dict, by, user: tuple[UUID, str] | None = None) -> None:
    """
    Record an opening of the sheet, or of the password of one user, with its lines.

    These are ranges of numbers, for example "1-8,10-10".
    """
    batch, ranges = sheet.batch, []
    for number in sheet.sealed:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    lines = ",".join(f"{first}-{last}" for first, last in ranges)
    after |= {"passwords": len(sheet.sealed), "lines": lines}
    record(OPENED, batch, after=after, user=user, by=by)


def record(
    action: str,
    batch: Batch,
    *,
    after: dict | None = None,
    user: tuple[UUID, str] | None = None,
    by: audit.Actor,
) -> None:
    """Record an action on the sheet of a batch, or on the password of one user of it."""
    audit.record(
        action,
        subject=audit.Subject(*(user or (batch.pk, str(batch.kind))), after=after or {}),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


@transaction.atomic
def hand_over(*, batch: Batch, unopened: int = 0, by: Member) -> None:
    """
    Delete the passwords of a batch that have been handed over; its links stop working.

    A set that is still open is finished by it.

    :param unopened: how many never opened passwords the member has confirmed to delete.
    :raises NeverOpened: where there are more of these.
    :raises NoSheet: where there is nothing to hand over.
    :raises NotYours: where this member may not see some of them.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    lock_customer(batch.customer)
    batch = lock_sheet(batch)
    counts = count_passwords(batch, may_all=True)
    if counts.administrators and not by.may(Permission.ACT_ON_ADMINISTRATORS):
        raise NotYours
    if counts.unopened > unopened:
        raise NeverOpened
    deleted = _delete_passwords([batch.pk])
    batch.handed_over_at, batch.handed_over_by = timezone.now(), by.name
    batch.save(update_fields=["handed_over_at", "handed_over_by"])
    record("sheet.handed_over", batch, after={"passwords": deleted}, by=by)


def _delete_passwords(batches: list) -> int:
    """Delete the sealed passwords, the keys and the links; the caller holds the customers."""
    now = timezone.now()
    deleted = Line.objects.filter(batch__in=batches, sealed__isnull=False).update(sealed=None)
    Batch.objects.filter(pk__in=batches).update(sheet_key="")
    Batch.objects.filter(pk__in=batches, state=Batch.State.OPEN).update(
        state=Batch.State.DONE, finished_at=now
    )
    Handover.objects.filter(batch__in=batches, state=Handover.State.QUEUED).delete()
    Handover.objects.filter(batch__in=batches, opened_at=None, expires_at__gt=now).update(
        expires_at=now
    )
    return deleted


@transaction.atomic
def wipe() -> int:
    """
    Delete this tenant's passwords after the time to hand them over.

    A set of added users that is still open is finished by it. Returns the number of sheets.
    """
    due = Q(sheet_expires_at__lte=timezone.now()) & ~Q(sheet_key="")
    batches = Batch.objects.filter(due).order_by("pk")[:WIPE_BATCH_SIZE]
    # The customers first, as in every operation, in the order of their ids.
    customers = {customer for _pk, customer in batches.values_list("pk", "customer_id")}
    lock_customers(customers)
    expired = list(
        Batch.objects.select_for_update(of=("self",), no_key=True)
        .filter(due, customer__in=customers)
        .order_by("pk")
    )
    _delete_passwords([batch.pk for batch in expired])
    for batch in expired:
        record("sheet.expired", batch, by=audit.System(batch.partner_id))
    return len(expired)
