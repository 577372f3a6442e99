"""Repairs of large plans, which a worker does."""

from functools import partial

import pytest
from django.db import OperationalError, transaction
from django.urls import reverse

from audit.models import Event
from batches.errors import NotPlanned
from batches.models import Batch, Job, Line
from batches.operations.wake import sweep
from imports.check.repair import How
from imports.operations import recheck, repair
from imports.operations.check import check_again
from imports.operations.repair import BeingRepaired, repair_line, skip_lines, stop_repair
from partners.access import Refused
from tests import PATIENCE
from tests.imports.test_import import plan, show, start
from tests.imports.test_import_once import at_once
from tests.imports.test_repair import HEADER, codes, mend, person, states
from tests.users.test_no_deadlocks import as_another
from tests.workers import check_upload

commits = pytest.mark.django_db(transaction=True)

MIXED = ("amy@contoso.exmaple,Amy,,,,", "bob@contoso.exmaple,Bob,E3,US,,", "cy,Cy,,,,")


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch):
    """A plan of three lines is large."""
    monkeypatch.setattr(repair, "MAX_LINES_AT_ONCE", 2)


@pytest.fixture
def planned(as_alice, contoso, office):
    """Plan the import of these rows, as alice."""

    def make(*rows, **fields):
        return plan(as_alice, (HEADER + "".join(f"{row}\r\n" for row in rows)).encode(), **fields)

    return make


def order(batch, by, value="contoso.example", how=How.SET):
    """Order the repair of the domain that is misspelled."""
    done = mend(batch, by, "domain_unknown", "user_name", "contoso.exmaple", how, value)
    batch.refresh_from_db()
    return done


def work(batch):
    check_upload(batch_id=batch.pk)
    batch.refresh_from_db()


def test_repair_of_many_rows_runs_in_worker(planned, alice):
    batch = planned(*MIXED)

    done = order(batch, alice)

    assert (done.changed, done.is_in_worker) == (2, True)
    assert batch.state == "checking"
    assert states(batch) == {1: "invalid", 2: "invalid", 3: "planned"}
    assert list(Job.objects.values_list("kind", "state")) == [("repair", "pending")]

    work(batch)

    assert batch.state == "planned"
    assert batch.plan["repaired"] == {"changed": 2, "bad": 1, "leaving": 0}
    assert "repair" not in batch.plan
    assert states(batch) == {1: "planned", 2: "invalid", 3: "planned"}
    assert person(batch, 1)["user_name"] == "amy@contoso.example"
    assert codes(batch, 2) == ["product_unknown"]
    assert batch.plan["counts"] == {"ready": 2, "warned": 0, "failed": 1, "skipped": 0}
    event = Event.objects.get(action="import.repaired")
    assert (event.by_id, event.batch_id) == (alice.pk, batch.pk)
    assert event.after == {"code": "domain_unknown", "how": "set", "count": 2}


def test_repair_of_small_plan_runs_in_request(planned, alice):
    batch = planned("amy@contoso.exmaple,Amy,,,,", "cy,Cy,,,,")

    assert not order(batch, alice).is_in_worker

    assert (batch.state, states(batch)) == ("planned", {1: "planned", 2: "planned"})


def test_repair_of_large_plan_runs_in_worker(planned, alice):
    batch = planned("amy@contoso.exmaple,Amy,,,,", "cy,Cy,,,,", "di,Di,,,,")
    assert order(batch, alice).is_in_worker

    work(batch)
    assert states(batch) == {1: "planned", 2: "planned", 3: "planned"}


def test_single_edits_of_large_plan_run_in_request(planned, alice):
    batch = planned(*MIXED)

    changes = {"user_name": "amy@contoso.example"}
    assert repair_line(batch=batch, number=1, changes=changes, by=alice) == []
    skip_lines(batch=batch, numbers=[2], by=alice)

    assert states(batch) == {1: "planned", 2: "left_out", 3: "planned"}


def test_running_repair_blocks_other_changes_of_plan(as_alice, planned, alice):
    batch = planned(*MIXED)
    order(batch, alice)

    start(as_alice, batch)
    with pytest.raises(NotPlanned):
        order(batch, alice)
    with pytest.raises(NotPlanned):
        skip_lines(batch=batch, numbers=[3], by=alice)
    with pytest.raises(NotPlanned):
        check_again(batch=batch, options=batch.options, by=alice)

    batch.refresh_from_db()
    assert (batch.state, batch.plan["repair"]["rows"]) == ("checking", 2)


def test_a_second_worker_repairs_nothing_again(planned, alice):
    batch = planned(*MIXED)
    order(batch, alice)
    work(batch)

    work(batch)

    assert Event.objects.filter(action="import.repaired").count() == 1


def test_killed_worker_leaves_plan_unchanged(planned, alice, monkeypatch):
    batch = planned(*MIXED)
    order(batch, alice)
    with monkeypatch.context() as killed:
        killed.setattr(repair, "_record", kill)
        with pytest.raises(KeyboardInterrupt):
            check_upload(batch_id=batch.pk)

    batch.refresh_from_db()
    assert (batch.state, Job.objects.get().attempts) == ("checking", 1)
    assert states(batch) == {1: "invalid", 2: "invalid", 3: "planned"}
    assert not Event.objects.filter(action="import.repaired").exists()

    Job.objects.update(enqueued_at=None)
    assert sweep() == 1
    work(batch)
    assert (batch.state, batch.plan["repaired"]["changed"]) == ("planned", 2)


def kill(*_arguments):
    raise KeyboardInterrupt


