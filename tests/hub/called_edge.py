"""A partner's address as the hub calls it: a real HTTP server on loopback that answers as a test has it written."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from keys.proofs.receipt import RECEIPT_TYPE
from keys.requests import MemoryNonces, verify_request
from schemas.errors import Rejected
from service.multipart import read_multipart
from tests.world import World

LOSE = -1
"""Take the items and break the connection off without an answer."""

HANG = 0
"""Take the items and never answer."""


@dataclass
class CalledEdge:
    """What it was called with, and what it will answer: a status for each call, then `always`."""

    world: World
    url: str = ""
    answers: list[int] = field(default_factory=list)
    always: int = 204
    retry_after: str | None = None
    poison: set[int] = field(default_factory=set)
    """Items by index that it will never take: any call that holds one is answered 400."""
    calls: list[list[int]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    nonces: MemoryNonces = field(default_factory=MemoryNonces)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        body = await request.read()
        self._check(request, body)
        parts = read_multipart(request.headers["Content-Type"], body)
        indices = [self.world.verified(part.body).index for part in parts if part.media_type == RECEIPT_TYPE]
        self.calls.append(indices)
        status = self.answers.pop(0) if self.answers else self.always
        if self.poison.intersection(indices):
            status = 400
        if status == HANG:
            await self.ended.wait()
        if status == LOSE:
            self.taken += indices
            assert request.transport is not None
            request.transport.close()
        if status == 204:
            self.taken += indices
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        return web.Response(status=max(status, 200), headers=headers)

    def _check(self, request: web.Request, body: bytes) -> None:
        hub = self.world.directory.hub

        def key_of(key_id: str) -> bytes:
            if key_id != hub.request_key_id:
                raise Rejected("KEY_UNKNOWN")
            return hub.request_key

        try:
            verify_request(
                "POST",
                self.url,
                request.headers,
                key_of=key_of,
                body_sha256=hashlib.sha256(body).digest(),
                now=self.world.clock(),
                nonces=self.nonces,
            )
        except Rejected as refusal:
            self.faults.append(refusal.code)


@asynccontextmanager
async def called_edge(world: World, partner: str) -> AsyncIterator[CalledEdge]:
    """The partner's address, published in the directory."""
    edge = CalledEdge(world)
    app = web.Application(client_max_size=16 * 1024**2)
    app.router.add_post("/deliveries", edge.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        edge.url = f"http://127.0.0.1:{runner.addresses[0][1]}/deliveries"
        world.update(partner, delivery_url=edge.url)
        yield edge
    finally:
        edge.ended.set()
        await runner.cleanup()


async def until(condition: Callable[[], object]) -> None:
    """Returns once the condition holds; the test's own time limit ends it otherwise."""
    while not condition():  # noqa: ASYNC110 - what is waited for is in a database
        await asyncio.sleep(0)
