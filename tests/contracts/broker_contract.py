"""What every broker is held to (`hub.broker.contract`). An implementation's module makes the fixture `store`.

class TestEmbedded(BrokerContract): ...            # with a fixture `store` that gives a `Store`
"""

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping

import pytest

from hub.broker.contract import GROUP_MAX, VALUE_BYTES_MAX, Broker, Fetched, Positions, Record
from hub.broker.positions import Consumer, Standing, after, nothing
from hub.log.writer import LogWriter
from hub.store.engine import Connection
from schemas.errors import Fault, Unavailable

TOPIC = "hub.v1.contract"
WAIT_SECONDS = 20.0


class Store(ABC):
    """Where an implementation keeps its records, and how to disturb it; positions are in the hub's database."""

    connection: Connection
    writer: LogWriter

    @abstractmethod
    async def open(self) -> Broker:
        """A broker over what is stored, as after a start of the program; each call gives another one."""

    async def consumed(self, topic: str, positions: Mapping[int, int], consumer: str = "contract") -> None:
        """A consumer has durably passed these positions (in the database that holds its effects)."""
        standing = Standing(0, dict(positions))
        await self.writer.submit(Consumer(topic, consumer).moved(standing, nothing), leaves=0)

    async def positions(self, topic: str) -> Positions:
        """What `consumed` last wrote."""
        return Consumer(topic, "contract").standing(self.connection).positions

    @abstractmethod
    async def break_down(self) -> None:
        """From now on nothing can be written."""

    @abstractmethod
    async def mend(self) -> None:
        """Undo `break_down`."""


def record(number: int, key: bytes = b"k") -> Record:
    return Record(key, b"%d" % number)


async def take(
    broker: Broker, count: int, positions: Mapping[int, int] | None = None, topic: str = TOPIC
) -> list[Fetched]:
    """So many records from these positions on, in as many fetches as it takes."""
    found: list[Fetched] = []
    following = dict(positions or {})
    while len(found) < count:
        more = await broker.fetch(topic, following, limit=count - len(found), wait_seconds=WAIT_SECONDS)
        assert more, "records are missing"
        found += more
        following = after(following, more)
    return found


async def rest(broker: Broker, positions: Mapping[int, int], topic: str = TOPIC) -> list[Fetched]:
    """What there is, without waiting for more."""
    return await broker.fetch(topic, positions, limit=1000, wait_seconds=0)


