"""The slow hash of passwords, and its limit of concurrency."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils.translation import gettext_lazy as _

# Per process. A hash takes 20 to 50 ms of one core and 19 MiB; one thread is left for pages.
MAX_HASHING = 1
MAX_WAITING = 1
MAX_WAIT_SECONDS = 2.0

_places = threading.BoundedSemaphore(MAX_HASHING + MAX_WAITING)
_hashing = threading.BoundedSemaphore(MAX_HASHING)
_may_wait: ContextVar[bool] = ContextVar("may_wait", default=True)


class Busy(Exception):
    """Too many passwords are being hashed in this process; nothing was done."""

    message = _("Too many sign-ins right now. Try again in a few seconds.")


@contextmanager
def without_waiting(is_so: bool = True) -> Iterator[None]:
    """Inside the block, raise Busy instead of waiting for a place."""
    token = _may_wait.set(not is_so)
    try:
        yield
    finally:
        _may_wait.reset(token)


@contextmanager
def slot() -> Iterator[None]:
    """
    Reserve a place for hashing inside the block, and wait for it for up to MAX_WAIT_SECONDS.

    :raises Busy: after that, and at once if MAX_WAITING others wait.
    """
    if not _places.acquire(blocking=False):
        raise Busy
    try:
        if not _hashing.acquire(timeout=MAX_WAIT_SECONDS if _may_wait.get() else 0):
            raise Busy
        try:
            yield
        finally:
            _hashing.release()
    finally:
        _places.release()


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes, one lane: OWASP's minimum, 20 ms. Raises Busy."""

    memory_cost = 19 * 1024
    time_cost = 2
    parallelism = 1

    def encode(self, password, salt):
        with slot():
            return super().encode(password, salt)

    def verify(self, password, encoded):
        with slot():
            return super().verify(password, encoded)
