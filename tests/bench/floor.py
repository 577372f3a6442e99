"""The floor: COPY and bare statements, as the owner of the tables, past row-level security."""

from uuid import UUID

from django.db import connections, transaction

from customers.models import Customer
from licensing.models import Assignment, Subscription
from users.models import CustomerUser

USERS = CustomerUser._meta.db_table
ASSIGNMENTS = Assignment._meta.db_table
# What Postgres computes by itself is not copied.
COLUMNS = {
    USERS: [f.column for f in CustomerUser._meta.concrete_fields if not f.generated],
    ASSIGNMENTS: [f.column for f in Assignment._meta.concrete_fields],
}
COPIES = {USERS: "floor_users", ASSIGNMENTS: "floor_assignments"}


def execute(statement: str, *parameters) -> int:
    """Run a statement in a transaction of its own; gives the number of its rows."""
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def make_copies() -> None:
    """Make empty copies of the tables, with all their indexes and checks, without triggers."""
    for table, copy in COPIES.items():
        execute(f"DROP TABLE IF EXISTS {copy}")
        execute(f"CREATE TABLE {copy} (LIKE {table} INCLUDING ALL)")


def read(table: str, customer: Customer) -> list[bytes]:
    """The customer's rows of a table as COPY writes them, ready to be copied back."""
    columns = ", ".join(COLUMNS[table])
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        rows = f"SELECT {columns} FROM {table} WHERE customer_id = '{customer.pk}'"
        with cursor.copy(f"COPY ({rows}) TO STDOUT") as copy:
            text = b"".join(map(bytes, copy))
    size = 256 * 1024
    return [text[start : start + size] for start in range(0, len(text), size)]


def copy_rows(table: str, parts: list[bytes]) -> None:
    """COPY ready-made rows into the copy of their table."""
    into = f"COPY {COPIES[table]} ({', '.join(COLUMNS[table])}) FROM STDIN"
    with (
        transaction.atomic("owner"),
        connections["owner"].cursor() as cursor,
        cursor.copy(into) as copy,
    ):
        for part in parts:
            copy.write(part)


# --- One statement for each act ----------------------------------------------------------------


def assign(customer: Customer, subscription: Subscription) -> int:
    """Give everybody of the customer a seat."""
    return execute(
        f"INSERT INTO {ASSIGNMENTS} (partner_id, customer_id, subscription_id, user_id, disabled_plans)"
        f" SELECT partner_id, customer_id, %s, id, '{{}}' FROM {USERS}"
        " WHERE customer_id = %s AND deleted_at IS NULL",
        subscription.pk,
        customer.pk,
    )


def reset(customer: Customer) -> int:
    """Give everybody of the customer another password, of the length of ours."""
    return execute(
        f"UPDATE {USERS} SET password = overlay(password placing md5(id::text) from 20),"
        " password_state = 'temporary', password_expires_at = now() + interval '7 days',"
        " password_batch = %s, version = version + 1"
        " WHERE customer_id = %s AND deleted_at IS NULL",
        UUID(int=1),
        customer.pk,
    )


def delete(customer: Customer) -> int:
    """Mark everybody of the customer as deleted; the seats they keep."""
    return execute(
        f"UPDATE {USERS} SET deleted_at = now(), purge_at = now() + interval '30 days',"
        " deletion = %s, version = version + 1 WHERE customer_id = %s AND deleted_at IS NULL",
        UUID(int=1),
        customer.pk,
    )


def restore(customer: Customer) -> int:
    """Mark nobody of the customer as deleted."""
    return execute(
        f"UPDATE {USERS} SET deleted_at = NULL, purge_at = NULL, deletion = NULL,"
        " version = version + 1 WHERE customer_id = %s AND deleted_at IS NOT NULL",
        customer.pk,
    )


def make_due(customer: Customer) -> int:
    """Let the day of everybody's purge have come."""
    return execute(
        f"UPDATE {USERS} SET purge_at = now() - interval '1 hour'"
        " WHERE customer_id = %s AND deleted_at IS NOT NULL",
        customer.pk,
    )


def purge(customer: Customer) -> int:
    """Remove who is deleted; what hangs on them goes by the keys of the database."""
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        # To take their names out of the record is ours besides.
        cursor.execute(f"ALTER TABLE {USERS} DISABLE TRIGGER forgotten")
        cursor.execute(
            f"DELETE FROM {USERS} WHERE customer_id = %s AND deleted_at IS NOT NULL", [customer.pk]
        )
        purged = cursor.rowcount
        cursor.execute(f"ALTER TABLE {USERS} ENABLE TRIGGER forgotten")
        return purged
