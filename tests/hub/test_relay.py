"""The relay: everything accepted, in log order, at least once, from a position that may be set back."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence

import httpx2
import pytest

from hub import relay
from hub.broker.contract import OUTBOUND, Fetched, Positions, Record
from hub.broker.outbound import Outbound, decode
from hub.wiring import Hub
from keys.statements import Entry
from schemas.errors import Unavailable
from tests.hub.called_edge import until
from tests.world import World

Client = httpx2.AsyncClient


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running() as found:
        yield found
    world.check()


def hub_of(world: World) -> Hub:
    assert world.hub is not None
    return world.hub


async def published(world: World) -> list[Outbound]:
    await asyncio.sleep(0)  # the relay's turn
    fetched = await hub_of(world).broker.fetch(OUTBOUND, {}, limit=10_000, wait_seconds=0)
    return [decode(one.record) for one in fetched]


async def send(world: World, client: Client, *to: str) -> int:
    return (await world.accepted(client, world.seal("test-aut", "doc.alert", list(to)))).index


class Unreliable:
    """A broker that says so after it has published: the worst that a contract allows."""

    def __init__(self, real: object, fail_times: int) -> None:
        self._real = real
        self._left = fail_times

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        await self._real.publish(topic, records)  # type: ignore[attr-defined]
        if self._left:
            self._left -= 1
            raise Unavailable("UNREACHABLE", 0.0)

    async def fetch(self, topic: str, positions: Positions, *, limit: int, wait_seconds: float) -> list[Fetched]:
        found: list[Fetched] = await self._real.fetch(  # type: ignore[attr-defined]
            topic, positions, limit=limit, wait_seconds=wait_seconds
        )
        return found

    async def close(self) -> None:
        return None


async def test_what_is_accepted_is_published_in_order_and_names_no_case(world: World, client: Client) -> None:
    indices = [await send(world, client, "test-mda", "test-geo") for _ in range(3)]
    await world.post(client, world.seal("test-aut", "ident.request", ["test-geo"]))  # refused: not published
    seen: list[Outbound] = []
    while len(seen) < 3:
        seen = await published(world)
    assert seen == [Outbound(index, ("test-geo", "test-mda")) for index in indices]
    fetched = await hub_of(world).broker.fetch(OUTBOUND, {}, limit=10, wait_seconds=0)
    assert [int.from_bytes(one.record.key, "big") for one in fetched] == indices  # the case's row: its opening


async def test_a_broker_that_fails_is_given_the_group_again(world: World) -> None:
    async with world.running(relay_linger_seconds=0) as client:
        hub_of(world).broker = Unreliable(hub_of(world).broker, fail_times=2)
        indices = [await send(world, client, "test-mda") for _ in range(3)]
        seen: list[int] = []
        while len(set(seen)) < 3:
            seen = [one.index for one in await published(world)]
        assert [index for index, _ in itertools.groupby(dict.fromkeys(seen))] == indices


async def test_a_position_set_back_publishes_only_what_is_still_on_its_way(world: World) -> None:
    async with world.running(relay_idle_seconds=0.01) as client:
        done, open_ = await send(world, client, "test-mda"), await send(world, client, "test-mda", "test-geo")
        fetched = hub_of(world).reader.inbox("test-mda", -1, limit=9, bytes_max=10**7)
        entries = [Entry(item.digest.hex(), item.index) for item in fetched]
        await world.state(client, "test-mda", "ContentHandover", entries)
        await until(lambda: relay.position(hub_of(world)) > open_)
    hub = world.open()
    hub.connection.execute("DELETE FROM broker_record")
    hub.connection.execute("DELETE FROM consumer_position")
    hub.close()
    async with world.running() as client:
        await send(world, client, "test-mda")
        seen: list[Outbound] = []
        while len(seen) < 2:
            seen = await published(world)
    assert seen[0] == Outbound(open_, ("test-geo",))
    assert done not in {one.index for one in seen}


async def test_a_restart_does_not_publish_everything_again(world: World) -> None:
    async with world.running(relay_idle_seconds=0.01) as client:
        for _ in range(3):
            await send(world, client, "test-mda")
        last = hub_of(world).writer.size
        await until(lambda: relay.position(hub_of(world)) == last)
        before = len(await published(world))
    async with world.running() as client:
        await send(world, client, "test-mda")
        seen: list[Outbound] = []
        while len(seen) <= before:
            seen = await published(world)
        assert len(seen) == before + 1
