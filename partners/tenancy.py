"""The tenant of the running request, task or command."""

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
    """Tenant data was used before a tenant was entered."""


def current() -> UUID | None:
    """The entered partner, or None."""
    return _tenant.get()


def require_current() -> UUID:
    """
    The entered partner.

    :raises NoTenant: if there is none.
    """
    partner_id = _tenant.get()
    if partner_id is None:
        raise NoTenant("No partner is entered: use tenancy.tenant(partner_id).")
    return partner_id


@contextmanager
def tenant(partner_id: UUID | str | None) -> Iterator[None]:
    """
    Read and write only this partner's rows inside the block.

    The database is set at the next outermost BEGIN (partners.backend), or at once if a transaction
    is open, as in a test.
    """
    token = _tenant.set(UUID(str(partner_id)) if partner_id else None)
    _set_in_database()
    try:
        yield
    finally:
        _tenant.reset(token)
        _set_in_database()


def _set_in_database() -> None:
    if not connection.in_atomic_block or connection.connection is None:
        return
    # A failed transaction accepts no statements; the setting ends with it.
    if connection.connection.info.transaction_status == TransactionStatus.INERROR:
        return
    with connection.cursor() as cursor:
        cursor.execute(SET_TENANT, [setting_value()])


def setting_value() -> str:
    """The value of the database setting: '' for no tenant, on which every policy raises."""
    partner_id = _tenant.get()
    return str(partner_id) if partner_id else ""


def stream(parts: Iterable) -> Iterator:
    """
    Yield the parts of a streamed response inside a transaction of this tenant.

    The request's own transaction ends before the first part is sent.
    """
    partner_id = require_current()

    def run():
        with tenant(partner_id), transaction.atomic():
            yield from parts

    return run()


class TenantTask(Task):
    """A task that runs as the tenant of its keyword `partner_id`."""

    def __call__(self, *args, partner_id: str, **kwargs):
        with tenant(partner_id):
            return super().__call__(*args, partner_id=partner_id, **kwargs)


def uuid7() -> UUID:
    """A version 7 uuid (RFC 9562): ordered by time, so that indexes grow at their end."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62)
