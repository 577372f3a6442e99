import contextlib
import os
import random
import subprocess
import sys
from threading import Thread

import pytest
from django.conf import settings
from django.db import (
    DataError,
    Error,
    IntegrityError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)

from batches.operations.lease import run_job
from customers.models import Customer, Domain
from partners import tenancy
from partners.tenancy import TenantTask
from portal.celery import app
from tests import PATIENCE, factories
from users.models import CustomerUser


@pytest.fixture
def both(northwind, rival):
    """A customer of each partner, committed."""
    made = []
    for partner in (northwind, rival):
        with tenancy.tenant(partner.pk):
            customer = factories.customer("contoso", partner.name, (f"{partner.slug}.example",))
            factories.user(customer, f"{partner.name} user")
        made.append(customer)
    return made


@pytest.mark.django_db(transaction=True)
def test_query_without_tenant_raises(both):
    for ask in (
        lambda: list(Customer.objects.all()),
        lambda: CustomerUser.objects.count(),
        lambda: Customer.objects.filter(pk=both[0].pk).update(name="x"),
        lambda: Domain.objects.all().delete(),
    ):
        with pytest.raises(ProgrammingError, match="no tenant context"):
            ask()


@pytest.mark.django_db(transaction=True)
def test_raw_sql_without_tenant_raises(both):
    with pytest.raises(ProgrammingError, match="no tenant context"), transaction.atomic():
        connection.cursor().execute("SELECT * FROM customers_customer")


@pytest.mark.django_db(transaction=True)
def test_a_task_without_a_tenant_fails(both):
    with pytest.raises(Error, match="no tenant context"):
        run_job(job_id=tenancy.uuid7())


@pytest.mark.django_db(transaction=True)
def test_a_tenant_task_runs_as_its_partner(both, northwind):
    @app.task(base=TenantTask)
    def names(*, partner_id):
        with transaction.atomic():
            return list(Customer.objects.values_list("name", flat=True))

    assert names(partner_id=str(northwind.pk)) == ["Northwind Cloud"]
    assert tenancy.current() is None


@pytest.mark.django_db(transaction=True)
def test_foreign_row_cannot_be_read_or_written(both, northwind, rival):
    theirs = both[1]
    with tenancy.tenant(northwind.pk), transaction.atomic():
        assert Customer.objects.filter(pk=theirs.pk).count() == 0
        assert Customer.objects.filter(pk=theirs.pk).update(name="x") == 0
        assert Customer.objects.filter(pk=theirs.pk).delete()[0] == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Customer.objects.create(
                partner=rival, slug="x", name="x", sort_key="x", location="US", language="en"
            )
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Customer.objects.filter(slug="contoso").update(partner=rival)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("alias", ["default", "owner"])
def test_no_role_can_reference_another_partner(both, northwind, alias):
    with (
        tenancy.tenant(northwind.pk),
        pytest.raises(IntegrityError, match="domain_customer_key"),
        transaction.atomic(using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO customers_domain (partner_id, customer_id, name, is_verified, is_default)"
            " VALUES (%s, %s, 'x.example', true, false)",
            [northwind.pk, both[1].pk],
        )


@pytest.mark.django_db(transaction=True)
def test_a_reused_connection_never_carries_a_tenant_over(both, northwind, rival):
    """Many transactions of several tenants, and of none, on one connection; some fail half way."""
    dice = random.Random(7)
    names = {northwind.pk: "Northwind Cloud", rival.pk: "CANARY Rival"}
    for _turn in range(1_000):
        partner_id = dice.choice([None, *names])
        with tenancy.tenant(partner_id), contextlib.suppress(DataError), transaction.atomic():
            if partner_id is None:
                with (
                    pytest.raises(ProgrammingError, match="no tenant context"),
                    transaction.atomic(),
                ):
                    Customer.objects.count()
            else:
                seen = list(Customer.objects.values_list("name", flat=True))
                assert seen == [names[partner_id]]
            if dice.random() < 0.3:
                connection.cursor().execute("SELECT 1/0")


@pytest.mark.django_db(transaction=True)
def test_threads_do_not_share_a_tenant(both, northwind, rival):
    wrong = []

    def look(partner):
        for _turn in range(100):
            with tenancy.tenant(partner.pk), transaction.atomic():
                if list(Customer.objects.values_list("name", flat=True)) != [partner.name]:
                    wrong.append(partner)
        connection.close()

    threads = [Thread(target=look, args=[partner]) for partner in (northwind, rival) * 4]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert wrong == []


@pytest.mark.django_db
def test_tenant_inside_transaction_ends_with_block(northwind):
    with tenancy.tenant(northwind.pk):
        factories.customer("contoso", "Contoso")
    with pytest.raises(ProgrammingError, match="no tenant context"), transaction.atomic():
        Customer.objects.count()


@pytest.mark.parametrize(
    "command", [["-c", "import portal.wsgi"], ["-m", "celery", "-A", "portal", "beat"]]
)
def test_process_refuses_role_without_row_security(command, tmp_path):
    url = os.environ["DATABASE_OWNER_URL"]
    environment = os.environ | {"DATABASE_URL": url, "BEAT_SCHEDULE": str(tmp_path / "beat")}

    ended = subprocess.run(
        [sys.executable, *command],
        cwd=settings.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert ended.returncode != 0
    assert "superuser, has BYPASSRLS or owns the tables" in ended.stdout + ended.stderr
