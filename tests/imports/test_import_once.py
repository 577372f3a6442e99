"""An import adds each user once, also when it is started several times at once."""

from functools import partial
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from audit.models import Event
from batches.models import Batch, Job, Line
from imports.operations.check import check_again
from partners import tenancy
from tests import PATIENCE
from tests.imports import test_import
from tests.imports.test_import import rows, start
from tests.workers import check_upload, run_chunk
from users.models import CustomerUser

AT_ONCE = 10

pytestmark = pytest.mark.django_db(transaction=True)


# Without a transaction there is no tenant.
plan = transaction.atomic(test_import.plan)


def at_once(acts):
    """Do all of it at the same moment, each in a thread of its own; what each returned."""
    gate, done, raised = Barrier(len(acts)), [], []
    partner_id = tenancy.require_current()

    def run(act):
        try:
            with tenancy.tenant(partner_id):
                gate.wait(PATIENCE)
                done.append(act())
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
    return done


def browsers(member):
    """As many windows of the same member."""
    opened = [Client() for _number in range(AT_ONCE)]
    for browser in opened:
        browser.force_login(member)
    return opened


@transaction.atomic
def find_chunks():
    """What is left to do."""
    chunks = Job.objects.filter(state="pending").order_by("batch_id", "number")
    return list(chunks.values_list("batch_id", "number"))


def work_off():
    """Do what the workers would do."""
    for batch_id, number in find_chunks():
        run_chunk(batch_id=batch_id, number=number)


def people(number):
    return rows(*(f"u{n},U,{n}," for n in range(number)))


@transaction.atomic
def everybody_is_there_once(number):
    names = list(CustomerUser.objects.values_list("user_name", flat=True))
    assert sorted(names) == sorted(f"u{n}@contoso.example" for n in range(number))
    added = Event.objects.filter(action="user.added").values_list("subject_id", flat=True)
    assert sorted(added) == sorted(CustomerUser.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("number", [20, 120])
def test_ten_clicks_at_once_start_an_import_once(as_alice, alice, contoso, office, number):
    batch = plan(as_alice, people(number), products=[str(office.pk)])
    windows = browsers(alice)

    answers = at_once([partial(start, window, batch) for window in windows])

    assert {answer.status_code for answer in answers} == {200}
    work_off()
    everybody_is_there_once(number)
    with transaction.atomic():
        assert Event.objects.filter(action="batch.started").count() == 1
        office.refresh_from_db()
        assert (office.assigned, office.assignments.count()) == (5, 5)
        batch.refresh_from_db()
        assert batch.state == "done"
        assert Line.objects.exclude(state__in=["done", "partly"]).count() == 0


def test_ten_workers_at_once_do_a_chunk_once(as_alice, contoso, office):
    batch = plan(as_alice, people(120), products=[str(office.pk)])
    start(as_alice, batch)
    chunks = find_chunks()
    assert chunks

    for batch_id, number in chunks:
        at_once([partial(run_chunk, batch_id=batch_id, number=number)] * AT_ONCE)

    everybody_is_there_once(120)
    with transaction.atomic():
        assert office.assignments.count() == 5


def test_ten_workers_at_once_check_a_file_once(as_alice, alice, contoso):
    batch = plan(as_alice, people(30))
    with transaction.atomic():
        check_again(batch=batch, options=batch.options, by=alice)

    at_once([partial(check_upload, batch_id=batch.pk)] * AT_ONCE)

    with transaction.atomic():
        batch.refresh_from_db()
        assert (batch.state, batch.total, Line.objects.count()) == ("planned", 30, 30)


def test_ten_concurrent_uploads_add_users_once(as_alice, alice, contoso, office):
    batches = [plan(as_alice, people(20), products=[str(office.pk)]) for _ in range(AT_ONCE)]
    assert {batch.state for batch in batches} == {"planned"}
    windows = zip(browsers(alice), batches, strict=True)

    answers = at_once([partial(start, window, batch) for window, batch in windows])

    assert {answer.status_code for answer in answers} == {200}
    work_off()
    everybody_is_there_once(20)
    with transaction.atomic():
        assert set(Batch.objects.values_list("state", flat=True)) == {"done"}
        added = Line.objects.filter(state__in=["done", "partly"])
        assert sorted(added.values_list("user_id", flat=True)) == sorted(
            CustomerUser.objects.values_list("pk", flat=True)
        )
        others = Line.objects.exclude(state__in=["done", "partly"])
        assert set(others.values_list("state", "result__code")) == {("failed", "name_taken")}
        assert office.assignments.count() == 5


def test_failed_rows_imported_twice_add_users_once(as_alice, contoso):
    batch = plan(as_alice, rows("u0,U,0,", "u 1,U,1,"))
    start(as_alice, batch)
    answer = as_alice.post(reverse("imports:failed_rows", args=["contoso", batch.pk, "csv"]))
    with transaction.atomic():
        mended = b"".join(answer.streaming_content).replace(b"u 1", b"u1")

    first, second = plan(as_alice, mended), plan(as_alice, mended)
    start(as_alice, first)
    start(as_alice, second)
    third = plan(as_alice, mended)

    everybody_is_there_once(2)
    with transaction.atomic():
        states = list(Line.objects.filter(batch=third).values_list("state", flat=True))
    assert states == ["invalid"]
