"""Roles, nonces and the log where several processes share one database: here two hubs in one loop, a session each."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest

from hub import retention
from hub.app import create_app
from hub.broker.contract import OUTBOUND
from hub.leases import Lease, give_back, hold, take
from hub.log.batch import Answer, Batch, Draft
from hub.operations.gauges import Sources, look
from hub.store.engine import database_time
from hub.store.postgres import LOCK
from hub.wiring import Hub
from schemas.errors import Fault, Rejected, Unavailable
from tests.hub.called_edge import until
from tests.postgres import owners
from tests.world import ON_POSTGRES, World, lifespan

LONG = 3600.0


@pytest.fixture
def hubs(hub_world: World) -> Iterator[tuple[Hub, Hub]]:
    """Two processes' worth of one hub; their writers are asked at once, no task runs."""
    with closing(hub_world.open(processes=2)) as one, closing(hub_world.open(processes=2, lease_seconds=1.0)) as other:
        yield one, other


def held(hub: Hub, role: str = "relay") -> tuple[int, str, float] | None:
    found: tuple[int, str, float] | None = hub.connection.execute(
        "SELECT epoch, holder, until FROM lease WHERE role = ?", (role,)
    ).fetchone()
    return found


def given_back(hub: Hub) -> bool:
    """Whether another may have it at once."""
    row = held(hub)
    return row is not None and row[2] <= database_time(hub.connection)


def stolen(hub: Hub, role: str = "relay") -> None:
    """As if the lease had run out and another process had taken it."""
    hub.connection.execute(
        "UPDATE lease SET epoch = epoch + 1, holder = 'another', until = ? WHERE role = ?",
        (database_time(hub.connection) + LONG, role),
    )


def taken(hub: Hub, holder: str, seconds: float = LONG, role: str = "relay") -> Lease:
    found = take(hub.connection, role, holder, seconds)
    assert found is not None
    return found


# -- who holds a role


