"""The embedded broker against the contract, and what is its own: it shares the log's commits and drops what is done."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.broker import embedded
from hub.broker.embedded import EmbeddedBroker
from hub.broker.positions import EPOCH, Consumer, Standing, after, nothing
from hub.log.batch import Answer, Batch
from hub.log.writer import LogWriter
from hub.store import tables
from hub.store.tables import SET_META
from keys.at_rest import AtRest
from keys.proofs.checkpoint import LogSigner
from schemas.errors import Unavailable
from service.sqlite import Connection, open_database
from tests.contracts.broker_contract import TOPIC, BrokerContract, Store, record, rest, take


class EmbeddedStore(Store):
    def __init__(self, path: Path, connection: Connection, writer: LogWriter) -> None:
        self.connection = connection
        self.writer = writer
        self._path = path
        self._other: sqlite3.Connection | None = None

    async def open(self) -> EmbeddedBroker:
        return EmbeddedBroker(self.connection, self.writer)

    async def break_down(self) -> None:
        self._other = sqlite3.connect(self._path, isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")

    async def mend(self) -> None:
        assert self._other is not None
        self._other.execute("ROLLBACK")
        self._other.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    path = tmp_path / "hub.db"
    connection = open_database(path, busy_timeout_ms=1)
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
        yield EmbeddedStore(path, connection, writer)
        task.cancel()
    connection.close()


class TestEmbeddedBroker(BrokerContract):
    """Nothing more than the contract."""


async def test_publishing_adds_no_leaf_and_no_checkpoint(store: EmbeddedStore) -> None:
    broker = await store.open()
    await broker.publish(TOPIC, [record(at) for at in range(100)])
    assert store.writer.size == 1
    assert store.connection.execute("SELECT count(*) FROM checkpoint").fetchone() == (1,)


async def test_what_every_consumer_has_passed_is_dropped(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_DROP_EVERY", 10)
    broker = await store.open()
    await broker.publish(TOPIC, [record(at) for at in range(10)])
    assert len(await rest(broker, {})) == 10  # nobody has read anything yet
    await store.consumed(TOPIC, after({}, await take(broker, 8)))
    await broker.publish(TOPIC, [record(at) for at in range(10, 20)])
    assert [int(one.record.value) for one in await rest(broker, {})] == list(range(8, 20))


async def test_a_slow_consumer_keeps_what_it_has_not_read(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_DROP_EVERY", 1)

    broker = await store.open()
    await broker.publish(TOPIC, [record(at) for at in range(10)])
    await store.consumed(TOPIC, {0: 2}, "slow")
    await store.consumed(TOPIC, {0: 10})
    await broker.publish(TOPIC, [record(10)])
    assert [int(one.record.value) for one in await rest(broker, {})] == list(range(2, 11))


async def test_a_position_never_goes_back(store: EmbeddedStore) -> None:
    await store.consumed(TOPIC, {0: 7})
    await store.consumed(TOPIC, {0: 3})
    assert await store.positions(TOPIC) == {0: 7}


async def test_effect_and_position_are_one(store: EmbeddedStore) -> None:
    """A consumer that fails between reading and writing has done nothing and sees the records again."""

    def work(batch: Batch) -> Answer[None]:
        batch.write("INSERT INTO lane (partner) VALUES (?)", ("test-mda",))  # lacks what it must have
        return nothing(batch)

    with pytest.raises(Exception, match="refused"):
        await store.writer.submit(Consumer(TOPIC, "contract").moved(Standing(0, {0: 5}), work), leaves=0)
    assert await store.positions(TOPIC) == {}


async def test_who_read_before_the_broker_was_filled_again_writes_neither_position_nor_effect(
    store: EmbeddedStore,
) -> None:
    consumer = Consumer(TOPIC, "contract")
    paused = consumer.standing(store.connection)
    store.connection.execute(SET_META, (EPOCH, b"1"))

    def work(batch: Batch) -> Answer[None]:
        batch.write("INSERT INTO push (partner, idx) VALUES (?, ?)", ("test-mda", 0))
        return nothing(batch)

    with pytest.raises(Unavailable, match="BROKER_POSITION"):
        await store.writer.submit(consumer.moved(Standing(paused.epoch, {0: 5}), work), leaves=0)
    assert consumer.standing(store.connection) == Standing(1, {})
    assert store.connection.execute("SELECT count(*) FROM push").fetchone() == (0,)
    await store.writer.submit(consumer.moved(Standing(1, {0: 2}), nothing), leaves=0)
    assert consumer.standing(store.connection) == Standing(1, {0: 2})
