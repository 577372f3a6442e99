"""What the tests of sheets, mails and resets have in common."""

from batches.models import Batch, Line
from handover.operations.sheet import open_sheet, read_rows
from handover.queries import Row
from users import passwords
from users.acts.add import add_user
from users.models import CustomerUser


def add(customer, by, *people, **more) -> Batch:
    """Add people named like this to the set that the member has open, and return the set."""
    for name in people:
        batch = add_user(
            customer=customer,
            person={
                "user_name": f"{name}@{customer.slug}.example",
                "display_name": name.title(),
                "contact_email": f"{name}@home.example",
            }
            | more,
            by=by,
        ).batch
    batch.refresh_from_db()
    return batch


def rows_of(batch: Batch, by) -> list[Row]:
    """The rows of the sheet, opened by this member."""
    return list(read_rows(open_sheet(batch=batch, way="shown", by=by)))


def secret_of(batch: Batch, number: int = 1) -> str:
    """The password that was sealed for this line."""
    batch.refresh_from_db()
    line = Line.objects.get(batch=batch, number=number)
    (secret,) = passwords.open_sealed(
        batch.sheet_key, [line.sealed], passwords.contexts(batch, [(number, line.user_id)])
    )
    return secret.reveal()


def user_of(batch: Batch, number: int = 1) -> CustomerUser:
    """The user of this line."""
    return CustomerUser.objects.get(pk=Line.objects.get(batch=batch, number=number).user_id)


def change(user: CustomerUser, **fields) -> None:
    """Write fields of a user past all operations."""
    CustomerUser.objects.filter(pk=user.pk).update(**fields)
