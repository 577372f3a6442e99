"""An import as a member makes it, and what must be true of it in the end."""

from datetime import timedelta

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Job, Line
from batches.operations import wake
from licensing.models import Subscription
from tests.chaos.rig import wait_until
from users.models import CustomerUser


def names(number):
    return [f"u{n}" for n in range(number)]


def upload(browser, bought, people):
    """Upload a file with these people, each with a license; a worker is to check it."""
    rows = "".join(f"{name},{name.title()}\r\n" for name in people)
    answer = browser.post(
        reverse("imports:upload", args=["contoso"]),
        {
            "file": SimpleUploadedFile("people.csv", f"User name,Display name\r\n{rows}".encode()),
            "domain": "contoso.example",
            "location": "US",
            "mode": "good",
            "products": [str(bought.pk)],
        },
    )
    assert answer.status_code == 302, answer.content.decode()


def wait_for_plan():
    """The batch whose file has been checked."""
    wait_until(Batch.objects.filter(state="planned").exists, "the file is checked")
    with transaction.atomic():
        return Batch.objects.get(state="planned")


def start(browser, batch):
    answer = browser.post(reverse("batches:start", args=["contoso", batch.pk]))
    assert answer.status_code == 302


def wait_for_chunks(number, meanwhile=None):
    done = Job.objects.filter(kind="apply", state="done")
    wait_until(lambda: done.count() >= number, f"{number} chunks are done", meanwhile or sweep)


def wait_for_end(meanwhile=None):
    wait_until(Batch.objects.filter(state="done").exists, "the import is done", meanwhile or sweep)


def count_left():
    with transaction.atomic():
        return Job.objects.filter(state="pending").count()


def sweep():
    """What beat would do in a minute."""
    hurry()
    wake.sweep()


def hurry():
    """Let a minute pass for what was told two seconds ago, and is not being done."""
    told = timezone.now() - timedelta(seconds=2)
    with transaction.atomic():
        waiting = Job.objects.select_for_update(skip_locked=True).filter(
            state="pending", enqueued_at__lt=told
        )
        numbers = list(waiting.values_list("pk", flat=True))
        Job.objects.filter(pk__in=numbers).update(
            enqueued_at=timezone.now() - timedelta(seconds=61)
        )


def check_each_once(people, bought):
    """Every row was done, none of them twice, and counters, licenses and records agree."""
    of = bought.customer
    with transaction.atomic():
        done = list(CustomerUser.objects.filter(customer=of).values_list("user_name", flat=True))
        assert sorted(done) == sorted(f"{name}@contoso.example" for name in people)
        seats = Subscription.objects.get(pk=bought.pk)
        lines = Line.objects.filter(batch__customer=of)
        states = list(lines.values_list("state", flat=True))
        licensed = min(len(people), seats.seats)
        assert seats.assigned == licensed
        assert (states.count("done"), states.count("partly")) == (licensed, len(people) - licensed)
        assert Event.objects.filter(customer_id=of.pk, action="user.added").count() == len(people)
        assert lines.filter(state__in=["done", "partly"], sealed=None).count() == 0
        assert set(Job.objects.values_list("state", flat=True)) == {"done"}
