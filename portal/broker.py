"""
Valkey: Kombu's client of it, mended where a lost connection would take the worker with it.

And the time of the last sweep, which the workers leave there for portal.queries.health.
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
    Lets go of messages that were taken from a broker that is gone.

    Kombu closes a broken connection twice. The second time it would give back what is not done
    yet, but knows no address any more, and the worker ends with an AttributeError. Whatever such
    a message woke is found by the sweep.
    """

    @property
    def is_gone(self) -> bool:
        """Whether the connection was given up."""
        connection = self.channel.connection
        return connection is None or connection.client is None

    def restore_unacked(self, client=None):
        """Give back what is not done, where there is somebody to take it."""
        if self.is_gone:
            self._delivered.clear()
        else:
            super().restore_unacked(client)

    def ack(self, delivery_tag):
        """Forget a message; the broker only where it is the one that sent it."""
        if self.is_gone:
            virtual.QoS.ack(self, delivery_tag)
        else:
            super().ack(delivery_tag)


def mend() -> None:
    """Have every channel use it."""
    redis.Channel.QoS = QoS


def note_sweep() -> None:
    """Leave word that beat, broker, worker and database have just done something together."""
    with _connect() as link:
        link.set(SWEPT, time.time())


def read_sweep() -> float | None:
    """
    When the last sweep was, in seconds since 1970; None where the broker knows of none.

    :raises RedisError: where it does not answer within a second.
    """
    with _connect() as link:
        found = link.get(SWEPT)
    return float(found) if found else None


def _connect() -> Redis:
    limits = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_url(current_app.conf.broker_url, **limits)
