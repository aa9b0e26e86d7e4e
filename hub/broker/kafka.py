"""The broker on Apache Kafka (4.x): with `hub.broker.cluster` the owner of aiokafka, whose known faults end here.

Guarantees the contract of `hub.broker.contract` by this:

- A group is split by partition, each part is published by a task of its own, and `publish` ends once all are
  acknowledged by every broker in sync. A broker that hangs holds up its own partitions: groups published meanwhile to
  others pass.
- The producer is idempotent, and is given up, with all that it had under way, after whatever it did not say plainly:
  an error, or no answer in time (aiokafka#1017: it never recovers from a gap in its sequence; #1101: it waits for ever
  for a cluster that is down, and so does its `stop`). What became of such a group is unknown; its caller publishes it
  again through a new producer. No Kafka transactions.
- Nobody joins a consumer group: who reads what, and from where, the database says (ADR 102), so that nothing of
  aiokafka's rebalancing is used (#929, #933). Partitions are assigned by hand, positions are the caller's, and a
  position that Kafka no longer has, or a topic that is not the one the positions are of, is BROKER_POSITION: nothing is
  skipped in silence (`hub.broker.lineage`). That is asked again after each fetch and each publication.
- An offset in an acknowledgement is never used: for a repeated sequence aiokafka makes one up.

A key's partition is the first eight bytes of its SHA-256 modulo their number: the same in every release and program.
"""

# ruff: noqa: SLF001 - what has to be done to a client that hangs, no method of it does

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors

from hub.broker.cluster import Address, Cluster, Topic, bounded, end, existing
from hub.broker.contract import GROUP_MAX, POSITION_CODE, Fetched, Positions, Record, value_bytes_max
from hub.broker.lineage import Lineage
from schemas.errors import Fault, LiaisonError, Unavailable

BATCH_BYTES_MAX = 256 * 1024
"""Of one partition in one request; a larger record goes alone. One request a broker is under way at a time."""
REQUEST_BYTES_MAX = 2 * 1024 * 1024
FETCH_BYTES_MAX = 4 * 1024 * 1024
READERS_MAX = 8
"""Of one topic: consumers that read at different places at the same time."""
END_SECONDS = 2.0
"""For a client that is given up to end by itself."""

_LINGER_MS = 2
_FETCH_WAIT_MS = 500


def partition_of(key: bytes, partitions: int) -> int:
    """Where a key's records are."""
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % partitions


