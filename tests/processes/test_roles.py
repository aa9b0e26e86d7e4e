"""Roles in processes of their own, and what happens to them while nobody can tell who is alive."""

import asyncio
import os
import random
import signal
from contextlib import closing, suppress
from typing import Any

from hub.broker.contract import OUTBOUND
from hub.store.engine import Connection
from hub.wiring import open_tables
from keys.sealing import Sealed
from schemas.errors import Unavailable
from tests.hub.called_edge import called_edge
from tests.processes.hubs import Program, programs, until
from tests.world import ON_POSTGRES, World

STORM_MESSAGES = 60
HOLDERS = 3
PAUSES = 4


@ON_POSTGRES
async def test_each_role_in_a_process_of_its_own(world: World) -> None:
    """A message from a partner's post to another partner's door, through four programs and one database."""
    async with called_edge(world, "test-mda") as edge, programs(world) as hubs:
        api, relay, deliver, clock = await asyncio.gather(
            *(hubs.start("--roles", role) for role in ("api", "relay", "deliver", "clock"))
        )
        sealed = [world.seal("test-aut", "doc.alert", ["test-mda", "test-geo"]) for _ in range(5)]
        indices = [(await api.insist(one)).index for one in sealed]
        await until(lambda: sorted(edge.taken) == indices)
        assert (await world.get(api.client, "test-geo", "/v1/inbox?wait=5")).status_code == 200
        with closing(open_tables(world.settings())) as connection:
            consigned = "SELECT count(*) FROM recipient WHERE partner = 'test-mda' AND state = 'consigned'"
            await until(lambda: connection.execute(consigned).fetchone() == (len(indices),))
        for program in (relay, deliver, clock):
            for path, status in (("/livez", 200), ("/readyz", 200), ("/metrics", 200)):
                assert (await program.client.get(path)).status_code == status
            for path in (
                "/v1/inbox",
                "/v1/leaves",
                "/checkpoint",
                "/console",
                "/openapi.json",
                "/v1/directory/root.json",
            ):
                assert (await program.client.get(path)).status_code == 404, path
            answer = await world.post(program.client, sealed[0])
            assert answer.status_code == 404
        for program, name in ((relay, "relay"), (deliver, "deliver"), (clock, "clock")):
            assert [one["role"] for one in program.said if one["event"] == "role.taken"] == [name]
        assert api.count("role.taken") == 0
        assert (await relay.numbers())["liaison_relayed_total"] == len(indices)
        assert (await deliver.numbers())["liaison_pushed_total"] == len(indices)
        assert edge.faults == []
    world.check()


@ON_POSTGRES
async def test_roles_that_do_not_exist_are_refused(world: World) -> None:
    async with programs(world) as hubs:
        for words in (("--roles", ""), ("--roles", "api,"), ("--roles", "api,everything"), ("--workers", "0")):
            process = await hubs.begin(*words)
            assert await process.communicate() != (b"", b"")
            assert process.returncode == (2 if "--workers" in words else 4), words


@ON_POSTGRES
async def test_a_storm_of_takeovers_loses_and_doubles_nothing(world: World) -> None:
    """Whoever holds a role stands still until another has it, and then goes on with what it was doing."""
    seed = int(os.environ.get("LIAISON_PROCESSES_SEED") or random.SystemRandom().randrange(2**32))
    print(f"LIAISON_PROCESSES_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    chance = random.Random(seed)  # noqa: S311 - nothing to guess
    async with called_edge(world, "test-mda") as edge, programs(world) as hubs:
        api, *holders = await asyncio.gather(
            *(
                hubs.start("--roles", roles, database_seconds_max="3")
                for roles in ("api", *["relay,deliver,clock"] * HOLDERS)
            )
        )
        sealed = [world.seal("test-aut", "doc.alert", ["test-mda"]) for _ in range(STORM_MESSAGES)]
        indices: list[int] = []

        async def send(some: list[Sealed]) -> None:
            for one in some:
                index = (await api.insist(one)).index
                indices.append(index)

        with closing(open_tables(world.settings())) as connection:
            told = Told(connection)
            async with asyncio.TaskGroup() as group:
                for at in range(2):
                    group.create_task(send(sealed[at::2]))
                for pause in range(PAUSES):
                    await until(lambda pause=pause: len(indices) >= pause * STORM_MESSAGES // PAUSES)  # type: ignore[misc]
                    role = chance.choice(("relay", "deliver", "deliver", "clock"))
                    await until(lambda role=role: holder_of(role, told, holders))  # type: ignore[misc]
                    holder = holder_of(role, told, holders) or chance.choice(holders)
                    holder.process.send_signal(signal.SIGSTOP)
                    await until(lambda role=role, holder=holder: holder_of(role, told, holders) not in {None, holder})  # type: ignore[misc]
                    told.look()
                    holder.process.send_signal(signal.SIGCONT)
            await until(lambda: set(indices) <= set(edge.taken))
            await until(lambda: told.look() > max(indices))
            assert told.back == []
        assert edge.faults == []
        assert sum(one.count("role.taken") for one in holders) >= len(("relay", "deliver", "clock")) + PAUSES
    world.check()  # each was consigned once


def holder_of(role: str, told: "Told", holders: list[Program]) -> Program | None:
    """Who holds the role now and has said so; None while nobody has."""
    epoch = told.epoch(role)
    return next((one for one in holders if took(one, role, epoch)), None)


def took(program: Program, role: str, epoch: int) -> bool:
    """Whether it said that it took the role with this epoch."""
    return any((one["event"], one.get("role"), one.get("epoch")) == ("role.taken", role, epoch) for one in program.said)


class Told:
    """What the database says of roles, and of how far relay and delivery are: that must never go back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: dict[str, int] = {}
        self.back: list[tuple[str, int, int]] = []

    def look(self) -> int:
        """Take note; the relay's position."""
        found = {name: int(value) for name, value in self._rows("SELECT consumer, next FROM consumer_position")}
        self.back += [(name, self._last[name], now) for name, now in found.items() if now < self._last.get(name, 0)]
        self._last |= found
        return found.get(OUTBOUND, 0)

    def epoch(self, role: str) -> int:
        """Of the role now; 0 before anybody took it."""
        self.look()
        found: int = dict(self._rows("SELECT role, epoch FROM lease")).get(role, 0)
        return found

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        while True:
            with suppress(Unavailable):
                return self._connection.execute(statement).fetchall()
