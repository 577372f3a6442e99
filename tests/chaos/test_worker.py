"""Workers that die in the middle of an import: killed, or of a row."""

import pytest
from django.db import transaction
from django.urls import reverse

from audit.models import Event
from batches.models import Batch, Job, Line
from tests import factories
from tests.chaos import imports, rig
from tests.chaos.poisoned import POISON
from users.models import CustomerUser

commits = pytest.mark.django_db(transaction=True)


@commits
def test_workers_killed_in_the_middle_lose_and_double_nothing(as_alice, contoso, processes):
    schedule = rig.schedule_of("worker")
    people = imports.names(1_200)
    bought = factories.subscription(contoso, "Mail", seats=900)
    imports.upload(as_alice, bought, people)
    processes.start_worker()
    batch = imports.wait_for_plan()

    def kill_all():
        rig.kill(processes.started[-1])
        processes.start_worker()

    faults = [kill_all, lambda: rig.kill_children(processes.started[-1])]
    schedule.shuffle(faults)
    imports.start(as_alice, batch)
    for chunks, fault in zip(sorted(schedule.sample(range(1, 16), 2)), faults, strict=True):
        imports.wait_for_chunks(chunks)
        # Killed in the middle, not after the end.
        assert imports.count_left() > 0
        fault()

    imports.wait_for_end()
    imports.check_each_once(people, bought)


@commits
def test_a_row_that_kills_its_worker_fails_alone_after_three_deaths(
    as_alice, contoso, processes, tmp_path
):
    deaths = tmp_path / "deaths"
    processes.environment["DEATHS"] = str(deaths)
    people = imports.names(200)
    people.insert(rig.schedule_of("poison").randrange(200), POISON.split("@")[0])
    bought = factories.subscription(contoso, "Mail", seats=500)
    imports.upload(as_alice, bought, people)
    processes.start_worker("tests.chaos.poisoned")
    batch = imports.wait_for_plan()
    imports.start(as_alice, batch)
    imports.wait_for_end()

    with transaction.atomic():
        failed = Line.objects.get(state="failed")
        assert failed.input["user_name"] == POISON
        assert failed.result == {"code": "internal"}
        assert not CustomerUser.objects.filter(user_name=POISON).exists()
    people.remove(POISON.split("@")[0])
    imports.check_each_once(people, bought)
    assert len(deaths.read_text().splitlines()) <= 3


@commits
def test_a_worker_killed_in_the_middle_of_a_repair_leaves_all_rows_to_the_next(
    as_alice, contoso, processes
):
    people = imports.names(8_000)
    bought = factories.subscription(contoso, "Mail", seats=100)
    imports.upload(as_alice, bought, [f"{name}@contoso.exmaple" for name in people])
    processes.start_worker()
    batch = imports.wait_for_plan()
    as_alice.post(
        reverse("imports:repair_all", args=["contoso", batch.pk]),
        {
            "code": "domain_unknown",
            "column": "user_name",
            "key": "contoso.exmaple",
            "choice": "set:contoso.example",
        },
    )
    begun = Job.objects.filter(kind="repair", attempts=1, state="pending")
    rig.wait_until(begun.exists, "the repair has begun", imports.sweep)
    rig.kill(processes.started[-1])

    with transaction.atomic():
        # Killed in the middle, not after the end.
        assert Batch.objects.get().state == "checking"
        assert set(Line.objects.values_list("state", flat=True)) == {"invalid"}
    processes.start_worker()
    planned = Batch.objects.filter(state="planned")
    rig.wait_until(planned.exists, "the rows are repaired", imports.sweep)

    with transaction.atomic():
        assert planned.get().plan["repaired"] == {"changed": 8_000, "bad": 0, "leaving": 0}
        assert set(Line.objects.values_list("state", flat=True)) == {"planned"}
        assert Event.objects.filter(action="import.repaired").count() == 1
