"""Push: to a real server on loopback that takes, is sick, refuses, hangs or loses its answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.broker.contract import OUTBOUND, Fetched, Positions, Record
from hub.broker.outbound import Outbound
from hub.broker.positions import DELIVERY
from hub.delivery import consignment
from hub.delivery.backoff import delay
from hub.delivery.pushing import Result, judge
from hub.wiring import Hub, open_log
from keys.proofs.leaf import Leaf
from keys.sealing import Sealed
from tests.hub.called_edge import HANG, LOSE, CalledEdge, called_edge, until
from tests.world import World

Client = httpx2.AsyncClient


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def edge(world: World) -> AsyncIterator[CalledEdge]:
    async with called_edge(world, "test-mda") as found:
        yield found
        assert found.faults == []


async def send(world: World, client: Client, *to: str) -> tuple[Sealed, int]:
    sealed = world.seal("test-aut", "doc.alert", list(to or ("test-mda",)))
    return sealed, (await world.accepted(client, sealed)).index


async def send_many(world: World, client: Client, count: int) -> list[int]:
    """Accepted in one batch, so that a call can hold them all."""
    sealed = [world.seal("test-aut", "doc.alert", ["test-mda"]) for _ in range(count)]
    receipts = await asyncio.gather(*(world.accepted(client, one) for one in sealed))
    return sorted(receipt.index for receipt in receipts)


def hub_of(world: World) -> Hub:
    assert world.hub is not None
    return world.hub


def events(world: World, name: str) -> list[Leaf]:
    return [one.leaf for one in hub_of(world).reader.leaves(-1, 10_000) if one.leaf.event == name]


def consigned(world: World) -> list[int]:
    return [leaf.prev for leaf in events(world, "ContentConsignment") if leaf.prev is not None]


def lane(world: World, partner: str = "test-mda") -> tuple[int, int, float] | None:
    found: tuple[int, int, float] | None = (
        hub_of(world)
        .connection.execute("SELECT failures, refusals, due_at FROM lane WHERE partner = ?", (partner,))
        .fetchone()
    )
    return found


async def pass_time(world: World, seconds: float) -> None:
    """The wall clock goes on and delivery looks at it."""
    await world.travel(seconds=seconds)
    hub_of(world).look.set()


class Uneven:
    """A broker whose partitions are ahead of each other, as after the loss of one's leader: newest records first."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.ready = asyncio.Event()
        self.never = asyncio.Event()

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        assert topic == OUTBOUND
        self.records += records

    async def fetch(self, _topic: str, positions: Positions, *, limit: int, wait_seconds: float) -> list[Fetched]:
        """A partition a record, the last one first and one at a time."""
        assert limit
        left = [at for at in range(len(self.records)) if at not in positions]
        if not (left and self.ready.is_set()):
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self.never.wait()
            return []
        return [Fetched(at, 0, self.records[at]) for at in left[-1:]]

    async def close(self) -> None:
        return None


async def test_a_partition_that_is_ahead_reorders_nothing(world: World, edge: CalledEdge) -> None:
    broker = Uneven()
    async with world.running(push_items_max=1) as client:
        hub_of(world).broker = broker
        indices = [(await send(world, client))[1] for _ in range(4)]
        await until(lambda: len(broker.records) == len(indices))
        broker.ready.set()
        await until(lambda: len(edge.taken) == len(indices))
    assert edge.taken == indices


async def test_a_record_of_a_log_that_was_set_back_hides_nothing(world: World, edge: CalledEdge) -> None:
    async with world.running() as client:
        far = Outbound(10_000, ("test-mda",)).encode(0)
        await hub_of(world).broker.publish(OUTBOUND, [far])
        await until(lambda: DELIVERY.standing(hub_of(world).connection).positions)
        _, index = await send(world, client)
        await until(lambda: edge.taken == [index])


