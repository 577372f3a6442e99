"""The sheet of a batch: opened, handed over, destroyed."""

import json
from collections.abc import Iterable, Iterator
from functools import cache, partial
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
from handover.models import Handover
from handover.queries.sheet import (
    OPENED,
    SheetLine,
    count_unopened,
    find_seals,
    find_sheet_lines,
    find_withheld,
)
from handover.sheet import Row, Sheet
from imports.operations.upload import WIPED_AT_ONCE
from licensing.queries import find_product_names
from partners import tenancy
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from users import passwords
from users.acts.issue import contexts
from users.models import CustomerUser

# Passwords that are in clear at the same time while a sheet is sent.
OPENED_AT_ONCE = 100


class NoSheet(UsersError):
    """The batch has no passwords to hand over."""

    message = _("This batch has no passwords to hand over.")


class StillRunning(NoSheet):
    """The batch is not done, so its sheet is not complete."""

    message = _("The batch is still running. Its passwords can be handed over when it is done.")


class HandedOver(NoSheet):
    """Somebody said that the passwords were handed over, and they were destroyed."""

    message = _(
        "These passwords were marked as handed over, so this copy has been deleted. Reset the"
        " password of a user who has lost it."
    )


class SheetExpired(NoSheet):
    """The time to hand over has ended."""

    message = _(
        "The time to hand over these passwords has ended. Reset the password of a user who hasn’t"
        " received it."
    )


class SheetDamaged(NoSheet):
    """The key that sealed the passwords is gone, or what was sealed has been changed."""

    message = _(
        "These passwords cannot be opened: the key is gone, or they were changed. Tell your"
        " administrator, and reset the passwords."
    )


class NothingLeft(NoSheet):
    """No password of the batch is its user's any more."""

    message = _(
        "Nothing is left to hand over: nobody can sign in with these passwords any more. The page"
        " of the batch says why."
    )


class NeverOpened(UsersError):
    """More passwords were never opened than the member said, so they would be lost unnoticed."""

    message = _(
        "Nothing was deleted: some of these passwords were never shown, printed or sent. Check how"
        " many there are, and confirm that you want to delete them."
    )


class NotYours(UsersError):
    """The sheet holds passwords that this member may not see, so may not destroy or mail."""

    message = _(
        "This sheet holds passwords of administrators, which your role may not see. Ask an owner"
        " or an admin agent of your own team to hand it over."
    )


@transaction.atomic
def open_sheet(
    *, batch: Batch, way: str, after: int = 0, limit: int | None = None, by: Member
) -> Sheet:
    """
    Open the passwords of a batch and record it; without the record there is no answer.

    Its rows are read afterwards, by `read_rows`.

    `way` is shown, printed or downloaded. A password is in it only while it is its user's: one
    that was used, replaced or has expired is not, and an administrator's is only for those who
    may act on administrators.

    :raises NoSheet: where there is nothing to open any more.
    :raises NotYours: where all that is left are passwords that this member may not see.
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
    Lock a batch whose sheet can be opened, until the transaction ends.

    :raises NoSheet: where there is nothing to open any more.
    """
    batch = (
        Batch.objects.select_for_update(of=("self",), no_key=True)
        .select_related("customer", "partner", "by")
        .get(pk=batch.pk)
    )
    if batch.sheet_expires_at is None:
        raise NoSheet
    if batch.state not in (Batch.State.OPEN, Batch.State.DONE):
        raise StillRunning
    if batch.handed_over_at:
        raise HandedOver
    if not batch.has_secrets or batch.sheet_expires_at <= timezone.now():
        raise SheetExpired
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
    Open a sheet, a page of it, or one line: try every seal that is anybody's to see.

    :raises SheetDamaged: and opens nothing, where one of them does not open in its place.
    """
    sealed, users, last = {}, {}, after
    seals = find_seals(batch, after=after, limit=limit + 1 if limit else None, number=number)
    for last, user, data in islice(seals, limit):
        sealed[last], users[last] = data, user
    # Asked for last: nothing is tried and shown that has just become somebody else's.
    withheld = find_withheld(batch, may_all=may_all, first=min(sealed, default=0), last=last)
    for line in sealed.keys() & withheld.keys():
        del sealed[line], users[line]
    try:
        places = contexts(batch, users.items())
        passwords.check_sealed(batch.sheet_key, sealed.values(), places)
    except passwords.CannotOpen as error:
        raise SheetDamaged from error
    return Sheet(
        batch=batch,
        sealed=sealed,
        withheld=withheld,
        opened_at=timezone.now(),
        next=last if next(seals, None) else None,
    )


def read_rows(sheet: Sheet, numbers: Iterable[int] | None = None) -> Iterator[Row]:
    """
    Yield the rows of an opened sheet, or those of the lines of these numbers, in their order.

    What can be waited for and what can fail comes first, in a transaction of its own that ends
    before the first row: whoever reads slowly holds nothing. From then on passwords are opened
    that were tried already, a few at a time.

    Whatever was tried can be sent, also where the sheet is handed over meanwhile: the opening was
    on record before. A password that its user has used or lost meanwhile is withheld all the same.
    """
    batch = sheet.batch
    numbers = sorted([*sheet.sealed, *sheet.withheld]) if numbers is None else list(numbers)
    with tenancy.tenant(batch.partner_id), transaction.atomic(savepoint=False):
        lines = iter(find_sheet_lines(batch, may_all=True, numbers=numbers))
        products = find_product_names(batch.customer)
    name = cache(partial(_name_products, products))
    while some := list(islice(lines, OPENED_AT_ONCE)):
        secrets = _open_some(sheet, some)
        for line in some:
            secret = secrets.get(line.number)
            yield Row(
                number=line.number,
                user_id=line.user_id,
                name=line.name,
                user_name=line.user_name,
                language=line.language,
                contact_email=line.contact_email,
                licenses=name(line.assigned),
                short=name(line.short),
                valid_until=line.valid_until,
                password=secret,
                withheld="" if secret else sheet.withheld.get(line.number) or line.withheld,
            )


def _open_some(sheet: Sheet, lines: Iterable[SheetLine]) -> dict[int, passwords.Secret]:
    # Gone since the opening is no reason: it was there when it was tried.
    good = {
        line.number: line.user_id
        for line in lines
        if line.number in sheet.sealed and line.withheld in ("", "gone")
    }
    opened = passwords.open_sealed(
        sheet.batch.sheet_key,
        [sheet.sealed[number] for number in good],
        contexts(sheet.batch, good.items()),
    )
    return dict(zip(good, opened, strict=True))


def _name_products(names: dict[str, str], ids: str | None) -> tuple[str, ...]:
    return tuple(names[pk] for pk in json.loads(ids or "[]") if pk in names)


def record_opening(sheet: Sheet, *, after: dict, by, user: tuple[UUID, str] | None = None) -> None:
    """Put an opening of the sheet, or of the password of one user, on record with its lines."""
    batch = sheet.batch
    after |= {"passwords": len(sheet.sealed), "lines": _in_ranges(sheet.sealed)}
    audit.record(
        OPENED,
        subject=audit.Subject(*(user or (batch.pk, str(batch.kind))), after=after),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


def _in_ranges(numbers: Iterable[int]) -> str:
    """Write rising numbers as ranges, say "1-8,10-12"."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" for first, last in ranges)


