"""The broker on a real Apache Kafka against the contract, and what is its own: what Kafka lost is noticed, and said."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from hub.broker.cluster import Address, Cluster, Topic
from hub.broker.contract import GROUP_MAX, INBOX_PREFIX, INBOX_VALUE_BYTES_MAX, Fetched, Positions, Record
from hub.broker.kafka import KafkaBroker, partition_of
from hub.broker.lineage import Lineage, check_embedded
from hub.broker.positions import after
from hub.log.writer import LogWriter
from hub.store import tables
from keys.at_rest import AtRest
from keys.proofs.checkpoint import LogSigner
from schemas.errors import Fault, Unavailable
from service.sqlite import Connection, open_database
from tests.contracts.broker_contract import TOPIC, BrokerContract, Store, record, rest, take
from tests.hub.called_edge import until
from tests.kafka import server

PARTITIONS = 3
OTHER = TOPIC + ".other"
_numbers = itertools.count()


class Prefixed(KafkaBroker):
    """Topics of one test alone on a server that tests share: each name has the test's own prefix on the server."""

    def __init__(self, address: Address, lineage: Lineage, prefix: str) -> None:
        super().__init__(address, lineage)
        self._prefix = prefix

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        await super().publish(self._prefix + topic, records)

    async def fetch(self, topic: str, positions: Positions, *, limit: int, wait_seconds: float) -> list[Fetched]:
        return await super().fetch(self._prefix + topic, positions, limit=limit, wait_seconds=wait_seconds)


class KafkaStore(Store):
    def __init__(self, connection: Connection, writer: LogWriter) -> None:
        self.connection = connection
        self.lineage = Lineage(connection, writer)
        self.writer = writer
        self.address = Address(server().bootstrap, request_seconds=2.0, publish_seconds=4.0)
        self.prefix = f"t{os.getpid()}.{next(_numbers)}."
        self.cluster = Cluster(self.address)
        self.admin = AIOKafkaAdminClient(bootstrap_servers=server().bootstrap)
        self.brokers: list[KafkaBroker] = []

    async def open(self) -> KafkaBroker:
        self.brokers.append(Prefixed(self.address, self.lineage, self.prefix))
        return self.brokers[-1]

    async def break_down(self) -> None:
        server().stop(1)

    async def mend(self) -> None:
        server().cont(1)

    async def configure(self, settings: dict[str, str], topic: str = TOPIC) -> None:
        [answer] = await self.admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, self.prefix + topic, settings)]
        )
        assert answer.resources[0][0] == 0, answer

    async def make(self, topic: str, settings: Mapping[str, str] | None = None) -> None:
        await self.cluster.create(self.prefix + topic, PARTITIONS, 1, settings or {})

    async def unmake(self, topic: str) -> None:
        before = await self.cluster.topic(self.prefix + topic)
        assert before is not None
        await self.admin.delete_topics([self.prefix + topic])
        await self.until(topic, lambda found: found is None)

    async def until(self, topic: str, holds: Callable[[Topic | None], bool]) -> None:
        async with asyncio.timeout(60):
            while True:
                if holds(await self.cluster.topic(self.prefix + topic)):
                    return


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[KafkaStore]:
    connection = open_database(tmp_path / "hub.db")
    tables.create(connection)
    writer = LogWriter(
        connection,
        LogSigner("hub.liaison.example/audit/2026", bytes(32), bytes(32)),
        AtRest(bytes(32), bytes(32)),
        lambda: datetime(2026, 4, 1, tzinfo=UTC),
    )
    writer.open()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        found = KafkaStore(connection, writer)
        await found.admin.start()
        for topic in (TOPIC, OTHER):
            await found.make(topic)
        yield found
        for broker in found.brokers:
            await broker.close()
        await found.cluster.close()
        await found.admin.close()
        task.cancel()
    connection.close()


class TestKafkaBroker(BrokerContract):
    """The whole contract; the rest of this module is more."""


async def refused(store: KafkaStore, positions: Mapping[int, int] | None = None) -> str:
    """The code with which a broker opened now refuses to read."""
    broker = await store.open()
    with pytest.raises(Unavailable) as found:
        await broker.fetch(TOPIC, positions or {}, limit=9, wait_seconds=20)
    return found.value.code


def key_in(partition: int) -> bytes:
    return next(key for number in itertools.count() if partition_of(key := b"%d" % number, PARTITIONS) == partition)


# -- where a record goes


