"""Jobs: work of workers that is done at most once, also after crashes and outages of the database."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from psycopg import errors

from batches.models import Batch, Job, Line
from batches.operations.wake import send_jobs, wake_jobs
from partners.backend.away import is_away

log = logging.getLogger(__name__)

# A killed database server is back within seconds; until then its worker has no other work.
SECONDS_TO_WAIT = 30


class Work(NamedTuple):
    """How jobs of a kind are done."""

    # Does all of the job, in the transaction that ends it.
    do: Callable[[Job], None]
    # Called outside of transactions after `do` has failed, or has crashed its worker `attempts` times.
    give_up: Callable[[Job], None]
    attempts: int


_WORK: dict[str, Work] = {}


def register_work(
    kind: str, do: Callable[[Job], None], give_up: Callable[[Job], None], *, attempts: int = 3
) -> None:
    """Let jobs of this kind be done; called by AppConfig.ready()."""
    _WORK[kind] = Work(do, give_up, attempts)


def order_job(kind: str, *, batch: Batch | None = None, subject: UUID | None = None) -> None:
    """Order a job from a worker, about a batch of which all jobs have ended, or something else."""
    if batch is not None:
        batch.jobs.all().delete()
    job = Job(kind=kind, batch=batch, subject=subject, enqueued_at=timezone.now())
    job.save(force_insert=True)
    send_jobs([job])


def run_job(*, job_id: UUID | str) -> None:
    """
    Do a job, unless another worker does it, or a member has paused its batch.

    The attempt is counted before the work, so that work that crashes its workers is given up. An
    outage of the database is not counted: the batch waits until it is over.
    """
    job = None
    try:
        with hold(job_id) as is_free:
            job = _count_attempt(job_id) if is_free else None
            if job is not None:
                _do(job)
    except Exception as error:
        # In a request all of it is rolled back, and the page shows the error.
        is_counted = connection.in_atomic_block or not is_infrastructure(error)
        if is_counted or not _excuse(error, job_id, job):
            raise


@contextmanager
def hold(job_id: UUID | str) -> Iterator[bool]:
    """
    Hold a job from the count of the attempt to the end of the work; False where another worker does.

    An attempt is counted in one transaction and done in others, so a lock of the row would be free
    in between. This one belongs to the connection: Postgres frees it when that of a killed worker
    ends. A pooler that shares connections between transactions would break it.
    """
    # In a request, the lock goes with its transaction, which may be unable to unlock.
    scope = "xact_" if connection.in_atomic_block else ""
    try:
        is_free = _ask(f"SELECT pg_try_advisory_{scope}lock(hashtextextended(%s, 0))", job_id)
        yield is_free
        if is_free and not scope:
            _ask("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", job_id)
    except BaseException:
        if not scope:
            connection.close()
        raise


def _ask(sql: str, job_id: UUID | str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, [str(job_id)])
        return cursor.fetchone()[0]


@transaction.atomic
def _count_attempt(job_id: UUID | str) -> Job | None:
    job = _open_jobs().filter(pk=job_id).first()
    if job is not None:
        job.attempts += 1
        job.save(update_fields=["attempts"])
    return job


def _open_jobs() -> QuerySet[Job]:
    pending = Job.objects.select_for_update(of=("self",)).filter(state=Job.State.PENDING)
    return pending.exclude(batch__halted_by=MEMBER)


def _do(job: Job) -> None:
    work = _WORK[job.kind]
    if job.attempts <= work.attempts:
        try:
            end_job(job, work.do)
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("%s failed", job)
        else:
            return
    else:
        log.error("%s did not end, at attempt %s", job, work.attempts)
    work.give_up(job)


def lock_job(job: Job) -> Job | None:
    """Lock the job of a worker; None where it was ended, paused or taken over meanwhile."""
    # With another number of attempts, this worker lost its connection, and another has taken over.
    return _open_jobs().filter(pk=job.pk, attempts=job.attempts).first()


@transaction.atomic
def end_job(job: Job, act: Callable[[Job], None]) -> None:
    """End a job with an act, in one transaction; nothing where it was ended or paused meanwhile."""
    locked = lock_job(job)
    if locked is not None:
        # First, as the act may ask what is left of the batch.
        Job.objects.filter(pk=job.pk).update(state=Job.State.DONE)
        act(locked)


def drop_jobs(batch: Batch) -> int:
    """Delete the pending jobs of a batch, except for those that are being done; returns how many."""
    free = batch.jobs.select_for_update(skip_locked=True, of=("self",))
    ids = list(free.filter(state=Job.State.PENDING).values_list("pk", flat=True))
    return Job.objects.filter(pk__in=ids).delete()[0]


RUNNING, PAUSED = Batch.State.RUNNING, Batch.State.PAUSED


MEMBER, DATABASE = Batch.HaltedBy.MEMBER, Batch.HaltedBy.DATABASE


@transaction.atomic
def pause(*, batch_id: UUID | str, because: str) -> bool:
    """
    Start no further chunk of a running batch; False where the batch does not run.

    Chunks that have begun end normally. A pause by a member replaces one for the database, and
    does not end by itself.
    """
    pausable = Q(state=RUNNING)
    if because == MEMBER:
        pausable |= Q(state=PAUSED, halted_by=DATABASE)
    batches = Batch.objects.filter(pausable, pk=batch_id)
    return bool(batches.update(state=PAUSED, halted_by=because))


@transaction.atomic
def resume(*, batch: Batch, because: str) -> bool:
    """Continue a batch that was paused for this reason, and wake the workers; False otherwise."""
    paused = Batch.objects.filter(pk=batch.pk, state=PAUSED, halted_by=because)
    if not paused.update(state=RUNNING, halted_by=""):
        return False
    wake_jobs(batch.jobs.all())
    return True


def _excuse(error: Exception, job_id: UUID | str, job: Job | None) -> bool:
    """
    Take back what an error that is no fault of the job has counted; False where it is to be raised.

    After an outage of the database the batch is paused. Waits up to 30 seconds for the database; if
    it stays away, nothing is written, and the sweep wakes a worker for the job after a minute.
    """
    end = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            connection.close()
            _take_back(job_id, job, is_outage=is_away(error))
        except Error as another:
            if not is_away(another) or time.monotonic() > end:
                log.warning("job %s could not be paused: %s", job_id, another)
                return False
            time.sleep(1)
        else:
            log.warning("%s waits: %s", job or f"job {job_id}", error)
            return is_away(error)


@transaction.atomic
def _take_back(job_id: UUID | str, counted: Job | None, *, is_outage: bool) -> None:
    pending = Job.objects.select_for_update(of=("self",)).filter(state=Job.State.PENDING)
    job = pending.filter(pk=job_id).first()
    # With another number of attempts, another worker has taken over.
    if job is None or counted is not None and counted.attempts != job.attempts:
        return
    if counted is not None:
        _take_back_try(job)
        job.attempts -= is_outage
    if not is_outage:
        return
    # Without a wake-up: the sweep finds the job at once.
    job.enqueued_at = None
    job.save(update_fields=["attempts", "enqueued_at"])
    if not pause(batch_id=job.batch_id, because=DATABASE):
        # A check stays a check; the page of the batch shows why it takes longer.
        checking = Batch.objects.filter(pk=job.batch_id, state=Batch.State.CHECKING)
        checking.update(halted_by=DATABASE)


def _take_back_try(job: Job) -> None:
    line = job.lines.filter(state=Line.State.TRYING).first()
    if line is None:
        return
    tries = line.result.get("tries", 1) - 1
    state = Line.State.TRYING if tries else Line.State.PLANNED
    Line.objects.filter(pk=line.pk).update(state=state, result={"tries": tries} if tries else {})


def is_infrastructure(error: Exception) -> bool:
    """
    Whether the database is away or full, or the worker's time is up.

    No line is to blame for these, so the sweep tries again. A statement timeout is the error of
    its line.
    """
    if isinstance(error, SoftTimeLimitExceeded):
        return True
    is_slow = isinstance(error.__cause__, errors.QueryCanceled)
    return isinstance(error, (OperationalError, InterfaceError)) and not is_slow
