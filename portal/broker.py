"""Kombu's client of Valkey, mended where a lost connection would take the worker with it."""

from kombu.transport import redis, virtual


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
