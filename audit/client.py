"""The network address of the running request; None in workers and commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_address: ContextVar[str | None] = ContextVar("client_address", default=None)


def current() -> str | None:
    return _address.get()


@contextmanager
def address(value: str | None) -> Iterator[None]:
    """Use this address inside the block."""
    token = _address.set(value)
    try:
        yield
    finally:
        _address.reset(token)