@pytest.mark.parametrize(("key", "partition"), [(b"", 4), (b"\0" * 8, 2), (b"\0\0\0\0\0\0\0\x07", 8), (b"test-mda", 5)])
def test_a_keys_partition_is_the_same_in_every_release(key: bytes, partition: int) -> None:
    assert partition_of(key, 12) == partition


async def test_a_large_group_of_one_key_keeps_its_order_over_many_requests(store: KafkaStore) -> None:
    broker = await store.open()
    group = [Record(b"k", b"%05d" % number + bytes(4096)) for number in range(GROUP_MAX)]  # 2 MiB: many batches
    await broker.publish(TOPIC, group)
    assert [one.record for one in await take(broker, GROUP_MAX)] == group


async def test_an_inbox_takes_a_whole_container_and_nothing_larger(store: KafkaStore) -> None:
    broker = KafkaBroker(store.address, store.lineage)
    store.brokers.append(broker)
    topic = f"{INBOX_PREFIX}{store.prefix}test"
    await store.cluster.create(topic, 1, 1, {"max.message.bytes": "1048576"})
    largest = Record(b"k", os.urandom(INBOX_VALUE_BYTES_MAX))
    await broker.publish(topic, [largest, largest])
    assert [one.record for one in await take(broker, 2, topic=topic)] == [largest, largest]
    with pytest.raises(Fault):
        await broker.publish(topic, [Record(b"k", bytes(INBOX_VALUE_BYTES_MAX + 1))])


async def test_a_topic_that_takes_less_than_the_hub_publishes_is_the_operators_to_mend(store: KafkaStore) -> None:
    broker = await store.open()
    await store.configure({"max.message.bytes": "100"})
    with pytest.raises(Unavailable) as found:
        await broker.publish(TOPIC, [Record(b"k", bytes(1000))])
    assert found.value.code == "BROKER_TOPIC"
    await store.configure({"max.message.bytes": "1048576"})
    await broker.publish(TOPIC, [record(1)])
    assert [one.record for one in await take(broker, 1)] == [record(1)]


# -- what Kafka lost is never skipped in silence


async def test_a_topic_that_is_missing_is_said_to_whoever_publishes_or_reads(store: KafkaStore) -> None:
    broker = await store.open()
    for _ in range(2):
        with pytest.raises(Unavailable, match="BROKER_TOPIC"):
            await broker.publish("nowhere", [record(1)])
        with pytest.raises(Unavailable, match="BROKER_TOPIC"):
            await broker.fetch("nowhere", {}, limit=1, wait_seconds=0)


async def test_a_topic_made_anew_is_noticed_even_when_it_has_grown_past_the_position(store: KafkaStore) -> None:
    broker = await store.open()
    await broker.publish(TOPIC, [record(1), record(2)])
    positions = after({}, await take(broker, 2))
    await store.unmake(TOPIC)
    await store.make(TOPIC)
    other = Prefixed(store.address, Unknowing(store.connection, store.writer), store.prefix)
    store.brokers.append(other)
    await other.publish(TOPIC, [record(number) for number in range(9)])
    for _ in range(2):
        with pytest.raises(Unavailable) as found:  # the broker that was reading all the time
            await broker.fetch(TOPIC, positions, limit=9, wait_seconds=20)
        assert found.value.code == "BROKER_POSITION"
    assert await refused(store, positions) == "BROKER_POSITION"
    with pytest.raises(Unavailable, match="BROKER_POSITION"):
        await broker.publish(TOPIC, [record(3)])


class Unknowing(Lineage):
    """Another program, which does not ask."""

    async def check(self, _: object) -> None:
        return None


async def test_a_topic_with_more_partitions_is_noticed(store: KafkaStore) -> None:
    broker = await store.open()
    await broker.publish(TOPIC, [record(1)])
    await store.admin.create_partitions({store.prefix + TOPIC: NewPartitions(PARTITIONS + 1)})
    await store.until(TOPIC, lambda found: found is not None and found.partitions > PARTITIONS)
    assert await refused(store) == "BROKER_POSITION"
    with pytest.raises(Unavailable, match="BROKER_POSITION"):
        await broker.fetch(TOPIC, {}, limit=1, wait_seconds=20)


@pytest.mark.parametrize("named", [True, False])
async def test_a_position_that_retention_has_passed_is_said(store: KafkaStore, named: bool) -> None:
    broker = await store.open()
    key = key_in(1)
    await broker.publish(TOPIC, [record(number, key) for number in range(9)])
    await store.admin.delete_records({TopicPartition(store.prefix + TOPIC, 1): RecordsToDelete(5)})
    assert await refused(store, {1: 4} if named else {}) == "BROKER_POSITION"
    found = await take(await store.open(), 4, {1: 5})
    assert [int(one.record.value) for one in found] == [5, 6, 7, 8]