class KafkaBroker:
    """See `hub.broker.contract.Broker`. Used by one event loop; any number of processes share the topics."""

    def __init__(self, address: Address, lineage: Lineage) -> None:
        self._address = address
        self._lineage = lineage
        self._cluster = Cluster(address)
        self._topics: dict[str, Topic] = {}
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._lanes: dict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._readers: dict[str, list[_Reader]] = defaultdict(list)
        self._closed = False

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        """As the contract says."""
        if len(records) > GROUP_MAX or any(len(record.value) > value_bytes_max(topic) for record in records):
            raise Fault("a group of records is larger than allowed")
        if not records:
            return
        found = await self._topic(topic)
        parts: dict[int, list[Record]] = defaultdict(list)
        for record in records:
            parts[partition_of(record.key, found.partitions)].append(record)
        producer = await self._started()
        try:
            async with bounded(self._address.publish_seconds), _one_error(), asyncio.TaskGroup() as group:
                for partition, part in parts.items():
                    group.create_task(self._send(producer, TopicPartition(topic, partition), part))
        except Unavailable:
            self._topics.pop(topic, None)
            await self._give_up(producer)
            raise
        await self._verify(found)  # it was not published to a topic that was made anew meanwhile

    async def fetch(self, topic: str, positions: Positions, *, limit: int, wait_seconds: float) -> list[Fetched]:
        """As the contract says."""
        found = await self._topic(topic)
        if any(partition >= found.partitions for partition in positions):
            raise Fault("a position of a partition that there is not")
        wanted = {number: positions.get(number, 0) for number in range(found.partitions)}
        reader = await self._reader(found, wanted)
        try:
            async with bounded(wait_seconds + self._address.request_seconds):
                if wait_seconds <= 0:
                    fetched = await reader.present(wanted, limit)
                else:
                    fetched = await reader.next(wanted, limit, wait_seconds)
            await self._verify(found)  # what was read was of this topic, and the cluster answers
        except BaseException:
            self._topics.pop(topic, None)
            self._readers[topic].remove(reader)
            await _ended(reader.consumer)
            raise
        reader.busy = False
        return fetched

    async def close(self) -> None:
        """As the contract says; what was under way is given up."""
        self._closed = True
        if self._producer is not None:
            await self._give_up(self._producer)
        for readers in self._readers.values():
            for reader in readers:
                await _ended(reader.consumer)
        self._readers.clear()
        with suppress(LiaisonError):
            await self._cluster.close()

    # -- topics

    async def _topic(self, name: str) -> Topic:
        if name not in self._topics:
            found = existing(await self._cluster.topic(name))
            await self._lineage.check(found)
            self._topics[name] = found
        return self._topics[name]

    async def _verify(self, known: Topic) -> None:
        """The topic is still the one that was read from or published to; else positions are to be read again."""
        found = existing(await self._cluster.topic(known.name))
        if (found.id, found.partitions) != (known.id, known.partitions):
            self._topics.pop(known.name, None)
            raise Unavailable(POSITION_CODE)

    # -- publishing

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._closed:
                raise Unavailable("UNREACHABLE")
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._address.connecting(),
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=_LINGER_MS,
                    max_batch_size=BATCH_BYTES_MAX,
                    max_request_size=REQUEST_BYTES_MAX,
                    compression_type=None,  # ciphertext, digests and indices do not shrink
                )
                try:
                    async with bounded(self._address.publish_seconds):
                        await producer.start()
                except BaseException:
                    await _ended(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _send(self, producer: AIOKafkaProducer, place: TopicPartition, records: Sequence[Record]) -> None:
        """One partition's records, in their order and after those of groups before."""
        async with self._lanes[place], bounded(self._address.publish_seconds):
            if place.partition not in await producer.partitions_for(place.topic):
                raise kafka_errors.UnknownTopicOrPartitionError
            acknowledged, batch = [], producer.create_batch()
            for record in records:
                about = {"key": record.key, "value": record.value, "timestamp": _milliseconds(record.since)}
                if batch.append(**about) is None:
                    batch.close()
                    acknowledged.append(await producer.send_batch(batch, place.topic, partition=place.partition))
                    batch = producer.create_batch()
                    batch.append(**about)
            acknowledged.append(await producer.send_batch(batch, place.topic, partition=place.partition))
            await asyncio.gather(*acknowledged)

    async def _give_up(self, producer: AIOKafkaProducer) -> None:
        """A new producer will be made. All that this one had under way has failed, whoever waits for it."""
        if self._producer is producer:
            self._producer = None
        if not producer._closed:
            _fail_all(producer)
            await _ended(producer)

    # -- reading

    async def _reader(self, topic: Topic, wanted: Mapping[int, int]) -> "_Reader":
        """One that nobody uses, best one that stands there already; it is busy from now on."""
        readers = self._readers[topic.name]
        free = [reader for reader in readers if not reader.busy]
        chosen = next((reader for reader in free if reader.at == wanted), free[0] if free else None)
        if chosen is not None:
            chosen.busy = True
            return chosen
        if len(readers) >= READERS_MAX or self._closed:
            raise Unavailable("UNREACHABLE")
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer = AIOKafkaConsumer(
            **self._address.connecting(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            max_poll_records=GROUP_MAX,
        )
        reader = _Reader(consumer, places)
        readers.append(reader)
        try:
            async with bounded(self._address.publish_seconds):
                await consumer.start()
                consumer.assign(places)
        except BaseException:
            readers.remove(reader)
            await _ended(consumer)
            raise
        return reader


@dataclass(slots=True, eq=False)
class _Reader:
    """A consumer with all partitions of a topic. `at` is where it stands; a partition not in it has to be sought."""

    consumer: AIOKafkaConsumer
    places: Sequence[TopicPartition]
    at: dict[int, int] = field(default_factory=dict)
    busy: bool = True

    async def next(self, wanted: Mapping[int, int], limit: int, wait_seconds: float) -> list[Fetched]:
        """What comes first from there on."""
        self._seek(wanted)
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            left = deadline - asyncio.get_running_loop().time()
            found = await self._take(limit, max(left, 0.0))
            if found or left <= 0:
                return found

    async def present(self, wanted: Mapping[int, int], limit: int) -> list[Fetched]:
        """All that there is now from there on, and no waiting for more."""
        ends = await self.consumer.end_offsets(self.places)
        self._seek(wanted)
        found: list[Fetched] = []
        while len(found) < limit and any(self.at[place.partition] < end for place, end in ends.items()):
            found += await self._take(limit - len(found), _FETCH_WAIT_MS / 1000)
        return found

    def _seek(self, wanted: Mapping[int, int]) -> None:
        for place in self.places:
            if self.at.get(place.partition) != wanted[place.partition]:
                self.consumer.seek(place, wanted[place.partition])
        self.at = dict(wanted)

    async def _take(self, limit: int, seconds: float) -> list[Fetched]:
        taken = await self.consumer.getmany(timeout_ms=int(seconds * 1000), max_records=limit)
        found = [
            Fetched(place.partition, one.offset, Record(one.key or b"", one.value or b""))
            for place, records in taken.items()
            for one in records
        ]
        for one in found:
            self.at[one.partition] = one.offset + 1
        return found


@asynccontextmanager
async def _one_error() -> AsyncIterator[None]:
    """Of a group's errors the first, so that it can be caught by its kind."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group


def _fail_all(producer: AIOKafkaProducer) -> None:
    """Whatever it still holds has failed; otherwise its `stop` would wait for that, for ever (aiokafka#1101)."""
    held = producer._message_accumulator
    queued = [batch for batches in held._batches.values() for batch in batches]
    held._pending_batches.update(batch for batch in queued if batch.retry_count)  # where it will take them from
    held.fail_all(kafka_errors.ProducerClosed())
    for batch in {*queued, *held._pending_batches}:
        batch._drain_waiter.exception()  # nobody else looks at it


async def _ended(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """The client is gone: by its own way if that ends soon, else with its connections cut."""
    inner = client.client if isinstance(client, AIOKafkaProducer) else client._client
    await end(inner, END_SECONDS, client.stop)


def _milliseconds(since: int | None) -> int | None:
    return None if since is None else since * 1000
