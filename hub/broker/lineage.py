"""Which topic the positions in the database belong to: Kafka's own id of it, and how many partitions it had.

Guarantees that nothing is published to or read from a topic that was lost and made anew, or that was given more
partitions, as if it were the one the positions are of: that says BROKER_POSITION until an operator has the topic
filled from the log (`liaison hub broker rebuild`). Where nothing is known yet, the first topic seen is remembered,
unless there are positions already: they came from another broker.
"""

from typing import TYPE_CHECKING

from hub.broker.contract import OPERATOR_SECONDS, POSITION_CODE
from hub.broker.positions import LOG
from hub.log.batch import Answer, Batch, Sealed
from hub.log.writer import LogWriter
from hub.store.engine import Connection, guarded
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from hub.broker.cluster import Topic

_PREFIX = "kafka_topic/"
_KNOWN = "SELECT value FROM meta WHERE name = ?"
_REMEMBER = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
_USED = "SELECT 1 FROM consumer_position WHERE topic = ? OR (topic = ? AND consumer = ?)"
"""Read from, or filled: whoever fills a topic from the log reads the log under the topic's name (`hub.relay`)."""
_RANGE = (_PREFIX, _PREFIX[:-1] + chr(ord(_PREFIX[-1]) + 1))
_ANY = "SELECT 1 FROM meta WHERE name >= ? AND name < ?"
_FORGET = "DELETE FROM meta WHERE name >= ? AND name < ?"


class Lineage:
    """Of one database."""

    def __init__(self, connection: Connection, writer: LogWriter) -> None:
        self._connection = connection
        self._writer = writer

    async def check(self, topic: "Topic") -> None:
        """The topic is the one that the positions are of.

        Raises:
            Unavailable: BROKER_POSITION, until it is rebuilt.
        """
        known = self._known(topic.name)
        if known is None and not self._used(topic.name):

            def work(batch: Batch) -> Answer[None]:
                batch.write(_REMEMBER, (lineage_name(topic.name), lineage_value(topic)))
                return _nothing

            await self._writer.submit(work, leaves=0)
            known = self._known(topic.name)
        if known != lineage_value(topic):
            raise Unavailable(POSITION_CODE, OPERATOR_SECONDS)

    def _known(self, topic: str) -> bytes | None:
        with guarded():
            row = self._connection.execute(_KNOWN, (lineage_name(topic),)).fetchone()
        return None if row is None else bytes(row[0])

    def _used(self, topic: str) -> bool:
        with guarded():
            return self._connection.execute(_USED, (topic, LOG, topic)).fetchone() is not None


def lineage_name(topic: str) -> str:
    """Under which name of table `meta` a topic is remembered."""
    return _PREFIX + topic


def lineage_value(topic: "Topic") -> bytes:
    """What is remembered of it."""
    return f"{topic.id}/{topic.partitions}".encode()


def check_embedded(connection: Connection) -> None:
    """The positions are the embedded broker's, not a Kafka's. Raises Unavailable(BROKER_POSITION) until rebuilt."""
    with guarded():
        found = connection.execute(_ANY, _RANGE).fetchone()
    if found is not None:
        raise Unavailable(POSITION_CODE, OPERATOR_SECONDS)


def forget_all(connection: Connection) -> None:
    """Nothing is known of any topic. Call in a transaction."""
    connection.execute(_FORGET, _RANGE)


def _nothing(_: Sealed) -> None:
    return None
