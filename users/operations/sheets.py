"""The sheet of a batch: opened, handed over, destroyed."""

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import audit.operations as audit
from partners.access import require
from partners.models import Member
from partners.roles import Permission
from partners.tenancy import require_current
from users import passwords
from users.models import Batch, CustomerUser, Handover, Line, Upload, UserCount
from users.queries import find_product_names
from users.queries.sheets import OPENED, SheetLine, find_sheet_lines
from users.sheets import Row, Sheet

from .batches import UsersError, lock_customer
from .secrets import context

UPLOADS_KEPT = timedelta(hours=24)
# Batches that one wipe takes; the next comes in a minute.
WIPED_AT_ONCE = 500


class NoSheet(UsersError):
    """The batch has no passwords to hand over."""

    message = _("This batch has no passwords to hand over.")


class StillRunning(NoSheet):
    """The batch is not done, so its sheet is not complete."""

    message = _("The batch is still running. Its passwords can be handed over when it is done.")


class HandedOver(NoSheet):
    """Somebody said that the passwords were handed over, and they were destroyed."""

    message = _(
        "These passwords were handed over and have been destroyed here. Reset the password of"
        " who has lost it."
    )


class SheetExpired(NoSheet):
    """The time to hand over has ended."""

    message = _(
        "The time to hand over these passwords has ended. Reset the password of who has not got it."
    )


class SheetDamaged(NoSheet):
    """The key that sealed the passwords is gone, or what was sealed has been changed."""

    message = _(
        "These passwords cannot be opened: the key is gone, or they were changed. Tell your"
        " administrator, and reset the passwords."
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

    `way` is shown, printed or downloaded. A password is in it only while it is its user's: one
    that was used, replaced or has expired is not, and an administrator's is only for those who
    may act on administrators.

    :raises NoSheet: where there is nothing to open any more.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    batch = lock_sheet(batch)
    lines = find_sheet_lines(batch, after=after, limit=limit + 1 if limit else None)
    has_more = limit is not None and len(lines) > limit
    lines = lines[:limit]
    sheet = Sheet(
        batch=batch,
        rows=open_lines(batch, lines, may_all=by.may(Permission.ACT_ON_ADMINISTRATORS)),
        opened_at=timezone.now(),
        next=lines[-1].number if has_more else None,
    )
    record_opening(batch, after={"way": way, "passwords": len(sheet.with_password)}, by=by)
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


def open_lines(batch: Batch, lines: list[SheetLine], *, may_all: bool) -> list[Row]:
    """
    Open the passwords of these lines, as far as they are anybody's to see.

    :raises SheetDamaged: and opens nothing, where one of them does not open in its place.
    """
    names = find_product_names(batch.customer)
    shown = [line for line in lines if not _withheld(line, may_all)]
    try:
        secrets = passwords.open_sealed(
            batch.sheet_key,
            [line.sealed for line in shown],
            [context(batch, line.number, line.user_id) for line in shown],
        )
    except passwords.CannotOpen as error:
        raise SheetDamaged from error
    opened = {line.number: secret for line, secret in zip(shown, secrets, strict=True)}
    return [
        Row(
            number=line.number,
            user_id=line.user_id,
            name=line.name,
            user_name=line.user_name,
            language=line.language,
            contact_email=line.contact_email,
            licenses=tuple(names[pk] for pk in line.assigned if pk in names),
            short=tuple(names[pk] for pk in line.short if pk in names),
            valid_until=line.valid_until,
            password=opened.get(line.number),
            withheld=_withheld(line, may_all),
        )
        for line in lines
    ]


def _withheld(line: SheetLine, may_all: bool) -> str:
    if line.outdated:
        return line.outdated
    return "administrator" if line.is_administrator and not may_all else ""


def record_opening(batch: Batch, *, after: dict, by, subject: audit.Subject | None = None) -> None:
    """Put an opening of the sheet, or of one password of it, on record."""
    audit.record(
        OPENED,
        subject=subject or audit.Subject(batch.pk, str(batch.kind), after=after),
        customer_id=batch.customer_id,
        batch_id=batch.pk,
        by=by,
    )


@transaction.atomic
def hand_over(*, batch: Batch, by: Member) -> Batch:
    """
    Destroy the passwords of a batch, because they have been handed over; its links die too.

    A set that is still open is finished by it.

    :raises NoSheet: where there is nothing to hand over any more.
    :raises NotYours: where some of it is not this member's to see.
    :raises Refused: where the member may not reset passwords.
    """
    require(by, Permission.RESET_PASSWORDS)
    lock_customer(batch.customer)
    batch = lock_sheet(batch)
    require_all_of(batch, by=by)
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
    Destroy this tenant's passwords whose time to be handed over has ended, and old uploads.

    A set of added users that is still open is finished by it. Returns how many sheets it were.
    """
    due = Q(sheet_expires_at__lte=timezone.now()) & ~Q(sheet_key="")
    batches = Batch.objects.filter(due).order_by("pk")[:WIPED_AT_ONCE]
    # The customers first, as in every operation, in the order of their ids.
    customers = {customer for _pk, customer in batches.values_list("pk", "customer_id")}
    list(
        UserCount.objects.select_for_update(of=("self",), no_key=True)
        .filter(customer__in=customers)
        .order_by("customer")
    )
    expired = list(
        Batch.objects.select_for_update(of=("self",), no_key=True)
        .filter(due, customer__in=customers)
        .order_by("pk")
    )
    _destroy([batch.pk for batch in expired])
    record = partial(audit.record, by=audit.System(require_current()))
    for batch in expired:
        record(
            "sheet.expired",
            subject=audit.Subject(batch.pk, str(batch.kind)),
            customer_id=batch.customer_id,
            batch_id=batch.pk,
        )
    _delete_uploads()
    return len(expired)


def _delete_uploads() -> None:
    over = Q(state__in=[Batch.State.DONE, Batch.State.CANCELED])
    old = Q(created_at__lt=timezone.now() - UPLOADS_KEPT)
    Upload.objects.filter(batch__in=Batch.objects.filter(over | old)).delete()
