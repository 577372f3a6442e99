"""Whose data this is: the tenant of the running request, task or command."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from celery import Task
from django.db import connection, transaction
from psycopg.pq import TransactionStatus

_tenant: ContextVar[UUID | None] = ContextVar("tenant", default=None)

SET_TENANT = "SELECT set_config('app.partner_id', %s, true)"


class NoTenant(RuntimeError):
    """Tenant data was asked for before anybody said whose."""


def current() -> UUID | None:
    """The partner whose data may be seen now, or None."""
    return _tenant.get()


def require_current() -> UUID:
    """
    The partner whose data may be seen now.

    :raises NoTenant: where none was entered.
    """
    partner_id = _tenant.get()
    if partner_id is None:
        raise NoTenant("No partner is entered: use tenancy.tenant(partner_id).")
    return partner_id


@contextmanager
def tenant(partner_id: UUID | str | None) -> Iterator[None]:
    """
    See and write this partner's rows inside the block, and nobody else's.

    The database learns it at the next outermost BEGIN (partners.backend), or at once where a
    transaction is open already, as in a test that runs inside one.
    """
    token = _tenant.set(UUID(str(partner_id)) if partner_id else None)
    _tell_database()
    try:
        yield
    finally:
        _tenant.reset(token)
        _tell_database()


def _tell_database() -> None:
    if not connection.in_atomic_block or connection.connection is None:
        return
    # A failed transaction takes no more statements; its end forgets the tenant by itself.
    if connection.connection.info.transaction_status == TransactionStatus.INERROR:
        return
    with connection.cursor() as cursor:
        cursor.execute(SET_TENANT, [setting_value()])


def setting_value() -> str:
    """The tenant as Postgres is told it: '' for none, on which every policy raises."""
    partner_id = _tenant.get()
    return str(partner_id) if partner_id else ""


def stream(parts: Iterable) -> Iterator:
    """
    Yield the parts of a streamed answer inside a transaction of this tenant.

    The request's own transaction has ended before the first part of the answer is sent.
    """
    partner_id = require_current()

    def run():
        with tenant(partner_id), transaction.atomic():
            yield from parts

    return run()


class TenantTask(Task):
    """A task about one partner: `partner_id` is its first keyword, and it runs as that tenant."""

    def __call__(self, *args, partner_id: str, **kwargs):
        """Enter the tenant, then run."""
        with tenant(partner_id):
            return super().__call__(*args, partner_id=partner_id, **kwargs)


def uuid7() -> UUID:
    """A new version 7 uuid: in the order of time, so that indexes grow at their end (RFC 9562)."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62)
