"""Makes a log long in minutes: messages go in by the hub's own intake and writer, in its own process, 512 a commit.

What is left out is the sender's sealing and the check of its two signatures: each message is a fresh header in a fresh
case behind one sealed message's stanzas, signatures and part, and it keeps no bytes (as if its container were purged).
Everything else is the product's: the agreement judged, case key made, leaf, side record, idempotency, recipient,
projection; and, where they are to be handed over, real signed statements of their recipient, which add two leaves each.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import uuid_utils

from bench.founding import Founded
from bench.messages import Mill
from bench.progress import say
from bench.site import Site
from hub import evidence, intake
from hub.policy.verified import Verified, VerifiedStatement
from hub.settings import load_settings
from hub.wiring import Hub, open_hub
from keys.container import Container, parse_container
from keys.statements import Entry, Statement, parse_statement, sign_statement
from schemas.envelope import encode_header

GROUP = 512
SAY_EVERY = 100_000


def fill(site: Site, founded: Founded, leaves: int, recipient: str, *, hand_over: bool) -> int:
    """The site's log has at least so many leaves; its hub must not run. Gives how many messages went in.

    Args:
        site: whose log.
        founded: its partners.
        leaves: how long the log shall be.
        recipient: whom every message is for.
        hand_over: whether the recipient has stated each as handed over; else it waits for it.
    """
    return asyncio.run(_fill(site, founded, leaves, recipient, hand_over=hand_over))


async def _fill(site: Site, founded: Founded, leaves: int, recipient: str, *, hand_over: bool) -> int:
    hub = open_hub(load_settings(site.world.data))
    count, said = 0, 0
    try:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(hub.writer.run())
            mill = founded.mill(founded.senders[0])
            pattern = parse_container(mill.sealed(64, recipient).container)
            while hub.writer.size < leaves:
                made = [_fresh(mill, pattern, recipient) for _ in range(GROUP)]
                indices = await _accept(hub, made)
                count += len(made)
                if hand_over:
                    await _hand_over(hub, founded, recipient, made, indices)
                if hub.writer.size >= said + SAY_EVERY:
                    said = hub.writer.size
                    say(f"  filling: {said} of {leaves} leaves")
            writer.cancel()
    finally:
        hub.close()
    return count


def _fresh(mill: Mill, pattern: Container, recipient: str) -> Container:
    """Another message, which nobody has signed."""
    header = mill.header(recipient)
    return replace(pattern, raw=b"", digest=os.urandom(32), header=header, header_bytes=encode_header(header))


async def _accept(hub: Hub, made: Sequence[Container]) -> list[int]:
    version = hub.directories.current.version
    outcomes = await asyncio.gather(*(intake.enqueue(hub, Verified(one, version)) for one in made))
    indices = [outcome.index for outcome in outcomes if outcome.status == intake.CREATED]
    if len(indices) != len(made):
        raise SystemExit(f"filling was refused: {next(one.code for one in outcomes if one.status != intake.CREATED)}")
    return [index for index in indices if index is not None]


async def _hand_over(
    hub: Hub, founded: Founded, recipient: str, made: Sequence[Container], indices: Sequence[int]
) -> None:
    entries = tuple(Entry(one.digest.hex(), index) for one, index in zip(made, indices, strict=True))
    said = Statement(
        str(uuid_utils.uuid7()), recipient, datetime.now(UTC).replace(microsecond=0), "ContentHandover", entries
    )
    signed = parse_statement(sign_statement(founded.partners[recipient].pair, said))
    outcome = await evidence.enqueue(hub, VerifiedStatement(signed, hub.directories.current.version))
    if outcome.status != intake.CREATED:
        raise SystemExit(f"filling was refused: {outcome.code}")
