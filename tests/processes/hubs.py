"""Real processes of `liaison hub serve` over one world, and partners that repeat until they are answered.

async with programs(world) as hubs:
    api = await hubs.start("--workers", "2")
    receipt = await api.insist(sealed)
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from keys.proofs.receipt import VerifiedReceipt
from keys.sealing import Sealed
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "LIAISON_HUB_RELAY_IDLE_SECONDS": "0.02",
    "LIAISON_HUB_LOG_LOOK_SECONDS": "0.02",
    "LIAISON_HUB_PUSH_BACKOFF_SECONDS": "0.02",
    "LIAISON_HUB_PUSH_LOOK_SECONDS": "0.05",
    "LIAISON_HUB_LEASE_SECONDS": "1",
    "LIAISON_HUB_DATABASE_SECONDS_MAX": "5",
}
"""Settings an operator could choose: shorter waits, nothing else."""


LOOK_SECONDS = 0.01


async def until(condition: Callable[[], object]) -> None:
    """Returns once the condition holds, of what nobody tells us; the test's own time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110 - it is in a database, or about a process
        await asyncio.sleep(LOOK_SECONDS)


def children(pid: int) -> list[int]:
    """The process ids of a process's own children."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass(eq=False)
class Program:
    """One command, perhaps with workers of its own. `said` are its log events so far."""

    world: World
    process: asyncio.subprocess.Process
    client: httpx2.AsyncClient
    said: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Take in what it logs until it ends."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            with contextlib.suppress(ValueError):
                self.said.append(json.loads(line))
            self.changed.set()

    def count(self, event: str) -> int:
        """How often it has logged this event."""
        return sum(one["event"] == event for one in self.said)

    async def until(self, holds: Callable[[], object]) -> None:
        """Returns once the condition holds, looked at whenever the program says something."""
        while not holds():
            self.changed.clear()
            await self.changed.wait()

    async def insist(self, body: Sealed | bytes) -> VerifiedReceipt:
        """The verified receipt, asked for again whenever the connection breaks or the hub is not able."""
        while True:
            try:
                answer = await self.world.post(self.client, body)
            except httpx2.TransportError:
                continue
            if answer.status_code not in {429, 503}:
                assert answer.status_code in {200, 201}, answer.text
                return self.world.verified(answer.content)

    async def numbers(self) -> dict[str, float]:
        """What it has counted."""
        lines = (await self.client.get("/metrics")).text.splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        return children(self.process.pid)

    async def end(self) -> int:
        """Told to end, it ends; its exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()


class Programs:
    """All programs of one test."""

    def __init__(self, world: World, group: asyncio.TaskGroup) -> None:
        self._world = world
        self._group = group
        self.running: list[Program] = []
        self._begun: list[asyncio.subprocess.Process] = []

    async def start(self, *words: str, **settings: str) -> Program:
        """A program that has said that it is ready."""
        process = await self.begin(*words, **settings)
        assert process.stdout is not None
        line = await process.stdout.readline()
        assert line, (await process.communicate())[1].decode()[-3000:]
        client = httpx2.AsyncClient(base_url=json.loads(line)["url"], timeout=60)
        program = Program(self._world, process, client)
        self.running.append(program)
        self._group.create_task(program.listen())
        return program

    async def begin(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        """A program that may or may not come to be."""
        given = {f"LIAISON_HUB_{name.upper()}": value for name, value in settings.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "liaison", "hub", "serve", str(self._world.data), "--port", "0", *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
            env={**os.environ, **SETTINGS, **given},
        )  # fmt: skip
        self._begun.append(process)
        return process

    async def end(self) -> None:
        """All have ended, in order; those that never were ready, anyhow."""
        for program in self.running:
            with contextlib.suppress(ProcessLookupError):
                program.process.send_signal(signal.SIGCONT)
            await program.end()
            await program.client.aclose()
        for process in self._begun:
            if process.returncode is None:
                process.kill()
                await process.wait()


@asynccontextmanager
async def programs(world: World) -> AsyncIterator[Programs]:
    """What is started inside has ended afterwards, whatever happens."""
    async with asyncio.TaskGroup() as group:
        found = Programs(world, group)
        try:
            yield found
        finally:
            await found.end()