def test_a_role_has_one_holder(hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    first = taken(one, "a")
    assert first == Lease("relay", 1, "a")
    for _ in range(3):
        assert take(other.connection, "relay", "b", LONG) is None
        assert taken(one, "a") == first  # and says so again
    assert taken(other, "b", role="clock") == Lease("clock", 1, "b")
    assert take(one.connection, "clock", "a", LONG) is None


def test_another_takes_over_once_the_lease_has_run_out(hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    taken(one, "a", 0.2)
    begun = database_time(other.connection)
    while (second := take(other.connection, "relay", "b", LONG)) is None:
        pass
    assert database_time(other.connection) >= begun + 0.1  # not before its time
    assert second == Lease("relay", 2, "b")
    assert take(one.connection, "relay", "a", LONG) is None


def test_a_lease_that_ran_out_has_another_epoch_also_for_its_holder(hubs: tuple[Hub, Hub]) -> None:
    one, _ = hubs
    first = taken(one, "a", 0.0)
    assert taken(one, "a").epoch == first.epoch + 1


def test_one_that_ends_gives_its_role_back_at_once(hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    give_back(one.connection, taken(one, "a"))
    assert taken(other, "b") == Lease("relay", 2, "b")


def test_one_that_lost_its_role_gives_nothing_back(hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    first = taken(one, "a", 0.0)
    second = taken(other, "b")
    give_back(one.connection, first)
    assert take(one.connection, "relay", "a", LONG) is None
    assert taken(other, "b") == second


@pytest.mark.parametrize("wrong", [timedelta(days=-400), timedelta(days=400)])
def test_a_process_with_a_wrong_clock_neither_steals_nor_keeps(hub_world: World, wrong: timedelta) -> None:
    """Only the database's clock counts; the world's, which both processes have, is far off."""
    with closing(hub_world.open(processes=2)) as one, closing(hub_world.open(processes=2)) as other:
        taken(one, "a")
        hub_world.clock.now += wrong
        assert take(other.connection, "relay", "b", LONG) is None
        taken(one, "a", 0.0)
        assert taken(other, "b").epoch > 1


# -- what is written under an old epoch


def put(batch: Batch) -> Answer[int]:
    index = batch.add(Draft("SignedOut", to=("test-aut",)))
    return lambda _: index


def test_what_a_stale_holder_wants_to_write_is_not_written(hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    first = taken(one, "a")
    one.writer.commit_now(first.fenced(put))
    size = one.writer.size
    stolen(other)
    with pytest.raises(Unavailable) as refused:
        one.writer.commit_now(first.fenced(put))
    assert refused.value.code == "BUSY"
    other.writer.look()
    assert one.writer.size == other.writer.size == size
    second = Lease("relay", first.epoch + 1, "another")
    assert other.writer.commit_now(second.fenced(put)) == size
    for wrong in (Lease("relay", second.epoch, "a"), Lease("clock", second.epoch, "another"), first):
        with pytest.raises(Unavailable):
            one.writer.commit_now(wrong.fenced(put))


def test_a_hub_that_shares_with_nobody_is_not_fenced(hubs: tuple[Hub, Hub]) -> None:
    one, _ = hubs
    assert Lease("relay").fenced(put) is put
    assert one.writer.commit_now(Lease("relay").fenced(put)) == one.writer.size - 1


def test_one_fenced_member_of_a_batch_fails_for_itself(hubs: tuple[Hub, Hub]) -> None:
    one, _ = hubs
    first = taken(one, "a")
    stolen(one)

    async def both() -> list[object]:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(one.writer.run())
            works = (first.fenced(put), put)
            found = await asyncio.gather(*(one.writer.submit(work) for work in works), return_exceptions=True)
            writer.cancel()
        return list(found)

    lost, index = asyncio.run(both())
    assert isinstance(lost, Unavailable)
    assert index == one.writer.size - 1


# -- holding a role


class Work:
    """A role's work that does nothing but be there."""

    def __init__(self) -> None:
        self.leases: list[Lease] = []
        self.running = 0

    async def __call__(self, lease: Lease) -> None:
        self.leases.append(lease)
        self.running += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.running -= 1


async def test_a_role_goes_over_at_once_when_its_holder_ends(hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    first, second = Work(), Work()
    async with asyncio.TaskGroup() as group:
        holding = group.create_task(hold(one, "relay", first))
        await until(lambda: first.running)
        waiting = group.create_task(hold(other, "relay", second))
        await asyncio.sleep(0)
        assert not second.running
        holding.cancel()
        await until(lambda: second.running)
        assert not first.running
        waiting.cancel()
    assert given_back(one), "in the end, too"


async def test_one_that_lost_its_role_stops_and_takes_it_again_later(hubs: tuple[Hub, Hub]) -> None:
    _, hub = hubs
    work = Work()
    async with asyncio.TaskGroup() as group:
        holding = group.create_task(hold(hub, "relay", work))
        await until(lambda: work.running)
        stolen(hub)
        await until(lambda: not work.running)
        assert (held(hub) or (0, "", 0.0))[1] == "another"  # which it did not give back
        hub.connection.execute("UPDATE lease SET until = 0")
        await until(lambda: work.running)
        holding.cancel()
    assert [lease.epoch for lease in work.leases] == [1, 3]


@ON_POSTGRES
async def test_one_that_cannot_say_that_it_holds_a_role_stops_in_time(hub_world: World) -> None:
    """Somebody holds the database's lock: nobody can say anything."""
    work = Work()
    with (
        closing(hub_world.open(lease_seconds=1.0, database_seconds_max=0.2)) as hub,
        closing(psycopg.connect(owners(hub.settings.database_url))) as owner,
    ):
        async with asyncio.TaskGroup() as group:
            holding = group.create_task(hold(hub, "relay", work))
            await until(lambda: work.running)
            owner.execute(f"SELECT pg_advisory_xact_lock({LOCK})".encode())
            await until(lambda: not work.running)
            owner.rollback()
            await until(lambda: work.running)
            holding.cancel()
    assert [lease.epoch for lease in work.leases] == [1, 2]


async def test_work_that_fails_ends_the_holding_and_gives_back(hubs: tuple[Hub, Hub]) -> None:
    _, hub = hubs

    async def broken(_: Lease) -> None:
        raise Fault("broken")

    with pytest.raises(ExceptionGroup):
        await hold(hub, "relay", broken)
    assert given_back(hub)


# -- what an operator sees of it


def shown(hub: Hub) -> dict[tuple[str, str], float]:
    found = look(Sources(hub.connection, None, hub.settings, hub.clock()))
    return {
        (number.name.removeprefix("liaison_role_"), number.labels["role"]): number.value
        for number in found
        if number.name.startswith("liaison_role_")
    }


def test_a_role_without_a_holder_is_seen(hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    before = shown(one)
    assert {role for _, role in before} == {"relay", "deliver", "clock"}
    assert {value > LONG for (name, _), value in before.items() if name == "unheld_seconds"} == {True}, "never had"
    first = taken(one, "a")
    for hub in hubs:  # whoever is asked
        found = shown(hub)
        assert (found["unheld_seconds", "relay"], found["epoch", "relay"]) == (0.0, 1.0)
        assert found["unheld_seconds", "clock"] > LONG
    give_back(one.connection, first)
    while not (found := shown(other))["unheld_seconds", "relay"]:
        pass
    assert found["unheld_seconds", "relay"] < LONG, "since it was given back, not for ever"
    give_back(one.connection, first)  # once more changes nothing
    assert shown(other)["unheld_seconds", "relay"] >= found["unheld_seconds", "relay"]
    taken(other, "b", -2 * LONG)  # as if it had died two hours ago
    assert shown(one)["unheld_seconds", "relay"] >= 2 * LONG
    assert shown(one)["epoch", "relay"] == 2.0


@pytest.mark.parametrize("role", ["relay", "deliver", "clock"])
async def test_what_a_process_showed_of_a_role_it_shows_no_more_without_it(hubs: tuple[Hub, Hub], role: str) -> None:
    _, hub = hubs
    running = asyncio.Event()

    async def work(_: Lease) -> None:
        for gauge in (hub.metrics.publish_up, hub.metrics.fetch_up):
            gauge.set(0)
        for gauge in (hub.metrics.clocks_held, hub.metrics.lanes):
            gauge.set(3)
        running.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        holding = group.create_task(hold(hub, role, work))
        await running.wait()
        stolen(hub, role)
        while not cleared(hub, role):  # noqa: ASYNC110 - a gauge rings no bell
            await asyncio.sleep(0.01)
        holding.cancel()
    text = hub.metrics.text().decode()
    assert ("liaison_clocks_held 3.0" in text) == (role != "clock")


def cleared(hub: Hub, role: str) -> bool:
    wanted = {
        "relay": f'liaison_broker_up{{side="publish",topic="{OUTBOUND}"}} 1.0',
        "deliver": "liaison_lanes 0.0",
        "clock": "liaison_clocks_held 0.0",
    }
    return wanted[role] in hub.metrics.text().decode()


async def test_a_hub_of_one_process_holds_every_role_without_a_row(hub_world: World, engine: str) -> None:
    with closing(hub_world.open()) as hub:
        assert hub.settings.shared == (engine == "postgres")
        if not hub.settings.shared:
            work = Work()
            async with asyncio.TaskGroup() as group:
                holding = group.create_task(hold(hub, "relay", work))
                await until(lambda: work.running)
                holding.cancel()
            assert (work.leases, held(hub)) == ([Lease("relay")], None)
            assert set(shown(hub).values()) == {0.0}


# -- nonces


def test_a_request_is_good_for_one_process_only(hub_world: World, hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    headers = hub_world.signed_headers("test-aut", "GET", "/v1/inbox")
    assert one.caller("GET", "/v1/inbox", headers) == "test-aut"
    for hub in (other, one):
        with pytest.raises(Rejected) as refused:
            hub.caller("GET", "/v1/inbox", headers)
        assert refused.value.code == "REQUEST_UNSIGNED"
    assert other.caller("GET", "/v1/inbox", hub_world.signed_headers("test-aut", "GET", "/v1/inbox")) == "test-aut"


def test_nonces_are_forgotten_after_their_time_and_not_before(hub_world: World, hubs: tuple[Hub, Hub]) -> None:
    one, _ = hubs
    now = hub_world.clock()
    assert one.nonces.spend("key", "nonce", now)
    assert one.nonces.spend("other key", "nonce", now)
    assert not one.nonces.spend("key", "nonce", now + timedelta(minutes=5))
    for minutes, kept in ((5, 2), (30, 0)):
        retention.purge(one.connection, one.parts, now + timedelta(minutes=minutes), unnamed_part_hours=24)
        assert one.connection.execute("SELECT count(*) FROM nonce").fetchone() == (kept,)


# -- the log that others append to


def test_each_sees_what_the_other_appended(hub_world: World, hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    for round_ in range(20):
        for hub in (one, other) if round_ % 3 else (one, one, one):
            index = hub.writer.commit_now(put)
            assert hub.writer.size == index + 1
    for hub in hubs:
        hub.writer.look()
    assert (one.writer.size, one.writer.root) == (other.writer.size, other.writer.root)
    assert one.writer.checkpoint == other.writer.checkpoint
    hub_world.check()


def test_one_that_is_many_tiles_behind_catches_up(hub_world: World, hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs

    def many(batch: Batch) -> Answer[None]:
        for _ in range(500):
            put(batch)
        return lambda _: None

    for _ in range(3):
        one.writer.commit_now(many)
    other.writer.commit_now(put)
    one.writer.look()
    assert one.writer.root == other.writer.root
    assert hub_world.check() > 1500


SET_BACK = (
    "DELETE FROM checkpoint WHERE size > {size}",
    "DELETE FROM leaf WHERE idx >= {size}",
    "DELETE FROM leaf_partner WHERE idx >= {size}",
    "DELETE FROM side WHERE idx >= {size}",
)


def older_copy(world: World, hub: Hub) -> None:
    """The database becomes what it was some leaves ago: head, leaves, checkpoints."""
    row = hub.connection.execute("SELECT size, root, range, at FROM head").fetchone()
    for _ in range(3):
        hub.writer.commit_now(put)
    assert hub.writer.size == row[0] + 3
    world.spoil(*(statement.format(size=row[0]) for statement in SET_BACK))
    world.spoil("UPDATE head SET size = ?, root = ?, range = ?, at = ?", rows=[row])


def test_a_database_set_back_is_refused_by_whoever_knew_more(hub_world: World, hubs: tuple[Hub, Hub]) -> None:
    one, other = hubs
    other.writer.look()
    older_copy(hub_world, one)
    before = one.connection.execute("SELECT size, root FROM head").fetchone()
    for _ in range(2):
        with pytest.raises(Fault):
            one.writer.look()
        with pytest.raises(Fault):
            one.writer.commit_now(put)
    assert one.connection.execute("SELECT size, root FROM head").fetchone() == before


@pytest.mark.parametrize("more", [3, 9])
def test_a_fork_is_refused_by_whoever_knew_the_other_branch(hub_world: World, hubs: tuple[Hub, Hub], more: int) -> None:
    """Set back, and then appended to by one that did not know; as long as it was, or longer."""
    one, _ = hubs
    older_copy(hub_world, one)
    with closing(hub_world.open(processes=2)) as innocent:
        for _ in range(more):
            innocent.writer.commit_now(put_another)
        size = innocent.writer.size
        for _ in range(2):
            with pytest.raises(Fault):
                one.writer.look()
            with pytest.raises(Fault):
                one.writer.commit_now(put)
        innocent.writer.look()
        assert innocent.writer.size == size


def put_another(batch: Batch) -> Answer[int]:
    index = batch.add(Draft("SignedIn", to=("test-geo",), committed={"actor": "officer-7"}))
    return lambda _: index


async def test_a_running_hub_whose_database_was_set_back_ends(hub_world: World) -> None:
    ended = asyncio.Event()
    hub = hub_world.open(processes=2, log_look_seconds=0.02)
    app = create_app(hub, failed=ended.set)
    async with lifespan(app):
        older_copy(hub_world, hub)
        await ended.wait()