def test_repair_that_kills_workers_is_given_up(as_alice, planned, alice):
    batch = planned(*MIXED)
    order(batch, alice)
    Job.objects.update(attempts=3)

    work(batch)

    assert (batch.state, states(batch)[1]) == ("planned", "invalid")
    assert "no rows were changed" in show(as_alice, batch)
    assert Job.objects.get().state == "done"


def test_failing_repair_is_given_up(planned, alice, monkeypatch):
    batch = planned(*MIXED)
    order(batch, alice)
    monkeypatch.setattr(repair, "recheck", None)

    work(batch)

    assert (batch.state, batch.plan["repaired"]) == ("planned", {"failed": True})
    assert states(batch)[1] == "invalid"


def test_a_repair_waits_for_the_database(planned, alice, monkeypatch):
    batch = planned(*MIXED)
    order(batch, alice)

    def stop(*_arguments):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as away:
        away.setattr(repair, "save", stop)
        with pytest.raises(OperationalError):
            check_upload(batch_id=batch.pk)

    batch.refresh_from_db()
    assert (batch.state, "repaired" in batch.plan) == ("checking", False)
    work(batch)
    assert batch.plan["repaired"] == {"changed": 2, "bad": 1, "leaving": 0}


@commits
def test_ten_workers_at_once_repair_the_rows_once(planned, alice):
    with transaction.atomic():
        batch = planned(*MIXED)
    with transaction.atomic():
        order(batch, alice)

    at_once([partial(check_upload, batch_id=batch.pk)] * 10)

    with transaction.atomic():
        batch.refresh_from_db()
        assert (batch.state, batch.plan["repaired"]["changed"]) == ("planned", 2)
        assert Event.objects.filter(action="import.repaired").count() == 1


def test_canceled_plan_is_not_repaired(planned, alice, monkeypatch):
    batch = planned(*MIXED)
    order(batch, alice)
    original = recheck.recheck

    def dropped_meanwhile(*arguments):
        Batch.objects.filter(pk=batch.pk).update(state="canceled")
        return original(*arguments)

    monkeypatch.setattr(repair, "recheck", dropped_meanwhile)
    work(batch)

    assert (batch.state, states(batch)[1]) == ("canceled", "invalid")
    assert not Event.objects.filter(action="import.repaired").exists()


def test_purge_during_repair_leaves_no_personal_data(planned, alice, monkeypatch):
    batch = planned(*MIXED)
    order(batch, alice)
    original = recheck.recheck

    def purged_meanwhile(*arguments):
        done = original(*arguments)
        Line.objects.filter(batch=batch, number=1).update(
            input={"user_name": "", "display_name": ""}, problems=[]
        )
        return done

    monkeypatch.setattr(repair, "recheck", purged_meanwhile)
    work(batch)

    assert person(batch, 1) == {"user_name": "", "display_name": ""}
    assert person(batch, 2)["user_name"] == "bob@contoso.example"


def test_repair_before_its_begin_can_be_stopped(as_alice, planned, alice):
    batch = planned(*MIXED)
    order(batch, alice)

    answer = as_alice.post(reverse("imports:stop_repair", args=["contoso", batch.pk]), follow=True)

    assert "The repair was stopped. No row was changed." in answer.content.decode()
    batch.refresh_from_db()
    assert (batch.state, states(batch)[1]) == ("planned", "invalid")
    assert not Job.objects.filter(state="pending").exists()
    order(batch, alice)
    work(batch)
    assert states(batch)[1] == "planned"


@commits
def test_repair_in_progress_cannot_be_stopped(planned, alice):
    with transaction.atomic():
        batch = planned(*MIXED)
    with transaction.atomic():
        order(batch, alice)
    refused = []

    def stop():
        try:
            stop_repair(batch=batch, by=alice)
        except BeingRepaired as error:
            refused.append(error)

    with transaction.atomic():
        Job.objects.select_for_update().get()
        thread, raised = as_another(stop)
        thread.join(PATIENCE)

    assert (raised, len(refused)) == ([], 1)
    with transaction.atomic():
        assert Batch.objects.get().plan["repair"]["rows"] == 2


def test_stopping_repair_needs_permission_to_start(planned, alice, helen):
    batch = planned(*MIXED)
    with pytest.raises(NotPlanned):
        stop_repair(batch=batch, by=alice)
    order(batch, alice)

    with pytest.raises(Refused):
        stop_repair(batch=batch, by=helen)


def test_page_shows_progress_and_result_of_repair(as_alice, planned, alice):
    batch = planned(*MIXED)
    answer = as_alice.post(
        reverse("imports:repair_all", args=["contoso", batch.pk]),
        {
            "code": "domain_unknown",
            "column": "user_name",
            "key": "contoso.exmaple",
            "choice": "set:contoso.example",
        },
        follow=True,
    )

    page = answer.content.decode()
    assert "2 rows are being repaired" in page
    assert 'hx-trigger="every 2s"' in page
    assert "Stop the repair" in page
    assert 'form="start"' not in page

    work(batch)
    assert "2 rows changed; 1 of them still have an error." in " ".join(
        show(as_alice, batch).split()
    )


def test_result_of_repair_is_not_shown_for_next(as_alice, planned, alice):
    batch = planned(*MIXED)
    order(batch, alice)
    work(batch)
    skip_lines(batch=batch, numbers=[2], by=alice)

    assert "rows changed" not in show(as_alice, batch)


def test_rows_repaired_meanwhile_are_not_counted(as_alice, planned, alice):
    batch = planned(*MIXED)
    order(batch, alice)
    Line.objects.filter(batch=batch, number__lt=3).update(problems=[])

    work(batch)

    assert "No rows have this problem now." in show(as_alice, batch)
