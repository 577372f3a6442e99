"""
Health: whether pages can be served, and whether jobs are being done.

The answers contain no host, partner or error; those are logged.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass
from functools import cache

from django.db import DatabaseError, close_old_connections, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from redis import RedisError

from batches.queries.routes import get_oldest_pending
from portal import broker

log = logging.getLogger(__name__)

# In one thread: while it waits for a hanging database, it does not block others.
TIMEOUT_SECONDS = 2
_asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="probe")
# The sweep runs every 15 seconds, and waits while a worker reads a large file.
SWEEP_IS_LATE_SECONDS = 300


@dataclass(frozen=True)
class Readiness:
    has_database: bool
    is_migrated: bool

    @property
    def is_ready(self) -> bool:
        return self.has_database and self.is_migrated

    def to_json(self) -> dict:
        return {
            "status": "ok" if self.is_ready else "unavailable",
            "database": "ok" if self.has_database else "unreachable",
            "migrations": "ok" if self.is_migrated else "missing",
        }


@dataclass(frozen=True)
class Health:
    readiness: Readiness
    has_broker: bool
    # Seconds since the last sweep, and since the start of the oldest unfinished job.
    sweep_seconds: int | None
    pending_seconds: int | None

    @property
    def is_ready(self) -> bool:
        """Whether pages can be served, for which the broker is not needed."""
        return self.readiness.is_ready

    @property
    def works(self) -> bool:
        """Whether jobs are being done."""
        is_late = self.sweep_seconds is None or self.sweep_seconds > SWEEP_IS_LATE_SECONDS
        return self.has_broker and not is_late

    def to_json(self) -> dict:
        found = self.readiness.to_json()
        if self.is_ready and not self.works:
            found["status"] = "degraded"
        return found | {
            "broker": "ok" if self.has_broker else "unreachable",
            "last_sweep_seconds": self.sweep_seconds,
            "oldest_pending_seconds": self.pending_seconds,
        }


def get_readiness() -> Readiness:
    applied = _ask(lambda: MigrationRecorder(connection).applied_migrations().keys())
    return Readiness(applied is not None, applied is not None and _known() <= applied)


def get_health() -> Health:
    readiness = get_readiness()
    has_broker, swept_at = _ask_broker()
    began_at = _ask(get_oldest_pending) if readiness.is_ready else None
    return Health(
        readiness,
        has_broker,
        sweep_seconds=swept_at and max(0, int(time.time() - swept_at)),
        pending_seconds=began_at and int((timezone.now() - began_at).total_seconds()),
    )


@cache
def _known() -> frozenset:
    """The migrations of this version of the portal."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _ask(question: Callable) -> object | None:
    """Ask the database in the thread; None if it does not answer in time."""

    def ask():
        close_old_connections()
        try:
            return question()
        except DatabaseError:
            log.exception("the database does not answer")
            return None
        finally:
            close_old_connections()

    answer = _asking.submit(ask)
    try:
        return answer.result(TIMEOUT_SECONDS)
    except NoAnswer:
        answer.cancel()
        log.error("the database does not answer in %s seconds", TIMEOUT_SECONDS)
        return None


def _ask_broker() -> tuple[bool, float | None]:
    """Whether the broker answers, and the time of the last sweep."""
    try:
        return True, broker.read_sweep()
    except RedisError:
        log.exception("the broker does not answer")
        return False, None
