"""The network address that the running request comes from; none in workers and commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_address: ContextVar[str | None] = ContextVar("client_address", default=None)


def current() -> str | None:
    """The client's address, or None outside of requests."""
    return _address.get()


@contextmanager
def address(value: str | None) -> Iterator[None]:
    """Let everything inside the block come from this address."""
    token = _address.set(value)
    try:
        yield
    finally:
        _address.reset(token)
