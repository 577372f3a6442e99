"""Whether this process can work: it reaches its database and its broker."""

import logging

from celery import current_app
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def is_healthy() -> bool:
    """Ask both; what is wrong is for the log, not for whoever asks."""
    return _has_database() and _has_broker()


def _has_database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        log.exception("the database does not answer")
        return False
    return True


def _has_broker() -> bool:
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except (OperationalError, OSError):
        log.exception("the broker does not answer")
        return False
    return True