class BrokerContract:
    """The tests; each is one obligation of the contract's list."""

    async def test_records_come_as_they_were_published(self, store: Store) -> None:
        broker = await store.open()
        every_byte = Record(bytes(range(256)), bytes(reversed(range(256))))
        await broker.publish(TOPIC, [record(1), every_byte, Record(b"", b"")])
        assert [one.record for one in sorted(await take(broker, 3), key=lambda one: one.offset)]
        assert {one.record for one in await take(broker, 3)} == {record(1), every_byte, Record(b"", b"")}

    async def test_one_keys_records_keep_their_order_and_partition(self, store: Store) -> None:
        broker = await store.open()
        keys = [b"a", b"b", b"c", b"d"]
        numbers = itertools.count()
        for _ in range(5):
            await broker.publish(TOPIC, [record(next(numbers), key) for key in keys * 5])
        found = await take(broker, 100)
        for key in keys:
            mine = [one for one in found if one.record.key == key]
            assert [int(one.record.value) for one in mine] == sorted(int(one.record.value) for one in mine)
            assert len({one.partition for one in mine}) == 1
            assert [one.offset for one in mine] == sorted({one.offset for one in mine})

    async def test_groups_published_at_the_same_time_are_all_there(self, store: Store) -> None:
        broker = await store.open()
        groups = [[record(at * 10 + number, b"%d" % at) for number in range(10)] for at in range(20)]
        await asyncio.gather(*(broker.publish(TOPIC, group) for group in groups))
        found = await take(broker, 200)
        for at, group in enumerate(groups):
            assert [one.record for one in found if one.record.key == b"%d" % at] == group

    async def test_an_empty_group_is_nothing(self, store: Store) -> None:
        broker = await store.open()
        await broker.publish(TOPIC, [])
        assert await rest(broker, {}) == []

    async def test_a_group_or_record_past_the_limit_is_our_own_mistake(self, store: Store) -> None:
        broker = await store.open()
        with pytest.raises(Fault):
            await broker.publish(TOPIC, [record(at) for at in range(GROUP_MAX + 1)])
        with pytest.raises(Fault):
            await broker.publish(TOPIC, [Record(b"k", bytes(VALUE_BYTES_MAX + 1))])
        assert await rest(broker, {}) == []
        await broker.publish(TOPIC, [record(at) for at in range(GROUP_MAX)])
        assert len(await take(broker, GROUP_MAX)) == GROUP_MAX

    async def test_what_was_published_outlives_the_program(self, store: Store) -> None:
        first = await store.open()
        await first.publish(TOPIC, [record(1), record(2)])
        await first.close()
        again = await store.open()
        assert [one.record for one in await take(again, 2)] == [record(1), record(2)]

    async def test_a_consumer_that_wrote_no_position_sees_everything_again(self, store: Store) -> None:
        broker = await store.open()
        await broker.publish(TOPIC, [record(1), record(2)])
        seen = await take(broker, 2)
        assert await take(broker, 2) == seen
        assert await take(await store.open(), 2) == seen

    async def test_a_consumer_goes_on_where_its_position_says(self, store: Store) -> None:
        broker = await store.open()
        await broker.publish(TOPIC, [record(at) for at in range(10)])
        first = await take(broker, 4)
        await store.consumed(TOPIC, after({}, first))
        again = await store.open()
        second = await take(again, 6, await store.positions(TOPIC))
        assert sorted(int(one.record.value) for one in first + second) == list(range(10))
        assert await rest(again, after(await store.positions(TOPIC), second)) == []

    async def test_publishing_a_group_again_gives_it_twice_and_in_order(self, store: Store) -> None:
        broker = await store.open()
        group = [record(1), record(2)]
        await broker.publish(TOPIC, group)
        await broker.publish(TOPIC, group)
        values = [int(one.record.value) for one in await take(broker, 4)]
        assert values == [1, 2, 1, 2]

    async def test_offsets_go_on_after_everything_was_consumed(self, store: Store) -> None:
        broker = await store.open()
        highest = -1
        for at in range(6):
            await broker.publish(TOPIC, [record(at * 300 + number) for number in range(300)])
            found = await take(broker, 300, await store.positions(TOPIC))
            assert min(one.offset for one in found) > highest
            highest = max(one.offset for one in found)
            await store.consumed(TOPIC, after(await store.positions(TOPIC), found))
        broker = await store.open()
        await broker.publish(TOPIC, [record(9999)])
        found = await take(broker, 1, await store.positions(TOPIC))
        assert [int(one.record.value) for one in found] == [9999]

    async def test_a_fetch_takes_no_more_than_asked_for(self, store: Store) -> None:
        broker = await store.open()
        await broker.publish(TOPIC, [record(at) for at in range(10)])
        assert len(await broker.fetch(TOPIC, {}, limit=3, wait_seconds=WAIT_SECONDS)) <= 3

    async def test_a_waiting_consumer_is_woken(self, store: Store) -> None:
        broker = await store.open()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(broker.fetch(TOPIC, {}, limit=9, wait_seconds=WAIT_SECONDS))
            await asyncio.sleep(0)
            assert not waiting.done()
            await broker.publish(TOPIC, [record(1)])
        assert [one.record for one in waiting.result()] == [record(1)]

    async def test_waiting_ends(self, store: Store) -> None:
        broker = await store.open()
        assert await broker.fetch(TOPIC, {}, limit=9, wait_seconds=0.01) == []

    async def test_topics_are_apart(self, store: Store) -> None:
        broker = await store.open()
        await broker.publish(TOPIC, [record(1)])
        await broker.publish(TOPIC + ".other", [record(2)])
        assert [one.record for one in await take(broker, 1)] == [record(1)]
        assert [one.record for one in await take(broker, 1, topic=TOPIC + ".other")] == [record(2)]

    async def test_a_failure_is_said_and_the_group_may_be_published_again(self, store: Store) -> None:
        broker = await store.open()
        await broker.publish(TOPIC, [record(0)])
        await store.break_down()
        with pytest.raises(Unavailable):
            await broker.publish(TOPIC, [record(1), record(2)])
        await store.mend()
        await broker.publish(TOPIC, [record(1), record(2)])
        values = [int(one.record.value) for one in await rest(broker, {})]
        assert values[0] == 0
        assert values[-2:] == [1, 2]
        assert set(values) == {0, 1, 2}
