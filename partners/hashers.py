"""The slow hash of passwords, and how much of it goes on at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils.translation import gettext_lazy as _

# Of each process. A hash takes 20 to 50 ms of one core and 19 MiB; the other threads are for pages.
AT_ONCE = 1
WAITING = 2
LONGEST_WAIT = 2.0

_places = threading.BoundedSemaphore(AT_ONCE + WAITING)
_hashing = threading.BoundedSemaphore(AT_ONCE)
_may_wait: ContextVar[bool] = ContextVar("may_wait", default=True)


class Busy(Exception):
    """More passwords are being hashed than the process takes on; nothing was done."""

    message = _("Too many people are signing in at this moment. Try again in a few seconds.")


@contextmanager
def without_waiting(is_so: bool = True) -> Iterator[None]:
    """Inside the block, hash only where a place is free at once."""
    token = _may_wait.set(not is_so)
    try:
        yield
    finally:
        _may_wait.reset(token)


@contextmanager
def slot() -> Iterator[None]:
    """
    Hash a password inside the block: one at once in a process, two more wait for two seconds.

    :raises Busy: beyond that, without waiting.
    """
    if not _places.acquire(blocking=False):
        raise Busy
    try:
        if not _hashing.acquire(timeout=LONGEST_WAIT if _may_wait.get() else 0):
            raise Busy
        try:
            yield
        finally:
            _hashing.release()
    finally:
        _places.release()


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes, one lane: OWASP's minimum, 20 ms (security 2.1)."""

    memory_cost = 19 * 1024
    time_cost = 2
    parallelism = 1

    def encode(self, password, salt):
        """Hash the password; Busy where too many are being hashed."""
        with slot():
            return super().encode(password, salt)

    def verify(self, password, encoded):
        """Whether it is the password; Busy where too many are being hashed."""
        with slot():
            return super().verify(password, encoded)
