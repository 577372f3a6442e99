"""A batch that has begun: paused, resumed, stopped, and tried again."""

import pytest
from django.urls import reverse

from audit.models import Event
from batches.models import Batch, Job, Line
from batches.operations.control import (
    NotRunning,
    pause_batch,
    resume_batch,
    start_batch,
    stop_batch,
)
from batches.operations.lease import run_job
from batches.operations.retry import NothingToRetry, plan_retry
from partners.access import Refused
from tests import factories
from tests.workers import run_chunk
from users.acts.block import plan_blocks
from users.acts.edit import plan_edits
from users.acts.reset import plan_resets
from users.models import CustomerUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(contoso, alice):
    """A blocking of 120 users that no worker has taken up yet."""
    users = [factories.user(contoso, f"User {number:03}").pk for number in range(120)]
    batch = plan_blocks(customer=contoso, users=users, block=True, by=alice)
    start_batch(batch=batch, by=alice)
    assert batch.state == "running"
    return batch


def work(batch):
    """Do what the workers would do."""
    for number in Job.objects.filter(batch=batch, state="pending").values_list("number", flat=True):
        run_chunk(batch_id=batch.pk, number=number)
    batch.refresh_from_db()


def count_blocked():
    return CustomerUser.objects.filter(is_blocked=True).count()


def test_paused_batch_waits_for_resume(running, alice):
    run_chunk(batch_id=running.pk, number=1)
    pause_batch(batch=running, by=alice)

    work(running)
    assert (running.state, count_blocked()) == ("paused", 50)

    resume_batch(batch=running, by=alice)
    work(running)
    assert (running.state, count_blocked()) == ("done", 120)
    actions = Event.objects.filter(action__startswith="batch.").order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "batch.started", "batch.paused", "batch.resumed",
    ]  # fmt: skip


def test_only_running_pauses_and_only_paused_resumes(running, alice):
    with pytest.raises(NotRunning):
        resume_batch(batch=running, by=alice)
    pause_batch(batch=running, by=alice)
    with pytest.raises(NotRunning):
        pause_batch(batch=running, by=alice)


@pytest.mark.parametrize("is_paused", [False, True])
def test_stopped_batch_keeps_done_lines(running, alice, is_paused):
    run_chunk(batch_id=running.pk, number=1)
    if is_paused:
        pause_batch(batch=running, by=alice)

    assert stop_batch(batch=running, by=alice) == 70

    work(running)
    assert (running.state, running.halted_by, count_blocked()) == ("done", "", 50)
    assert running.finished_at is not None
    assert running.plan["stopped"] == {"by": "Alice", "lines": 70}
    states = Line.objects.filter(batch=running).values_list("state", flat=True)
    assert sorted(set(states)) == ["done", "left_out"]


def test_a_batch_that_has_ended_is_not_stopped(running, alice):
    work(running)

    with pytest.raises(NotRunning):
        stop_batch(batch=running, by=alice)


def test_a_worker_that_comes_late_does_nothing(running, alice):
    job = running.jobs.get(number=2)
    stop_batch(batch=running, by=alice)

    run_job(job_id=job.pk)

    assert count_blocked() == 0


def test_stopped_lines_can_be_retried(running, alice):
    run_chunk(batch_id=running.pk, number=1)
    stop_batch(batch=running, by=alice)

    again = plan_retry(batch=Batch.objects.get(pk=running.pk), by=alice)

    assert (again.state, again.total, again.kind) == ("planned", 70, "block")
    start_batch(batch=again, by=alice)
    work(again)
    assert count_blocked() == 120


