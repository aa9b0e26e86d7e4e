"""Kill -9 of the hub's process at every point of docs/failpoints.md: whoever repeats finds everything as it must be.

One story is told against a real `liaison hub serve`: parts, messages, inbox, statements, pushes, a parked item. The
first process is armed with one point and killed there by itself; whatever call meets the end is repeated with the same
bytes against a second process. In the end each receipt ever given still stands in the log, and `World.check` holds.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from keys.proofs.receipt import VerifiedReceipt
from keys.sealing import Sealed
from service.multipart import read_multipart
from tests.hub.called_edge import CalledEdge, called_edge
from tests.world import World, make_world

START = datetime.now(UTC).replace(microsecond=0)
"""When the keys begin: the directory is made once for all these tests."""

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "LIAISON_HUB_RELAY_IDLE_SECONDS": "0.02",
    "LIAISON_HUB_DIRECTORY_LOOK_SECONDS": "0",
    "LIAISON_HUB_PUSH_BACKOFF_SECONDS": "0.02",
    "LIAISON_HUB_PUSH_LOOK_SECONDS": "0.05",
    "LIAISON_HUB_LOG_LEVEL": "error",
}
POINTS = (
    "hub.append.begin",
    "hub.append.rows_written:3",
    "hub.append.before_commit:2",
    "hub.append.before_commit:4",
    "hub.append.after_commit:3",
    "hub.broker.published",
    "hub.delivery.acknowledged",
    "hub.delivery.called",
    "hub.delivery.consigned",
    "hub.delivery.parked",
    "hub.delivery.taken",
    "hub.delivery.taking",
    "hub.directory.begin:2",
    "hub.evidence.verified",
    "hub.inbox.answer",
    "hub.intake.verified",
    "hub.parts.before_rename",
    "hub.parts.recorded",
    "hub.parts.renamed",
    "hub.purge.before_commit",
    "hub.relay.position",
    "hub.relay.published",
    "hub.respond.before:2",
)


class Process:
    """A hub's process that is started again, unarmed, once it has been killed."""

    def __init__(self, data: Path, point: str) -> None:
        self._data = data
        self._point: str | None = point
        self._process: asyncio.subprocess.Process | None = None
        self._client: httpx2.AsyncClient | None = None
        self.killed = 0

    async def client(self) -> httpx2.AsyncClient:
        """A client on a process that runs."""
        while self._client is None:
            await self._start()
        return self._client

    async def _start(self) -> None:
        armed: Mapping[str, str] = {"LIAISON_FAILPOINT": self._point} if self._point else {}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "liaison", "hub", "serve", str(self._data), "--port", "0",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
            env={**os.environ, **SETTINGS, **armed},
        )  # fmt: skip
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            await self.died()
            return
        self._client = httpx2.AsyncClient(base_url=json.loads(line)["url"], timeout=20)

    async def died(self) -> None:
        """It has ended, and by the point it was armed with."""
        assert self._process is not None
        _, said = await self._process.communicate()
        assert (self._process.returncode, self._point is not None) == (-signal.SIGKILL, True), said.decode()[-2000:]
        self._point = None
        self.killed += 1
        await self._forget()

    async def _forget(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        self._client = None

    async def end(self) -> None:
        """Told to end, it ends in order."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            _, said = await self._process.communicate()
            assert self._process.returncode in {0, -signal.SIGTERM}, said.decode()[-2000:]
        await self._forget()


class Story:
    """What partners do, each step repeated until it is answered."""

    def __init__(self, world: World, hub: Process, edge: CalledEdge) -> None:
        self.world = world
        self.hub = hub
        self.edge = edge
        self.receipts: list[VerifiedReceipt] = []

    async def insist(self, call: Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]) -> httpx2.Response:
        """The answer to a call that is made again when the hub was killed under it."""
        while True:
            client = await self.hub.client()
            try:
                return await call(client)
            except httpx2.TransportError:
                await self.hub.died()

    async def post(self, body: Sealed | bytes) -> VerifiedReceipt:
        answer = await self.insist(lambda client: self.world.post(client, body))
        assert answer.status_code in {200, 201}, answer.text
        receipt = self.world.verified(answer.content)
        self.receipts.append(receipt)
        return receipt

    async def upload(self, sealed: Sealed) -> None:
        (part,) = sealed.detached
        body, target = part.path.read_bytes(), f"/v1/parts/{part.sha256}"

        async def put(client: httpx2.AsyncClient) -> httpx2.Response:
            headers = self.world.signed_headers("test-geo", "PUT", target, body)
            return await client.put(target, content=body, headers=headers)

        assert (await self.insist(put)).status_code in {200, 201}

    async def get(self, partner: str, target: str) -> list[Any]:
        answer = await self.insist(lambda client: self.world.get(client, partner, target))
        assert answer.status_code == 200, answer.text
        return read_multipart(answer.headers["content-type"], answer.content)

    async def until_leaf(self, partner: str, event: str, index: int) -> None:
        """The log has said this of the message at `index`."""
        after = 0
        while True:
            parts = await self.get(partner, f"/v1/leaves?after={after}&wait=1")
            for part in parts:
                if part.media_type.endswith("receipt.v1"):
                    found = self.world.verified(part.body)
                    after = found.index
                    if (found.leaf.event, found.leaf.prev) == (event, index):
                        return

    async def tell(self, folder: Path) -> None:
        world = self.world
        image = folder / "image"
        image.write_bytes(os.urandom(200_000))
        alert = world.seal("test-geo", "doc.alert", ["test-aut", "test-mda"], attachments=[image])
        await self.upload(alert)
        first = await self.post(alert)
        request = world.seal("test-aut", "ident.request", ["test-mda"])
        second = await self.post(request)
        await self.get("test-aut", "/v1/inbox")
        await self.get("test-aut", f"/v1/inbox?after=2026/{first.index}".replace("2026", str(START.year)))
        await self.post(world.statement("test-aut", "ContentHandover", [(alert, first.index)]))
        for index in (first.index, second.index):
            await self.until_leaf("test-mda", "ContentConsignment", index)
        self.edge.always = 400
        third = await self.post(world.seal("test-aut", "doc.alert", ["test-mda"]))
        await self.until_leaf("test-mda", "ContentConsignmentFailure", third.index)
        self.edge.always = 204
        world.update("test-geo", kinds=("doc.alert",))
        await self.post(world.seal("test-mda", "ident.reply", ["test-aut"], parent=request))


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = make_world(tmp_path / "world", START)
    found.clock.now = datetime.now(UTC).replace(microsecond=0)  # the hub goes by the machine's clock
    return found


@asynccontextmanager
async def hub_process(world: World, point: str) -> AsyncIterator[Process]:
    process = Process(world.data, point)
    try:
        yield process
    finally:
        await process.end()


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at(world: World, tmp_path: Path, point: str) -> None:
    async with called_edge(world, "test-mda") as edge:
        async with hub_process(world, point) as hub:
            story = Story(world, hub, edge)
            await story.tell(tmp_path)
        assert hub.killed == 1, "the point was not reached"
        assert edge.faults == []
    world.check()
    hub_again = world.open()
    for receipt in story.receipts:
        assert hub_again.reader.leaf(receipt.index).raw == receipt.leaf_bytes
    hub_again.close()
