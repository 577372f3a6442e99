"""A broker that forgets everything or hangs, in the middle of an import."""

import json
import signal
import time

import pytest
from django.db import transaction
from django.urls import reverse

from batches.models import Batch, Job
from partners.tenancy import uuid7
from tests import factories, serving, slow
from tests.chaos import imports, rig
from tools import embedded
from users.models import CustomerUser

commits = pytest.mark.django_db(transaction=True)

# A page waits a second for a broker that hangs. Without a bound it would wait for ever, and with
# the client's own for twenty seconds: this is about that, not about speed on a busy machine.
NOT_HUNG = 15


@commits
def test_a_broker_that_forgets_everything_loses_no_work(
    as_alice, contoso, broker, processes, tmp_path
):
    schedule = rig.schedule_of("broker")
    people = imports.names(3_000)
    bought = factories.subscription(contoso, "Mail", seats=2_000)
    imports.upload(as_alice, bought, people)
    processes.start_worker()
    batch = imports.wait_for_plan()
    processes.start_beat(tmp_path / "beat")

    faults = [broker.flush, broker.kill]
    schedule.shuffle(faults)
    imports.start(as_alice, batch)
    for chunks, fault in zip(sorted(schedule.sample(range(1, 12), 2)), faults, strict=True):
        imports.wait_for_chunks(chunks, imports.hurry)
        fault()
        # Only a sweep can tell of what is left: as many as two may be in the workers' hands.
        assert imports.count_left() > 2

    imports.wait_for_end(imports.hurry)
    imports.check_each_once(people, bought)


@commits
def test_pages_answer_and_work_is_kept_while_the_broker_hangs(as_alice, contoso, broker, processes):
    people = imports.names(400)
    bought = factories.subscription(contoso, "Mail", seats=300)
    imports.upload(as_alice, bought, people)
    processes.start_worker()
    batch = imports.wait_for_plan()

    factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
    broker.hang()
    waited = {}
    try:
        for act in (start_it(batch), look_at_it(batch), add_somebody, list_users):
            begin = time.monotonic()
            assert act(as_alice).status_code in (200, 302)
            waited[act.__name__] = time.monotonic() - begin
        with transaction.atomic():
            assert Job.objects.filter(kind="apply", state="pending").count() == 8
            assert Batch.objects.get(pk=batch.pk).state == "running"
            # What runs in the request needs no broker.
            assert CustomerUser.objects.get().user_name == "amara@fabrikam.example"
    finally:
        broker.go_on()
    print("seconds while the broker hung:", waited)
    assert max(waited.values()) < NOT_HUNG

    done = Batch.objects.filter(pk=batch.pk, state="done")
    rig.wait_until(done.exists, "the import is done", imports.sweep)
    imports.check_each_once(people, bought)


@commits
def test_probes_tell_a_broker_that_hangs_from_pages_that_do_not_come(northwind, broker, processes):
    host = f"localhost:{embedded.free_port()}"
    processes.start_web(int(host.partition(":")[2]))
    serving.wait_for(host)
    broker.hang()
    try:
        answers = {path: look_at(host, path) for path in ("/livez", "/readyz", "/health/")}
    finally:
        broker.go_on()

    assert [answer.status for answer in answers.values()] == [200, 200, 200]
    told = json.loads(answers["/health/"].page)
    assert (told["status"], told["broker"]) == ("degraded", "unreachable")


@commits
def test_the_last_sweep_and_the_life_of_each_process_are_seen(
    northwind, broker, processes, tmp_path
):
    alive = {name: tmp_path / name for name in ("worker", "beat")}
    host = f"localhost:{embedded.free_port()}"
    processes.start_web(int(host.partition(":")[2]))
    started = [
        processes.start_worker(ALIVE_FILE=str(alive["worker"])),
        processes.start_beat(tmp_path / "schedule", ALIVE_FILE=str(alive["beat"])),
    ]
    serving.wait_for(host)

    def is_swept():
        told = json.loads(look_at(host, "/health/").page)
        return told["status"] == "ok" and told["last_sweep_seconds"] < 60

    rig.wait_until(is_swept, "a sweep is seen")
    for process in started:
        process.send_signal(signal.SIGSTOP)
    for file in alive.values():
        file.unlink()
    time.sleep(3)
    assert not any(file.exists() for file in alive.values())
    for process in started:
        process.send_signal(signal.SIGCONT)
    rig.wait_until(lambda: all(file.exists() for file in alive.values()), "they go on")


def look_at(host, path):
    """Ask a probe, by a name that the portal does not know."""
    return slow.ask(host, path, Host="10.20.30.40")


def start_it(batch):
    def start(browser):
        return browser.post(reverse("batches:start", args=["contoso", batch.pk]))

    return start


def look_at_it(batch):
    def look(browser):
        return browser.get(reverse("batches:batch", args=["contoso", batch.pk]))

    return look


def list_users(browser):
    return browser.get(reverse("users:list", args=["contoso"]))


def add_somebody(browser):
    typed = {
        "token": str(uuid7()),
        "first_name": "Amara",
        "last_name": "Okafor",
        "display_name": "",
        "user_name": "amara",
        "domain": "fabrikam.example",
        "location": "US",
        "kind": "user",
        "do": "add",
    }
    return browser.post(reverse("users:add", args=["fabrikam"]), typed)