def test_retry_of_failed_lines_keeps_options(contoso, alice):
    ann = factories.user(contoso, "Ann", location="US")
    batch = plan_edits(customer=contoso, users=[ann.pk], changes={"location": "DE"}, by=alice)
    CustomerUser.objects.filter(pk=ann.pk).update(location="FR")
    start_batch(batch=batch, reason="They moved", ticket="T-1", by=alice)
    assert Line.objects.get(batch=batch).result == {"code": "changed"}
    CustomerUser.objects.filter(pk=ann.pk).update(location="US")

    again = plan_retry(batch=batch, by=alice)
    start_batch(batch=again, by=alice)

    assert CustomerUser.objects.get(pk=ann.pk).location == "DE"
    assert (again.reason, again.ticket) == ("They moved", "T-1")


def test_retry_without_failed_lines_is_refused(running, alice):
    work(running)

    with pytest.raises(NothingToRetry):
        plan_retry(batch=running, by=alice)


@pytest.mark.parametrize("act", [pause_batch, stop_batch, plan_retry])
def test_a_reader_changes_no_course(running, bob, act):
    with pytest.raises(Refused):
        act(batch=running, by=bob)


# Pages


def press(client, batch, name):
    url = reverse(f"batches:{name}", args=["contoso", batch.pk])
    return " ".join(client.post(url, follow=True).content.decode().split())


def test_the_page_pauses_resumes_and_stops(as_alice, running):
    page = press(as_alice, running, "pause")
    assert "Resume" in page
    assert "Paused" in page

    page = press(as_alice, running, "resume")
    assert "Pause" in page
    run_chunk(batch_id=running.pk, number=1)

    page = press(as_alice, running, "stop")
    assert "Alice stopped this job. 70 users were skipped. Finished changes stay." in page

    page = press(as_alice, running, "retry")
    assert "Block sign-in of 70 users?" in page


def test_a_second_press_is_answered_in_a_sentence(as_alice, running):
    press(as_alice, running, "stop")

    page = press(as_alice, running, "stop")

    assert "The state of this job has changed." in page


def test_member_without_permission_sees_no_buttons(client, alice, bob, running):
    url = reverse("batches:batch", args=["contoso", running.pk])
    buttons = [
        reverse(f"batches:{name}", args=["contoso", running.pk]) for name in ("pause", "stop")
    ]

    def seen_by(member):
        client.force_login(member)
        page = client.get(url).content.decode()
        assert "In progress" in page
        return [button for button in buttons if button in page]

    assert seen_by(alice) == buttons
    assert seen_by(bob) == []


def test_reason_and_ticket_are_asked_and_shown(as_alice, contoso, alice):
    ann = factories.user(contoso, "Ann")
    batch = plan_resets(customer=contoso, users=[ann.pk], by=alice)
    url = reverse("batches:start", args=["contoso", batch.pk])

    page = as_alice.post(url, {"reason": "Lost phone", "ticket": "INC-7"}, follow=True)

    text = " ".join(page.content.decode().split())
    assert "Lost phone" in text
    assert "INC-7" in text
    batch.refresh_from_db()
    assert (batch.reason, batch.ticket) == ("Lost phone", "INC-7")


def test_list_shows_progress(as_alice, running, alice):
    url = reverse("batches:of_customer", args=["contoso"])
    assert "Queued" in as_alice.get(url).content.decode()

    run_chunk(batch_id=running.pk, number=1)
    page = " ".join(as_alice.get(url).content.decode().split())
    assert "50 / 120" in page
    assert "users per second" in page
    assert 'hx-trigger="every 3s"' in page

    pause_batch(batch=running, by=alice)
    assert "50 / 120" in as_alice.get(url, {"show": "paused"}).content.decode()
    for other in ("running", "done"):
        assert "50 / 120" not in as_alice.get(url, {"show": other}).content.decode()
    waiting = plan_resets(
        customer=running.customer, users=[running.customer.users.first().pk], by=alice
    )
    assert str(waiting.pk) not in as_alice.get(url, {"show": "paused"}).content.decode()

    stop_batch(batch=running, by=alice)
    page = as_alice.get(url).content.decode()
    assert 'hx-trigger="every 3s"' not in page
