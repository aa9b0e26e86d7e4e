"""Workers behind one socket, as an operator runs them: killed, renewed, ended, on a file and on a server."""

import asyncio
import os
import signal
from pathlib import Path

import httpx2
import pytest

from hub.settings import ONE_AT_A_TIME
from keys.sealing import Sealed
from tests.hub.called_edge import called_edge
from tests.processes.hubs import Program, children, programs, until
from tests.world import ON_POSTGRES, ON_SQLITE, World

TWO = ("--workers", "2")
READY = "worker.ready"


def gone(pid: int) -> bool:
    """Whether a process has ended (its parent may not have asked yet)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


class Load:
    """Messages one after the other from several senders at once, until told to stop."""

    def __init__(self, world: World, hub: Program) -> None:
        self._world = world
        self._hub = hub
        self.receipts: list[tuple[Sealed, int]] = []
        self.refused: list[str] = []
        self._stopped = asyncio.Event()
        self._grown = asyncio.Event()

    async def insisting(self) -> None:
        """Each repeated until it is answered."""
        while not self._stopped.is_set():
            sealed = self._world.seal("test-aut", "doc.alert", ["test-mda"])
            self._note(sealed, (await self._hub.insist(sealed)).index)

    async def once(self, client: httpx2.AsyncClient) -> None:
        """Each said once: whatever is no receipt is noted."""
        while not self._stopped.is_set():
            sealed = self._world.seal("test-aut", "doc.alert", ["test-mda"])
            try:
                answer = await self._world.post(client, sealed)
            except httpx2.TransportError as error:
                self.refused.append(repr(error))
                continue
            if answer.status_code == 201:
                self._note(sealed, self._world.verified(answer.content).index)
            else:
                self.refused.append(answer.text)

    async def until(self, count: int) -> None:
        """So many were accepted."""
        while len(self.receipts) < count:
            self._grown.clear()
            await self._grown.wait()

    def stop(self) -> None:
        self._stopped.set()

    def _note(self, sealed: Sealed, index: int) -> None:
        self.receipts.append((sealed, index))
        self._grown.set()

    async def check(self) -> None:
        """Every receipt stands: the same message again gets the same place."""
        for sealed, index in self.receipts:
            assert (await self._hub.insist(sealed)).index == index


async def test_a_killed_worker_is_started_again_and_nothing_receipted_is_lost(world: World) -> None:
    async with called_edge(world, "test-mda") as edge, programs(world) as hubs:
        hub = await hubs.start(*TWO)
        load = Load(world, hub)
        async with asyncio.TaskGroup() as senders:
            for _ in range(2):
                senders.create_task(load.insisting())
            await load.until(20)
            victims = [one["role"] for one in hub.said if one["event"] == "role.taken"]
            assert set(victims) == {"clock", "deliver", "relay"}  # on a busy machine one may have changed hands already
            for victim in hub.workers():  # one after the other, so that whoever has the roles dies too
                ready = hub.count(READY)
                os.kill(victim, signal.SIGKILL)
                await hub.until(lambda ready=ready: hub.count(READY) > ready)  # type: ignore[misc]
            await load.until(len(load.receipts) + 10)
            load.stop()
        assert hub.count("worker.ended") == 2
        await until(lambda: set(edge.taken) >= {index for _, index in load.receipts})  # the roles went over
        await load.check()
        assert len({index for _, index in load.receipts}) == len(load.receipts)
        assert await hub.end() == 0
    assert world.check() > len(load.receipts)


@ON_POSTGRES  # one that stands still keeps a file's lock
async def test_both_workers_answer_count_together_and_end_in_order(world: World) -> None:
    async with programs(world) as hubs:
        hub = await hubs.start(*TWO)
        stopped = hub.workers()
        count = 0
        for pid in stopped:  # with either of them standing still the other answers
            os.kill(pid, signal.SIGSTOP)
            try:
                async with httpx2.AsyncClient(base_url=hub.client.base_url, timeout=60) as client:
                    for _ in range(3):
                        answer = await answered(world, client)
                        count += answer.status_code in {200, 201}  # 200: who stood still had the lock, we asked again
            finally:
                os.kill(pid, signal.SIGCONT)
        assert count == 6
        while (found := await hub.numbers())['liaison_submissions_total{outcome="accepted"}'] < count:
            pass
        assert found['liaison_submissions_total{outcome="accepted"}'] == count
        os.kill(hub.workers()[0], signal.SIGKILL)
        await hub.until(lambda: hub.count(READY) == 3)
        found = await hub.numbers()
        assert found['liaison_submissions_total{outcome="accepted"}'] == count  # its part stays
        assert found["liaison_workers"] == 2.0  # and whoever is asked speaks for both of them
        assert {found[f'liaison_role_unheld_seconds{{role="{role}"}}'] < 60 for role in ONE_AT_A_TIME} == {True}
        assert len([name for name in found if name.startswith("liaison_role_")]) == 2 * len(ONE_AT_A_TIME)
        assert (await hub.client.get("/readyz")).status_code == 200
        await end_under_load(world, hub)
    world.check()


async def end_under_load(world: World, hub: Program) -> None:
    """Told to end, it finishes what it has."""
    workers, load = hub.workers(), Load(world, hub)
    async with asyncio.TaskGroup() as senders:
        for _ in range(3):
            senders.create_task(load.once(hub.client))
        waiting = senders.create_task(world.get(hub.client, "test-geo", "/v1/inbox?wait=30"))
        await load.until(5)
        load.stop()
        hub.process.terminate()
        assert (await waiting).status_code == 200
    assert load.refused == []
    assert await hub.process.wait() == 0
    await until(lambda: all(map(gone, workers)))
    await hub.until(lambda: hub.count("hub.ended") == 2)


async def answered(world: World, client: httpx2.AsyncClient) -> httpx2.Response:
    """A connection that the one standing still has taken already gets no answer: another one does."""
    sealed = world.seal("test-aut", "doc.alert", ["test-mda"])
    while True:
        try:
            async with asyncio.timeout(2):
                return await world.post(client, sealed)
        except (TimeoutError, httpx2.TransportError):
            continue


async def test_a_renewal_under_load_refuses_nothing(world: World) -> None:
    """Over connections that are kept and over ones that are not; also whoever waits for news is answered."""
    async with programs(world) as hubs:
        hub = await hubs.start(*TWO)
        before = hub.workers()
        load, polls = Load(world, hub), list[int]()

        async def poll() -> None:
            while not load._stopped.is_set():
                polls.append((await world.get(hub.client, "test-geo", "/v1/inbox?wait=1")).status_code)

        single = httpx2.Limits(max_keepalive_connections=0)
        async with (
            httpx2.AsyncClient(base_url=hub.client.base_url, timeout=60, limits=single) as each,
            asyncio.TaskGroup() as senders,
        ):
            for client in (hub.client, each):
                senders.create_task(load.once(client))
            senders.create_task(poll())
            await load.until(10)
            hub.process.send_signal(signal.SIGHUP)
            await hub.until(lambda: hub.count("hub.ended") == 2)
            await load.until(len(load.receipts) + 10)
            load.stop()
        assert load.refused == []
        assert set(polls) == {200}
        assert (hub.count(READY), hub.count("worker.ended")) == (4, 0)
        await until(lambda: not set(before) & set(hub.workers()))
        await load.check()
        assert await hub.end() == 0
    assert world.check() > len(load.receipts)


@ON_SQLITE
async def test_a_successor_that_does_not_come_to_be_leaves_the_old_one(world: World) -> None:
    secrets = world.data / "secrets"
    async with programs(world) as hubs:
        hub = await hubs.start(*TWO)
        before = hub.workers()
        sealed = [world.seal("test-aut", "doc.alert", ["test-mda"]) for _ in range(2)]
        secrets.rename(world.data / "hidden")
        hub.process.send_signal(signal.SIGHUP)
        await hub.until(lambda: hub.count("worker.ended") == 2)
        assert set(hub.workers()) >= set(before)
        await hub.insist(sealed[0])
        (world.data / "hidden").rename(secrets)
        os.kill(before[0], signal.SIGKILL)  # one that dies now is followed again
        await hub.until(lambda: hub.count(READY) == 3)
        await hub.insist(sealed[1])


@ON_SQLITE
async def test_an_old_one_that_dies_while_its_successor_starts_leaves_two(world: World) -> None:
    async with programs(world) as hubs:
        hub = await hubs.start(*TWO)
        before = hub.workers()
        hub.process.send_signal(signal.SIGHUP)
        await until(lambda: len(hub.workers()) == 3)
        found = hub.workers()
        os.kill(before[0], signal.SIGKILL)
        await hub.until(lambda: hub.count(READY) == 4)
        await hub.until(lambda: hub.count("hub.ended") == 1)  # the other one's predecessor
        await until(lambda: len(hub.workers()) == 2)
        assert set(hub.workers()) & set(found) - set(before)
        hub.process.send_signal(signal.SIGHUP)  # and renewing still works
        await hub.until(lambda: hub.count(READY) == 5)


@ON_SQLITE
async def test_workers_end_with_a_supervisor_that_was_killed(world: World) -> None:
    async with programs(world) as hubs:
        hub = await hubs.start(*TWO)
        workers = hub.workers()
        hub.process.kill()
        await until(lambda: all(map(gone, workers)))
        await hub.until(lambda: hub.count("hub.ended") == 2)  # in order
    world.check()


@ON_SQLITE
async def test_workers_that_are_only_starting_end_with_it_too(world: World) -> None:
    async with programs(world) as hubs:
        process = await hubs.begin(*TWO)
        await until(lambda: len(children(process.pid)) == 2)
        workers = children(process.pid)
        process.kill()
        await process.communicate()  # which ends once nobody has its output any more
        await until(lambda: all(map(gone, workers)))


@ON_SQLITE
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"passphrase_file": "/nonexistent"}, 4),
        ({"database_url": "postgresql://hub@127.0.0.1:1/none", "database_start_seconds_max": "0"}, 5),
    ],
)
async def test_what_cannot_start_ends_the_whole_with_its_code(
    world: World, settings: dict[str, str], code: int
) -> None:
    async with programs(world) as hubs:
        process = await hubs.begin(*TWO, **settings)
        out, said = await process.communicate()
        assert (process.returncode, out) == (code, b"")
        assert b'"event": "workers.never_ready"' in said


@ON_SQLITE
async def test_messages_are_pushed_by_one_of_them(world: World) -> None:
    async with called_edge(world, "test-mda") as edge, programs(world) as hubs:
        hub = await hubs.start(*TWO)
        load = Load(world, hub)
        async with asyncio.TaskGroup() as senders:
            senders.create_task(load.insisting())
            await load.until(20)
            load.stop()
        await until(lambda: len(edge.taken) >= len(load.receipts))
        assert sorted(edge.taken) == sorted(index for _, index in load.receipts)  # and by nobody else
        assert edge.faults == []
    world.check()