@transaction.atomic
def hand_over(*, batch: Batch, unopened: int = 0, by: Member) -> Batch:
    """
    Destroy the passwords of a batch, because they have been handed over; its links die too.

    A set that is still open is finished by it.

    :param unopened: how many of them the member knows to have been opened by no member and no mail.
    :raises NeverOpened: where there are more of these.
    :raises NoSheet: where there is nothing to hand over any more.
    :raises NotYours: where some of it is not this member's to see.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    lock_customer(batch.customer)
    batch = lock_sheet(batch)
    require_all_of(batch, by=by)
    if count_unopened(batch) > unopened:
        raise NeverOpened
    destroyed = _destroy([batch.pk])
    batch.handed_over_at, batch.handed_over_by = timezone.now(), by.name
    batch.sheet_key = ""
    batch.save(update_fields=["handed_over_at", "handed_over_by", "sheet_key"])
    audit.record(
        "sheet.handed_over",
        subject=audit.Subject(batch.pk, str(batch.kind), after={"passwords": destroyed}),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )
    return batch


def require_some(sheet: Sheet) -> None:
    """
    Let a whole sheet pass that has anything to hand over.

    :raises NothingLeft: where no password of it is anybody's any more.
    :raises NotYours: where those that are, are not this member's to see.
    """
    if not sheet.sealed:
        raise NotYours if "administrator" in sheet.withheld.values() else NothingLeft


def require_all_of(batch: Batch, *, by: Member) -> None:
    """
    Let a member pass who may see every password of the sheet.

    :raises NotYours: where one is an administrator's and the role does not allow it.
    """
    if by.may(Permission.ACT_ON_ADMINISTRATORS):
        return
    sealed = Line.objects.filter(batch=batch, sealed__isnull=False).values("user_id")
    if CustomerUser.objects.filter(pk__in=sealed, is_administrator=True).exists():
        raise NotYours


def _destroy(batches: list) -> int:
    """Destroy the sealed passwords, the key and the links; the caller holds the customers."""
    now = timezone.now()
    destroyed = Line.objects.filter(batch__in=batches, sealed__isnull=False).update(sealed=None)
    Batch.objects.filter(pk__in=batches).update(sheet_key="")
    Batch.objects.filter(pk__in=batches, state=Batch.State.OPEN).update(
        state=Batch.State.DONE, finished_at=now
    )
    Handover.objects.filter(batch__in=batches, state=Handover.State.QUEUED).delete()
    Handover.objects.filter(batch__in=batches, opened_at=None, expires_at__gt=now).update(
        expires_at=now
    )
    return destroyed


@transaction.atomic
def wipe() -> int:
    """
    Destroy this tenant's passwords whose time to be handed over has ended.

    A set of added users that is still open is finished by it. Returns how many sheets it were.
    """
    due = Q(sheet_expires_at__lte=timezone.now()) & ~Q(sheet_key="")
    batches = Batch.objects.filter(due).order_by("pk")[:WIPED_AT_ONCE]
    # The customers first, as in every operation, in the order of their ids.
    customers = {customer for _pk, customer in batches.values_list("pk", "customer_id")}
    lock_customers(customers)
    expired = list(
        Batch.objects.select_for_update(of=("self",), no_key=True)
        .filter(due, customer__in=customers)
        .order_by("pk")
    )
    _destroy([batch.pk for batch in expired])
    record = partial(audit.record, by=audit.System(tenancy.require_current()))
    for batch in expired:
        record(
            "sheet.expired",
            subject=audit.Subject(batch.pk, str(batch.kind)),
            customer_id=batch.customer_id,
            batch_id=batch.pk,
        )
    return len(expired)
