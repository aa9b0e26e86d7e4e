"""All recipients of a site in one program: takes what the hub pushes, and states each message as handed over.

    python bench/recipient.py FILE PORT

FILE is JSON: the hub's address, each recipient's seeds, and who answers otherwise: `hang` (never). Each recipient signs
a statement of its own, of all that came while its last one was under way, and says it until it has the receipt. It
verifies and opens nothing: an edge's own cost is none of what is measured. `/counts` tells how far it is, `/times` when
each message came and when the receipt of its hand-over did, on the machine's monotonic clock.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import uuid_utils
from aiohttp import web

from keys.proofs.receipt import RECEIPT_TYPE, parse_receipt
from keys.signing import STATEMENT_TYPE
from keys.statements import Entry, Statement, sign_statement
from keys.suite import SigningPair
from liaison.demo.world import LOOPBACK
from service.multipart import read_multipart

ENTRIES_MAX = 512
HANG = "hang"
BODY_BYTES_MAX = 64 * 1024 * 1024
PAUSE_SECONDS = 0.1
"""Before a statement is said again to a hub that could not take it."""


@dataclass
class Recipient:
    """One partner: what it has taken and not stated yet."""

    id: str
    pair: SigningPair
    taken: list[Entry] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Recipients:
    """All of them, and what became of each message, by digest."""

    def __init__(self, hub: str, recipients: dict[str, Recipient], replies: dict[str, str]) -> None:
        self.hub = hub
        self.recipients = recipients
        self.replies = replies
        self.came: dict[str, float] = {}
        self.handed_over: dict[str, float] = {}
        self.calls = 0

    async def pushed(self, request: web.Request) -> web.Response:
        """A push: everything in it is taken."""
        partner, now = self.recipients[request.match_info["partner"]], time.perf_counter()
        body = await request.read()
        if self.replies.get(partner.id) == HANG:
            await asyncio.Event().wait()
        self.calls += 1
        for part in read_multipart(request.headers["Content-Type"], body):
            if part.media_type == RECEIPT_TYPE:
                self.came[part.content_id] = now
                partner.taken.append(Entry(part.content_id, parse_receipt(part.body).index))
        partner.wake.set()
        return web.Response(status=204)

    async def counts(self, _: web.Request) -> web.Response:
        """How far they are."""
        last = next(reversed(self.handed_over.values()), 0.0)
        found = {"came": len(self.came), "handed_over": len(self.handed_over), "last": last, "calls": self.calls}
        return web.json_response(found)

    async def times(self, _: web.Request) -> web.Response:
        """Of every message that is handed over."""
        return web.json_response({digest: [self.came[digest], at] for digest, at in self.handed_over.items()})

    async def state(self, session: aiohttp.ClientSession, partner: Recipient) -> None:
        """Say what one recipient has taken, for as long as the program runs."""
        while True:
            await partner.wake.wait()
            entries = tuple(partner.taken[:ENTRIES_MAX])
            del partner.taken[: len(entries)]
            if not partner.taken:
                partner.wake.clear()
            now = datetime.now(UTC).replace(microsecond=0)
            made = Statement(str(uuid_utils.uuid7()), partner.id, now, "ContentHandover", entries)
            await self._said(session, sign_statement(partner.pair, made))
            at = time.perf_counter()
            self.handed_over.update((entry.digest, at) for entry in entries)

    async def _said(self, session: aiohttp.ClientSession, statement: bytes) -> None:
        url, headers = f"{self.hub}/v1/messages", {"Content-Type": STATEMENT_TYPE}
        while True:
            try:
                async with session.post(url, data=statement, headers=headers) as answer:
                    text = await answer.text()
                    if answer.status in {200, 201}:
                        return
                    if answer.status not in {429, 503}:
                        raise SystemExit(f"a statement was refused: {answer.status} {text}")
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(PAUSE_SECONDS)


async def main(given: dict[str, Any], port: int) -> None:
    """Listen until told to end."""
    recipients = {
        name: Recipient(name, SigningPair.from_seeds(*(bytes.fromhex(seed) for seed in seeds.values())))
        for name, seeds in given["keys"].items()
    }
    found = Recipients(given["hub"], recipients, given["replies"])
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/counts", found.counts)
    app.router.add_get("/times", found.times)
    app.router.add_post("/{partner}", found.pushed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port).start()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for one in recipients.values():
            group.create_task(found.state(session, one))


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), int(sys.argv[2])))
