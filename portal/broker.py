"""
Valkey: a fix of Kombu's client, with which a lost connection would end the worker.

Also keeps the time of the last sweep for portal.queries.health.
"""

import time

from celery import current_app
from kombu.transport import redis, virtual
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SWEPT = "portal.swept"


class QoS(redis.QoS):
    """
    Drops messages of a broken connection.

    Kombu closes a broken connection twice. The second time it tries to return unfinished messages
    without an address, and the worker ends with an AttributeError. The sweep finds the work of
    dropped messages.
    """

    @property
    def is_gone(self) -> bool:
        """Whether the connection was closed."""
        connection = self.channel.connection
        return connection is None or connection.client is None

    def restore_unacked(self, client=None):
        if self.is_gone:
            self._delivered.clear()
        else:
            super().restore_unacked(client)

    def ack(self, delivery_tag):
        if self.is_gone:
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().ack(delivery_tag)


def install() -> None:
    """Let all channels of Kombu use the fixed class."""
    redis.Channel.QoS = QoS


def note_sweep() -> None:
    """Keep the time of a sweep, which proves that beat, broker, worker and database work."""
    with _connect() as link:
        link.set(SWEPT, time.time())


def read_sweep() -> float | None:
    """
    The time of the last sweep in seconds since 1970; None if the broker has none.

    :raises RedisError: if it does not answer within a second.
    """
    with _connect() as link:
        found = link.get(SWEPT)
    return float(found) if found else None


def _connect() -> Redis:
    limits = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_url(current_app.conf.broker_url, **limits)