async def test_what_is_accepted_is_pushed_and_consigned_once(world: World, edge: CalledEdge) -> None:
    async with world.running() as client:
        sealed, index = await send(world, client)
        await until(lambda: consigned(world) == [index])
        (leaf,) = events(world, "ContentConsignment")
        assert (leaf.digest, leaf.source, leaf.to) == (sealed.digest.hex(), "test-aut", ("test-mda",))
        await world.get(client, "test-mda", f"/v1/inbox?after=2026/{index}")
        await world.state(client, "test-mda", "ContentHandover", [(sealed, index)])
        assert consigned(world) == [index]
    assert edge.calls == [[index]]
    world.check()


async def test_only_to_recipients_that_can_be_called(world: World, edge: CalledEdge) -> None:
    async with world.running() as client:
        await send(world, client, "test-geo")
        _, both = await send(world, client, "test-geo", "test-mda")
        await until(lambda: consigned(world) == [both])
    assert edge.calls == [[both]]


async def test_a_sick_edge_is_tried_again_later_and_later(world: World, edge: CalledEdge) -> None:
    edge.answers = [500, 503, 429, LOSE]
    async with world.running() as client:
        _, index = await send(world, client)
        for failures, seconds in ((1, 2), (2, 4), (3, 8), (4, 16)):
            await until(lambda: lane(world) is not None and lane(world)[0] == failures)  # type: ignore[index]  # noqa: B023
            assert lane(world) == (failures, 0, world.clock().timestamp() + seconds)
            hub_of(world).look.set()
            await until(lambda: not hub_of(world).look.is_set())
            assert len(edge.calls) == failures  # not before its time
            await pass_time(world, seconds)
        await until(lambda: consigned(world) == [index])
        await until(lambda: lane(world) is None)
    assert edge.calls == [[index]] * 5
    assert edge.taken == [index] * 2  # at least once: the edge knows it by its digest
    world.check()


async def test_retry_after_is_honoured(world: World, edge: CalledEdge) -> None:
    edge.answers, edge.retry_after = [429], "600"
    async with world.running() as client:
        await send(world, client)
        await until(lambda: lane(world) is not None)
        assert lane(world) == (1, 0, world.clock().timestamp() + 600)


async def test_an_edge_that_hangs_is_left_after_the_timeout(world: World, edge: CalledEdge) -> None:
    edge.answers = [HANG]
    async with world.running(push_timeout_seconds=0.5) as client:
        _, index = await send(world, client)
        await until(lambda: lane(world) is not None)
        await pass_time(world, 2)
        await until(lambda: consigned(world) == [index])


async def test_a_sick_edge_slows_nobody_else(world: World, edge: CalledEdge) -> None:
    edge.always = HANG
    async with called_edge(world, "test-geo") as well, world.running(push_at_once_max=2) as client:
        await send(world, client, "test-mda")
        await until(lambda: len(edge.calls) == 1)
        for _ in range(5):
            _, index = await send(world, client, "test-geo")
            await until(lambda: index in consigned(world))  # noqa: B023 - waited for here
        assert len(well.taken) == 5
        assert len(edge.calls) == 1


async def test_an_edge_that_nobody_answers_for(world: World) -> None:
    world.update("test-mda", delivery_url="http://127.0.0.1:1/nobody")
    async with world.running() as client:
        await send(world, client)
        await until(lambda: lane(world) is not None)
        assert consigned(world) == []
    world.check()


async def test_plain_http_to_another_machine_is_never_tried(world: World) -> None:
    world.update("test-mda", delivery_url="http://edge.example/deliveries")
    async with world.running() as client:
        await send(world, client)
        await until(lambda: lane(world) is not None)
        assert hub_of(world).connection.execute("SELECT code FROM lane").fetchone() == ("TLS_REQUIRED",)


