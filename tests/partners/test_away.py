"""What breaks unnoticed: the server's end of a connection."""

import pytest
from django.db import DatabaseError, OperationalError, connection, connections, transaction

from customers.models import Customer
from partners.backend.away import is_away
from tests import factories

commits = pytest.mark.django_db(transaction=True)


def break_connection():
    """End this process's session from outside, as a server that restarts does."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (number,) = cursor.fetchone()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [number])


@commits
def test_broken_connection_is_recognized(inside):
    break_connection()

    with pytest.raises(OperationalError) as error, transaction.atomic():
        Customer.objects.count()

    assert is_away(error.value)


@commits
def test_transaction_after_broken_connection_commits(inside):
    break_connection()
    with pytest.raises(OperationalError), transaction.atomic():
        Customer.objects.count()

    factories.customer("contoso", "Contoso")
    connection.close()

    with transaction.atomic():
        assert Customer.objects.get().slug == "contoso"


@commits
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("53100", True),
        ("53300", True),
        ("57P01", True),
        ("08006", True),
        ("57014", False),
        ("40P01", False),
        ("23505", False),
        ("55P03", False),
    ],
)
def test_error_code_decides_whether_database_is_away(inside, code, expected):
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"

    with (
        pytest.raises(DatabaseError) as error,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(raising)

    assert is_away(error.value) == expected