async def test_a_position_that_lies_ahead_of_the_topic_is_said(store: KafkaStore) -> None:
    assert await refused(store, {0: 7}) == "BROKER_POSITION"


async def test_a_position_of_a_partition_that_there_is_not_is_our_own_mistake(store: KafkaStore) -> None:
    broker = await store.open()
    with pytest.raises(Fault):
        await broker.fetch(TOPIC, {PARTITIONS: 0}, limit=1, wait_seconds=0)


async def test_positions_that_another_broker_left_are_not_taken_for_kafkas(store: KafkaStore) -> None:
    check_embedded(store.connection)
    await store.consumed(store.prefix + TOPIC, {0: 0})
    assert await refused(store) == "BROKER_POSITION"


async def test_kafkas_positions_are_not_taken_for_the_embedded_brokers(store: KafkaStore) -> None:
    broker = await store.open()
    await broker.publish(TOPIC, [record(1)])
    with pytest.raises(Unavailable, match="BROKER_POSITION"):
        check_embedded(store.connection)


# -- the client's faults stay inside


async def test_a_producer_that_failed_is_replaced_and_what_it_had_is_said_to_have_failed(store: KafkaStore) -> None:
    broker = await store.open()
    await broker.publish(TOPIC, [record(0)])
    first = broker._producer
    await store.break_down()
    published = await asyncio.gather(
        *(broker.publish(TOPIC, [record(number, b"%d" % number)]) for number in range(6)), return_exceptions=True
    )
    await store.mend()
    assert all(isinstance(one, Unavailable) for one in published), published
    await broker.publish(TOPIC, [record(7)])
    assert broker._producer is not first
    assert first is not None
    assert first._closed
    assert 7 in {int(one.record.value) for one in await rest(broker, {})}


@pytest.mark.parametrize("what", ["publish", "fetch"])
async def test_nothing_waits_for_a_server_that_is_not_there(store: KafkaStore, what: str) -> None:
    broker = KafkaBroker(replace(store.address, bootstrap="127.0.0.1:1", publish_seconds=1), store.lineage)
    for _ in range(2):
        asked = (
            broker.publish(TOPIC, [record(1)])
            if what == "publish"
            else broker.fetch(TOPIC, {}, limit=1, wait_seconds=0)
        )
        with pytest.raises(Unavailable, match="UNREACHABLE"):
            await asked
    await broker.close()


async def test_a_broker_that_was_closed_does_nothing_more(store: KafkaStore) -> None:
    broker = await store.open()
    await broker.publish(TOPIC, [record(1)])
    await broker.close()
    with pytest.raises(Unavailable):
        await broker.publish(TOPIC, [record(1)])
    with pytest.raises(Unavailable):
        await broker.fetch(TOPIC, {}, limit=1, wait_seconds=0)


async def test_consumers_at_different_places_do_not_disturb_each_other(store: KafkaStore) -> None:
    broker = await store.open()
    key = key_in(2)
    await broker.publish(TOPIC, [record(number, key) for number in range(60)])

    async def all_from(first: int) -> list[int]:
        found, position = list[int](), first
        while len(found) < 60 - first:
            more = await broker.fetch(TOPIC, {2: position}, limit=7, wait_seconds=20)
            found += [int(one.record.value) for one in more]
            position = more[-1].offset + 1
        return found

    seen = await asyncio.gather(*(all_from(first) for first in (0, 11, 30)))
    assert seen == [list(range(first, 60)) for first in (0, 11, 30)]


async def test_a_reader_that_goes_away_while_it_waits_costs_nobody_a_record(store: KafkaStore) -> None:
    broker = await store.open()
    waiting = asyncio.ensure_future(broker.fetch(TOPIC, {}, limit=9, wait_seconds=20))
    await broker.publish(TOPIC, [record(1)])
    waiting.cancel()
    await asyncio.wait([waiting])
    assert [one.record for one in await take(broker, 1)] == [record(1)]


async def test_too_many_readers_are_told_to_wait(store: KafkaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.broker.kafka.READERS_MAX", 1)
    broker = await store.open()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(broker.fetch(TOPIC, {}, limit=9, wait_seconds=20))
        await until(lambda: bool(broker._readers[store.prefix + TOPIC]))
        with pytest.raises(Unavailable):
            await broker.fetch(TOPIC, {}, limit=9, wait_seconds=20)
        await broker.publish(TOPIC, [record(1)])
    assert [one.record for one in waiting.result()] == [record(1)]