@pytest.mark.parametrize("status", [400, 404, 200, 302])
async def test_a_refused_item_is_parked_with_a_leaf(world: World, edge: CalledEdge, status: int) -> None:
    edge.answers = [status]
    async with world.running() as client:
        sealed, index = await send(world, client)
        await until(lambda: events(world, "ContentConsignmentFailure"))
        (leaf,) = events(world, "ContentConsignmentFailure")
        assert (leaf.code, leaf.prev, leaf.digest, leaf.to) == (
            "PUSH_REFUSED", index, sealed.digest.hex(), ("test-mda",),
        )  # fmt: skip
        (parked,) = consignment.parked(hub_of(world).connection, None, None, 10)
        assert (parked.partner, parked.index, parked.code) == ("test-mda", index, "PUSH_REFUSED")
        _, following = await send(world, client)
        await until(lambda: consigned(world) == [following])
        assert len(edge.calls) == 2  # the parked one is left alone
    world.check()


async def test_one_poisonous_item_is_found_and_the_others_go_on(world: World, edge: CalledEdge) -> None:
    async with world.running() as client:
        edge.always = 503
        indices = await send_many(world, client, 5)
        await until(lambda: lane(world) is not None)
        edge.always, edge.poison = 204, {indices[2]}
        await pass_time(world, 300)
        await until(lambda: len(consigned(world)) == 4)
        await until(lambda: events(world, "ContentConsignmentFailure"))
        assert sorted(consigned(world)) == [index for index in indices if index != indices[2]]
        assert [leaf.prev for leaf in events(world, "ContentConsignmentFailure")] == [indices[2]]
    assert edge.taken == [index for index in indices if index != indices[2]]  # still in order
    world.check()


async def test_an_edge_that_refuses_everything_does_not_have_everything_parked(world: World, edge: CalledEdge) -> None:
    edge.always = 404
    async with world.running(push_refusals_max=3) as client:
        for _ in range(6):
            await send(world, client)
        await until(lambda: lane(world) is not None and lane(world)[0] == 1)  # type: ignore[index]
        assert len(events(world, "ContentConsignmentFailure")) == 3


async def test_a_full_park_stops_lanes_and_loses_nothing(world: World, edge: CalledEdge) -> None:
    async with world.running(parked_max=2) as client:
        indices = await send_many(world, client, 5)
        edge.poison = set(indices[:4])
        await until(lambda: lane(world) is not None and lane(world)[0] == 1)  # type: ignore[index]
        assert [leaf.prev for leaf in events(world, "ContentConsignmentFailure")] == indices[:2]
        assert consigned(world) == []  # the third is refused too, and what comes after it waits for it
        text = (await client.get("/metrics")).text
        assert "liaison_parked_room 0.0" in text
        assert "liaison_parked_now 2.0" in text
        edge.poison = set(indices[:2])  # the third was mended
        await pass_time(world, 3600)
        await until(lambda: consigned(world) == indices[2:])
        edge.poison = set()
        with open_log(world.settings(), clock=world.clock) as opened:
            assert opened.writer.commit_now(consignment.Redriven(None, None, "operator")) == 2
        hub_of(world).look.set()
        await until(lambda: len(consigned(world)) == 5)
    world.check()


async def test_what_has_expired_fills_no_park(world: World, edge: CalledEdge) -> None:
    edge.always = 500
    async with world.running(parked_max=1) as client:
        await send_many(world, client, 3)
        await until(lambda: lane(world) is not None)
        await pass_time(world, 11 * 86_400)
        await until(lambda: len(events(world, "ContentConsignmentFailure")) == 3)
        edge.always = 204
        _, index = await send(world, client)
        await pass_time(world, 3600)
        await until(lambda: consigned(world) == [index])
        assert "liaison_parked_room 1.0" in (await client.get("/metrics")).text


async def test_what_expires_before_it_is_taken_is_parked(world: World, edge: CalledEdge) -> None:
    edge.always = 500
    async with world.running() as client:
        _, index = await send(world, client)
        await until(lambda: lane(world) is not None)
        await pass_time(world, 11 * 86_400)
        await until(lambda: events(world, "ContentConsignmentFailure"))
        (leaf,) = events(world, "ContentConsignmentFailure")
        assert (leaf.code, leaf.prev) == ("EXPIRED", index)


