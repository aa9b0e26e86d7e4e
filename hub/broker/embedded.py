"""The embedded broker: one partition a topic, in the hub's own database, so that one file holds everything.

A group is a member of the log writer's next batch: it shares that commit, or costs one when nothing else is written.
What every consumer of a topic has passed is dropped now and then, but for the newest record, from which offsets go on.
"""

import asyncio
from collections.abc import Sequence

from hub.broker.contract import GROUP_MAX, Fetched, Positions, Record, value_bytes_max
from hub.log.batch import Answer, Batch, Sealed
from hub.log.writer import LogWriter
from hub.store.engine import Connection, guarded
from schemas.errors import Fault
from service.failpoints import reach

PARTITION = 0
LOOK_SECONDS = 1.0
"""How often a waiting consumer looks by itself: another process may have published."""

_DROP_EVERY = 4096
_NEXT = "SELECT coalesce(max(place), -1) + 1 FROM broker_record WHERE topic = ?"
_INSERT = "INSERT INTO broker_record (topic, place, key, value) VALUES (?, ?, ?, ?)"
_FETCH = "SELECT place, key, value FROM broker_record WHERE topic = ? AND place >= ? ORDER BY place LIMIT ?"
_DROP = (
    "DELETE FROM broker_record WHERE topic = ? AND place < "
    "(SELECT min(next) FROM consumer_position c WHERE c.topic = broker_record.topic AND c.part = ?) "
    "AND place < (SELECT max(b.place) FROM broker_record b WHERE b.topic = broker_record.topic)"
)


class EmbeddedBroker:
    """See `hub.broker.contract.Broker`. Used by one event loop; several may share the database."""

    def __init__(self, connection: Connection, writer: LogWriter, *, look_seconds: float | None = None) -> None:
        self._look_seconds = look_seconds or LOOK_SECONDS
        self._connection = connection
        self._writer = writer
        self._published = asyncio.Condition()
        self._undropped = 0

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        """As the contract says."""
        if len(records) > GROUP_MAX or any(len(record.value) > value_bytes_max(topic) for record in records):
            raise Fault("a group of records is larger than allowed")
        if not records:
            return
        self._undropped += len(records)
        drop = self._undropped >= _DROP_EVERY
        size = sum(len(record.key) + len(record.value) for record in records)
        await self._writer.submit(_Publication(topic, records, drop=drop), leaves=0, bytes_=size)
        if drop:
            self._undropped = 0
        reach("hub.broker.published")
        async with self._published:
            self._published.notify_all()

    async def fetch(self, topic: str, positions: Positions, *, limit: int, wait_seconds: float) -> list[Fetched]:
        """As the contract says."""
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            found = self._read(topic, positions, limit)
            left = deadline - asyncio.get_running_loop().time()
            if found or left <= 0:
                return found
            try:
                async with asyncio.timeout(min(left, self._look_seconds)), self._published:
                    await self._published.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Nothing of its own to let go of: the database is the hub's."""

    def _read(self, topic: str, positions: Positions, limit: int) -> list[Fetched]:
        with guarded():
            rows = self._connection.execute(_FETCH, (topic, positions.get(PARTITION, 0), limit)).fetchall()
        return [Fetched(PARTITION, place, Record(key, value)) for place, key, value in rows]


class _Publication:
    """A group as a member of a batch. Written at once, so that the next group of this batch comes after it."""

    def __init__(self, topic: str, records: Sequence[Record], *, drop: bool) -> None:
        self._topic = topic
        self._records = records
        self._drop = drop

    def __call__(self, batch: Batch) -> Answer[None]:
        connection, topic = batch.connection, self._topic
        first = connection.execute(_NEXT, (topic,)).fetchone()[0]
        rows = [(topic, first + at, record.key, record.value) for at, record in enumerate(self._records)]
        connection.executemany(_INSERT, rows)
        if self._drop:
            connection.execute(_DROP, (topic, PARTITION))
        return _nothing


def _nothing(_: Sealed) -> None:
    return None
