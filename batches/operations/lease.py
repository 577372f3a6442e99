"""Work of workers that is done at most once, also after crashes and outages of the database."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from psycopg import errors

from batches.models import Batch, Chunk, Line
from batches.operations.wake import wake_for_chunks, wake_worker
from partners.backend.away import is_away

log = logging.getLogger(__name__)

# The check is a chunk like any other, before the first that runs.
CHECK = 0
# Work that did not end in this many attempts is given up.
MAX_CHECKS = 3


class Leased(Protocol):
    """A row that counts the attempts at its work."""

    attempts: int

    def save(self, *, update_fields: list[str]) -> None: ...


Row = TypeVar("Row", bound=Leased)


def run_with_lease(
    what: str,
    *,
    lease: Callable[[], Row | None],
    work: Callable[[Row], None],
    give_up: Callable[[Row], None],
    put_off: Callable[..., bool],
) -> None:
    """
    Do a piece of work on the row that `lease` locks, in one transaction; nothing on None.

    The attempt is counted before the work, so that work that crashes its worker is given up.
    `put_off` gets errors of the database, with the number of the attempt, and returns whether it
    has handled them; if not, they are raised.
    """
    attempt = None
    try:
        with hold(what) as is_free:
            attempt = _count_attempt(lease) if is_free else None
            if attempt is None:
                return
            if attempt > MAX_CHECKS:
                log.error("%s did not end %s times", what, MAX_CHECKS)
                _with_lease(lease, give_up)
                return
            try:
                _with_lease(lease, work)
            except Exception as error:
                if is_infrastructure(error):
                    raise
                log.exception("%s failed", what)
                _with_lease(lease, give_up)
    except Exception as error:
        if not put_off(error, attempt=attempt):
            raise


@contextmanager
def hold(what: str) -> Iterator[bool]:
    """
    Hold a piece of work, from the count of the attempt to its end; False where another worker does.

    An attempt is counted in one transaction and done in others, so a lock of a row would be free in
    between. This one belongs to the connection: Postgres frees it when that of a killed worker
    ends. A pooler that shares connections between transactions would break it.
    """
    # In a request, the lock goes with its transaction, which may be unable to unlock.
    scope = "xact_" if connection.in_atomic_block else ""
    try:
        is_free = _ask(f"SELECT pg_try_advisory_{scope}lock(hashtextextended(%s, 0))", what)
        yield is_free
        if is_free and not scope:
            _ask("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", what)
    except BaseException:
        if not scope:
            connection.close()
        raise


def _ask(sql: str, what: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, [what])
        return cursor.fetchone()[0]


@transaction.atomic
def _count_attempt(lease: Callable[[], Row | None]) -> int | None:
    row = lease()
    if row is None:
        return None
    row.attempts += 1
    row.save(update_fields=["attempts"])
    return row.attempts


@transaction.atomic
def _with_lease(lease: Callable[[], Row | None], act: Callable[[Row], None]) -> None:
    row = lease()
    if row is not None:
        act(row)


def order_check(batch: Batch, *, queue: str = "interactive") -> None:
    """Order a new check of a batch from a worker, after its last check has ended."""
    Chunk.objects.filter(batch=batch).delete()
    Chunk.objects.create(batch=batch, number=CHECK, enqueued_at=timezone.now())
    wake_worker("imports.check", queue=queue, batch_id=str(batch.pk), number=CHECK)


def end_check(chunk: Chunk) -> None:
    """Mark the check of a batch as done."""
    Chunk.objects.filter(pk=chunk.pk).update(state=Chunk.State.DONE, done_at=timezone.now())


# A killed database server is back within seconds; until then its worker has no other work.
SECONDS_TO_WAIT = 30


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
    # A locked chunk is being applied, and needs no wake-up.
    pending = Chunk.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        batch=batch, state=Chunk.State.PENDING
    )
    wake_for_chunks(batch, list(pending.order_by("number").values_list("number", flat=True)))
    return True


def pause_for_outage(
    error: Exception, *, batch_id: UUID | str, number: int, attempt: int | None
) -> bool:
    """
    Pause a batch during an outage of the database; False for other errors, or if it stays away.

    The attempt is not counted. Waits up to 30 seconds for the database; if it stays away, nothing
    is written, and the sweep wakes a worker for the chunk after a minute.
    """
    # In a request all of it is rolled back, and the page shows the error.
    if connection.in_atomic_block or not is_away(error):
        return False
    end = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            connection.close()
            _note(batch_id, number, attempt)
        except Error as another:
            if not is_away(another) or time.monotonic() > end:
                log.warning("batch %s could not be paused: %s", batch_id, another)
                return False
            time.sleep(1)
        else:
            log.warning("batch %s waits for the database: %s", batch_id, error)
            return True


@transaction.atomic
def _note(batch_id: UUID | str, number: int, attempt: int | None) -> None:
    chunk = (
        Chunk.objects.select_for_update(of=("self",))
        .filter(batch_id=batch_id, number=number, state=Chunk.State.PENDING)
        .first()
    )
    # With another number of attempts, another worker has taken over.
    if chunk is None or attempt not in (None, chunk.attempts):
        return
    if attempt is not None:
        chunk.attempts -= 1
        _take_back_try(chunk)
    # Without a wake-up: the sweep finds the chunk at once.
    chunk.enqueued_at = None
    chunk.save(update_fields=["attempts", "enqueued_at"])
    if not pause(batch_id=batch_id, because=DATABASE):
        # A check stays a check; the page of the batch shows why it takes longer.
        Batch.objects.filter(pk=batch_id, state=Batch.State.CHECKING).update(halted_by=DATABASE)


def _take_back_try(chunk: Chunk) -> None:
    line = chunk.lines.filter(state=Line.State.TRYING).first()
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