async def test_an_operator_drives_a_parked_item_again_beside_the_running_hub(world: World, edge: CalledEdge) -> None:
    edge.answers = [400]
    async with world.running() as client:
        sealed, index = await send(world, client)
        await until(lambda: events(world, "ContentConsignmentFailure"))
        with open_log(world.settings(), clock=world.clock) as opened:
            assert opened.writer.commit_now(consignment.Redriven("test-geo", None, "operator")) == 0
            assert opened.writer.commit_now(consignment.Redriven(None, index, "operator")) == 1
            assert opened.writer.commit_now(consignment.Redriven(None, index, "operator")) == 0
        hub_of(world).look.set()
        await until(lambda: consigned(world) == [index])
        (leaf,) = events(world, "ConsignmentRedriven")
        assert (leaf.prev, leaf.digest, leaf.to, set(leaf.c)) == (index, sealed.digest.hex(), ("test-mda",), {"actor"})
        assert consignment.parked(hub_of(world).connection, None, None, 10) == []
    world.check()


async def test_a_parked_item_may_still_be_fetched(world: World, edge: CalledEdge) -> None:
    edge.answers = [400]
    async with world.running() as client:
        _, index = await send(world, client)
        await until(lambda: events(world, "ContentConsignmentFailure"))
        await world.get(client, "test-mda", f"/v1/inbox?after=2026/{index}")
        assert consigned(world) == [index]
        assert consignment.parked(hub_of(world).connection, None, None, 10) == []
    world.check()


async def test_what_was_fetched_meanwhile_is_not_pushed(world: World, edge: CalledEdge) -> None:
    edge.always = 500
    async with world.running() as client:
        first = await send(world, client)
        await until(lambda: lane(world) is not None)
        await world.state(client, "test-mda", "ContentHandover", [first])
        edge.always = 204
        await pass_time(world, 300)
        _, second = await send(world, client)
        await until(lambda: second in consigned(world))
    assert edge.calls == [[first[1]], [second]]
    world.check()


async def test_a_restart_goes_on(world: World, edge: CalledEdge) -> None:
    edge.always = 500
    async with world.running() as client:
        _, index = await send(world, client)
        await until(lambda: lane(world) is not None)
        before = lane(world)
    edge.always = 204
    async with world.running():
        assert lane(world) == before
        await pass_time(world, 300)
        await until(lambda: consigned(world) == [index])
    world.check()


async def test_a_partner_that_can_be_called_from_now_on(world: World) -> None:
    async with world.running() as client:
        _, first = await send(world, client)
        async with called_edge(world, "test-mda") as edge:
            await hub_of(world).directories.fresh()
            hub_of(world).look.set()
            await until(lambda: consigned(world) == [first])
            world.update("test-mda")
            await hub_of(world).directories.fresh()
            await send(world, client)
            _, third = await send(world, client, "test-geo")
            await world.get(client, "test-geo", f"/v1/inbox?after=2026/{third}")
            assert edge.calls == [[first]]
            assert consigned(world) == [first, third]
    world.check()


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1), asked=st.floats(0, 4000))
def test_the_delay_is_between_what_was_asked_and_the_cap(failures: int, chance: float, asked: float) -> None:
    found = delay(failures, chance, base_seconds=2, max_seconds=300, asked_seconds=asked)
    assert asked <= found <= max(asked, 300)
    assert found <= max(asked, 2.0 * 2 ** min(failures - 1, 32))


@pytest.mark.parametrize(
    ("status", "retry_after", "result", "seconds"),
    [
        (204, "", Result.TAKEN, 0),
        (200, "", Result.REFUSED, 0),
        (301, "9", Result.REFUSED, 0),
        (400, "", Result.REFUSED, 0),
        (401, "", Result.REFUSED, 0),
        (429, "9", Result.LATER, 9),
        (429, "-9", Result.LATER, 0),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT", Result.LATER, 0),
        (500, "99999", Result.LATER, 3600),
        (503, "0", Result.LATER, 0),
        (599, "", Result.LATER, 0),
    ],
)
def test_what_an_answer_means(status: int, retry_after: str, result: Result, seconds: float) -> None:
    called = judge(status, retry_after, 3600)
    assert (called.result, called.retry_after_seconds) == (result, seconds)
